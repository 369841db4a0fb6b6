/**
 * The twelve classes of advisories that keep coming back in this field, and where each is attacked here. The classes
 * without a file of their own are told below.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { compilePolicy } from '../../src/core/policy/compile.ts';
import { candidatesFor, decide } from '../../src/core/policy/decide.ts';
import type { Rule } from '../../src/core/policy/rule.ts';
import { ANONYMOUS } from '../../src/core/subject.ts';
import { canonicalTarget } from '../../src/core/target.ts';
import { browser } from '../black-box/hand-over.ts';
import { ask, headerOf, type Reply, valuesOf } from '../black-box/raw.ts';
import { plant, signIn } from '../black-box/sessions.ts';
import { GATE_COOKIE, gate, PASSWORD, PORTAL, proxy } from './fixture.ts';

const HERE = 'advisories.test.ts';
const CLASSES: Readonly<Record<string, readonly string[]>> = {
  '1 policy judges another string than the back end serves': [
    ...['path-normalisation.test.ts', 'advisories-readings.test.ts', 'advisories-query.test.ts'],
    ...['request-smuggling.test.ts', 'smuggling-framing.test.ts', 'advisories-pipeline.test.ts'],
  ],
  '2 untrusted forwarding headers': ['original-url-confusion.test.ts', 'client-ip.test.ts', 'advisories-peer.test.ts'],
  '3 aliases of header names': ['identity-header-spoofing.test.ts', 'advisories-values.test.ts'],
  "4 no identity header, so the client's survives": [HERE],
  '5 hop-by-hop stripping of trusted headers': ['hop-by-hop-stripping.test.ts'],
  '6 case, dot and port in hosts': ['host-confusion.test.ts', 'advisories-ports.test.ts'],
  '7 skip rules': ['skip-rule-bypass.test.ts'],
  '8 a half-authenticated session at a second endpoint': [HERE],
  '9 shared state and cache keys': ['fail-open.test.ts', 'session.test.ts'],
  '10 throttling by what was typed': [HERE],
  '11 redirect targets': ['open-redirect.test.ts'],
  '12 sessions that outlive the decision': ['session.test.ts'],
};

test('each class of advisories has its attacks', () => {
  assert.equal(Object.keys(CLASSES).length, 12);
  for (const file of Object.values(CLASSES).flat()) assert.ok(existsSync(join(import.meta.dirname, file)), file);
});

const ACCEPT = 'Accept: text/html';
const told = (...headers: string[]) => ['Host: auth.internal', 'X-Forwarded-For: 198.51.100.7', ...headers];
const FAMILY = ['X-Forwarded-Method: GET', 'X-Forwarded-Proto: https'];

/** The same question in the words of each check endpoint. */
const DIALECTS: Readonly<Record<string, (host: string, uri: string) => readonly [target: string, headers: string[]]>> =
  {
    'forward-auth': (host, uri) => [
      '/api/authz/forward-auth',
      told(...FAMILY, `X-Forwarded-Host: ${host}`, `X-Forwarded-Uri: ${uri}`),
    ],
    'auth-request': (host, uri) => [
      '/api/authz/auth-request',
      told('X-Original-Method: GET', `X-Original-URL: https://${host}${uri}`),
    ],
    'ext-authz': (host, uri) => [
      `/api/authz/ext-authz/${uri}`,
      [`Host: ${host}`, 'X-Forwarded-Proto: https', 'X-Forwarded-For: 198.51.100.7'],
    ],
    legacy: (host, uri) => [
      `/api/verify?rd=${encodeURIComponent(PORTAL)}`,
      told('X-Forwarded-Method: GET', `X-Original-URL: https://${host}${uri}`),
    ],
  };

/**
 * Class 4 (CVE-2026-30851, CVE-2026-25748). HAProxy's Lua, Envoy over HTTP and Skipper copy what a 200 carries and keep
 * the client's own header where it carries none. So an allow for somebody unknown is as dangerous as a wrong name: every
 * 200 of every dialect says every owned header exactly once, empty when there is nothing to say, those of an app's own
 * profile too, and a cookie that is garbage changes nothing about it.
 */
test('class 4: every allow carries every owned header, once', async () => {
  const apps = {
    remote: { url: 'https://remote.example.test', access: [{ allow: 'everyone' }] },
    own: {
      url: 'https://own.example.test',
      headers: { user: 'X-Staff-Id', groups: { name: 'X-Staff-Teams', separator: ';' } },
      access: [{ allow: 'everyone' }],
    },
  };
  const at = await gate({ config: { apps } });
  after(() => at.stop());
  const alice = await at.cookie('alice');
  const owned: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    remote: {
      'Remote-User': 'alice',
      'Remote-Groups': 'staff,writers',
      'Remote-Name': 'Alice',
      'Remote-Email': 'alice@example.test',
      Authorization: '',
    },
    own: { 'X-Staff-Id': 'alice', 'X-Staff-Teams': 'staff;writers', Authorization: '' },
  };
  for (const [dialect, words] of Object.entries(DIALECTS)) {
    for (const [app, names] of Object.entries(owned)) {
      const spoofed = Object.keys(names)
        .filter((n) => n !== 'Authorization')
        .map((n) => `${n}: admin`);
      for (const cookie of [undefined, `${GATE_COOKIE}=garbage`, `${GATE_COOKIE}=${'A'.repeat(43)}`, alice]) {
        const [target, headers] = words(`${app}.example.test`, '/');
        const cookies = cookie === undefined ? [] : [`Cookie: ${cookie}`];
        const reply = await ask(at.at, { target, headers: [...headers, ...spoofed, ...cookies] });
        assert.equal(reply.status, 200, dialect);
        for (const [name, value] of Object.entries(names))
          assert.deepEqual(
            valuesOf(reply, name),
            [cookie === alice ? value : ''],
            `${dialect} ${app} ${name} ${cookie}`,
          );
      }
    }
  }
});

/**
 * Class 8 (CVE-2026-32246, CVE-2026-49443). Somebody has proved a password and nothing more. The page that asks for the
 * second proof is only one door; the bug is always at another one that takes "signed in" for an answer: the check
 * endpoints, Basic, the JSON API, the hand-over. Nor may one of the three secrets of a session stand in for another.
 */
test('class 8: one factor opens nothing that asks for two, at any door', async () => {
  const apps = { two: { url: 'https://two.example.test', access: [{ allow: 'signed_in', level: 'two_factor' }] } };
  const at = await gate({ config: { apps } });
  after(() => at.stop());
  const cookies = await signIn(at.at, PORTAL, 'alice', PASSWORD);
  const basic = `Authorization: Basic ${Buffer.from(`alice:${PASSWORD}`).toString('base64')}`;
  const one = `Cookie: ${GATE_COOKIE}=${cookies.get(GATE_COOKIE)}`;
  const token = await plant(at.store, cookies.get(GATE_COOKIE) ?? '', { level: 'two_factor' });
  for (const [dialect, words] of Object.entries(DIALECTS)) {
    const [target, headers] = words('two.example.test', '/');
    const status = async (...more: string[]) =>
      (await ask(at.at, { target, headers: [...headers, ACCEPT, ...more] })).status;
    for (const credentials of [[one], [basic], [one, basic]])
      assert.ok([302, 303, 401].includes(await status(...credentials)), `${dialect} ${credentials}`);
    // Two proofs do open it: the door is not simply shut.
    assert.equal(await status(`Cookie: ${GATE_COOKIE}=${token}`), 200, dialect);
    assert.notEqual(await status(one, `Cookie: ${GATE_COOKIE}=${token}`), 200, 'one of each is nobody');
  }
  const own = `Cookie: ${[...cookies].map(([n, v]) => `${n}=${v}`).join('; ')}`;
  const page = await ask(at.at, {
    target: `/?rd=${encodeURIComponent('https://two.example.test/')}`,
    headers: ['Host: auth.example.test', ACCEPT, own],
  });
  assert.equal(page.status, 403);
  assert.equal(headerOf(page, 'location'), undefined);
});

test('class 8: no secret of a session stands in for another', async () => {
  const [gated, proxied] = await Promise.all([gate(), proxy()]);
  after(() => Promise.all([gated.stop(), proxied.stop()]));
  const cookies = await signIn(gated.at, PORTAL, 'bob', PASSWORD);
  const [portal, shared] = [cookies.get('__Host-lintel') ?? '', cookies.get(GATE_COOKIE) ?? ''];
  assert.ok(portal.length === 43 && shared.length === 43 && portal !== shared);
  const [target, headers] = (DIALECTS['forward-auth'] ?? assert.fail())('admin.example.test', '/');
  const names = [GATE_COOKIE, '__Host-lintel-app', '__Host-lintel', 'lintel-app'];
  for (const name of names) {
    const reply = await ask(gated.at, { target, headers: [...headers, `Cookie: ${name}=${portal}`] });
    assert.equal(reply.status, 401, `the portal's secret as ${name} at the gate`);
  }
  const state = async (i: typeof gated, cookie: string) => {
    const reply = await ask(i.at, { target: '/api/state', headers: ['Host: auth.example.test', `Cookie: ${cookie}`] });
    return JSON.parse(reply.body).data.authentication_level;
  };
  assert.equal(await state(gated, `__Host-lintel=${portal}`), 1);
  assert.equal(await state(gated, `__Host-lintel=${shared}`), 0, "the gate's secret at the portal");
  const app = (await proxied.cookie('bob'))?.split('=')[1] ?? '';
  assert.equal(await state(proxied, `__Host-lintel=${app}`), 0, "an app's secret at the portal");
  // Nor does the gate's secret, which every app below the domain sees, sign anybody out.
  const body = '{}';
  const out = await ask(gated.at, {
    method: 'POST',
    target: '/api/logout',
    headers: [
      ...['Host: auth.example.test', 'Content-Type: application/json', `Content-Length: ${body.length}`],
      `Cookie: __Host-lintel=${shared}`,
    ],
    body,
  });
  assert.equal(out.status, 200);
  assert.equal(await state(gated, `__Host-lintel=${portal}`), 1, 'still signed in');
});

/**
 * Class 8 for the hand-over: a code is a credential for half a minute. It opens nothing at another host, in another
 * browser, a second time, or at the portal; and what somebody else's code opens is not theirs to choose (login CSRF).
 */
test('class 8: a hand-over code works once, at its origin, in its browser', async () => {
  const at = await proxy();
  after(() => at.stop());
  const victim = browser(at.at);
  const start = await victim.go('http://app.example.test/.lintel/start?rd=%2F');
  const portal = headerOf(start, 'location') ?? assert.fail('no way to the portal');
  victim.jar.set('auth.example.test', await signIn(at.at, PORTAL, 'alice', PASSWORD));
  const callback = headerOf(await victim.go(portal), 'location') ?? assert.fail('no code');
  assert.match(callback, /^http:\/\/app\.example\.test\/\.lintel\/callback\?code=/);
  const opened = (reply: Reply) => valuesOf(reply, 'set-cookie').some((c) => /^(?:__Host-)?lintel-app=[^;]/.test(c));
  const thief = browser(at.at);
  await thief.go('http://app.example.test/.lintel/start?rd=%2F');
  assert.ok(!opened(await thief.go(callback)), 'in another browser');
  const elsewhere = callback.replace('//app.', '//admin.');
  victim.jar.set('admin.example.test', new Map(victim.jar.get('app.example.test')));
  assert.ok(!opened(await victim.go(elsewhere)), 'at another host');
  assert.ok(opened(await victim.go(callback)), 'where it belongs');
  assert.ok(!opened(await victim.go(callback)), 'a second time');
});

/**
 * Class 10 (CVE-2025-24806, CVE-2026-47203). Who counts failures by what was typed gives each spelling of a name its own
 * tries: "alice", "ALICE", an e-mail address, a trailing space, JSON here and Basic there. The account has one count.
 */
test('class 10: every spelling of a name and every door shares one count', async () => {
  const at = await gate({
    config: {
      users: { file: 'DIR/users.yml', search_email: true, case_insensitive: true },
      throttle: { max_retries: 3, find_time: '2m', ban_time: '5m' },
    },
  });
  after(() => at.stop());
  const api = async (username: string, password: string) => {
    const body = JSON.stringify({ username, password });
    const headers = [
      ...['Host: auth.example.test', 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`],
      'X-Forwarded-For: 198.51.100.7',
    ];
    return (await ask(at.at, { method: 'POST', target: '/api/firstfactor', headers, body })).status;
  };
  const viaBasic = async (username: string, password: string) => {
    const [target, headers] = (DIALECTS['forward-auth'] ?? assert.fail())('app.example.test', '/');
    const basic = Buffer.from(`${username}:${password}`).toString('base64');
    return (await ask(at.at, { target, headers: [...headers, `Authorization: Basic ${basic}`] })).status;
  };
  assert.equal(await api('alice', PASSWORD), 200);
  assert.equal(await api('ALICE', 'wrong 1'), 401);
  assert.equal(await viaBasic('Alice@Example.Test', 'wrong 2'), 401);
  assert.equal(await api(' aLice ', 'wrong 3'), 401);
  // The right password, in every spelling and at every door: too late for all of them.
  for (const name of ['alice', 'ALICE', 'alice@example.test', ' alice'])
    assert.notEqual(await api(name, PASSWORD), 200, name);
  assert.notEqual(await viaBasic('alice', PASSWORD), 200);
  assert.equal(await api('bob', PASSWORD), 200, 'nobody else is shut out');
});

/**
 * Class 8 in the policy itself: a rule that opens to everyone and yet takes a name out of the host asks who it is and
 * then does not listen. Configurations like that are refused when they are loaded; should one come from elsewhere,
 * strangers are asked to sign in.
 */
test('class 8: a rule that names somebody never opens to nobody', () => {
  const rule: Rule = {
    ...{ place: { file: 'f', line: 1, column: 1 }, label: 'r', methods: [], networks: [], paths: [], pathRegexes: [] },
    ...{ resources: [], query: [], subjects: [], outcome: { kind: 'everyone' } },
    hosts: [{ kind: 'user', suffix: '.u.test' }],
  };
  const rules = [rule];
  const policy = compilePolicy({ apps: [], rules, defaultOutcome: { kind: 'deny' }, domains: [], portal: undefined });
  const parts = { scheme: 'https', authority: 'alice.u.test', uri: '/', method: 'GET', client: { missing: 'x' } };
  const target = canonicalTarget(parts);
  const found = target.ok ? candidatesFor(policy, target.value) : undefined;
  assert.ok(found?.ok);
  assert.equal(decide(found.value, ANONYMOUS).kind, 'challenge');
});
