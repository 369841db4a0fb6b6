import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { WalIndex } from './wal-index.ts';

function database(): { path: string; db: DatabaseSync } {
  const path = join(mkdtempSync(join(tmpdir(), 'lintel-wal-')), 'a.db');
  const db = new DatabaseSync(path);
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (0)');
  return { path, db };
}

test('unchanged between commits, changed by every commit of this connection, another one, and another process', () => {
  const { path, db } = database();
  const index = new WalIndex(path);
  assert.equal(index.isUnchanged(), false, 'the first look knows nothing');
  assert.equal(index.isUnchanged(), true);
  db.prepare('SELECT * FROM t').all();
  assert.equal(index.isUnchanged(), true, 'reading is no change');
  db.exec('INSERT INTO t VALUES (1)');
  assert.equal(index.isUnchanged(), false);
  assert.equal(index.isUnchanged(), true);
  const other = new DatabaseSync(path);
  other.exec('BEGIN; INSERT INTO t VALUES (2)');
  assert.equal(index.isUnchanged(), true, 'nothing is committed yet');
  other.exec('COMMIT');
  assert.equal(index.isUnchanged(), false);
  const code = `new (require('node:sqlite').DatabaseSync)(${JSON.stringify(path)}).exec('DELETE FROM t')`;
  execFileSync(process.execPath, ['-e', code]);
  assert.equal(index.isUnchanged(), false);
  assert.equal(index.isUnchanged(), true);
  other.close();
  db.close();
  index.close();
});

test('a checkpoint that starts the log anew hides no commit', () => {
  const { path, db } = database();
  const index = new WalIndex(path);
  for (let i = 0; i < 50; i++) {
    index.isUnchanged();
    db.exec(
      i % 2 === 0 ? `INSERT INTO t VALUES (${i})` : `PRAGMA wal_checkpoint(TRUNCATE); DELETE FROM t WHERE n = ${i - 1}`,
    );
    assert.equal(index.isUnchanged(), false, `commit ${i}`);
  }
  db.close();
  index.close();
});

test('without the file, and after close, everything counts as changed', () => {
  const missing = new WalIndex('/nonexistent/a.db');
  assert.equal(missing.isUnchanged(), false);
  assert.equal(missing.isUnchanged(), false);
  const { path, db } = database();
  const index = new WalIndex(path);
  index.isUnchanged();
  db.close();
  index.close();
  index.close();
  assert.equal(index.isUnchanged(), false);
});
