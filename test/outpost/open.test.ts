/** A check answer of 2xx lets a request through, so no page of Lintel's own may be one, and no mark in a query may open a door. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Running } from '../black-box/lintel.ts';
import { ask, headerOf, type Reply } from '../black-box/raw.ts';
import { Browser, PASSWORD, street } from './street.ts';

const WIKI = 'https://wiki.example.net';
const APPS = { wiki: { url: WIKI, headers: 'authentik', access: [{ allow: 'signed_in' }] } };
const MARKS = ['X-authentik-auth-callback=true', 'X-authentik-logout=true'];

describe("what is not the app's own is never an allow", () => {
  let at: Running;
  before(async () => {
    at = await street({ apps: APPS });
  });
  after(() => at.stop());

  const nginx = (url: string, headers: readonly string[] = []): Promise<Reply> =>
    ask(at, {
      target: '/outpost.goauthentik.io/auth/nginx',
      headers: ['Host: o', `X-Original-URL: ${url}`, ...headers],
    });
  const forwarded = (way: string, uri: string, headers: readonly string[] = []): Promise<Reply> => {
    const parts = ['X-Forwarded-Proto: https', 'X-Forwarded-Host: wiki.example.net', `X-Forwarded-Uri: ${uri}`];
    return way === 'envoy'
      ? ask(at, {
          target: `/outpost.goauthentik.io/auth/envoy${uri}`,
          headers: ['Host: wiki.example.net', ...headers],
        })
      : ask(at, { target: `/outpost.goauthentik.io/auth/${way}`, headers: ['Host: o', ...parts, ...headers] });
  };

  test('nginx: a mark in the query of a page of the app opens nothing', async () => {
    for (const mark of MARKS) {
      for (const path of ['/admin', '/', '/outpost.goauthentik.io/../admin', '/outpost.goauthentik.io/other']) {
        const reply = await nginx(`${WIKI}${path}?${mark}`);
        assert.equal(reply.status, 401, `${path}?${mark}`);
      }
    }
  });

  test('nginx: only the exact paths of the four pages pass', async () => {
    for (const page of ['start', 'callback', 'sign_out', 'ping']) {
      assert.equal((await nginx(`${WIKI}/outpost.goauthentik.io/${page}`)).status, 200, page);
      assert.equal((await nginx(`${WIKI}/outpost.goauthentik.io/${page}?x=1`)).status, 200, page);
      for (const other of [`${page}/`, `${page}/x`, `x/../${page}`, `./${page}`, `/${page}`, `${page};x`, `%2f${page}`])
        assert.notEqual((await nginx(`${WIKI}/outpost.goauthentik.io/${other}`)).status, 200, other);
    }
    for (const other of ['', 'auth/nginx', 'sign_out/ask', 'static/x', 'Start', '%73tart'])
      assert.notEqual((await nginx(`${WIKI}/outpost.goauthentik.io/${other}`)).status, 200, other);
    assert.notEqual((await nginx(`${WIKI}/.lintel/jwks.json`)).status, 200);
  });

  /** authentik's snippet hands the whole prefix on, the check itself among it: its answer holds what is for the app alone. */
  test('nginx: somebody signed in cannot ask the check what the app would be told, the password of the app among it', async () => {
    const secret = await street({
      apps: { wiki: { ...APPS.wiki, basic_auth: { password_attribute: 'key' } } },
      users: {
        alice: { password: PASSWORD, displayname: 'Alice', email: 'alice@example.com', attributes: { key: 's3cret' } },
      },
    });
    after(() => secret.stop());
    const b = new Browser(secret, 'nginx');
    await b.open(`${WIKI}/`, 'alice');
    const cookie = `Cookie: ${b.cookies('wiki.example.net')}`;
    const check = (path: string) => {
      const headers = ['Host: o', `X-Original-URL: ${WIKI}${path}`, cookie];
      return ask(secret, { target: '/outpost.goauthentik.io/auth/nginx', headers });
    };
    assert.match(headerOf(await check('/'), 'authorization') ?? '', /^Basic /, 'nginx itself asks');
    for (const path of [
      'auth/nginx',
      'auth/nginx?x',
      'auth/traefik',
      '',
      'x/../auth/nginx',
      '%61uth/nginx',
      'auth;/nginx',
    ]) {
      const reply = await check(`/outpost.goauthentik.io/${path}`);
      assert.equal(reply.status, 403, path);
      assert.doesNotMatch(JSON.stringify(reply.headers), /authorization|x-authentik/i, path);
    }
    // Nor by the check of another proxy, which nginx and HAProxy hand to Lintel with all that is below the prefix.
    const claims = ['X-Forwarded-Proto: https', 'X-Forwarded-Host: wiki.example.net', 'X-Forwarded-Uri: /'];
    for (const target of ['envoy', 'envoy/', 'envoy/x?y', 'traefik', 'caddy']) {
      const path = `/outpost.goauthentik.io/auth/${target}`;
      for (const written of [path, path.replace('/auth', '/x/../auth'), path.replace('auth', '%61uth'), `/${path}`]) {
        const headers = ['Host: wiki.example.net', `X-Original-URL: ${WIKI}${written}`, cookie, ...claims];
        const reply = await ask(secret, { target: path, headers });
        assert.ok(reply.status >= 400, `${written}: ${reply.status}`);
        assert.doesNotMatch(JSON.stringify(reply.headers), /authorization|x-authentik/i, written);
      }
      const own = await ask(secret, { target: path, headers: ['Host: wiki.example.net', cookie, ...claims] });
      assert.match(headerOf(own, 'authorization') ?? '', /^Basic /, 'that proxy itself asks');
    }
  });

  test('caddy: a host that the client named is not judged in the place of the one that was asked for', async () => {
    const open = await street({
      apps: { ...APPS, blog: { url: 'https://blog.example.net', access: [{ allow: 'everyone' }] } },
    });
    try {
      const check = (host: string, forwardedHost: string) =>
        ask(open, {
          target: '/outpost.goauthentik.io/auth/caddy',
          headers: [
            `Host: ${host}`,
            'X-Forwarded-Proto: https',
            `X-Forwarded-Host: ${forwardedHost}`,
            'X-Forwarded-Uri: /',
            'X-Forwarded-Method: GET',
          ],
        });
      for (const host of ['wiki.example.net', 'WIKI.example.net', 'wiki.example.net.', 'wiki.example.net:443']) {
        const lied = await check(host, 'blog.example.net');
        assert.equal(lied.status, 400, host);
        assert.equal(headerOf(lied, 'x-lintel-error'), 'TARGET-CONFLICT');
      }
      // The address of Lintel itself, where a snippet sets it, or the host that was asked for.
      for (const host of ['outpost:9000', 'auth.example.com', 'blog.example.net', 'Blog.example.net:443']) {
        assert.equal((await check(host, 'blog.example.net')).status, 200, host);
      }
    } finally {
      await open.stop();
    }
  });

  for (const way of ['traefik', 'caddy', 'envoy']) {
    test(`${way}: pages that the check answers are no 2xx, for anybody`, async () => {
      const b = new Browser(at, 'traefik');
      await b.open(`${WIKI}/`, 'alice');
      const signedIn = [`Cookie: ${b.cookies('wiki.example.net')}`];
      const doubtful = ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Dest: image'];
      const uris = [
        ...MARKS.map((m) => `/admin?${m}`),
        ...['start', 'callback', 'sign_out/ask', 'ping', 'other'].map((p) => `/outpost.goauthentik.io/${p}`),
        '/.lintel/jwks.json',
        '/.lintel/whoami',
        '/.lintel/sign-out',
        '/.lintel/assets/style.css',
      ];
      for (const uri of uris) {
        for (const who of [[], signedIn]) {
          for (const signs of [[], doubtful, ['Accept: text/html'], ['Accept: application/json']]) {
            const reply = await forwarded(way, uri, [...who, ...signs]);
            assert.ok(reply.status >= 300, `${uri} ${who.length} ${signs}: ${reply.status} ${reply.body.slice(0, 80)}`);
          }
        }
      }
    });
  }
});
