/** `lintel sessions revoke`, a process of its own, while the server is busy: the next request of that person is a challenge. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, LINTEL } from '../black-box/lintel.ts';
import { signIn } from '../black-box/sessions.ts';
import { missing, openScope } from '../parts.ts';
import { NO_ERRORS, probe, wrk } from './load.ts';
import { base, CHECK, check, checkHeaders, configure, type Live, live, PORTAL } from './server.ts';

const PAGE = 'https://wiki.example.test/page';
const apps = `
apps:
  wiki: {url: https://wiki.example.test, access: [{allow: signed_in}]}
`;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  /** performance.now() when the process was gone. */
  readonly at: number;
}

function sessions(at: Live, ...args: string[]): Promise<Ended> {
  const child = spawn(LINTEL, ['sessions', ...args, '--config', at.config], { env: { ...process.env, ...at.env } });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (out += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, at: performance.now() }));
  });
}

describe('a revocation', { concurrency: true }, () => {
  for (const storage of ['sqlite:DIR/lintel.db', 'memory']) onStorage(storage);
});

function onStorage(storage: string): void {
  describe(`storage: ${storage}`, { concurrency: false }, () => {
    const scope = openScope();
    after(scope.close);
    let at: Live;
    const gateCookie = async (name: string, password: string) =>
      `gate=${(await signIn(at, PORTAL, name, password)).get('gate')}`;
    before(async () => {
      at = await live(scope, { config: base(storage) + apps });
    });

    test('no request that began after the command returned is let in', { skip: missing('wrk') }, async (t) => {
      const alice = await gateCookie('alice', 'wonderland-7');
      const bob = await gateCookie('bob', 'builder-secret');
      const weight = wrk(t, at, CHECK, checkHeaders(PAGE, alice));
      const hers = probe(t, at, CHECK, checkHeaders(PAGE, alice));
      const his = probe(t, at, CHECK, checkHeaders(PAGE, bob), 1);
      await hers.more(100);
      await weight.seen(200);
      const asked = performance.now();
      const revoked = await sessions(at, 'revoke', '--user', 'alice');
      assert.deepEqual(
        [revoked.code, revoked.out],
        [0, '1 session is revoked. This takes effect on the next request.\n'],
      );
      await hers.more(100);
      await weight.seen(302);
      const report = await weight.lift();
      const answers = await hers.stop();
      const after = answers.filter((a) => a.began >= revoked.at);
      const before = answers.filter((a) => a.ended <= asked);
      assert.deepEqual([...new Set(before.map((a) => a.status))], [200]);
      assert.deepEqual([...new Set(after.map((a) => a.status))], [302]);
      assert.deepEqual(report.errors, NO_ERRORS, report.text);
      assert.deepEqual([...report.statuses.keys()].sort(), [200, 302], report.text);
      const first = Math.round(Math.min(...after.map((a) => a.began)) - revoked.at);
      t.diagnostic(`first request ${first} ms after the command: 302; wrk ${JSON.stringify([...report.statuses])}`);
      assert.deepEqual([...new Set((await his.stop()).map((a) => a.status))], [200], 'somebody else');
    });

    test('one session of several, by the id that list shows', async () => {
      const one = await gateCookie('alice', 'wonderland-7');
      const [listed] = JSON.parse((await sessions(at, 'list', '--user', 'alice', '--json')).out);
      const other = await gateCookie('alice', 'wonderland-7');
      assert.equal((await sessions(at, 'revoke', '--id', listed.id)).code, 0);
      assert.equal((await check(at, PAGE, one)).status, 302);
      assert.equal((await check(at, PAGE, other)).status, 200);
      assert.equal((await sessions(at, 'revoke', '--id', listed.id)).code, 1, 'nothing is left to revoke');
    });

    test('sessions outlive a reload, and can be revoked after it', async () => {
      const alice = await gateCookie('alice', 'wonderland-7');
      const taken = () => at.log().filter((l) => l.message === 'configuration taken up').length;
      configure(at, `${base(storage)}${apps}  news: {url: https://news.example.test, access: [{allow: signed_in}]}\n`);
      await eventually('the configuration is taken up', () => taken() > 0);
      assert.equal((await check(at, 'https://news.example.test/', alice)).status, 200);
      assert.equal((await sessions(at, 'revoke', '--user', 'alice')).code, 0);
      assert.equal((await check(at, PAGE, alice)).status, 302);
    });

    if (storage !== 'memory') return;

    test('the control socket is for this account alone, and goes with the server', async () => {
      const sockets = () => readdirSync(at.dir).filter((name) => name.endsWith('.sock'));
      const [socket = ''] = sockets();
      assert.equal(statSync(join(at.dir, socket)).mode & 0o777, 0o600);
      const warned = at.log().filter((l) => l.level === 'warn' && /sessions/.test(l.message));
      assert.deepEqual(warned, []);
      at.process.kill('SIGTERM');
      assert.deepEqual(await at.exited, { code: 0, signal: null });
      assert.deepEqual(sockets(), []);
      const { code, out } = await sessions(at, 'revoke', '--user', 'alice');
      assert.equal(code, 1);
      assert.match(out, /No running Lintel answers/);
      assert.ok(!existsSync(at.database));
    });
  });
}
