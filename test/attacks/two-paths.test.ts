/**
 * COPY and MOVE (RFC 4918 §9.8, §9.9) name two resources: one in the request line, one in `Destination`. Whoever may write
 * to one corner of an app, and is judged by the first alone, writes wherever they like: over another person's calendar,
 * into what only admins may touch. Class 1 (policy judged a different string than the back end served).
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Backend } from '../black-box/backend.ts';
import { ask, headerOf } from '../black-box/raw.ts';
import { gate, type Installation, proxy } from './fixture.ts';

const HERE: readonly (readonly [destination: string, from: 'allowed' | 'refused'])[] = [
  ['http://app.example.test/mine/b', 'allowed'],
  ['/mine/b%20c', 'allowed'],
  ['http://elsewhere.test/mine/b', 'allowed'],
  ['http://app.example.test//mine/b', 'allowed'],
  ['http://app.example.test//admin/b', 'refused'],
  ['http://app.example.test/admin/b', 'refused'],
  ['HTTP://APP.EXAMPLE.TEST/admin/b', 'refused'],
  ['http://app.example.test:80/admin', 'refused'],
  ['http://elsewhere.test/admin/b', 'refused'],
  ['/admin/b', 'refused'],
  ['/mine/../admin/b', 'refused'],
  ['/mine%2f..%2fadmin', 'refused'],
  ['//app.example.test/admin/b', 'refused'],
  ['http:/admin/b', 'refused'],
  ['admin/b', 'refused'],
  ['../admin/b', 'refused'],
  ['/mine/b, /admin/b', 'refused'],
  ['http://app.example.test/mine/b,http://app.example.test/admin/b', 'refused'],
  ['/mine/b,c', 'allowed'],
  ['', 'refused'],
];

async function checkedAt(at: Installation, host: string, method: string) {
  const headers = [
    ...[`Host: ${host}`, 'X-Forwarded-Proto: https', 'X-Forwarded-For: 198.51.100.7'],
    `Cookie: ${await at.cookie('alice')}`,
  ];
  return ask(at.at, { method, target: '/api/authz/ext-authz//mine/a', headers });
}

describe('the second path of a request is judged as the first one is', () => {
  let checks: Installation;
  let proxied: Installation;
  let app: Backend;
  before(async () => {
    [checks, proxied] = await Promise.all([gate(), proxy()]);
    app = proxied.backend ?? assert.fail();
  });
  after(() => Promise.all([checks.stop(), proxied.stop()]));

  for (const [destination, verdict] of HERE) {
    test(`${JSON.stringify(destination)} is ${verdict}`, async () => {
      const isAllowed = verdict === 'allowed';
      for (const method of ['MOVE', 'COPY']) {
        const named = [`Destination: ${destination}`];
        const own = [...named, 'Host: app.example.test', `Cookie: ${await proxied.cookie('alice')}`];
        app.take();
        const reply = await ask(proxied.at, { method, target: '/mine/a', headers: own }, { from: '127.0.0.2' });
        assert.equal(reply.status === 200, isAllowed, `${method}: ${reply.status}`);
        assert.equal(app.take().length, isAllowed ? 1 : 0, 'what the app sees');
        const told = [
          ...['Host: auth.internal', `X-Forwarded-Method: ${method}`, 'X-Forwarded-Proto: https'],
          ...['X-Forwarded-Host: app.example.test', 'X-Forwarded-Uri: /mine/a', 'X-Forwarded-For: 198.51.100.7'],
          ...[`X-Original-URL: https://app.example.test/mine/a`, `X-Original-Method: ${method}`],
          `Cookie: ${await checks.cookie('alice')}`,
        ];
        for (const endpoint of [
          '/api/authz/forward-auth',
          '/api/authz/auth-request',
          '/outpost.goauthentik.io/auth/nginx',
        ]) {
          const answer = await ask(checks.at, { target: endpoint, headers: [...told, ...named] });
          assert.equal(answer.status === 200, isAllowed, `${endpoint}, ${method}: ${answer.status}`);
        }
      }
    });
  }

  test('a proxy that asks without it leaves the second path unknown: no rule about paths lets that through', async () => {
    const check = async (host: string, method: string) => {
      const reply = await checkedAt(checks, host, method);
      return [reply.status, headerOf(reply, 'x-lintel-error')];
    };
    for (const method of ['MOVE', 'COPY']) {
      assert.deepEqual(await check('app.example.test', method), [403, 'FACT-UNKNOWN']);
      assert.deepEqual(await check('public.example.test', method), [200, undefined], 'no path matters there');
    }
    const [listed] = await check('app.example.test', 'PROPFIND');
    assert.equal(listed, 200, 'nothing but these two has a second path');
    assert.match(checks.at.output(), /"missing":"Destination"/);
  });

  test('two of them are none, and where nothing has two paths the header means nothing', async () => {
    const cookie = `Cookie: ${await proxied.cookie('alice')}`;
    const send = (method: string, ...destinations: string[]) => {
      const headers = ['Host: app.example.test', cookie, ...destinations.map((d) => `Destination: ${d}`)];
      return ask(proxied.at, { method, target: '/mine/a', headers }, { from: '127.0.0.2' });
    };
    assert.equal((await send('MOVE', '/mine/b', '/admin/b')).status, 400);
    assert.equal((await send('GET', '/admin/b')).status, 200);
    assert.equal((await send('MOVE')).status, 200, 'the app says what is missing');
  });
});
