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
    stolen = /lintel-domain-everything=([^;]+)/.exec(b.cookies('evil.corp.example'))?.[1] ?? assert.fail('no cookie');
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
    assert.equal((await check('wiki.corp.example', `lintel-domain-everything=${stolen}`)).status, 200);
  });

  for (const [host, name] of [
    ['vault.corp.example', '__Host-lintel-app'],
    ['vault.corp.example', 'lintel-domain-everything'],
    ['vault.corp.example', 'lintel-app'],
    ['x.lab.corp.example', 'lintel-domain-inner'],
    ['x.lab.corp.example', '__Host-lintel-app'],
    ['x.lab.corp.example', 'lintel-domain-everything'],
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
    assert.equal((await check('wiki.corp.example', `lintel-domain-everything=${stolen}`)).status, 200);
  });
});
