import type { Clock } from '../core/ports.ts';
import { type Ip, throttleKey } from '../core/text/ip.ts';

/** `maxRetries` failures within `findTimeMs` shut an account, or ten times as many an address, for `banTimeMs`. 0: off. */
export interface ThrottleSettings {
  readonly maxRetries: number;
  readonly findTimeMs: number;
  readonly banTimeMs: number;
}

/** Whom an attempt is counted against. */
export interface Attempt {
  /** `accountKey` of the canonical name, or of what was typed when nobody has that name. */
  readonly account: string;
  /** `addressKey` of the client. */
  readonly address: string;
}

/** Many people share one address (an office, a family), so an address may fail more often than an account. */
const ADDRESS_FACTOR = 10;
const MAX_ENTRIES = 10_000;
/** Oldest entries looked at to find one to forget that is not shut. */
const EVICTION_LOOK = 16;
const MAX_NAME = 256;

interface Entry {
  failures: number[];
  shutUntil: number;
}

/** One key for every spelling: else "Alice", "ALICE" and a decomposed "é" would each get retries of their own. */
export function accountKey(name: string): string {
  return name.slice(0, MAX_NAME).normalize('NFC').toLowerCase();
}

export function addressKey(client: Ip | undefined): string {
  return client === undefined ? '' : throttleKey(client);
}

/** Failed attempts by account and by address, in memory, bounded; an unknown name is counted like a known one. */
export class Throttle {
  readonly #settings: ThrottleSettings;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  /**
   * Until when hits from an address stop for a shut account. Apart from the rest: being turned away costs no check, so a
   * network of many addresses could fill a table with these and push out who is shut.
   */
  readonly #pairs = new Map<string, number>();
  readonly #running = new Map<string, number>();

  constructor(settings: ThrottleSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size + this.#pairs.size;
  }

  /** Seconds until this attempt may be made; 0: now. */
  waitSeconds(attempt: Attempt): number {
    if (this.#settings.maxRetries === 0) return 0;
    return this.#seconds(Math.max(...limited(attempt).map((key) => this.#shutUntil(key))));
  }

  /**
   * The same for a password that a cache knows to be right. A shut account alone does not stop it, or anybody could
   * lock a person's calendar out. But once an attempt on the shut account came from this address, hits from it stop
   * too: else a cached password could be searched for there at the speed of the cache.
   */
  hitWaitSeconds(attempt: Attempt): number {
    if (this.size === 0) return 0;
    const pairUntil = this.#pairs.get(pairKey(attempt)) ?? 0;
    const until = pairUntil > this.#clock.monotonic() ? pairUntil : 0;
    return this.#seconds(Math.max(until, this.#shutUntil(addressEntry(attempt))));
  }

  /** Notes that an attempt was turned away. */
  turnedAway(attempt: Attempt): void {
    const until = this.#shutUntil(accountEntry(attempt));
    if (until === 0) return;
    const key = pairKey(attempt);
    this.#pairs.delete(key);
    const eldest = this.#pairs.size >= MAX_ENTRIES ? this.#pairs.keys().next().value : undefined;
    if (eldest !== undefined) this.#pairs.delete(eldest);
    this.#pairs.set(key, until);
  }

  /** Counts an attempt as running if it may start; `later`: those running already could use up the retries. */
  start(attempt: Attempt): 'run' | 'later' | 'never' {
    if (this.waitSeconds(attempt) > 0) return 'never';
    const keys = limited(attempt);
    if (keys.some((key) => this.#recent(key).length + (this.#running.get(key) ?? 0) >= this.#limit(key)))
      return 'later';
    for (const key of keys) this.#running.set(key, (this.#running.get(key) ?? 0) + 1);
    return 'run';
  }

  /** Ends a running attempt. Success forgets the failures of the account, not those of the address. */
  end(attempt: Attempt, outcome: 'succeeded' | 'failed' | 'unknown'): void {
    for (const key of limited(attempt)) this.#stop(key);
    if (outcome === 'succeeded') this.#entries.delete(accountEntry(attempt));
    else if (outcome === 'failed') for (const key of limited(attempt)) this.#fail(key);
  }

  #stop(key: string): void {
    const running = (this.#running.get(key) ?? 1) - 1;
    if (running > 0) this.#running.set(key, running);
    else this.#running.delete(key);
  }

  #fail(key: string): void {
    const failures = [...this.#recent(key), this.#clock.monotonic()];
    const isShut = failures.length >= this.#limit(key) && this.#settings.maxRetries > 0;
    const shutUntil = isShut ? this.#clock.monotonic() + this.#settings.banTimeMs : 0;
    this.#put(key, { failures: isShut ? [] : failures, shutUntil });
  }

  #limit(key: string): number {
    if (this.#settings.maxRetries === 0) return Number.POSITIVE_INFINITY;
    return this.#settings.maxRetries * (key.startsWith(ADDRESS) ? ADDRESS_FACTOR : 1);
  }

  #recent(key: string): number[] {
    const from = this.#clock.monotonic() - this.#settings.findTimeMs;
    return this.#entries.get(key)?.failures.filter((at) => at > from) ?? [];
  }

  #shutUntil(key: string): number {
    const until = this.#entries.get(key)?.shutUntil ?? 0;
    return until > this.#clock.monotonic() ? until : 0;
  }

  #seconds(until: number): number {
    return until === 0 ? 0 : Math.max(1, Math.ceil((until - this.#clock.monotonic()) / 1000));
  }

  /** Spraying names must not push out who is shut: of the oldest few, one that is not shut goes first. */
  #put(key: string, entry: Entry): void {
    this.#entries.delete(key);
    if (this.#entries.size >= MAX_ENTRIES) {
      const gone = this.#leastMissed();
      if (gone !== undefined) this.#entries.delete(gone);
    }
    this.#entries.set(key, entry);
  }

  #leastMissed(): string | undefined {
    let looked = 0;
    for (const key of this.#entries.keys()) {
      if (this.#shutUntil(key) === 0) return key;
      if (++looked >= EVICTION_LOOK) break;
    }
    return this.#entries.keys().next().value;
  }
}

const ADDRESS = 'address ';

function accountEntry(attempt: Attempt): string {
  return `account ${attempt.account}`;
}

function addressEntry(attempt: Attempt): string {
  return ADDRESS + attempt.address;
}

function pairKey(attempt: Attempt): string {
  return `${attempt.address} ${attempt.account}`;
}

/** An unknown address cannot be limited: everybody would share it. */
function limited(attempt: Attempt): string[] {
  return attempt.address === '' ? [accountEntry(attempt)] : [accountEntry(attempt), addressEntry(attempt)];
}
