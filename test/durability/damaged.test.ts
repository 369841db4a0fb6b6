/** A database that cannot be read is nobody's fault who knocks: 503 with an id, never a sign-in loop, never a way in. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { check, gateCookie, logged, makeSite, signIn, startServer, undoing } from './server.ts';

test('a damaged database answers 503, one that is none is refused at the start', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-damaged-'));
  const later = undoing(t);
  later(() => rmSync(dir, { recursive: true, force: true }));
  const site = await makeSite(dir, 'sqlite');
  const database = join(site.data, 'lintel.db');
  const first = await startServer(site);
  const cookie = gateCookie(await signIn(first)) ?? '';
  await first.end('SIGTERM');
  const file = openSync(database, 'r+');
  writeSync(file, Buffer.alloc(statSync(database).size - 4096, 0x5a), 0, null, 4096);
  closeSync(file);
  const second = await startServer(site);
  later(() => second.end('SIGKILL'));
  assert.equal(await check(second, cookie), 503);
  await logged(second, /STORE-UNAVAILABLE/);
  assert.equal(gateCookie(await signIn(second)), undefined);
  await logged(second, /lintel\.db is damaged: restore it, or move it away/);
  await second.end('SIGTERM');
  writeFileSync(database, 'These are not the tables you are looking for. '.repeat(99));
  await assert.rejects(startServer(site), /lintel\.db is not a SQLite database: name another file in storage/);
});
