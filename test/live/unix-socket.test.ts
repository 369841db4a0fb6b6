/** A listener on a unix socket, and whom `trusted_proxies: [unix]` trusts. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, LINTEL } from '../black-box/lintel.ts';
import { openScope } from '../parts.ts';
import { base, CHECK, check, checkHeaders, configure, type Live, live, PORTAL } from './server.ts';

const PAGE = 'https://wiki.example.test/page';
const config = (trusted: string) => `${base('sqlite:DIR/lintel.db')
  .replace('listen: [127.0.0.1:0]', 'listen: [unix:DIR/s, 127.0.0.1:0]')
  .replace('trusted_proxies: [127.0.0.1]', `trusted_proxies: [${trusted}]`)}
apps:
  wiki:
    url: https://wiki.example.test
    access:
      - {paths: [/near], networks: [192.0.2.0/24], allow: everyone}
      - {paths: [/near], deny: everyone}
      - {allow: signed_in}
`;

interface Said {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

describe('a unix socket', () => {
  const scope = openScope();
  after(scope.close);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  after(() => agent.destroy());
  let at: Live;
  let socketPath: string;
  let cookie: string;

  function over(path: string, headers: readonly string[], body?: string): Promise<Said> {
    const fields = headers.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]);
    const method = body === undefined ? 'GET' : 'POST';
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath, path, method, agent, headers: Object.fromEntries(fields) }, (reply) => {
        let text = '';
        reply.on('data', (chunk) => (text += chunk));
        reply.on('end', () => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: text }));
      });
      sent.once('error', reject);
      sent.end(body);
    });
  }

  before(async () => {
    at = await live(scope, { config: config('unix') });
    socketPath = join(at.dir, 's');
    const body = JSON.stringify({ username: 'alice', password: 'wonderland-7' });
    const host = new URL(PORTAL).host;
    const portal = [`Host: ${host}`, 'X-Forwarded-Proto: https', 'Content-Type: application/json'];
    const reply = await over('/api/firstfactor', portal, body);
    assert.equal(reply.status, 200, reply.body);
    cookie = /gate=[\w-]{43}/.exec(String(reply.headers['set-cookie']))?.[0] ?? '';
  });

  test('is told of in the ready line, and open to owner and group alone', () => {
    const ready = at.log().find((l) => l.message === 'ready');
    assert.match(String(ready?.listen), new RegExp(`^unix:${socketPath} 127\\.0\\.0\\.1:\\d+$`));
    assert.equal(statSync(socketPath).mode & 0o777, 0o660);
  });

  test('its peers may ask, and say who the client is', async () => {
    assert.equal((await over(CHECK, checkHeaders(PAGE))).status, 302);
    const allowed = await over(CHECK, checkHeaders(PAGE, cookie));
    assert.deepEqual([allowed.status, allowed.headers['remote-user']], [200, 'alice']);
    const near = checkHeaders('https://wiki.example.test/near');
    assert.equal((await over(CHECK, near)).status, 403);
    const from = (address: string) => near.map((line) => line.replace('198.51.100.7', address));
    assert.equal((await over(CHECK, from('192.0.2.9'))).status, 200);
    assert.equal((await over(CHECK, from('192.0.2.9, 198.51.100.7'))).status, 403, 'what the client wrote itself');
    assert.equal((await over('/api/health', ['Host: auth.example.test'])).status, 200);
  });

  test('a peer on TCP is not one of them, and the log has the line to add', async () => {
    const from = at.log().length;
    const refused = await check(at, PAGE, cookie);
    assert.equal(refused.status, 403);
    await eventually('the line', () =>
      at.log(from).some((l) => /trusted_proxies: \[127\.0\.0\.1\]/.test(String(l.detail))),
    );
    assert.equal(at.log(from).find((l) => l.error === 'PEER-UNTRUSTED')?.peer, '127.0.0.1');
  });

  test('without "unix" its peers are refused, also on a connection that was trusted before', async () => {
    configure(at, config('127.0.0.1'));
    await eventually('TCP is trusted', async () => (await check(at, PAGE, cookie)).status === 200);
    const from = at.log().length;
    const refused = await over(CHECK, checkHeaders(PAGE, cookie));
    assert.deepEqual([refused.status, refused.headers['remote-user']], [403, undefined]);
    assert.equal(refused.headers['x-lintel-error'], 'PEER-UNTRUSTED');
    await eventually('the line', () => at.log(from).some((l) => /trusted_proxies: \[unix\]/.test(String(l.detail))));
    configure(at, config('unix'));
    await eventually('unix is trusted', async () => (await over(CHECK, checkHeaders(PAGE, cookie))).status === 200);
  });

  test('a second server does not take it over; what a killed one left behind is replaced', async () => {
    const second = spawnSync(LINTEL, ['serve', '--config', at.config], { encoding: 'utf8', timeout: 60_000 });
    assert.equal(second.status, 2, second.stdout + second.stderr);
    assert.ok(second.stderr.includes(socketPath), second.stderr);
    assert.equal((await over(CHECK, checkHeaders(PAGE, cookie))).status, 200);
    process.kill(-(at.process.pid ?? 0), 'SIGKILL');
    await at.exited;
    assert.ok(existsSync(socketPath));
    at = await live(scope, { dir: at.dir, config: config('unix') });
    assert.equal((await over(CHECK, checkHeaders(PAGE))).status, 302);
    at.process.kill('SIGTERM');
    assert.equal((await at.exited).code, 0);
    assert.ok(!existsSync(socketPath));
  });
});
