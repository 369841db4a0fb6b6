import type { AppToken } from '../core/app-token.ts';
import type { SessionFilter, SessionStore, SessionSummary, TokenFilter } from '../core/ports.ts';
import type { FoundSecret, HandOver, Secret, SecretKey, Session } from '../core/session.ts';
import { isAlive } from '../core/session.ts';
import { MemoryTokens } from './memory-tokens.ts';
import { boundTo, MAX_SECRETS } from './purpose.ts';

interface Entry {
  session: Session;
  /** In the order they were attached. */
  readonly secrets: Map<SecretKey, Secret>;
}

/** Sessions of one process, gone when it ends. Another process reaches them through server/control.ts. */
export class MemoryStore implements SessionStore {
  readonly kind = 'memory';
  readonly #sessions = new Map<string, Entry>();
  readonly #keys = new Map<SecretKey, Entry>();
  readonly #handOvers = new Map<string, HandOver>();
  readonly #installationKeys = new Map<string, Uint8Array>();
  readonly #tokens = new MemoryTokens();
  #closed = false;
  #changes = 0;

  find(key: SecretKey): FoundSecret | undefined {
    this.ping();
    const entry = this.#keys.get(key);
    const secret = entry?.secrets.get(key);
    if (entry === undefined || secret === undefined) return undefined;
    return { purpose: secret.purpose, routing: secret.routing, session: entry.session };
  }

  open(session: Session, secrets: readonly Secret[], replaces?: string): void {
    this.#change();
    this.#refuseDuplicates(session.id, secrets, replaces);
    if (replaces !== undefined) this.#drop(replaces);
    const entry: Entry = { session, secrets: new Map() };
    this.#sessions.set(session.id, entry);
    for (const secret of secrets) this.#give(entry, secret);
  }

  attach(sessionId: string, secret: Secret): boolean {
    this.#change();
    const entry = this.#sessions.get(sessionId);
    if (entry === undefined) return false;
    if (this.#keys.has(secret.key)) throw new Error('The memory store holds this secret already.');
    this.#give(entry, secret);
    if (entry.secrets.size > MAX_SECRETS) this.#forget(entry, oldest(entry));
    return true;
  }

  touch(sessionId: string, now: number): void {
    this.#change();
    const entry = this.#sessions.get(sessionId);
    if (entry !== undefined && entry.session.lastSeenAt < now) entry.session = { ...entry.session, lastSeenAt: now };
  }

  putHandOver(codeHash: string, handOver: HandOver): void {
    this.#change();
    this.#handOvers.set(codeHash, handOver);
  }

  takeHandOver(codeHash: string): HandOver | undefined {
    this.#change();
    const handOver = this.#handOvers.get(codeHash);
    this.#handOvers.delete(codeHash);
    return handOver;
  }

  list(filter: SessionFilter): readonly SessionSummary[] {
    this.ping();
    return this.#matching(filter)
      .map(({ session, secrets }) => ({ session, openFor: boundOnce(secrets.values()) }))
      .sort((a, b) => b.session.createdAt - a.session.createdAt || (a.session.id < b.session.id ? -1 : 1));
  }

  revoke(filter: SessionFilter): number {
    this.#change();
    const matching = this.#matching(filter);
    if (filter.kind !== 'origin' && filter.kind !== 'domain') {
      for (const entry of matching) this.#drop(entry.session.id);
      return matching.length;
    }
    const found = matching.flatMap((entry) =>
      [...entry.secrets.values()].filter((s) => isMeant(s, filter)).map(({ key }) => ({ entry, key })),
    );
    for (const { entry, key } of found) this.#forget(entry, key);
    return found.length;
  }

  sweep(now: number, limit: number): number {
    this.#change();
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
    return limit - left + this.#tokens.sweep(now, left);
  }

  installationKey(name: string, make: () => Uint8Array): Uint8Array {
    this.ping();
    const known = this.#installationKeys.get(name);
    if (known !== undefined) return known;
    this.#change();
    const made = make();
    this.#installationKeys.set(name, made);
    return made;
  }

  findToken(key: SecretKey): AppToken | undefined {
    this.ping();
    return this.#tokens.find(key);
  }

  addToken(token: AppToken, key: SecretKey): boolean {
    this.#change();
    return this.#tokens.add(token, key);
  }

  touchToken(id: string, now: number): void {
    this.#change();
    this.#tokens.touch(id, now);
  }

  listTokens(filter: TokenFilter): readonly AppToken[] {
    this.ping();
    return this.#tokens.list(filter);
  }

  revokeTokens(filter: TokenFilter): number {
    this.#change();
    return this.#tokens.revoke(filter);
  }

  checkInstallationKeys(): undefined {
    this.ping();
  }

  forgetInstallationKeys(from: string, before: string): number {
    this.#change();
    const names = [...this.#installationKeys.keys()].filter((name) => from <= name && name < before);
    for (const name of names) this.#installationKeys.delete(name);
    return names.length;
  }

  changes(): number {
    return this.#changes;
  }

  ping(): void {
    if (this.#closed) throw new Error('The memory store is closed.');
  }

  close(): void {
    this.#closed = true;
  }

  #change(): void {
    this.ping();
    this.#changes++;
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
      case 'domain':
        return [...this.#sessions.values()].filter((e) => [...e.secrets.values()].some((s) => isMeant(s, filter)));
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

  #give(entry: Entry, secret: Secret): void {
    entry.secrets.set(secret.key, secret);
    this.#keys.set(secret.key, entry);
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

function boundOnce(secrets: Iterable<Secret>): readonly string[] {
  return [...new Set(Array.from(secrets, (s) => boundTo(s.purpose)))].sort();
}

function isMeant({ purpose }: Secret, filter: Extract<SessionFilter, { kind: 'origin' | 'domain' }>): boolean {
  if (filter.kind === 'domain') return purpose.kind === 'gate' && purpose.domain === filter.domain;
  return purpose.kind === 'app' && purpose.origin === filter.origin;
}

/** The secret that makes room: the oldest that is not the portal's, so that a long list of apps signs nobody out there. */
function oldest(entry: Entry): SecretKey | undefined {
  for (const { key, purpose } of entry.secrets.values()) if (purpose.kind !== 'portal') return key;
  return entry.secrets.keys().next().value;
}
