import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import type { MaybePromise } from '../core/ports.ts';
import { codeOf, messageOf } from '../core/thrown.ts';
import { account } from '../ops/account.ts';
import { MIGRATIONS } from './sqlite-schema.ts';

/** "Lntl": tells a Lintel database from any other SQLite file (SQLite file format §1.3.15). */
const APPLICATION_ID = 0x4c6e746c;

/** What is wrong with the database file, in words for the operator; `cause` is SQLite's own error. */
export class SqliteStoreError extends Error {
  override readonly name: string = 'SqliteStoreError';
}

export interface Connections {
  /** Reads, and writes that are on disk when the call returns (`synchronous=FULL`). */
  readonly main: DatabaseSync;
  /** Touches and sweeping: survive a killed process at once, a power cut only after the next durable write. */
  readonly relaxed: DatabaseSync;
}

/**
 * Opens or creates the file, owner-only (0600; SQLite gives -wal and -shm the same mode), and migrates it forward.
 * Throws SqliteStoreError when it cannot be used. Boot may wait 5 s for another process; after that no call blocks
 * the event loop for a lock: see `whenFree`.
 */
export function openDatabase(path: string): Connections {
  let main: DatabaseSync | undefined;
  try {
    createPrivately(path);
    main = connect(path, 'FULL', 65_536);
    migrate(main, path);
    const relaxed = connect(path, 'NORMAL', 512);
    for (const db of [main, relaxed]) db.exec('PRAGMA busy_timeout = 0');
    return { main, relaxed };
  } catch (error) {
    main?.close();
    throw explained(path, error);
  }
}

function createPrivately(path: string): void {
  const directory = dirname(path);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    const what = `The directory ${directory} of the session database cannot be created`;
    throw new SqliteStoreError(`${what}: ${messageOf(error)}`, { cause: error });
  }
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    throw new SqliteStoreError(
      `The session database ${path} cannot be created: let the account that runs Lintel (${account()}) write the directory ${directory} (${messageOf(error)})`,
      { cause: error },
    );
  }
}

function connect(path: string, synchronous: 'FULL' | 'NORMAL', cacheKiB: number): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 5_000, defensive: true, enableForeignKeyConstraints: true });
  db.exec(`PRAGMA trusted_schema = OFF; PRAGMA synchronous = ${synchronous}; PRAGMA cache_size = -${cacheKiB};
    PRAGMA journal_size_limit = 16777216; PRAGMA secure_delete = FAST`);
  return db;
}

/** Brings the schema forward, in one transaction so that two processes starting at once agree. */
function migrate(db: DatabaseSync, path: string): void {
  if (versionOf(db, path) === MIGRATIONS.length) return;
  db.exec('PRAGMA journal_mode = WAL; BEGIN IMMEDIATE');
  try {
    for (const step of MIGRATIONS.slice(versionOf(db, path))) db.exec(step);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`);
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** One statement, so that all three facts are of one moment. */
const HEADER = `SELECT a.application_id AS application, v.user_version AS version,
  (SELECT count(*) FROM sqlite_schema) AS tables FROM pragma_application_id a, pragma_user_version v`;

/** The schema version, 0 for an empty file. Throws for a newer one, and for a file that is not ours to write. */
function versionOf(db: DatabaseSync, path: string): number {
  const { application, version, tables } = db.prepare(HEADER).get() ?? {};
  if (application === 0 && version === 0 && tables === 0) return 0;
  if (application !== APPLICATION_ID || typeof version !== 'number') {
    throw new SqliteStoreError(`The database ${path} belongs to another program. Name another file in storage.`);
  }
  if (version <= MIGRATIONS.length) return version;
  const versions = `its schema is version ${version}, this Lintel knows versions up to ${MIGRATIONS.length}`;
  throw new SqliteStoreError(
    `The session database ${path} was made by a newer Lintel: ${versions}. Run that Lintel, or name another file.`,
  );
}

/** One write transaction; rolled back when `work` throws. */
export function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    // A full disk makes SQLite roll back by itself.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/**
 * Runs a write now; when another process holds the write lock, tries again for about 5 s without blocking the event
 * loop, so that access checks go on meanwhile. Throws SqliteStoreError.
 */
export function whenFree<T>(path: string, write: () => T): MaybePromise<T> {
  try {
    return write();
  } catch (error) {
    if (!isBusy(error)) throw explained(path, error);
    return tryAgain(path, write);
  }
}

async function tryAgain<T>(path: string, write: () => T): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    await delay(Math.min(100, 2 ** attempt));
    try {
      return write();
    } catch (error) {
      if (attempt >= 55 || !isBusy(error)) throw explained(path, error);
    }
  }
}

/** The error in words that say what is wrong with which file and what to do. */
export function explained(path: string, error: unknown): SqliteStoreError {
  if (error instanceof SqliteStoreError) return error;
  const known = REASONS.get(primaryCode(error));
  const why =
    known === undefined
      ? messageOf(error)
      : known.replace('DIRECTORY', () => dirname(path)).replace('ACCOUNT', account);
  return new SqliteStoreError(`The session database ${path} ${why} (${messageOf(error)})`, { cause: error });
}

/** https://sqlite.org/rescode.html */
const REASONS: ReadonlyMap<number | undefined, string> = new Map([
  [5, 'is locked by another process: end whatever holds it open for writing'],
  [6, 'is locked by another process: end whatever holds it open for writing'],
  [8, 'is read-only: let the account that runs Lintel (ACCOUNT) write the file and its directory DIRECTORY'],
  [10, 'cannot be read or written: check the disk, its free space and file size limits'],
  [11, 'is damaged: restore it, or move it away and everybody signs in again'],
  [13, 'is full: free some space on its disk'],
  [
    14,
    'cannot be opened: let the account that runs Lintel (ACCOUNT) read and write the file and its directory DIRECTORY',
  ],
  [26, 'is not a SQLite database: name another file in storage'],
]);

function isBusy(error: unknown): boolean {
  return primaryCode(error) === 5;
}

/** SQLite's primary result code, without the extension in the higher bytes. */
function primaryCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' ? code & 0xff : undefined;
}
