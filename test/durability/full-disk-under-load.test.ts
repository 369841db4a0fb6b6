/**
 * The disk of the database is full while Lintel works: who is signed in goes on, and everybody who asks for a change is
 * told with an id that it was not made. Above all nobody is told that they are signed out who is not.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { basic } from '../black-box/app-passwords.ts';
import { ROOT } from '../black-box/lintel.ts';
import { ask, headerOf, type Reply } from '../black-box/raw.ts';
import { NO_ERRORS, wrk } from '../live/load.ts';
import { Browser, PORTAL } from '../outpost/street.ts';
import { missing, type Scope } from '../parts.ts';
import { startCapture } from '../proxies/site.ts';
import { linesFor, makeAppPassword, makeCrowd, ONE, signOutEverywhere, TWO } from './crowd.ts';
import { fill, leaveUnused, logged, metric, mountable, type Site, startServer, undoing } from './server.ts';

const skip = missing('wrk') || (!mountable() && 'mounting a small file system needs root');

/** Refused with the id, on a page that says what happened; no cookie is set or taken away. */
function assertNotStored(reply: Reply, what: string): void {
  assert.equal(reply.status, 507, what);
  assert.equal(headerOf(reply, 'x-lintel-error'), 'STORE-WRITE', what);
  assert.match(reply.body, /could not be stored|not stored|STORE-WRITE/, what);
  assert.equal(headerOf(reply, 'set-cookie'), undefined, what);
  assert.equal(headerOf(reply, 'location'), undefined, what);
}

/** A command of Lintel beside the server; its exit code and what it said. The app answers from this process meanwhile. */
async function command(site: Site, ...args: string[]): Promise<{ code: number | null; said: string }> {
  const env = { ...process.env, NO_COLOR: '1', RUNTIME_DIRECTORY: join(site.dir, 'run') };
  const child = spawn(process.execPath, [join(ROOT, 'src', 'main.ts'), ...args, '--config', site.config], { env });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
  const [code] = await once(child, 'close');
  return { code, said };
}

test('a full disk under load', { timeout: 600_000, skip }, async (t) => {
  const later = undoing(t);
  const scope: Scope = { after: later };
  const dir = mkdtempSync(join(tmpdir(), 'lintel-full-load-'));
  later(() => rmSync(dir, { recursive: true, force: true }));
  const app = await startCapture(scope);
  const ports = [app.port, app.port] as const;
  const site = await makeCrowd(dir, { accounts: ['alice', 'bob', 'carol'], ports });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'none', site.data]);
  later(() => execFileSync('umount', ['-l', site.data]));
  const server = await startServer(site);
  later(() => server.end('SIGKILL'));
  const [alices, bobs] = [new Browser(server, 'lintel'), new Browser(server, 'lintel')];
  for (const b of [alices, bobs]) {
    const { reply } = await b.open(`${ONE}/`, b === alices ? 'alice' : 'bob');
    assert.equal(reply.status, 200);
  }
  const password = (await makeAppPassword(alices)) ?? '';
  const mine = linesFor(ONE, `Cookie: ${alices.cookies('one.example.com')}`);
  const opens = async () => (await ask(server, { target: '/', headers: mine })).status;

  leaveUnused(site);
  fill(join(site.data, 'ballast'));
  const load = wrk(scope, server, '/', mine);
  await load.seen(200);

  const carol = await new Browser(server, 'lintel').open(`${ONE}/`, 'carol');
  assertNotStored(carol.reply, 'a sign-in');
  assertNotStored((await alices.open(`${TWO}/`)).reply, 'the way into another app');
  const form = new URLSearchParams({ label: 'full', scope: 'all', expires: '365' }).toString();
  assertNotStored(await alices.get(`${PORTAL}/account/app-passwords`, [], 'POST', form), 'an app password');
  assertNotStored(await alices.get(`${ONE}/outpost.goauthentik.io/sign_out`), 'sign_out');
  assertNotStored(await alices.get(`${ONE}/outpost.goauthentik.io/sign_out`, [], 'POST'), 'sign_out by its form');
  assertNotStored(await alices.get(`${PORTAL}/sign-out`, [], 'POST', 'x='), 'signing out at the portal');
  assertNotStored(await alices.get(`${PORTAL}/account/sessions/revoke-all`, [], 'POST', 'x='), 'out everywhere');
  const json = ['Content-Type: application/json', 'Accept: application/json'];
  const logout = await alices.get(`${PORTAL}/api/logout`, json, 'POST', '{}');
  assert.ok(logout.status >= 500 || JSON.parse(logout.body).status === 'KO', `${logout.status} ${logout.body}`);
  assert.equal(await opens(), 200, 'nobody was told to be signed out, and nobody is');
  for (const args of [
    ['sessions', 'revoke', '--user', 'alice'],
    ['users', 'token', 'revoke', '--user', 'alice'],
    ['users', 'token', 'add', 'alice', '--name', 'more'],
  ]) {
    const { code, said } = await command(site, ...args);
    assert.ok(code !== 0 && /lintel\.db is full/.test(said), `${args.join(' ')}: ${code} ${said}`);
  }
  assert.equal((await ask(server, { target: '/', headers: linesFor(ONE, basic('alice', password)) })).status, 200);
  assert.equal((await bobs.get(`${ONE}/`)).status, 200);
  await logged(server, /lintel\.db is full: free some space on its disk/);
  assert.ok((await metric(site, 'lintel_touch_failures_total')) >= 1);

  const { statuses, errors } = await load.lift();
  assert.deepEqual([...statuses.keys()], [200], 'proxying went on');
  assert.deepEqual(errors, NO_ERRORS);
  await server.end('SIGKILL');
  const next = await startServer(site);
  later(() => next.end('SIGKILL'));
  assert.equal(await opens(), 200, 'killed and started again on the full disk');
  assertNotStored(await alices.get(`${ONE}/outpost.goauthentik.io/sign_out`), 'sign_out after the restart');

  rmSync(join(site.data, 'ballast'));
  assert.equal((await alices.open(`${TWO}/`)).reply.status, 200, 'room again');
  assert.ok(await signOutEverywhere(alices));
  assert.equal(await opens(), 302, 'the next request');
  assert.equal((await bobs.get(`${ONE}/`)).status, 200);
  t.diagnostic(`${statuses.get(200)} proxied answers while it was full, none lost`);
});
