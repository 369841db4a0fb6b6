/**
 * A cookie of a whole domain at the door of an app that has one of its own. The browser shows the domain's cookie to every
 * host below it, a hostile one too: that is what an app that is a whole domain means, and why an app that must not trust
 * its neighbours has an entry of its own. The hostile app takes what it saw and shows it under the name of the cookie that
 * the other app reads, or at a domain inside the domain. RFC 6265 §8.5, §8.6; class 8 of the advisories.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Running } from '../black-box/lintel.ts';
import { ask, type Reply } from '../black-box/raw.ts';
import { Browser, street, told } from '../outpost/street.ts';

const APPS = {
  everything: { url: 'https://login.corp.example', domain: 'corp.example', access: [{ allow: 'signed_in' }] },
  inner: { url: 'https://login.lab.corp.example', domain: 'lab.corp.example', access: [{ allow: 'signed_in' }] },
  vault: { url: 'https://vault.corp.example', headers: 'authentik', access: [{ allow: 'signed_in' }] },
};

describe('the cookie of a whole domain opens that domain and nothing else', () => {
  let at: Running;
  let stolen: string;
  before(async () => {
    at = await street({ apps: APPS });
    const b = new Browser(at, 'traefik');
    const { reply } = await b.open('https://evil.corp.example/', 'alice');
    assert.equal(told(reply)['x-authentik-username'], 'alice');
    // What the app at evil.corp.example finds in its Cookie header.
    stolen =
      /__Secure-lintel-domain-everything=([^;]+)/.exec(b.cookies('evil.corp.example'))?.[1] ?? assert.fail('no cookie');
  });
  after(() => at.stop());

  const check = (host: string, cookie: string): Promise<Reply> =>
    ask(at, {
      target: '/outpost.goauthentik.io/auth/traefik',
      headers: [
        ...['Host: outpost:9000', 'X-Forwarded-Proto: https', `X-Forwarded-Host: ${host}`, 'X-Forwarded-Uri: /'],
        ...['X-Forwarded-Method: GET', 'X-Forwarded-For: 198.51.100.7', `Cookie: ${cookie}`],
      ],
    });

  test('it opens the hosts that it was given for', async () => {
    assert.equal((await check('wiki.corp.example', `__Secure-lintel-domain-everything=${stolen}`)).status, 200);
  });

  for (const [host, name] of [
    ['vault.corp.example', '__Host-lintel-app'],
    ['vault.corp.example', '__Secure-lintel-domain-everything'],
    // Over plain http somebody on the way can make a browser keep a cookie of any name but a __Secure- one.
    ['wiki.corp.example', 'lintel-domain-everything'],
    ['vault.corp.example', 'lintel-app'],
    ['x.lab.corp.example', '__Secure-lintel-domain-inner'],
    ['x.lab.corp.example', '__Host-lintel-app'],
    ['x.lab.corp.example', '__Secure-lintel-domain-everything'],
    ['wiki.corp.example', '__Host-lintel-app'],
  ] as const) {
    test(`as ${name} at ${host} it is nobody's`, async () => {
      const reply = await check(host, `${name}=${stolen}`);
      assert.equal(reply.status, 302, `allowed as ${told(reply)['x-authentik-username']}`);
    });
  }

  test('at the pages of an app of its own it is nobody, and ends no session', async () => {
    const whoami = await ask(at, {
      target: '/.lintel/whoami',
      headers: ['Host: vault.corp.example', 'X-Forwarded-Proto: https', `Cookie: __Host-lintel-app=${stolen}`],
    });
    assert.equal(whoami.status, 401, whoami.body);
    await ask(at, {
      target: '/outpost.goauthentik.io/sign_out',
      headers: ['Host: vault.corp.example', 'X-Forwarded-Proto: https', `Cookie: __Host-lintel-app=${stolen}`],
    });
    assert.equal((await check('wiki.corp.example', `__Secure-lintel-domain-everything=${stolen}`)).status, 200);
  });
});

/**
 * A host below the domain sets a second cookie of the name, of a session of its owner's own. Nobody can tell whose browser
 * it is any more, so nobody is signed in; but a sign-out that then says "signed out" and leaves the victim's session alive
 * (they find their cookie again as soon as the other one is gone) is a lie.
 */
describe('a tossed cookie does not keep anybody from signing out', () => {
  let at: Running;
  before(async () => {
    at = await street({ apps: APPS });
  });
  after(() => at.stop());

  const ask2 = (target: string, cookie: string, more: readonly string[] = []) =>
    ask(at, {
      method: more.includes('POST') ? 'POST' : 'GET',
      target,
      headers: [
        ...['Host: login.corp.example', 'X-Forwarded-Proto: https', 'Accept: text/html', `Cookie: ${cookie}`],
        ...more.filter((m) => m !== 'POST'),
      ],
    });
  const own = async (user: string) => {
    const b = new Browser(at, 'traefik');
    await b.open('https://wiki.corp.example/', user);
    return b.cookies('wiki.corp.example');
  };
  const POST = ['POST', 'Origin: https://login.corp.example', 'Content-Length: 0'];

  for (const [what, target, more] of [
    ["authentik's sign_out", '/outpost.goauthentik.io/sign_out', []],
    ["authentik's sign_out, confirmed", '/outpost.goauthentik.io/sign_out', POST],
    ['the native one', '/.lintel/sign-out', POST],
  ] as const) {
    test(what, async () => {
      const [victim, attacker] = [await own('alice'), await own('bob')];
      const reply = await ask2(target, `${attacker}; ${victim}`, more);
      assert.ok(reply.status === 302 || reply.status === 303, `${reply.status}`);
      assert.equal((await ask2('/.lintel/whoami', victim)).status, 401, 'the session lives on');
    });
  }

  for (const [what, more] of [
    ['another site', ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document']],
    [
      'a browser that loads ahead what is half typed',
      [
        'Sec-Fetch-Site: none',
        'Sec-Fetch-Mode: navigate',
        'Sec-Fetch-Dest: document',
        'Sec-Purpose: prefetch;prerender',
      ],
    ],
  ] as const) {
    test(`${what} still has to ask, with one cookie or two`, async () => {
      const [victim, attacker] = [await own('alice'), await own('bob')];
      for (const cookie of [victim, `${attacker}; ${victim}`]) {
        const reply = await ask2('/outpost.goauthentik.io/sign_out', cookie, more);
        assert.equal(reply.status, 200);
        assert.match(reply.body, /Stay signed in/);
      }
      assert.equal((await ask2('/.lintel/whoami', victim)).status, 200);
    });
  }
});
