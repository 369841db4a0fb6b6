import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { KeyFile, KeyFileError } from './key-file.ts';
import { cellsOf } from './sqlite-rows.ts';
import type { Statements } from './sqlite-statements.ts';

const NONCE = 12;
const TAG = 16;
/** The first builds kept keys as they were, and all of this length; an encrypted one is at least 44 bytes. */
const RAW = 32;
const SHORTEST = 16;

/**
 * The installation keys of a database: AES-256-GCM under the key file beside it, with the name of the key as associated
 * data, so that a row speaks for its own name only. Nonce, ciphertext and tag in one value.
 */
export class SqliteKeys {
  readonly #db: DatabaseSync;
  readonly #sql: Statements;
  readonly #path: string;
  readonly #file: KeyFile;
  readonly #random: (bytes: number) => Uint8Array;

  constructor(path: string, db: DatabaseSync, sql: Statements, random: (bytes: number) => Uint8Array) {
    this.#path = path;
    this.#db = db;
    this.#sql = sql;
    this.#random = random;
    this.#file = new KeyFile(path);
  }

  /** The key of this name; undefined: `keep` has something to write. Throws KeyFileError for one that does not open. */
  find(name: string): Uint8Array | undefined {
    const value = this.#value(name);
    return value === undefined || value.length === RAW ? undefined : this.#opened(name, value);
  }

  /** Within a write transaction: the key of this name, encrypted in place when it was not, and made when there is none. */
  keep(name: string, make: () => Uint8Array): Uint8Array {
    const value = this.#value(name);
    if (value !== undefined && value.length !== RAW) return this.#opened(name, value);
    const key = value ?? make();
    if (key.length < SHORTEST) throw new Error(`an installation key of ${key.length} bytes`);
    this.#sql.putKey.run(name, seal(this.#secret(), this.#random(NONCE), name, key));
    return key;
  }

  /** After a raw key was encrypted: nothing of it stays in the log. Whoever reads at this moment delays that. */
  cleanLog(): void {
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  isRaw(name: string): boolean {
    return this.#value(name)?.length === RAW;
  }

  /** What is wrong when there are encrypted keys and the file is missing or opens none of them. */
  check(): string | undefined {
    try {
      this.#fitting();
      return undefined;
    } catch (error) {
      if (error instanceof KeyFileError) return error.message;
      throw error;
    }
  }

  #secret(): Uint8Array {
    return this.#fitting() ?? this.#file.readOrMake(this.#random);
  }

  /** undefined: no key is encrypted yet. A file that opens none is not theirs: one more key would make two halves. */
  #fitting(): Uint8Array | undefined {
    const sealed = this.#sql.keys.all().map(cellsOf).filter(isSealed);
    if (sealed.length === 0) return undefined;
    const secret = this.#file.read();
    if (sealed.some(([name, value]) => unseal(secret, name, value) !== undefined)) return secret;
    throw this.#misfit('None of the keys', 'can');
  }

  #opened(name: string, value: Uint8Array): Uint8Array {
    const key = unseal(this.#file.read(), name, value);
    if (key === undefined) throw this.#misfit(`The key "${name}"`, 'cannot');
    return key;
  }

  #misfit(what: string, can: 'can' | 'cannot'): KeyFileError {
    return new KeyFileError(
      `${what} in the session database ${this.#path} ${can} be opened with ${this.#file.path}: the file belongs to another database, or the row was changed. Restore both from one backup. If there is none, move both away: new ones are made, and everybody signs in again.`,
    );
  }

  #value(name: string): Uint8Array | undefined {
    const [value] = cellsOf(this.#sql.key.get(name));
    return value instanceof Uint8Array ? value : undefined;
  }
}

function isSealed(row: readonly unknown[]): row is readonly [string, Uint8Array] {
  const [name, value] = row;
  return typeof name === 'string' && value instanceof Uint8Array && value.length !== RAW;
}

function seal(secret: Uint8Array, nonce: Uint8Array, name: string, key: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', secret, nonce, { authTagLength: TAG }).setAAD(Buffer.from(name));
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
}

/** undefined: another key, another name, or a changed value. */
function unseal(secret: Uint8Array, name: string, value: Uint8Array): Uint8Array | undefined {
  if (value.length < NONCE + SHORTEST + TAG) return undefined;
  const nonce = value.subarray(0, NONCE);
  const decipher = createDecipheriv('aes-256-gcm', secret, nonce, { authTagLength: TAG })
    .setAAD(Buffer.from(name))
    .setAuthTag(value.subarray(-TAG));
  try {
    return Buffer.concat([decipher.update(value.subarray(NONCE, -TAG)), decipher.final()]);
  } catch {
    return undefined;
  }
}
