import { closeSync, fsyncSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, messageOf } from '../core/thrown.ts';
import { writePrivateFile } from '../ops/private-file.ts';
import { SqliteStoreError } from './sqlite-file.ts';

/** The key file cannot be used, or does not fit the database. Words for the operator; never answered with new keys. */
export class KeyFileError extends SqliteStoreError {
  override readonly name = 'KeyFileError';
}

const FORM = /^[A-Za-z0-9_-]{43}\n?$/;
/** Rights of other accounts. The group's are let pass: fsGroup of Kubernetes gives them back at every start. */
const OTHERS = 0o007;

/** `DATABASE.key`: the 256-bit key that the keys in the database are encrypted with, as one line of base64url. */
export class KeyFile {
  readonly path: string;
  readonly #database: string;
  #key: Uint8Array | undefined;

  /** The database may be reached by a link; its key stands beside the file itself, where everybody finds the same. */
  constructor(database: string) {
    this.#database = database;
    this.path = `${realpathSync(database)}.key`;
  }

  /** What the file holds, read once. Throws KeyFileError when it is missing, open to everybody or no key file. */
  read(): Uint8Array {
    this.#key ??= this.#onDisk();
    if (this.#key !== undefined) return this.#key;
    throw new KeyFileError(
      `The keys in the session database ${this.#database} are encrypted, and ${this.path}, which opens them, is missing. Put that file back from your backup. If it is lost, move the database away as well: a new one is made, and everybody signs in again.`,
    );
  }

  /**
   * As `read`, but makes the file when it is missing, on disk before this returns and whole whenever it can be seen.
   * Only while holding the write lock of the database, so that of two processes that start at once one makes it.
   */
  readOrMake(random: (bytes: number) => Uint8Array): Uint8Array {
    this.#key ??= this.#onDisk() ?? this.#make(random);
    return this.#key;
  }

  #onDisk(): Uint8Array | undefined {
    const found = statSync(this.path, { throwIfNoEntry: false });
    if (found === undefined) return undefined;
    const { mode } = found;
    if (!found.isFile()) throw this.#noKey();
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0) {
      const rights = (mode & 0o777).toString(8);
      throw new KeyFileError(
        `${this.path} opens the keys in the session database, and every account of this machine may use it (mode ${rights}). Run: chmod 600 ${this.path}`,
      );
    }
    const text = this.#attempt('read', () => readFileSync(this.path, 'latin1'));
    if (FORM.test(text)) return Buffer.from(text.trimEnd(), 'base64url');
    throw this.#noKey();
  }

  #noKey(): KeyFileError {
    return new KeyFileError(
      `${this.path} is not the key file that Lintel made: it has to hold one line of 43 characters. Put the file back from your backup.`,
    );
  }

  #make(random: (bytes: number) => Uint8Array): Uint8Array {
    const key = random(32);
    this.#attempt('written', () => {
      writePrivateFile(this.path, `${Buffer.from(key).toString('base64url')}\n`);
      if (process.platform !== 'win32') syncDirectory(dirname(this.path));
    });
    return key;
  }

  #attempt<T>(what: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      const why = codeOf(error) === 'EACCES' ? 'this account may not' : messageOf(error);
      throw new KeyFileError(
        `The key file ${this.path} cannot be ${what}: ${why}. Let Lintel read and write it and its directory.`,
        { cause: error },
      );
    }
  }
}

/** The name of a new file is on disk only when its directory is. */
function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
