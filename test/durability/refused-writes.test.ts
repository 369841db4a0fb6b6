/**
 * A disk that takes no more: whoever is signed in stays so, a sign-in says what is wrong with an id, a touch that fails
 * is counted, and when there is room again everything goes on without a restart.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { headerOf } from '../black-box/raw.ts';
import {
  check,
  fill,
  gateCookie,
  type Later,
  leaveUnused,
  logged,
  makeSite,
  metric,
  mountable,
  type Server,
  type Site,
  signIn,
  startServer,
  undoing,
} from './server.ts';

async function site(later: Later): Promise<Site> {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-refused-'));
  later(() => rmSync(dir, { recursive: true, force: true }));
  return makeSite(dir, 'sqlite');
}

async function started(later: Later, at: Site, wrapper?: readonly string[]): Promise<Server> {
  const server = await startServer(at, wrapper);
  later(() => server.end('SIGKILL'));
  return server;
}

async function signedIn(server: Server): Promise<string> {
  const cookie = gateCookie(await signIn(server));
  assert.ok(cookie, server.output());
  return cookie;
}

/** The sign-in is refused with the id, and the log says which file and why. */
async function assertRefused(server: Server, why: RegExp): Promise<void> {
  const reply = await signIn(server);
  assert.equal(gateCookie(reply), undefined);
  assert.ok(reply.status >= 500, String(reply.status));
  assert.equal(headerOf(reply, 'x-lintel-error') ?? reply.body, 'STORE-WRITE');
  await logged(server, /STORE-WRITE/);
  await logged(server, why);
}

test('a full disk', {
  timeout: 300_000,
  skip: !mountable() && 'mounting a small file system needs root',
}, async (t) => {
  const later = undoing(t);
  const at = await site(later);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k,mode=700', 'none', at.data]);
  later(() => execFileSync('umount', ['-l', at.data]));
  const server = await started(later, at);
  const cookie = await signedIn(server);
  fill(join(at.data, 'ballast'));
  await assertRefused(server, /lintel\.db is full: free some space on its disk/);
  assert.equal(await check(server, cookie), 200);
  rmSync(join(at.data, 'ballast'));
  assert.equal(await check(server, await signedIn(server)), 200, 'room again');
  assert.equal(await check(server, cookie), 200);
});

test('no file may grow, and touches are due', async (t) => {
  const later = undoing(t);
  const at = await site(later);
  const server = await started(later, at);
  const cookie = await signedIn(server);
  leaveUnused(at);
  const limit = (bytes: number | 'unlimited') =>
    execFileSync('prlimit', ['--pid', String(server.process.pid), `--fsize=${bytes}:`]);
  limit(1);
  await assertRefused(server, /lintel\.db cannot be read or written: check the disk/);
  assert.equal(await metric(at, 'lintel_touch_failures_total'), 0);
  assert.equal(await check(server, cookie), 200);
  assert.ok((await metric(at, 'lintel_touch_failures_total')) >= 1);
  limit('unlimited');
  assert.equal(await check(server, await signedIn(server)), 200, 'room again');
  assert.equal(await check(server, cookie), 200);
});

test('started on a read-only database', async (t) => {
  const later = undoing(t);
  const at = await site(later);
  const first = await started(later, at);
  const cookie = await signedIn(first);
  await first.end('SIGTERM');
  leaveUnused(at);
  const database = join(at.data, 'lintel.db');
  chmodSync(database, 0o400);
  // Root may write what it likes as long as it has its capabilities.
  const wrapper = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] : [];
  const server = await started(later, at, wrapper);
  assert.equal(await check(server, cookie), 200);
  await assertRefused(
    server,
    /lintel\.db is read-only: let the account that runs Lintel \(now \S+\) write the file and its directory/,
  );
  assert.ok((await metric(at, 'lintel_touch_failures_total')) >= 1);
  assert.equal(statSync(database).mode & 0o777, 0o400);
});
