import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { type AppToken, MAX_TOKENS } from '../core/app-token.ts';
import {
  type Clock,
  type MaybePromise,
  type SessionFilter,
  type SessionStore,
  type SessionSummary,
  type TokenFilter,
  whenReady,
} from '../core/ports.ts';
import type { FoundSecret, HandOver, Secret, SecretKey, Session } from '../core/session.ts';
import { codeOf } from '../core/thrown.ts';
import { MAX_SECRETS } from './purpose.ts';
import { explained, openDatabase, SqliteStoreError, transaction, whenFree } from './sqlite-file.ts';
import { SqliteKeys } from './sqlite-keys.ts';
import { arrays, cellsOf, foundSecret, handOver, SESSION_COLUMNS, session } from './sqlite-rows.ts';
import {
  boundSecrets,
  condition,
  prepareAll,
  type Statements,
  secretValues,
  sessionValues,
} from './sqlite-statements.ts';
import { appToken, listTokens, prepareTokens, revokeTokens, tokenValues } from './sqlite-tokens.ts';
import { WalIndex } from './wal-index.ts';

/** Answers of `find`, and as many of `findToken`, remembered until the next commit. */
const MAX_FOUND = 10_000;

/** For so many milliseconds one look at the index speaks for every `find`; whatever takes something away outlasts it. */
const LOOK_MS = 1;

/**
 * Sessions in one SQLite file (WAL). `find` is one prepared read of the file itself, or what that read gave when nothing
 * was committed since by any process (wal-index.ts, decision 0004), so a revocation that any process has acknowledged is
 * seen by the next request. It needs no lock that a writer could hold. What `open`, `attach`, `revoke` `takeHandOver`, `addToken` and
 * `revokeTokens` acknowledge is on disk. Errors are SqliteStoreError; a file that cannot be used throws here.
 */
export class SqliteStore implements SessionStore {
  readonly kind = 'sqlite';
  readonly #path: string;
  readonly #main: DatabaseSync;
  readonly #relaxed: DatabaseSync;
  readonly #sql: Statements;
  readonly #tokens: ReturnType<typeof prepareTokens>;
  readonly #inode: number;
  readonly #index: WalIndex;
  readonly #keys: SqliteKeys;
  readonly #found = new Map<SecretKey, FoundSecret>();
  readonly #foundTokens = new Map<SecretKey, AppToken>();
  readonly #clock: Pick<Clock, 'monotonic'>;
  #changes = 0;
  #lookAgainAt = Number.NEGATIVE_INFINITY;

  /** `random` gives so many random bytes (ops/secrets.ts), for the encryption of installation keys. */
  constructor(path: string, random: (bytes: number) => Uint8Array, clock: Pick<Clock, 'monotonic'>) {
    this.#path = path;
    this.#clock = clock;
    const { main, relaxed } = openDatabase(path);
    this.#main = main;
    this.#relaxed = relaxed;
    try {
      this.#sql = prepareAll(main, relaxed);
      this.#tokens = prepareTokens(main, relaxed);
      this.#inode = statSync(path).ino;
      this.#index = new WalIndex(path);
      this.#keys = new SqliteKeys(path, main, this.#sql, random);
    } catch (error) {
      this.close();
      throw explained(path, error);
    }
  }

  find(key: SecretKey): FoundSecret | undefined {
    this.#look();
    return this.#found.get(key) ?? this.#read(this.#found, key, () => foundSecret(this.#sql.find.get(key)));
  }

  findToken(key: SecretKey): AppToken | undefined {
    this.#look();
    return this.#foundTokens.get(key) ?? this.#read(this.#foundTokens, key, () => appToken(this.#tokens.find.get(key)));
  }

  /** The time is taken before the look, so what it found is never believed longer than LOOK_MS. */
  #look(): void {
    const now = this.#clock.monotonic();
    if (now < this.#lookAgainAt) return;
    this.changes();
    this.#lookAgainAt = now + LOOK_MS;
  }

  /** Each look at the index takes note of what changed, so it is counted, and everything that was remembered goes. */
  changes(): number {
    if (this.#index.isUnchanged()) return this.#changes;
    this.#found.clear();
    this.#foundTokens.clear();
    return ++this.#changes;
  }

  /** The index was looked at before, so what is remembered here is never older than what it was remembered for. */
  #read<T>(memory: Map<SecretKey, T>, key: SecretKey, read: () => T | undefined): T | undefined {
    try {
      const found = read();
      if (found !== undefined && memory.size < MAX_FOUND) memory.set(key, found);
      return found;
    } catch (error) {
      // A number that no release writes: a garbled row is an absent row.
      if (codeOf(error) === 'ERR_OUT_OF_RANGE') return undefined;
      throw explained(this.#path, error);
    }
  }

  open(session: Session, secrets: readonly Secret[], replaces?: string): MaybePromise<void> {
    const write = () => {
      if (replaces !== undefined) this.#sql.removeSession.run(replaces);
      const { lastInsertRowid: n } = this.#sql.addSession.run(...sessionValues(session));
      for (const [place, secret] of secrets.entries()) this.#sql.addSecret.run(...secretValues(secret, n, place));
    };
    return replaces === undefined ? this.#write(write) : this.#takeAway(write);
  }

  attach(sessionId: string, secret: Secret): MaybePromise<boolean> {
    return this.#write(() => {
      const [n, place, held] = cellsOf(this.#sql.nextPlace.get(sessionId));
      if (typeof n !== 'number' || typeof place !== 'number' || typeof held !== 'number') return false;
      this.#sql.addSecret.run(...secretValues(secret, n, place));
      if (held >= MAX_SECRETS) this.#sql.removeOldest.run(n);
      return true;
    });
  }

  /** Fails at once when another process holds the write lock: the next request of the session tries again. */
  touch(sessionId: string, now: number): void {
    this.#lookAgainAt = Number.NEGATIVE_INFINITY;
    this.#guarded(() => this.#sql.touch.run(now, sessionId, now));
  }

  putHandOver(codeHash: string, { origin, nonceHash, sessionId, expiresAt }: HandOver): MaybePromise<void> {
    return this.#write(() => {
      this.#sql.putHandOver.run(codeHash, origin, nonceHash, sessionId, expiresAt);
    });
  }

  takeHandOver(codeHash: string): MaybePromise<HandOver | undefined> {
    return this.#write(() => handOver(this.#sql.takeHandOver.get(codeHash)));
  }

  list(filter: SessionFilter): readonly SessionSummary[] {
    const { where, values } = condition(filter);
    const sql = `SELECT ${SESSION_COLUMNS}, s.n FROM sessions s WHERE ${where} ORDER BY s.created_at DESC, s.id`;
    return this.#guarded(() => {
      const rows = arrays(this.#main.prepare(sql)).all(...values);
      return rows.flatMap((row) => this.#summary(cellsOf(row)));
    });
  }

  revoke(filter: SessionFilter): MaybePromise<number> {
    const { where, values } = condition(filter);
    const meant = boundSecrets(filter);
    const sql = meant === undefined ? `DELETE FROM sessions AS s WHERE ${where}` : `DELETE FROM secrets WHERE ${meant}`;
    return this.#takeAway(() => Number(this.#main.prepare(sql).run(...values).changes));
  }

  sweep(now: number, limit: number): MaybePromise<number> {
    return whenFree(this.#path, () =>
      transaction(this.#relaxed, () => {
        const sessions = Number(this.#sql.sweepSessions.run(now, limit).changes);
        const codes = Number(this.#sql.sweepHandOvers.run(now, limit - sessions).changes);
        return sessions + codes + Number(this.#tokens.sweep.run(now, limit - sessions - codes).changes);
      }),
    );
  }

  addToken(token: AppToken, key: SecretKey): MaybePromise<boolean> {
    return this.#write(() => {
      const [held] = cellsOf(this.#tokens.held.get(token.user, token.createdAt));
      if (typeof held !== 'number' || held >= MAX_TOKENS) return false;
      this.#tokens.add.run(...tokenValues(token, key));
      return true;
    });
  }

  /** Fails at once when another process holds the write lock: the next use of the token tries again. */
  touchToken(id: string, now: number): void {
    this.#lookAgainAt = Number.NEGATIVE_INFINITY;
    this.#guarded(() => this.#tokens.touch.run(now, id, now));
  }

  listTokens(filter: TokenFilter): readonly AppToken[] {
    return this.#guarded(() => listTokens(this.#main, filter));
  }

  revokeTokens(filter: TokenFilter): MaybePromise<number> {
    return this.#takeAway(() => revokeTokens(this.#main, filter));
  }

  installationKey(name: string, make: () => Uint8Array): MaybePromise<Uint8Array> {
    const known = this.#guarded(() => this.#keys.find(name));
    if (known !== undefined) return known;
    const raw = this.#guarded(() => this.#keys.isRaw(name));
    const kept = this.#write(() => this.#keys.keep(name, make));
    return whenReady(kept, (key) => {
      if (raw) this.#guarded(() => this.#keys.cleanLog());
      return key;
    });
  }

  checkInstallationKeys(): string | undefined {
    return this.#guarded(() => this.#keys.check());
  }

  forgetInstallationKeys(from: string, before: string): MaybePromise<number> {
    if (this.#guarded(() => this.#sql.keysBetween.get(from, before)) === undefined) return 0;
    return this.#write(() => Number(this.#sql.forgetKeys.run(from, before).changes));
  }

  /** Also throws when the file was moved or replaced: what other processes revoke would not be seen here. */
  ping(): void {
    this.#guarded(() => this.#sql.find.get(''));
    if (statSync(this.#path, { throwIfNoEntry: false })?.ino === this.#inode) return;
    throw new SqliteStoreError(`The session database ${this.#path} was moved or replaced: restart Lintel.`);
  }

  close(): void {
    for (const db of [this.#relaxed, this.#main]) if (db.isOpen) db.close();
    this.#index?.close();
  }

  #summary(cells: readonly unknown[]): SessionSummary[] {
    const found = session(cells);
    const n = cells[10];
    if (found === undefined || typeof n !== 'number') return [];
    const bound = this.#sql.boundTo.all(n).map((row) => cellsOf(row)[0]);
    return [{ session: found, openFor: bound.filter((text) => typeof text === 'string') }];
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explained(this.#path, error);
    }
  }

  #write<T>(work: () => T): MaybePromise<T> {
    return whenFree(this.#path, () => {
      this.#lookAgainAt = Number.NEGATIVE_INFINITY;
      return transaction(this.#main, work);
    });
  }

  /** A write that takes away: acknowledged when no process goes by a look from before it any more. */
  async #takeAway<T>(work: () => T): Promise<T> {
    const result = await this.#write(work);
    const over = this.#clock.monotonic() + 2 * LOOK_MS;
    while (this.#clock.monotonic() < over) await delay(LOOK_MS);
    return result;
  }
}
