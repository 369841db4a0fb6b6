/**
 * What one `find` costs, and that it neither grows with the number of sessions nor writes. Run: node src/stores/sqlite.bench.ts
 * Prints µs of CPU per call, the median of nine rounds: one session asked for again and again, and all in turn.
 */

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SessionStore } from '../core/ports.ts';
import { systemClock } from '../ops/clock.ts';
import { randomKey } from '../ops/secrets.ts';
import { MemoryStore } from './memory.ts';
import { SqliteStore } from './sqlite.ts';
import { appSecret, keyOf, portalSecret, sessionOf } from './values.contract.ts';

const CALLS = 20_000;
const dir = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
const path = join(dir, 'lintel.db');

try {
  for (const count of [1, 1_000, 100_000]) measureSqlite(count);
  for (const count of [1, 100_000]) {
    const store = new MemoryStore();
    fill(store, count);
    report('memory', count, store);
  }
} finally {
  rmSync(dir, { recursive: true });
}

function measureSqlite(count: number): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  new SqliteStore(path, randomKey, systemClock).close();
  const raw = new DatabaseSync(path);
  raw.exec('PRAGMA synchronous = OFF');
  const store = new SqliteStore(path, randomKey, systemClock);
  fillFast(raw, count);
  const before = [statSync(path).mtimeMs, statSync(`${path}-wal`).mtimeMs, dataVersion(raw)];
  report('sqlite', count, store);
  const after = [statSync(path).mtimeMs, statSync(`${path}-wal`).mtimeMs, dataVersion(raw)];
  console.log(
    `       writes to the database during these reads: ${String(before) === String(after) ? 'none' : 'SOME'}`,
  );
  raw.close();
  store.close();
}

/** Changes when any other connection wrote (https://sqlite.org/pragma.html#pragma_data_version). */
function dataVersion(db: DatabaseSync): unknown {
  return db.prepare('PRAGMA data_version').get()?.data_version;
}

function fill(store: SessionStore, count: number): void {
  for (let i = 0; i < count; i += 1) store.open(sessionOf(`session-${i}`), [portalSecret(`p${i}`), appSecret(`a${i}`)]);
}

/** The same rows without a flush to disk for each. */
function fillFast(db: DatabaseSync, count: number): void {
  const session = db.prepare(
    `INSERT INTO sessions (id, user, level, epoch, created_at, seen_at, expires_at, idle_ms, address, user_agent)
     VALUES (?, ?, 1, 'epoch-of-alice', 1790000000000, 1790000000000, 1790043200000, 3600000, '192.0.2.7',
     'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36')`,
  );
  const secret = db.prepare('INSERT INTO secrets (key, kind, bound_to, session, place) VALUES (?, ?, ?, ?, ?)');
  db.exec('BEGIN');
  for (let i = 0; i < count; i += 1) {
    const n = session.run(`session-${i}`, `user-${i % 1000}`).lastInsertRowid;
    secret.run(keyOf(`p${i}`), 1, 'https://auth.example.com', n, 0);
    secret.run(keyOf(`a${i}`), 2, 'https://app.example.com', n, 1);
  }
  db.exec('COMMIT');
}

function report(name: string, count: number, store: SessionStore): void {
  const keys = Array.from({ length: Math.min(count, CALLS) }, (_, i) =>
    keyOf(`a${Math.floor((i * count) / Math.min(count, CALLS))}`),
  );
  const missing = Array.from({ length: 100 }, (_, i) => keyOf(`nobody ${i}`));
  const one = median(store, keys.slice(0, 1), true);
  const all = median(store, keys, true);
  const none = median(store, missing, false);
  const columns = [`one ${one.toFixed(2)}`, `in turn ${all.toFixed(2)}`, `unknown ${none.toFixed(2)}`];
  console.log(`${name} ${String(count).padStart(7)} sessions: ${columns.join(' · ')} µs per find`);
}

function median(store: SessionStore, keys: readonly ReturnType<typeof keyOf>[], found: boolean): number {
  const rounds = Array.from({ length: 9 }, () => {
    const start = process.cpuUsage();
    for (let i = 0; i < CALLS; i += 1) {
      if ((store.find(keys[i % keys.length] ?? keyOf('')) !== undefined) !== found) throw new Error('wrong answer');
    }
    const { user, system } = process.cpuUsage(start);
    return (user + system) / CALLS;
  });
  return rounds.sort((a, b) => a - b)[4] ?? Number.NaN;
}
