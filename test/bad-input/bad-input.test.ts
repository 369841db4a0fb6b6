/**
 * Malformed and contradictory requests against every face: a 4xx with an id, within 3 seconds, no crash, and the next
 * request on a new connection is served.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Installation, PASSWORD, proxy } from '../attacks/fixture.ts';
import { ask, type Exchange, exchange, headerOf } from '../black-box/raw.ts';
import { BAD, type BadRequest, type Face } from './requests.ts';

const FORWARDED = [
  'X-Forwarded-Method: GET',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: app.example.test',
  'X-Forwarded-For: 198.51.100.7',
];
const FACES: readonly Face[] = [
  {
    name: 'check',
    host: 'auth.internal',
    target: '/api/authz/forward-auth',
    headers: [...FORWARDED, 'X-Forwarded-Uri: /public/x'],
  },
  { name: 'proxy', host: 'app.example.test', target: '/public/x', headers: [] },
  { name: 'portal', host: 'auth.example.test', target: '/sign-in', headers: [] },
];

const WITHIN_MS = 3_000;

let installation: Installation;
before(async () => {
  installation = await proxy();
});
after(() => installation?.stop());

for (const face of FACES) {
  describe(`${face.name} face`, () => {
    test('the request that the others are made from is served', async () => {
      const lines = [`GET ${face.target} HTTP/1.1`, `Host: ${face.host}`, ...face.headers];
      const { replies } = await exchange(installation.at, `${lines.join('\r\n')}\r\n\r\n`);
      assert.equal(replies[0]?.status, 200);
    });
    for (const bad of BAD) {
      if (bad.fine?.[face.name] !== undefined) continue;
      test(bad.name, () => refusesAndLives(bad, face));
    }
  });
}

async function refusesAndLives(bad: BadRequest, face: Face): Promise<void> {
  installation.backend?.take();
  await refusedInTime(bad.bytes(face), bad.id, 20);
  assert.deepEqual(
    installation.backend?.take().map((a) => a.raw),
    [],
    'the app saw it',
  );
  await assertAlive();
}

async function refusedInTime(bytes: string | readonly string[], id?: RegExp, settleMs = 0): Promise<void> {
  const asked = async () => {
    const done = await exchange(installation.at, bytes, { settleMs });
    assertRefused(done, id);
    return done.elapsedMs;
  };
  let elapsed = await asked();
  // A busy machine may be slow once, not each time.
  for (let i = 0; i < 3 && elapsed > WITHIN_MS; i++) elapsed = await asked();
  assert.ok(elapsed <= WITHIN_MS, `${elapsed} ms`);
}

function assertRefused(done: Exchange, id = /^[A-Z]+(-[A-Z]+)*$/): void {
  const reply = done.replies[0];
  assert.ok(reply, `no answer: ${done.end} after ${Math.round(done.elapsedMs)} ms ${done.rest}`);
  assert.ok(reply.status >= 400 && reply.status < 500, `${reply.status} ${reply.body.slice(0, 200)}`);
  assert.match(headerOf(reply, 'x-lintel-error') ?? '', id);
  for (const more of done.replies.slice(1)) assert.ok(more.status >= 400, `a second answer: ${more.status}`);
}

async function assertAlive(): Promise<void> {
  const next = await ask(installation.at, {
    target: '/api/health',
    headers: ['Host: auth.internal', 'Connection: close'],
  });
  assert.equal(next.status, 200, installation.at.output());
}

/** What a proxy tells wrongly about the original request: the check endpoint's own bad input. */
const TOLD: readonly (readonly [name: string, headers: Readonly<Record<string, string | readonly string[] | null>>])[] =
  [
    ['no method', { 'X-Forwarded-Method': null }],
    ['an empty method', { 'X-Forwarded-Method': '' }],
    ['a method with a digit', { 'X-Forwarded-Method': 'GET1' }],
    ['two methods', { 'X-Forwarded-Method': ['GET', 'POST'] }],
    ['a foreign scheme', { 'X-Forwarded-Proto': 'ftp' }],
    ['a scheme that is a script', { 'X-Forwarded-Proto': 'javascript' }],
    ['a list of schemes', { 'X-Forwarded-Proto': 'https, http' }],
    ['two schemes', { 'X-Forwarded-Proto': ['https', 'https'] }],
    ['no host', { 'X-Forwarded-Host': null }],
    ['an empty host', { 'X-Forwarded-Host': '' }],
    ['a host outside every app', { 'X-Forwarded-Host': 'nobody.test' }],
    ['a list of hosts', { 'X-Forwarded-Host': 'app.example.test, evil.test' }],
    ['a host with user information', { 'X-Forwarded-Host': 'app.example.test@evil.test' }],
    ['a host with a bad port', { 'X-Forwarded-Host': 'app.example.test:0443' }],
    ['no path', { 'X-Forwarded-Uri': null }],
    ['an empty path', { 'X-Forwarded-Uri': '' }],
    ['two paths', { 'X-Forwarded-Uri': ['/public/x', '/admin'] }],
    ['an absolute URL as path', { 'X-Forwarded-Uri': 'https://app.example.test/public/x' }],
    ['a path without its slash', { 'X-Forwarded-Uri': 'public/x' }],
    ['a bad escape', { 'X-Forwarded-Uri': '/public/%zz' }],
    ['a fragment', { 'X-Forwarded-Uri': '/public/x#y' }],
    ['a fragment in the query', { 'X-Forwarded-Uri': '/public/x?a=b#c' }],
    ['an encoded NUL', { 'X-Forwarded-Uri': '/public/x%00' }],
    ['an encoded line break', { 'X-Forwarded-Uri': '/public/x%0d%0a' }],
    ['a TAB', { 'X-Forwarded-Uri': '/public/x\ty' }],
    ['invalid UTF-8', { 'X-Forwarded-Uri': '/public/%ff' }],
    ['an overlong slash', { 'X-Forwarded-Uri': '/public/%c0%af' }],
    ['an encoded space at the end', { 'X-Forwarded-Uri': '/public/x%20' }],
    ['dots that climb above the root', { 'X-Forwarded-Uri': '/public/../../x' }],
    ['encoded dots that climb above the root', { 'X-Forwarded-Uri': '/%2e%2e/%2e%2e/x' }],
  ];

describe('what a proxy may tell wrongly', () => {
  for (const [name, wrong] of TOLD) {
    test(name, async () => {
      const told = {
        ...Object.fromEntries(FORWARDED.map((h) => h.split(': '))),
        'X-Forwarded-Uri': '/public/x',
        ...wrong,
      };
      const headers = Object.entries(told).flatMap(([n, v]) =>
        v === null ? [] : [v].flat().map((one) => `${n}: ${one}`),
      );
      const lines = ['GET /api/authz/forward-auth HTTP/1.1', 'Host: auth.internal', ...headers];
      await refusedInTime(`${lines.join('\r\n')}\r\n\r\n`);
      await assertAlive();
    });
  }
});

describe('slow and broken clients', () => {
  test('headers that never end are cut off, and others are served meanwhile', { timeout: 120_000 }, async () => {
    let cut = 0;
    const held = Array.from({ length: 20 }, () =>
      exchange(installation.at, 'GET /public/x HTTP/1.1\r\nHost: app.example.test\r\nX-Slow: ', {
        timeoutMs: 40_000,
      }).finally(() => cut++),
    );
    for (let i = 0; i < 10; i++) await assertAlive();
    assert.equal(cut, 0, 'others had to wait');
    for (const done of await Promise.all(held)) {
      assert.equal(done.end === 'timeout', false, 'still open after 40 s');
      assert.equal(headerOf(done.replies[0]!, 'x-lintel-error'), 'REQUEST-TIMEOUT');
    }
  });

  test('a request in single bytes is served as any other', async () => {
    const bytes = [...'GET /api/health HTTP/1.1\r\nHost: auth.internal\r\n\r\n'];
    const { replies } = await exchange(installation.at, bytes, { pauseMs: 1 });
    assert.equal(replies[0]?.status, 200);
  });

  test('500 connections that close at once, half way and after the request', async () => {
    const halves = [
      '',
      'GET /pub',
      'GET /public/x HTTP/1.1\r\nHost: app.ex',
      'POST /public/x HTTP/1.1\r\nHost: app.example.test\r\nContent-Length: 99\r\n\r\nab',
    ];
    for (let i = 0; i < 500; i += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, n) => exchange(installation.at, halves[n % 4]!, { timeoutMs: 15 })),
      );
    }
    await assertAlive();
  });

  test('a form that is too large, not a form, or of another type', async () => {
    const post = (type: string, body: string, target = '/sign-in') =>
      ask(installation.at, {
        method: 'POST',
        target,
        headers: [
          'Host: auth.example.test',
          'Origin: https://auth.example.test',
          `Content-Type: ${type}`,
          `Content-Length: ${body.length}`,
        ],
        body,
      });
    const large = await post('application/x-www-form-urlencoded', `username=${'a'.repeat(200_000)}`);
    assert.equal(large.status, 413);
    assert.equal(headerOf(large, 'x-lintel-error'), 'BODY-TOO-LARGE');
    for (const [type, body] of [
      ['text/plain', 'username=alice'],
      ['multipart/form-data; boundary=x', '--x--'],
      ['application/x-www-form-urlencoded', '%zz=%zz&&&='],
    ] as const) {
      const reply = await post(type, body);
      assert.ok(reply.status >= 400 && reply.status < 500, `${type}: ${reply.status}`);
      assert.match(headerOf(reply, 'x-lintel-error') ?? '', /^[A-Z-]+$/);
    }
    for (const body of [
      '',
      '{',
      'null',
      '[]',
      '"x"',
      '{"username": 1, "password": {}}',
      `${'['.repeat(20_000)}`,
      '{"username":"alice","password":""}',
    ]) {
      const reply = await post('application/json', body, '/api/firstfactor');
      assert.equal(reply.status, 401, body.slice(0, 40));
    }
    await assertAlive();
  });

  test('signing in still works after all of it', async () => {
    assert.match((await installation.cookie('alice')) ?? '', /=/);
    assert.ok(PASSWORD);
  });
});
