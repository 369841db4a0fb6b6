import { hash } from 'node:crypto';
import {
  type BasicVerifier,
  type Clock,
  type MaybePromise,
  orElse,
  type PasswordFailure,
  type UserSource,
  whenReady,
} from '../core/ports.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { User } from '../core/subject.ts';
import type { Ip } from '../core/text/ip.ts';
import { addressKey } from './throttle.ts';
import type { Verifier } from './verifier.ts';

export interface BasicCacheOptions {
  /** How long an accepted password is remembered, from its check on; 0: not at all. */
  readonly cacheMs: number;
  /** Passwords remembered at one time; the oldest go. Default 10,000. */
  readonly max?: number;
  /** 32 random bytes of this process. */
  readonly key: Uint8Array;
  readonly clock: Clock;
}

type Outcome = Result<User, PasswordFailure>;

interface Accepted {
  readonly user: User;
  readonly until: number;
}

/**
 * Remembers accepted passwords for a short while, so that a calendar client that sends its password with every request
 * does not cost a hash each time. Kept is a SHA-256 of client address, name and password behind a key of this process,
 * never the password: to search for it in a copy of the table takes the key. (Nobody is shown a digest, so there is none
 * to extend, which is what HMAC would be for.) Only successes are kept; an entry counts while the source still hands out
 * the very same user object, so a change, a disabled or a removed account ends it. Equal requests that arrive together
 * share one check. The address is part of the key, and the throttle is asked on every hit: see `Throttle.hitWaitSeconds`.
 */
export function cachedVerifier(verifier: Verifier, source: UserSource, options: BasicCacheOptions): BasicVerifier {
  const cache = new BasicCache(verifier, source, options);
  return options.cacheMs > 0
    ? { verify: (typed, password, client) => cache.verify(typed, password, client) }
    : verifier;
}

class BasicCache {
  readonly #verifier: Verifier;
  readonly #source: UserSource;
  readonly #options: BasicCacheOptions;
  readonly #key: string;
  readonly #max: number;
  readonly #accepted = new Map<string, Accepted>();
  readonly #flights = new Map<string, Promise<Outcome>>();

  constructor(verifier: Verifier, source: UserSource, options: BasicCacheOptions) {
    this.#verifier = verifier;
    this.#source = source;
    this.#options = options;
    this.#key = Buffer.from(options.key).toString('base64');
    this.#max = options.max ?? 10_000;
  }

  /** A hit is answered at once, without a promise. */
  verify(typed: string, password: string, client: Ip | undefined): MaybePromise<Outcome> {
    const id = this.#digest(typed, password, client);
    const hit = this.#accepted.get(id);
    if (hit === undefined) return this.#fly(id, typed, password, client);
    return whenReady(this.#recheck(hit, client), (again) => {
      if (again !== undefined) return again;
      this.#accepted.delete(id);
      return this.#fly(id, typed, password, client);
    });
  }

  #digest(typed: string, password: string, client: Ip | undefined): string {
    return hash('sha256', `${this.#key} ${addressKey(client)} ${typed.length} ${typed}${password}`, 'base64');
  }

  /** undefined: the entry is good no more. */
  #recheck(hit: Accepted, client: Ip | undefined): MaybePromise<Outcome | undefined> {
    if (this.#options.clock.monotonic() >= hit.until) return undefined;
    return orElse<Outcome | undefined>(
      () =>
        whenReady(this.#source.lookup(hit.user.name), (now) =>
          now === hit.user ? this.#allow(now, client) : undefined,
        ),
      () => err({ kind: 'unavailable' }),
    );
  }

  #allow(user: User, client: Ip | undefined): Outcome {
    const retryAfterSeconds = this.#verifier.hitWaitSeconds(user, client);
    return retryAfterSeconds === 0 ? ok(user) : err({ kind: 'throttled', retryAfterSeconds });
  }

  #fly(id: string, typed: string, password: string, client: Ip | undefined): Promise<Outcome> {
    const flying = this.#flights.get(id);
    if (flying !== undefined) return flying;
    const flight = this.#check(id, typed, password, client);
    this.#flights.set(id, flight);
    return flight;
  }

  async #check(id: string, typed: string, password: string, client: Ip | undefined): Promise<Outcome> {
    try {
      const outcome = await this.#verifier.verify(typed, password, client);
      if (outcome.ok) this.#remember(id, outcome.value);
      return outcome;
    } finally {
      this.#flights.delete(id);
    }
  }

  #remember(id: string, user: User): void {
    this.#accepted.delete(id);
    const oldest = this.#accepted.size >= this.#max ? this.#accepted.keys().next().value : undefined;
    if (oldest !== undefined) this.#accepted.delete(oldest);
    this.#accepted.set(id, { user, until: this.#options.clock.monotonic() + this.#options.cacheMs });
  }
}
