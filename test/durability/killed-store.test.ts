/** A process that is killed in the middle of writing loses nothing that it acknowledged, and nothing is half there. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { systemClock } from '../../src/ops/clock.ts';
import { randomKey } from '../../src/ops/secrets.ts';
import { SqliteStore } from '../../src/stores/sqlite.ts';
import { keyOf, T0 } from '../../src/stores/values.contract.ts';

const SIGNER = join(import.meta.dirname, 'signer.ts');

test('kill -9 during 1,000 sign-ins: every acknowledged one is there, the database opens clean', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-killed-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'lintel.db');
  const acknowledged: string[] = [];
  let kills = 0;
  for (let round = 0; acknowledged.length < 1_000; round += 1) {
    const wanted = 1_000 - acknowledged.length;
    const isKilled = round < 6;
    const killAfter = isKilled ? Math.ceil(Math.random() * Math.min(wanted, 250)) : Number.POSITIVE_INFINITY;
    // Who is to be killed never comes to an end before, however late the kill is.
    const count = isKilled ? Number.POSITIVE_INFINITY : wanted;
    const done = await signUntilKilled(path, `r${round}`, count, killAfter);
    if (done.killed) kills += 1;
    acknowledged.push(...done.ids);
    assertWhole(path, acknowledged);
  }
  t.diagnostic(`${acknowledged.length} acknowledged, ${kills} kills`);
  assert.ok(kills >= 1);
});

async function signUntilKilled(path: string, prefix: string, count: number, killAfter: number) {
  const child = spawn(process.execPath, [SIGNER, path, prefix, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = once(child, 'close');
  let text = '';
  for await (const chunk of child.stdout) {
    text += String(chunk);
    if (text.split('\n').length > killAfter) child.kill('SIGKILL');
  }
  await gone;
  // A line that the kill cut short was not acknowledged.
  return { ids: text.split('\n').slice(0, -1), killed: child.signalCode === 'SIGKILL' };
}

function assertWhole(path: string, acknowledged: readonly string[]): void {
  const store = new SqliteStore(path, randomKey, systemClock);
  const secrets = (id: string) => [`${id} portal`, `${id} app`].map((token) => store.find(keyOf(token))?.session.id);
  for (const id of acknowledged) {
    assert.deepEqual(secrets(id), [id, id], `${id} was acknowledged and is gone`);
    assert.equal(
      store.findToken(keyOf(`${id} token`))?.user,
      id,
      `the app password of ${id} was acknowledged and is gone`,
    );
  }
  for (const { session, openFor } of store.list({ kind: 'all' })) assert.equal(openFor.length, 2, session.id);
  assert.equal(store.sweep(T0, 10), 0);
  store.close();
  const db = new DatabaseSync(path);
  assert.deepEqual(
    db
      .prepare('PRAGMA integrity_check')
      .all()
      .map((row) => row.integrity_check),
    ['ok'],
  );
  assert.deepEqual(db.prepare('PRAGMA foreign_key_check').all(), []);
  db.close();
}
