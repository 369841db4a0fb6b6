import type { SessionFilter, SessionStore, SessionSummary } from '../core/ports.ts';
import type { FoundSecret, HandOver, Secret, SecretKey, SecretPurpose, Session } from '../core/session.ts';
import { isAlive } from '../core/session.ts';
import { boundTo, MAX_SECRETS } from './purpose.ts';

interface Entry {
  session: Session;
  /** In the order they were attached. */
  readonly secrets: Map<SecretKey, SecretPurpose>;
}

/** Sessions of one process, gone when it ends. Another process reaches them through server/control.ts. */
export class MemoryStore implements SessionStore {
  readonly kind = 'memory';
  readonly #sessions = new Map<string, Entry>();
  readonly #keys = new Map<SecretKey, Entry>();
  readonly #handOvers = new Map<string, HandOver>();
  readonly #installationKeys = new Map<string, Uint8Array>();
  #closed = false;

  find(key: SecretKey): FoundSecret | undefined {
    this.ping();
    const entry = this.#keys.get(key);
    const purpose = entry?.secrets.get(key);
    return entry === undefined || purpose === undefined ? undefined : { purpose, session: entry.session };
  }

  open(session: Session, secrets: readonly Secret[], replaces?: string): void {
    this.ping();
    this.#refuseDuplicates(session.id, secrets, replaces);
    if (replaces !== undefined) this.#drop(replaces);
    const entry: Entry = { session, secrets: new Map() };
    this.#sessions.set(session.id, entry);
    for (const secret of secrets) this.#give(entry, secret);
  }

  attach(sessionId: string, secret: Secret): boolean {
    this.ping();
    const entry = this.#sessions.get(sessionId);
    if (entry === undefined) return false;
    if (this.#keys.has(secret.key)) throw new Error('The memory store holds this secret already.');
    this.#give(entry, secret);
    if (entry.secrets.size > MAX_SECRETS) this.#forget(entry, oldest(entry));
    return true;
  }

  touch(sessionId: string, now: number): void {
    this.ping();
    const entry = this.#sessions.get(sessionId);
    if (entry !== undefined && entry.session.lastSeenAt < now) entry.session = { ...entry.session, lastSeenAt: now };
  }

  putHandOver(codeHash: string, handOver: HandOver): void {
    this.ping();
    this.#handOvers.set(codeHash, handOver);
  }

  takeHandOver(codeHash: string): HandOver | undefined {
    this.ping();
    const handOver = this.#handOvers.get(codeHash);
    this.#handOvers.delete(codeHash);
    return handOver;
  }

  list(filter: SessionFilter): readonly SessionSummary[] {
    this.ping();
    return this.#matching(filter)
      .map(({ session, secrets }) => ({ session, openFor: [...new Set([...secrets.values()].map(boundTo))].sort() }))
      .sort((a, b) => b.session.createdAt - a.session.createdAt || (a.session.id < b.session.id ? -1 : 1));
  }

  revoke(filter: SessionFilter): number {
    this.ping();
    const matching = this.#matching(filter);
    if (filter.kind !== 'origin') {
      for (const entry of matching) this.#drop(entry.session.id);
      return matching.length;
    }
    const found = matching.flatMap((entry) =>
      [...entry.secrets].filter(([, p]) => isAppSecret(p, filter.origin)).map(([key]) => ({ entry, key })),
    );
    for (const { entry, key } of found) this.#forget(entry, key);
    return found.length;
  }

  sweep(now: number, limit: number): number {
    this.ping();
    let left = limit;
    for (const [id, { session }] of this.#sessions) {
      if (left === 0) break;
      if (isAlive(session, now)) continue;
      this.#drop(id);
      left -= 1;
    }
    for (const [code, { expiresAt }] of this.#handOvers) {
      if (left === 0) break;
      if (now < expiresAt) continue;
      this.#handOvers.delete(code);
      left -= 1;
    }
    return limit - left;
  }

  installationKey(name: string, make: () => Uint8Array): Uint8Array {
    this.ping();
    const known = this.#installationKeys.get(name);
    if (known !== undefined) return known;
    const made = make();
    this.#installationKeys.set(name, made);
    return made;
  }

  ping(): void {
    if (this.#closed) throw new Error('The memory store is closed.');
  }

  close(): void {
    this.#closed = true;
  }

  #matching(filter: SessionFilter): Entry[] {
    switch (filter.kind) {
      case 'all':
        return [...this.#sessions.values()];
      case 'user':
        return [...this.#sessions.values()].filter((e) => e.session.user === filter.user);
      case 'id': {
        const entry = this.#sessions.get(filter.id);
        return entry === undefined ? [] : [entry];
      }
      case 'origin':
        return [...this.#sessions.values()].filter((e) =>
          [...e.secrets.values()].some((p) => isAppSecret(p, filter.origin)),
        );
      default:
        return filter satisfies never;
    }
  }

  /** Judged before anything changes, so that a failing `open` leaves the old session as it was. */
  #refuseDuplicates(id: string, secrets: readonly Secret[], replaces: string | undefined): void {
    const leaving = replaces === undefined ? undefined : this.#sessions.get(replaces);
    const taken = (s: Secret) => this.#keys.has(s.key) && leaving?.secrets.has(s.key) !== true;
    const repeated = new Set(secrets.map((s) => s.key)).size < secrets.length;
    if (repeated || secrets.some(taken)) throw new Error('The memory store holds this secret already.');
    if (this.#sessions.has(id) && id !== replaces) throw new Error('The memory store holds this session already.');
  }

  #give(entry: Entry, { key, purpose }: Secret): void {
    entry.secrets.set(key, purpose);
    this.#keys.set(key, entry);
  }

  #forget(entry: Entry, key: SecretKey | undefined): void {
    if (key === undefined) return;
    entry.secrets.delete(key);
    this.#keys.delete(key);
  }

  #drop(id: string): void {
    const entry = this.#sessions.get(id);
    this.#sessions.delete(id);
    for (const key of entry?.secrets.keys() ?? []) this.#keys.delete(key);
  }
}

function isAppSecret(purpose: SecretPurpose, origin: string): boolean {
  return purpose.kind === 'app' && purpose.origin === origin;
}

/** The secret that makes room: the oldest one of an app, so that a long list of apps never signs the portal out. */
function oldest(entry: Entry): SecretKey | undefined {
  for (const [key, purpose] of entry.secrets) if (purpose.kind === 'app') return key;
  return entry.secrets.keys().next().value;
}
