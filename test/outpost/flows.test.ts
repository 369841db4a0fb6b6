import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { eventually, type Running, usersFile } from '../black-box/lintel.ts';
import { ask, headerOf, valuesOf } from '../black-box/raw.ts';
import { asksToSignIn, Browser, type Front, PASSWORD, PORTAL, street, told } from './street.ts';

const WIKI = 'https://wiki.example.net';
const CHAT = 'https://chat.example.org';
const APPS = {
  wiki: { url: WIKI, headers: 'authentik', unauthenticated: '^/public/', bindings: [{ group: 'staff' }] },
  chat: {
    url: CHAT,
    headers: 'authentik',
    entitlements: { editor: ['group:editors'] },
    access: [{ allow: 'signed_in' }],
  },
  everything: {
    url: 'https://login.corp.example',
    domain: 'corp.example',
    headers: 'authentik',
    unauthenticated: '^https://health\\.corp\\.example/ping$\n\n  ^https://open\\.corp\\.example/  ',
    access: [{ allow: 'signed_in' }],
  },
};

describe("people walk through authentik's endpoints", () => {
  let at: Running;
  before(async () => {
    at = await street({ apps: APPS });
  });
  after(() => at.stop());

  for (const front of ['traefik', 'nginx'] as const satisfies readonly Front[]) {
    test(`${front}: from the first request to the exact address, with the twelve headers`, async () => {
      const b = new Browser(at, front);
      const there = `${WIKI}/a%20b/c?x=1&y=%2F`;
      const { reply, url, trail } = await b.open(there, 'alice');
      assert.equal(url, there, trail.join('\n'));
      assert.equal(reply.status, 200, trail.join('\n'));
      const said = told(reply);
      assert.equal(said['x-authentik-username'], 'alice');
      assert.equal(said['x-authentik-groups'], 'staff|editors');
      assert.equal(said['x-authentik-name'], Buffer.from('Alice Ångström').toString('latin1'));
      assert.equal(said['x-authentik-email'], 'alice@example.com');
      assert.match(said['x-authentik-uid'] ?? '', /^[0-9a-f]{64}$/);
      assert.match(said['x-authentik-jwt'] ?? '', /^[\w-]+\.[\w-]+\.[\w-]+$/);
      assert.equal(said['x-authentik-meta-jwks'], `${PORTAL}/.lintel/jwks.json`);
      assert.equal(said['x-authentik-meta-outpost'], 'the outpost');
      assert.equal(said['x-authentik-meta-provider'], 'wiki');
      assert.equal(said['x-authentik-meta-app'], 'wiki');
      assert.match(said['x-authentik-meta-version'] ?? '', /^lintel\/\d/);
      assert.equal(Object.keys(said).filter((n) => n.startsWith('x-authentik-')).length, 12);
    });

    test(`${front}: two tabs that sign in at once both end where they began`, async () => {
      const b = new Browser(at, front);
      const first = await b.open(`${WIKI}/one`);
      const second = await b.open(`${WIKI}/two`);
      assert.ok(asksToSignIn(first.reply) && asksToSignIn(second.reply));
      const done = await b.open(first.url, 'alice');
      assert.deepEqual([done.reply.status, done.url], [200, `${WIKI}/one`]);
      const other = await b.open(second.url);
      assert.deepEqual([other.reply.status, other.url], [200, `${WIKI}/two`], other.trail.join('\n'));
    });

    test(`${front}: a cookie that died elsewhere does not stand in the way of the next sign-in`, async () => {
      const b = new Browser(at, front);
      await b.open(`${WIKI}/`, 'alice');
      for (const [key, cookie] of b.jar)
        if (key.includes('lintel-app')) b.jar.set(key, { ...cookie, value: 'A'.repeat(43) });
      const again = await b.open(`${WIKI}/again`, 'alice');
      assert.deepEqual([again.reply.status, again.url], [200, `${WIKI}/again`], again.trail.join('\n'));
    });
  }

  test('an app that is a whole domain: the host is what somebody wants, and the launcher has no door to all of them', async () => {
    const b = new Browser(at, 'traefik');
    const form = await b.open('https://board.corp.example/x');
    assert.match(form.reply.body, /to open <strong>board\.corp\.example<\/strong><\/span>/);
    await b.open(form.url, 'alice');
    const { body } = (await b.open(`${PORTAL}/`)).reply;
    assert.match(body, /<strong>wiki<\/strong>/);
    assert.doesNotMatch(body, /everything|login\.corp\.example/);
  });

  test('sign_out ends every session of the person on every app, in every browser, and the portal ones', async () => {
    const laptop = new Browser(at, 'traefik');
    const phone = new Browser(at, 'nginx');
    const other = new Browser(at, 'traefik');
    for (const b of [laptop, phone]) for (const app of [WIKI, CHAT]) await b.open(`${app}/`, 'alice');
    await other.open(`${CHAT}/`, 'bob');
    const left = await laptop.open(`${WIKI}/outpost.goauthentik.io/sign_out`);
    assert.equal(left.url, `${PORTAL}/signed-out`);
    assert.match(left.reply.body, /signed out/i);
    for (const b of [laptop, phone]) {
      for (const app of [WIKI, CHAT]) {
        const next = await b.open(`${app}/`);
        assert.ok(asksToSignIn(next.reply), next.trail.join('\n'));
      }
    }
    assert.equal((await other.open(`${CHAT}/`)).reply.status, 200, 'somebody else stays signed in');
  });

  test('sign_out without a session goes to the signed-out page, without a loop', async () => {
    const b = new Browser(at, 'traefik');
    const { url, trail } = await b.open(`${WIKI}/outpost.goauthentik.io/sign_out`);
    assert.equal(url, `${PORTAL}/signed-out`, trail.join('\n'));
    assert.ok(trail.length <= 3);
  });

  test('nobody is told that they signed out while they are signed in elsewhere', async () => {
    const b = new Browser(at, 'traefik');
    await b.open(`${CHAT}/`, 'alice');
    const left = await b.open(`${WIKI}/outpost.goauthentik.io/sign_out`);
    assert.equal(left.url, `${PORTAL}/signed-out`);
    assert.match(left.reply.body, /signed in as <strong>alice<\/strong>/);
    assert.match(left.reply.body, /<form method="post" action="\/sign-out">/);
    await b.get(`${PORTAL}/sign-out`, [], 'POST', 'x=1');
    assert.match((await b.get(`${PORTAL}/signed-out`)).body, /signed out/i);
    assert.ok(asksToSignIn((await b.open(`${CHAT}/`)).reply));
  });

  test('what another site or a part of a page asks for, and a signature in a query, only asks', async () => {
    const b = new Browser(at, 'traefik');
    await b.open(`${WIKI}/`, 'alice');
    const page = `${WIKI}/outpost.goauthentik.io/sign_out`;
    const doubtful = [
      await b.get(page, ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document']),
      await b.get(page, ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: no-cors', 'Sec-Fetch-Dest: image']),
      await b.get(`${WIKI}/some/page?x=1&X-authentik-logout=true`),
    ];
    for (const reply of doubtful) {
      assert.equal(reply.status, 403, 'to Traefik a 2xx would mean to let the request through');
      assert.match(reply.body, /<form method="post" action="\/outpost\.goauthentik\.io\/sign_out">/);
    }
    assert.equal((await b.get(`${WIKI}/`)).status, 200, 'nobody was signed out');
    const foreign = await b.get(page, ['Sec-Fetch-Site: cross-site'], 'POST');
    assert.equal(foreign.status, 403, 'a form of another site');
    const left = await b.get(page, [], 'POST');
    assert.equal(headerOf(left, 'location'), `${PORTAL}/signed-out`);
    assert.ok(asksToSignIn((await b.open(`${WIKI}/`)).reply));
  });

  test('taking somebody out of a group shuts the next request', async () => {
    const b = new Browser(at, 'traefik');
    await b.open(`${WIKI}/`, 'alice');
    assert.equal((await b.get(`${WIKI}/`)).status, 200);
    const write = async (groups: string[]) => {
      const alice = { password: PASSWORD, displayname: 'Alice Ångström', email: 'alice@example.com', groups };
      const bob = { password: PASSWORD, displayname: 'Bob', email: 'bob@example.com', groups: ['guests'] };
      await writeFile(`${at.users}.new`, usersFile({ alice, bob }));
      await rename(`${at.users}.new`, at.users);
    };
    await write(['editors']);
    await eventually('alice is denied', async () => (await b.get(`${WIKI}/`)).status === 403);
    await write(['staff', 'editors']);
    await eventually('alice is let in again', async () => (await b.get(`${WIKI}/`)).status === 200);
  });

  test('unauthenticated paths are open with empty headers, and tell who is signed in', async () => {
    const nobody = await new Browser(at, 'traefik').get(`${WIKI}/public/x`);
    assert.equal(nobody.status, 200);
    assert.ok(Object.values(told(nobody)).every((v) => v === ''));
    assert.equal(Object.keys(told(nobody)).length, 13);
    const b = new Browser(at, 'nginx');
    await b.open(`${WIKI}/`, 'alice');
    const known = await b.get(`${WIKI}/public/x`);
    assert.equal(told(known)['x-authentik-username'], 'alice');
    for (const path of ['/public/../admin', '/public/..%2fadmin', '/public/%2e%2e/admin']) {
      const reply = await ask(at, {
        target: '/outpost.goauthentik.io/auth/traefik',
        headers: [
          'Host: o',
          'X-Forwarded-Proto: https',
          'X-Forwarded-Host: wiki.example.net',
          `X-Forwarded-Uri: ${path}`,
        ],
      });
      assert.notEqual(reply.status, 200, path);
    }
  });

  test('a page that opens an app again and again fills no browser with cookies', async () => {
    const b = new Browser(at, 'traefik');
    for (let i = 0; i < 12; i++) assert.ok(asksToSignIn((await b.open(`${WIKI}/${i}`)).reply));
    const starts = [...b.jar.keys()].filter((key) => key.includes('lintel-start'));
    assert.ok(starts.length <= 5, starts.join(' '));
    const last = await b.open(`${WIKI}/last`, 'alice');
    assert.deepEqual([last.reply.status, last.url], [200, `${WIKI}/last`], last.trail.join('\n'));
  });

  test('entitlements are those of the app', async () => {
    const b = new Browser(at, 'traefik');
    assert.equal(told((await b.open(`${CHAT}/`, 'alice')).reply)['x-authentik-entitlements'], 'editor');
    assert.equal(told((await b.open(`${WIKI}/`)).reply)['x-authentik-entitlements'], '');
  });

  test('rd that is not of the app is ignored: the sign-in goes on and ends at its front page', async () => {
    for (const rd of [
      'https://evil.example/',
      '//evil.example/',
      'https://wiki.example.net.evil.example/',
      'javascript:alert(1)',
      '/\\evil.example',
      'https://wiki.example.net:8443/',
      'https://chat.example.org/',
    ]) {
      const b = new Browser(at, 'nginx');
      const { reply, url } = await b.open(`${WIKI}/outpost.goauthentik.io/start?rd=${encodeURIComponent(rd)}`, 'alice');
      assert.deepEqual([reply.status, url], [200, `${WIKI}/`], rd);
    }
  });
});

describe('one app for a whole domain', () => {
  let at: Running;
  before(async () => {
    at = await street({ apps: APPS });
  });
  after(() => at.stop());

  for (const front of ['traefik', 'nginx'] as const satisfies readonly Front[]) {
    test(`${front}: one sign-in opens every host below, and nothing beside`, async () => {
      const b = new Browser(at, front);
      const first = await b.open('https://a.corp.example/x?y=1', 'bob');
      assert.deepEqual([first.reply.status, first.url], [200, 'https://a.corp.example/x?y=1'], first.trail.join('\n'));
      const second = await b.get('https://deep.b.corp.example:8443/');
      assert.equal(second.status, 200);
      assert.equal(told(second)['x-authentik-username'], 'bob');
      assert.equal(told(second)['x-authentik-meta-app'], 'everything');
      assert.ok([...b.jar.values()].some((c) => c.domain === 'corp.example'));
      const beside = await b.get('https://evilcorp.example/');
      assert.ok(beside.status === 400 || beside.status === 403, String(beside.status));
    });
  }

  test('the cookie is Secure, HttpOnly, Lax, and for the domain', async () => {
    const b = new Browser(at, 'traefik');
    const start = await b.open('https://a.corp.example/');
    assert.ok(asksToSignIn(start.reply));
    const { trail } = await b.open(start.url, 'bob');
    assert.ok(
      trail.some((t) => t.includes('https://login.corp.example/outpost.goauthentik.io/callback')),
      trail.join('\n'),
    );
  });

  test('unauthenticated URLs are matched whole: host, path and all', async () => {
    const b = new Browser(at, 'traefik');
    assert.equal((await b.get('https://health.corp.example/ping')).status, 200);
    assert.equal((await b.get('https://health.corp.example/')).status, 302);
    assert.equal((await b.get('https://open.corp.example/any?x=1')).status, 200);
    assert.equal((await b.get('https://a.corp.example/https://open.corp.example/')).status, 302);
  });

  test('sign_out on any host of the domain signs out everywhere', async () => {
    const b = new Browser(at, 'traefik');
    await b.open('https://a.corp.example/', 'bob');
    await b.open(`${CHAT}/`);
    const left = await b.open('https://c.corp.example/outpost.goauthentik.io/sign_out');
    assert.equal(left.url, `${PORTAL}/signed-out`);
    assert.ok(asksToSignIn((await b.open('https://a.corp.example/')).reply));
    assert.ok(asksToSignIn((await b.open(`${CHAT}/`)).reply));
  });
});

describe('programs, preflights and wrong turns', () => {
  let at: Running;
  before(async () => {
    at = await street({
      apps: { ...APPS, api: { url: 'https://api.example.com', preflight: 'pass', access: [{ allow: 'signed_in' }] } },
    });
  });
  after(() => at.stop());
  const check = (headers: readonly string[], host = 'wiki.example.net', uri = '/x') =>
    ask(at, {
      target: '/outpost.goauthentik.io/auth/traefik',
      headers: [
        'Host: o',
        'X-Forwarded-Proto: https',
        `X-Forwarded-Host: ${host}`,
        `X-Forwarded-Uri: ${uri}`,
        ...headers,
      ],
    });

  test('a positive sign of a program gets 401 with the address to open, and no cookie', async () => {
    for (const sign of [
      'X-Requested-With: XMLHttpRequest',
      'Sec-Fetch-Mode: cors',
      'Upgrade: websocket',
      'Accept: application/json',
    ]) {
      const reply = await check([sign]);
      assert.equal(reply.status, 401, sign);
      const { error, location } = JSON.parse(reply.body);
      assert.equal(error, 'SIGN-IN-NEEDED');
      assert.match(location, /^https:\/\/wiki\.example\.net\/outpost\.goauthentik\.io\/start\?rd=/);
      assert.deepEqual(valuesOf(reply, 'set-cookie'), []);
    }
    for (const sign of [[], ['Accept: */*'], ['Accept: text/html']]) assert.equal((await check(sign)).status, 302);
  });

  test('a preflight passes where the app says so, and an OPTIONS that is none does not', async () => {
    const preflight = [
      'X-Forwarded-Method: OPTIONS',
      'Origin: https://other.example',
      'Access-Control-Request-Method: PUT',
    ];
    assert.equal((await check(preflight, 'api.example.com')).status, 200);
    assert.equal((await check(preflight.slice(0, 2), 'api.example.com')).status, 302);
    assert.equal((await check(['X-Forwarded-Method: PUT', ...preflight.slice(1)], 'api.example.com')).status, 302);
    assert.equal((await check(preflight)).status, 302, 'another app');
  });

  test('an app without headers: gets the family of whoever asks', async () => {
    const b = new Browser(at, 'traefik');
    const { reply } = await b.open('https://api.example.com/', 'alice');
    assert.equal(told(reply)['x-authentik-username'], 'alice');
    assert.equal(told(reply)['remote-user'], undefined);
    const cookie = b.cookies('api.example.com');
    const other = await ask(at, {
      target: '/api/authz/forward-auth',
      headers: [
        'Host: o',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Host: api.example.com',
        'X-Forwarded-Uri: /',
        'X-Forwarded-Method: GET',
        `Cookie: ${cookie}`,
      ],
    });
    assert.equal(told(other)['remote-user'], 'alice');
    assert.equal(told(other)['x-authentik-username'], undefined);
  });

  for (const front of ['nginx', 'traefik'] as const) {
    test(`${front}: an app without headers: signs in below the prefix that the snippet has a route for`, async () => {
      const b = new Browser(at, front);
      const { reply, url, trail } = await b.open('https://api.example.com/x?y#z', 'alice');
      assert.deepEqual([reply.status, url], [200, 'https://api.example.com/x?y'], trail.join('\n'));
      assert.ok(!trail.some((step) => step.includes('/.lintel/')), trail.join('\n'));
      const again = new Browser(at, front);
      await again.open(PORTAL, 'alice');
      assert.equal((await again.open('https://api.example.com/x')).reply.status, 200);
    });
  }

  test("an app with authentik's headers signs in below the native prefix where Lintel's own snippet asks", async () => {
    const asked = await ask(at, {
      target: '/api/authz/auth-request',
      headers: ['Host: o', `X-Original-URL: ${WIKI}/x?y`, 'X-Original-Method: GET', 'Accept: text/html'],
    });
    assert.equal(headerOf(asked, 'location'), `${WIKI}/.lintel/start?rd=%2Fx%3Fy`);
    const b = new Browser(at, 'lintel');
    const { url, trail } = await b.open(headerOf(asked, 'location') ?? '', 'alice');
    assert.equal(url, `${WIKI}/x?y`, trail.join('\n'));
    assert.ok(!trail.some((step) => step.includes('goauthentik')), trail.join('\n'));
  });

  test('ping answers on any host and method; unknown hosts get JSON, never the only app there is', async () => {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT']) {
      const reply = await ask(at, {
        method,
        target: '/outpost.goauthentik.io/ping',
        headers: ['Host: whatever.example', 'Content-Length: 0'],
      });
      assert.equal(reply.status, 204, method);
      assert.equal(headerOf(reply, 'content-length'), undefined);
    }
    const unknown = await check([], 'nowhere.example');
    assert.equal(unknown.status, 400);
    const body = JSON.parse(unknown.body);
    assert.deepEqual([body.message, body.host], ['no app for hostname', 'nowhere.example']);
    assert.equal(body.known, undefined, 'a stranger is not told which hosts there are');
    const operator = JSON.parse((await check(['X-Forwarded-For: 127.0.0.1'], 'nowhere.example')).body);
    assert.ok(operator.known.includes('wiki.example.net'));
    for (const page of ['start?rd=/x', 'callback?code=a&state=b', 'sign_out']) {
      const headers = ['Host: nowhere.example:8443', 'X-Forwarded-Proto: https'];
      const reply = await ask(at, { target: `/outpost.goauthentik.io/${page}`, headers });
      assert.equal(reply.status, 400, page);
      assert.deepEqual(JSON.parse(reply.body).host, 'nowhere.example:8443', page);
    }
  });

  test('behind nginx a method or address that the client claims counts for nothing', async () => {
    const reply = await ask(at, {
      target: '/outpost.goauthentik.io/auth/nginx',
      headers: ['Host: o', 'X-Original-URL: https://wiki.example.net/', 'X-Forwarded-Host: chat.example.org'],
    });
    assert.equal(reply.status, 403, 'two hosts');
    assert.equal(headerOf(reply, 'x-lintel-error'), 'TARGET-CONFLICT');
  });
});

test('a User-Agent that accounts set for an app is told in place of the one of the client, and only once', async () => {
  const person = { password: PASSWORD, displayname: 'A' };
  const users = { ann: { ...person, attributes: { additionalHeaders: { 'User-Agent': 'set' } } }, ben: person };
  const at = await street({
    apps: { wiki: { url: 'https://wiki.example.net', headers: 'authentik', access: [{ allow: 'signed_in' }] } },
    users,
  });
  try {
    for (const [who, value] of [
      ['ann', 'set'],
      ['ben', ''],
    ] as const) {
      const b = new Browser(at, 'traefik');
      await b.open('https://wiki.example.net/', who);
      const reply = await b.get('https://wiki.example.net/', ['User-Agent: mine']);
      assert.deepEqual([reply.status, valuesOf(reply, 'user-agent')], [200, [value]], who);
    }
  } finally {
    await at.stop();
  }
});
