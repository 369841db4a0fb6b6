/**
 * The way back from signing in. Lintel is nobody's OAuth client, and its hand-over has the same parts: a state that belongs
 * to one browser, a code that works once, and tokens that were made for somebody else. The attacks of that protocol are
 * tried at these; those on identity providers wait until there are any.
 */
import assert from 'node:assert/strict';
import { OUTPOST_DOOR } from '../../src/core/door-path.ts';
import { basic, bearer } from '../black-box/app-passwords.ts';
import { browser } from '../black-box/hand-over.ts';
import { ask, headerOf, type Reply, valuesOf } from '../black-box/raw.ts';
import { plant, signIn } from '../black-box/sessions.ts';
import { Browser, street, told } from '../outpost/street.ts';
import { gate, type Installation, PASSWORD, PORTAL } from './fixture.ts';
import { runClass } from './run.ts';

const APP = 'http://app.example.test';
const DOORS = ['/.lintel/', '/outpost.goauthentik.io/'] as const;

function opened(reply: Reply): boolean {
  return valuesOf(reply, 'set-cookie').some((c) => /^(?:__Host-)?lintel-app=[^;]/.test(c));
}

/** Somebody signed in at the portal on the way to the app: their browser, and the callback that it was sent to. */
async function onTheWay(i: Installation, user = 'alice') {
  const b = browser(i.at);
  const portal = headerOf(await b.go(`${APP}/.lintel/start?rd=%2F`), 'location') ?? assert.fail();
  b.jar.set('auth.example.test', await signIn(i.at, PORTAL, user, PASSWORD));
  const callback = headerOf(await b.go(portal), 'location') ?? assert.fail();
  return { b, callback, state: new URL(portal).searchParams.get('state') ?? '' };
}

const ASKED = ['Host: auth.internal', 'X-Forwarded-Method: GET', 'X-Forwarded-Proto: https', 'X-Forwarded-Uri: /'];
const check = (i: Pick<Installation, 'at'>, host: string, ...more: string[]) =>
  ask(i.at, {
    target: '/api/authz/forward-auth',
    headers: [...ASKED, `X-Forwarded-Host: ${host}`, 'X-Forwarded-For: 198.51.100.7', ...more],
  });

runClass('oauth-flow', (s) => {
  s.attack('OID-01', async () => {
    const i = await s.proxy();
    const { b, callback } = await onTheWay(i);
    const code = new URL(callback).searchParams.get('code');
    for (const door of DOORS) {
      for (const query of [
        `code=${code}`,
        `code=${code}&state=`,
        `code=${code}&state=x`,
        'state=',
        '',
        'error=access_denied',
      ]) {
        const reply = await b.go(`${APP}${door}callback?${query}`);
        assert.ok(reply.status === 400 && !opened(reply), query);
      }
    }
    const signed = await b.go(`${APP}/any?X-authentik-auth-callback=true&code=${code}`);
    assert.ok(signed.status === 400 && !opened(signed));
    assert.ok(opened(await b.go(callback)), 'the code itself was good, and none of these used it up');
  });

  s.attack('OID-02', async () => {
    const i = await s.proxy();
    const attacker = await onTheWay(i, 'bob');
    const victim = browser(i.at);
    await victim.go(`${APP}/.lintel/start?rd=%2F`);
    const reply = await victim.go(attacker.callback);
    assert.ok(reply.status === 400 && !opened(reply), 'signed in as the attacker');
    // A link to the portal with the attacker's state makes a code that the victim's browser cannot use either.
    const lured = await onTheWay(i, 'alice');
    const link = `${PORTAL}/?rd=${encodeURIComponent(`${APP}/`)}&state=${attacker.state}`;
    const sent = headerOf(await lured.b.go(link), 'location') ?? assert.fail();
    assert.ok(!opened(await lured.b.go(sent)));
  });

  /**
   * A browser keeps a sibling host from setting `__Host-` cookies, not from setting one whose name begins with a space that
   * only some parsers take for one. Read as the real one, it signs its visitors in as the sibling's owner.
   */
  s.extra('a cookie whose name begins with an odd space is not the one behind it', async () => {
    const i = await s.proxy();
    for (const odd of ['\xa0', '\xc2\xa0', '\xe2\x80\x80', '\x85', '\xef\xbb\xbf']) {
      const attacker = await onTheWay(i, 'bob');
      const [[name, value] = assert.fail()] = attacker.b.jar.get('app.example.test') ?? assert.fail();
      const victim = browser(i.at);
      victim.jar.set('app.example.test', new Map([[`${odd}${name}`, value]]));
      const reply = await victim.go(attacker.callback);
      assert.ok(reply.status === 400 && !opened(reply), `${JSON.stringify(odd)}: signed in as the attacker`);
      assert.ok(opened(await attacker.b.go(attacker.callback)), 'with its own name it is');
    }
  });

  /**
   * A proxy may have a route to Lintel for one name of the door alone, and all else goes to the app. A link that chose the
   * name would send a code of the victim, made for the attacker's own browser, to the app: into its log, and to whoever
   * its pages tell where they stand.
   */
  s.extra('a link to the portal does not choose below which name the code arrives', async () => {
    const i = await s.proxy();
    const attacker = await onTheWay(i, 'bob');
    const { b } = await onTheWay(i, 'alice');
    const link = (to: string) => `${PORTAL}/?rd=${encodeURIComponent(to)}&rm=GET&state=${attacker.state}`;
    const elsewhere = browser(i.at);
    const begun = headerOf(await elsewhere.go(`${APP}/outpost.goauthentik.io/start?rd=%2F`), 'location') ?? '';
    const mark = new URL(begun).searchParams.get('door') ?? assert.fail('the other name is not told to the portal');
    for (const [n, door] of ['outpost', 'native', OUTPOST_DOOR, mark].entries()) {
      const sent = headerOf(await b.go(`${link(`${APP}/${n}`)}&door=${encodeURIComponent(door)}`), 'location') ?? '';
      assert.ok(sent.startsWith(`${APP}/.lintel/callback?code=`), `${door}: ${sent}`);
    }
    const own = headerOf(await b.go(begun), 'location') ?? '';
    assert.ok(own.startsWith(`${APP}/outpost.goauthentik.io/callback?code=`), own);
  });

  s.attack('OID-03', async () => {
    const i = await s.proxy();
    const { b, callback } = await onTheWay(i);
    const kept = new Map(b.jar.get('app.example.test'));
    assert.ok(opened(await b.go(callback)));
    b.jar.set('app.example.test', kept);
    for (const door of DOORS) {
      const reply = await b.go(callback.replace('/.lintel/', door));
      assert.ok(reply.status === 400 && !opened(reply));
    }
    const racers = await onTheWay(i);
    const both = await Promise.all([racers.b.go(racers.callback), racers.b.go(racers.callback)]);
    assert.equal(both.filter(opened).length, 1, 'two at once');
  });

  s.attack('OID-10', async () => {
    const app = (name: string) => ({
      url: `https://${name}.example.net`,
      headers: 'authentik',
      access: [{ allow: 'signed_in' }],
    });
    const at = await street({ apps: { one: app('one'), two: app('two') } });
    try {
      const { reply } = await new Browser(at, 'traefik').open('https://one.example.net/', 'alice');
      const jwt = told(reply)['x-authentik-jwt'] ?? '';
      assert.match(jwt, /^[\w-]+\.[\w-]+\.[\w-]+$/);
      const none = Buffer.from('{"alg":"none"}').toString('base64url');
      for (const token of [jwt, `${none}.${jwt.split('.')[1]}.`]) {
        for (const host of ['one.example.net', 'two.example.net']) {
          assert.notEqual((await check({ at }, host, bearer(token))).status, 200);
          for (const name of ['traefik', 'caddy'])
            assert.equal(
              (
                await ask(at, {
                  target: `/outpost.goauthentik.io/auth/${name}`,
                  headers: [...ASKED, `X-Forwarded-Host: ${host}`, 'X-Forwarded-For: 198.51.100.7', bearer(token)],
                })
              ).status,
              401,
            );
        }
      }
    } finally {
      await at.stop();
    }
  });

  s.attack('OID-12', async () => {
    const person = (password: string) => ({ password, displayname: 'x' });
    const users = { a: person('bc'), ab: person('other') };
    const i = await gate({ users });
    try {
      const as = async (name: string, password: string) => {
        const reply = await check(i, 'app.example.test', basic(name, password));
        return reply.status === 200 ? headerOf(reply, 'remote-user') : reply.status;
      };
      for (let round = 0; round < 2; round++) {
        assert.equal(await as('a', 'bc'), 'a');
        assert.equal(await as('ab', 'c'), 401);
        assert.equal(await as('ab', 'other'), 'ab');
        assert.equal(await as('a', 'b:c'), 401);
        assert.equal(await as('a:b', 'c'), 401);
        assert.equal(await as('A', 'bc'), 401);
      }
    } finally {
      await i.stop();
    }
  });

  s.attack('OID-14', async () => {
    const apps = { two: { url: 'https://two.example.test', access: [{ allow: 'signed_in', level: 'two_factor' }] } };
    const i = await gate({ config: { apps } });
    try {
      const one = (await signIn(i.at, PORTAL, 'alice', PASSWORD)).get('lintel_gate') ?? '';
      assert.notEqual((await check(i, 'two.example.test', `Cookie: lintel_gate=${one}`)).status, 200);
      const two = await plant(i.store, one, { level: 'two_factor' });
      assert.equal((await check(i, 'two.example.test', `Cookie: lintel_gate=${two}`)).status, 200);
    } finally {
      await i.stop();
    }
  });
});

/** The provider's own sign-out. Nothing to attack until there is a source that signs people in elsewhere. */
runClass('back-channel-logout', (s) => {
  s.extra('there is no address that takes a logout token', async () => {
    const i = await s.gate();
    for (const target of ['/oauth/backchannel-logout', '/backchannel-logout', '/api/oidc/backchannel-logout']) {
      const body = 'logout_token=a.b.c';
      const headers = [
        ...['Host: auth.example.test', 'X-Forwarded-Proto: https', 'X-Forwarded-For: 198.51.100.7'],
        ...['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`],
      ];
      assert.equal((await ask(i.at, { method: 'POST', target, headers, body })).status, 404);
    }
  });
});
