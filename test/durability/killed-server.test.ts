/** The same over HTTP: what the portal said yes to is still open after the server was killed and started again. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { check, gateCookie, makeSite, type Server, signIn, startServer, undoing } from './server.ts';

const WANTED = 1_000;
const AT_ONCE = 8;

test('kill -9 during 1,000 sign-ins over HTTP: every acknowledged one still opens the app', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-killed-'));
  const later = undoing(t);
  later(() => rmSync(dir, { recursive: true, force: true }));
  const site = await makeSite(dir, 'sqlite');
  const acknowledged: string[] = [];
  let attempts = 0;
  let kills = 0;
  while (attempts < WANTED) {
    const server = await startServer(site);
    later(() => server.end('SIGKILL'));
    const killAfter = Math.ceil(Math.random() * 400) + 100;
    const left = WANTED - attempts;
    const round = await signMany(server, left, killAfter);
    attempts += round.attempts;
    acknowledged.push(...round.cookies);
    if (round.attempts < left) kills += 1;
    await server.end('SIGKILL');
  }
  const server = await startServer(site);
  later(() => server.end('SIGKILL'));
  for (const cookie of acknowledged) assert.equal(await check(server, cookie), 200, 'an acknowledged sign-in is gone');
  assert.notEqual(await check(server, 'x'.repeat(43)), 200);
  await server.end('SIGTERM');
  t.diagnostic(`${attempts} sign-ins, ${acknowledged.length} acknowledged, ${kills} kills in the middle`);
  assert.ok(kills >= 1 && acknowledged.length > WANTED / 2);
  const db = new DatabaseSync(join(site.data, 'lintel.db'));
  later(() => db.close());
  assert.equal(db.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok');
});

/** Signs in from several clients at once and kills the server after so many answers, with others under way. */
async function signMany(server: Server, most: number, killAfter: number) {
  const cookies: string[] = [];
  let attempts = 0;
  const client = async () => {
    while (attempts < most && cookies.length < killAfter) {
      attempts += 1;
      const reply = await signIn(server).catch(() => undefined);
      if (reply === undefined) return;
      const cookie = gateCookie(reply);
      assert.ok(cookie !== undefined || cookies.length >= killAfter, `${reply.status} ${reply.body}`);
      if (cookie !== undefined) cookies.push(cookie);
      if (cookies.length === killAfter) server.process.kill('SIGKILL');
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return { attempts, cookies };
}
