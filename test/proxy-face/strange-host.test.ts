/** What somebody sees who asks for a host that has no app: what arrived, in the form they asked for, and on this machine which hosts there are. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Running, serve } from '../black-box/lintel.ts';
import { ask, headerOf } from '../black-box/raw.ts';

let at: Running;

before(async () => {
  at = await serve({
    config: {
      metrics: 'off',
      portal: 'http://auth.example.test',
      storage: 'memory',
      users: 'file:DIR/users.yml',
      trusted_proxies: ['127.0.0.1'],
      apps: {
        a: { url: 'http://app.example.test', upstream: 'http://127.0.0.1:9', access: [{ allow: 'everyone' }] },
        b: { url: 'http://behind.example.test', access: [{ allow: 'everyone' }] },
      },
    },
    users: {},
    healthHost: 'auth.example.test',
  });
});
after(() => at.stop());

async function got(accept: string, ...more: string[]) {
  return gotBy('127.0.0.1', accept, ...more);
}

async function gotBy(from: string, accept: string, ...more: string[]) {
  const headers = ['Host: ap-p.example.test', `Accept: ${accept}`, 'Connection: close', ...more];
  const reply = await ask(at, { target: '/', headers }, { from });
  assert.deepEqual([reply.status, headerOf(reply, 'x-lintel-error')], [403, 'HOST-NOT-PROXIED']);
  return { type: (headerOf(reply, 'content-type') ?? '').split(';')[0], body: reply.body };
}

test('a page says what arrived; the hosts there are stay on this machine', async () => {
  const here = await got('text/html,*/*;q=0.8', 'X-Forwarded-For: 127.0.0.1');
  assert.equal(here.type, 'text/html');
  assert.match(here.body, /Received: <code>ap-p\.example\.test<\/code>/);
  assert.match(here.body, /Known: <code>.*app\.example\.test/);
  const elsewhere = await got('text/html', 'X-Forwarded-For: 198.51.100.7');
  assert.match(elsewhere.body, /Received: <code>ap-p\.example\.test<\/code>/);
  assert.doesNotMatch(elsewhere.body, /Known|app\.example\.test/);
});

test('a proxy on this machine that nobody listed does not make strangers people of this machine', async () => {
  assert.match((await gotBy('127.0.0.2', 'text/html')).body, /Known/);
  for (const line of ['198.51.100.7', '127.0.0.1, 198.51.100.7', 'unknown', '']) {
    assert.doesNotMatch((await gotBy('127.0.0.2', 'text/html', `X-Forwarded-For: ${line}`)).body, /Known/, line);
  }
});

test('a page is for those who ask for one: curl gets a line to read', async () => {
  const said = /^HOST-NOT-PROXIED: No app is served here under this host\.\n/;
  for (const accept of ['*/*', 'text/plain, */*']) {
    const { type, body } = await got(accept);
    assert.equal(type, 'text/plain', accept);
    assert.match(body, said);
  }
  assert.equal((await got('application/json')).type, 'application/json');
  assert.equal((await got('*/*, text/html')).type, 'text/html');
  assert.equal((await got('text/html', 'X-Requested-With: XMLHttpRequest')).type, 'text/plain');
});

test('an app that another proxy serves is not unknown: whoever runs the site reads what is missing', async () => {
  const headers = ['Host: behind.example.test', 'Accept: text/html', 'Connection: close'];
  const reply = await ask(at, { target: '/', headers });
  assert.deepEqual([reply.status, headerOf(reply, 'x-lintel-error')], [404, 'APP-ELSEWHERE']);
  assert.match(
    reply.body,
    /If you run this site: let your reverse proxy pass this host on to the app, or give the app an upstream\./,
  );
});
