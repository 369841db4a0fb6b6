import { closeSync, openSync, readSync } from 'node:fs';

/** Two copies of 48 bytes; every commit by any process writes both. https://sqlite.org/walformat.html, section 2.2 */
const COPIES = 2;
const WORDS = 12;
const IS_INIT = 12;

/**
 * The head of a WAL database's index (`-shm`): it tells whether anything was committed, and reading it costs a fifth
 * of the smallest query. A commit becomes visible to SQLite's own readers by these very bytes, so "unchanged" is as
 * fresh as a query, and holds for commits of every process. SQLite maps the file; reads of it see the mapping on Linux
 * and macOS (one page cache), so elsewhere it is always "changed".
 *
 * Closing any descriptor of a file drops the process's locks on it (fcntl), SQLite's too: `close` comes after the
 * database is closed, never before.
 */
export class WalIndex {
  #fd: number | undefined;
  readonly #bytes = Buffer.alloc(COPIES * WORDS * 4);
  readonly #now = new Uint32Array(this.#bytes.buffer, this.#bytes.byteOffset, COPIES * WORDS);
  readonly #seen = new Uint32Array(WORDS);

  /** `path` of the database, which is open in WAL mode and was read at least once. */
  constructor(path: string) {
    this.#fd = process.platform === 'win32' ? undefined : openIfThere(`${path}-shm`);
  }

  /** True when no commit was made since the call before this one, by anybody. When in doubt: false. */
  isUnchanged(): boolean {
    if (this.#fd === undefined || readSync(this.#fd, this.#bytes, 0, this.#bytes.length, 0) < this.#bytes.length)
      return false;
    let unchanged = this.#bytes[IS_INIT] === 1;
    for (let i = 0; i < WORDS; i++) {
      const word = this.#now[i] ?? 0;
      if (word !== this.#now[i + WORDS]) unchanged = false; // a commit is being written at this moment
      if (word !== this.#seen[i]) {
        unchanged = false;
        this.#seen[i] = word;
      }
    }
    return unchanged;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined; // the number may soon name another file
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    return undefined;
  }
}
