/**
 * Fail open. Something that the gate depends on is gone, and the gate lets everybody in rather than nobody: the
 * directory, a secret in a file, the rules, the check server itself; or an exception becomes an empty 200.
 *
 * Traefik GHSA-4mr2-fg2p-w63c (an unresolved secret switched the check off), ingress-nginx CVE-2026-24513 (an error page
 * instead of the 401), Authelia GHSA-68wm-pfjf-wqp6 (an error was a 200). Hence: a 2xx exists only as the rendering of
 * an allow, what is missing at the start stops the start, and no answer may be cached.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { eventually, LINTEL, ROOT, usersFile } from '../black-box/lintel.ts';
import { ask, headerOf, type Reply } from '../black-box/raw.ts';
import { attack } from './cases.ts';
import { gate, type Installation, USERS } from './fixture.ts';
import { runClass, sendThrough } from './run.ts';

async function check(i: Installation, uri: string, who: string, host = 'app.example.test'): Promise<Reply> {
  const cookie = await i.cookie(who);
  const headers = [
    `Host: ${host}`,
    'X-Forwarded-Proto: https',
    'Accept: text/html',
    ...(cookie ? [`Cookie: ${cookie}`] : []),
  ];
  return ask(i.at, { target: `/api/authz/ext-authz/${uri}`, headers });
}

runClass('fail-open', (s) => {
  s.attack('FAIL-02', async () => {
    const i = await gate();
    try {
      assert.equal((await check(i, '/', 'alice')).status, 200);
      // A users file that cannot be read any more: what is known stays known, and nobody becomes more than they were.
      const notTaken = () => i.at.output().split('the user file was not taken up').length - 1;
      writeFileSync(i.at.users, '{"users": [not yaml');
      await eventually('the broken file is read', () => notTaken() === 1);
      assert.equal((await check(i, '/admin', 'alice')).status, 403);
      assert.ok((await check(i, '/admin', 'anonymous')).status >= 300);
      rmSync(i.at.users);
      await eventually('it is missed', () => notTaken() === 2);
      assert.ok((await check(i, '/admin', 'alice')).status >= 400);
      assert.ok((await check(i, '/admin', 'anonymous')).status >= 300);
    } finally {
      await i.stop();
    }
  });

  s.attack('FAIL-04', () => {
    const dir = mkdtempSync(join(tmpdir(), 'lintel-test-'));
    const missing = join(dir, 'no-such-file');
    const base = { portal: 'https://auth.example.test', storage: 'memory:', metrics: 'off' };
    const app = { url: 'https://app.example.test', access: [{ allow: 'signed_in' }] };
    const broken = {
      'a value from a file': {
        ...base,
        users: `file:${join(dir, 'users.yml')}`,
        apps: { app: { ...app, title: `\${file:${missing}}` } },
      },
      'the users file': { ...base, users: `file:${missing}`, apps: { app } },
      'a value from the environment': { ...base, apps: { app: { ...app, title: `\${env:LINTEL_NO_SUCH_THING}` } } },
      'a certificate': {
        ...base,
        listen: ['https://127.0.0.1:0'],
        tls: { cert: missing, key: missing },
        apps: { app },
      },
    };
    writeFileSync(join(dir, 'users.yml'), usersFile(USERS));
    for (const [what, config] of Object.entries(broken)) {
      const file = join(dir, 'lintel.yml');
      writeFileSync(file, JSON.stringify(config, undefined, 1));
      const done = spawnSync(
        LINTEL,
        ['serve', '--config', file, ...('listen' in config ? [] : ['--listen', '127.0.0.1:0'])],
        {
          encoding: 'utf8',
          timeout: 60_000,
        },
      );
      assert.ok(done.status !== null && done.status !== 0, `${what}: it runs\n${done.stdout}${done.stderr}`);
      assert.match(
        done.stdout + done.stderr,
        what.includes('environment') ? /LINTEL_NO_SUCH_THING/ : /no-such-file/,
        what,
      );
    }
    rmSync(dir, { recursive: true, force: true });
    return Promise.resolve();
  });

  s.attack('FAIL-05', async () => {
    // An error page in front may replace the body of a 401, but the app is never asked: the proxy face shows it here,
    // nginx with its error_page in behind-proxies.test.ts.
    const target = await s.target('proxy');
    const wish = { ...attack('FAIL-05'), host: 'app.example.test', uri: '/admin', face: 'proxy' as const };
    for (const who of ['anonymous', 'alice'] as const) {
      const { reply, arrivals } = await sendThrough(target, wish, who);
      assert.ok(reply && reply.status >= 300, `${reply?.status}`);
      assert.deepEqual(arrivals, []);
    }
  });

  s.attack('FAIL-06', async () => {
    const i = await gate();
    try {
      const cookie = await i.cookie('alice');
      assert.equal((await check(i, '/', 'alice')).status, 200);
      // The store throws from now on: every table is gone under the running server.
      const database = new DatabaseSync(i.at.database, { timeout: 10_000 });
      database.exec('PRAGMA foreign_keys = OFF');
      const tables = database
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .all();
      for (const { name } of tables) database.exec(`DROP TABLE "${name}"`);
      database.close();
      const reply = await check(i, '/', 'alice');
      assert.equal(reply.status, 503, reply.body);
      assert.equal(headerOf(reply, 'x-lintel-error'), 'STORE-UNAVAILABLE');
      assert.equal(headerOf(reply, 'remote-user'), undefined);
      assert.ok(
        !reply.body.includes('sqlite') && !reply.body.includes(i.at.dir),
        'the client learns nothing of the inside',
      );
      assert.ok(cookie);
      // A rule that does not ask who is there still holds.
      assert.equal((await check(i, '/public/x', 'alice')).status, 200);
    } finally {
      await i.stop();
    }
  });

  s.attack('FAIL-07', async () => {
    const i = await s.gate();
    assert.equal((await check(i, '/admin', 'alice', 'closed.example.test')).status, 403);
    assert.equal((await check(i, '/', 'bob', 'closed.example.test')).status, 403);
    assert.ok((await check(i, '/', 'anonymous', 'closed.example.test')).status >= 300);
  });

  s.attack('FAIL-09', () => {
    const text = readFileSync(join(ROOT, 'examples', 'envoy', 'envoy.yaml'), 'utf8');
    assert.match(text, /failure_mode_allow:\s*false/);
    assert.doesNotMatch(text, /failure_mode_allow:\s*true/);
    return Promise.resolve();
  });

  s.attack('FAIL-11', async () => {
    const i = await s.gate();
    for (const [uri, who] of [
      ['/', 'alice'],
      ['/public/x', 'anonymous'],
      ['/admin', 'alice'],
      ['/', 'anonymous'],
      ['/%zz', 'alice'],
    ] as const) {
      const reply = await check(i, uri, who);
      assert.equal(headerOf(reply, 'cache-control'), 'no-store', `${uri} as ${who}: ${reply.status}`);
    }
  });
});
