import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** How long one snapshot is held, milliseconds: what a write-ahead log may wait for before it can be reused. */
const HELD_MS = 250;
const LONG_LOG_BYTES = 4 * 1024 * 1024;

/**
 * Spares reads their file locks. Every read of a WAL database takes and drops a shared lock on the log's index, two
 * system calls that cost more than the read; SQLite skips them while another connection of this process holds the
 * same lock (os_unix.c, unixShmLock). So a second connection keeps a read transaction open while there is traffic.
 * Reads on the first one are as fresh as ever: each still looks at the log's head in shared memory, and a commit by
 * any process is seen by the next. A held snapshot keeps the log from being reused, so it is renewed all the time,
 * dropped when nobody reads, and a long log is written back in the gap.
 */
export class ReadPin {
  readonly #db: DatabaseSync;
  readonly #log: string;
  readonly #timer: NodeJS.Timeout;
  #reads = 0;

  constructor(path: string) {
    this.#db = new DatabaseSync(path, { timeout: 0, readOnly: false });
    this.#db.exec('PRAGMA cache_size = -64; PRAGMA synchronous = NORMAL');
    this.#log = `${path}-wal`;
    this.#timer = setInterval(() => this.#renew(), HELD_MS);
    this.#timer.unref();
  }

  /** Told about each read: the pin is there for traffic only. */
  noticeRead(): void {
    this.#reads++;
  }

  close(): void {
    clearInterval(this.#timer);
    if (this.#db.isOpen) this.#db.close();
  }

  /** A pin that cannot be had costs speed and nothing else; the read itself reports what is wrong with the file. */
  #renew(): void {
    const wanted = this.#reads > 0;
    this.#reads = 0;
    try {
      if (this.#db.isTransaction) this.#db.exec('COMMIT');
      if ((statSync(this.#log, { throwIfNoEntry: false })?.size ?? 0) > LONG_LOG_BYTES) {
        this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)');
      }
      if (wanted) this.#db.exec('BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1');
    } catch {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    }
  }
}
