/** Clients without a browser: app passwords as Basic and as Bearer, at the check endpoints and through the proxy face. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gate, IDENTITY, type Installation, PASSWORD, proxy, USERS } from '../attacks/fixture.ts';
import { basic, bearer, plantToken } from '../black-box/app-passwords.ts';
import { folded } from '../black-box/backend.ts';
import { eventually } from '../black-box/lintel.ts';
import { ask, headerOf, type Reply } from '../black-box/raw.ts';

const HOUR = 3_600_000;
const REALM = 'Basic realm="Authorization Required"';
const users = { ...USERS, gone: { password: PASSWORD, displayname: 'Gone', disabled: true } };
const strategies = (...schemes: string[]) => [{ name: 'HeaderAuthorization', schemes }, { name: 'CookieSession' }];
const endpoints = {
  'forward-auth': { implementation: 'ForwardAuth', authn_strategies: strategies('basic', 'bearer') },
  'app-only': { implementation: 'ForwardAuth', authn_strategies: strategies('app-password') },
  'basic-only': { implementation: 'ForwardAuth', authn_strategies: strategies('basic') },
};

let check: Installation;
let face: Installation;
before(async () => {
  [check, face] = await Promise.all([gate({ users, config: { endpoints } }), proxy({ users })]);
});
after(async () => {
  await Promise.all([check.stop(), face.stop()]);
});

/** Asks the gate about a page of an app. */
function asked(authorization: string, host = 'app', path = '/', endpoint = 'forward-auth'): Promise<Reply> {
  const target = ['X-Forwarded-Method: GET', 'X-Forwarded-Proto: https', `X-Forwarded-Host: ${host}.example.test`];
  const headers = ['Host: auth.example.test', ...target, `X-Forwarded-Uri: ${path}`, 'X-Forwarded-For: 198.51.100.7'];
  return ask(check.at, { target: `/api/authz/${endpoint}`, headers: [...headers, authorization] });
}

/** Asks the app itself, through Lintel's own proxy. */
async function opened(authorization: string, host = 'app', path = '/', cookie?: string) {
  face.backend?.take();
  const headers = [`Host: ${host}.example.test`, authorization, ...(cookie === undefined ? [] : [`Cookie: ${cookie}`])];
  const reply = await ask(face.at, { target: path, headers }, { from: '127.0.0.2' });
  return { reply, arrival: face.backend?.take()[0] };
}

function assertAllowed(reply: Reply, who: string): void {
  assert.equal(reply.status, 200);
  for (const [name, value] of Object.entries(IDENTITY[who] ?? {})) assert.equal(headerOf(reply, name), value, name);
  assert.equal(headerOf(reply, 'Authorization'), '', 'it does not reach the app');
  assert.equal(headerOf(reply, 'Set-Cookie'), undefined);
}

function assertRefused(reply: Reply, challenge: string): void {
  assert.equal(reply.status, 401);
  assert.equal(headerOf(reply, 'WWW-Authenticate'), challenge);
  assert.equal(headerOf(reply, 'X-Lintel-Error'), 'CREDENTIALS-REFUSED');
  assert.equal(headerOf(reply, 'Remote-User'), undefined);
}

test('an app password opens apps as Basic with the name or the reserved one, and as Bearer in any letter case', async () => {
  const { secret } = await plantToken(check.store);
  const ways = [
    basic('alice', secret),
    basic('goauthentik.io/token', secret),
    bearer(secret),
    bearer(secret).replace('Bearer', 'bEaReR'),
  ];
  for (const way of ways) assertAllowed(await asked(way), 'alice');
  for (const way of ways) assert.equal((await asked(way, 'admin')).status, 403, 'rules are the same as with a session');
  const mine = await plantToken(face.store);
  for (const way of [basic('alice', mine.secret), basic('goauthentik.io/token', mine.secret), bearer(mine.secret)]) {
    const { reply, arrival } = await opened(way);
    assert.equal(reply.status, 200);
    assert.equal(headerOf(reply, 'Set-Cookie'), undefined);
    const headers = new Map(arrival?.headers.map(([name, value]) => [folded(name), value]));
    assert.equal(headers.get('remote-user'), 'alice');
    assert.equal(headers.has('authorization'), false);
  }
});

test('an app password for some apps opens no other, and no place that is no app', async () => {
  const { secret } = await plantToken(check.store, { user: 'bob', apps: ['app', 'methods'] });
  assertAllowed(await asked(bearer(secret)), 'bob');
  assertAllowed(await asked(basic('bob', secret), 'methods'), 'bob');
  assertRefused(await asked(bearer(secret), 'admin'), 'Bearer error="invalid_token"');
  assertRefused(await asked(basic('bob', secret), 'admin'), REALM);
  assert.equal((await asked(bearer(secret), 'elsewhere')).status, 401);
  const none = await plantToken(check.store, { apps: [] });
  assertRefused(await asked(bearer(none.secret)), 'Bearer error="invalid_token"');
});

test('unknown, expired, of a disabled account, under another name: refused, and the log alone says why', async () => {
  const expired = await plantToken(check.store, { expiresAt: Date.now() - 1 });
  const disabled = await plantToken(check.store, { user: 'gone' });
  const nobody = await plantToken(check.store, { user: 'nobody' });
  const good = await plantToken(check.store);
  const unknown = `lintel_${'A'.repeat(43)}`;
  const refused = [
    [bearer(unknown), 'token-unknown'],
    [bearer(expired.secret), 'token-expired'],
    [bearer(disabled.secret), 'token-no-account'],
    [bearer(nobody.secret), 'token-no-account'],
    [basic('bob', good.secret), 'token-other-user'],
    [basic('Alice', good.secret), 'token-other-user'],
    [basic('nobody', good.secret), 'token-other-user'],
  ] as const;
  for (const [way, why] of refused) {
    const before = check.at.output().length;
    const scheme = way.includes('Basic') ? REALM : 'Bearer error="invalid_token"';
    assertRefused(await asked(way), scheme);
    await eventually(why, () => check.at.output().slice(before).includes(`"why":"${why}"`));
  }
  assert.equal((await asked(bearer(unknown), 'app', '/public/')).status, 200, 'what is open to everybody stays open');
  for (const secret of [unknown, good.secret, expired.secret]) assert.ok(!check.at.output().includes(secret));
});

test('an end or a revocation by another process counts on the next request', async () => {
  const short = await plantToken(check.store, { expiresAt: Date.now() + HOUR });
  const other = await plantToken(check.store);
  assertAllowed(await asked(bearer(short.secret)), 'alice');
  assertAllowed(await asked(bearer(other.secret)), 'alice');
  assert.equal(await check.store.revokeTokens({ kind: 'id', id: short.token.id }), 1);
  assertRefused(await asked(bearer(short.secret)), 'Bearer error="invalid_token"');
  assertAllowed(await asked(bearer(other.secret)), 'alice');
});

test('the last use is kept, and the first one is told', async () => {
  const { secret, token } = await plantToken(check.store, { label: 'Laptop backup' });
  const started = Date.now();
  const used = async () => (await check.store.listTokens({ kind: 'id', id: token.id }))[0]?.lastUsedAt ?? 0;
  await asked(bearer(secret));
  await eventually('used', async () => (await used()) >= started);
  const first = await used();
  await asked(bearer(secret));
  assert.equal(await used(), first, 'at most once a minute');
  const told = () =>
    check.at
      .output()
      .split('\n')
      .filter((line) => line.includes('app-password-first-use') && line.includes(token.id));
  await eventually('it is told', () => told().length > 0);
  const lines = told();
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /"user":"alice".*"label":"Laptop backup","client":"198\.51\.100\.7"/);
});

test('what has the form of an app password is never checked as the account password, nor throttled', async () => {
  const wrong = `lintel_${'B'.repeat(43)}`;
  for (let i = 0; i < 20; i += 1) assertRefused(await asked(basic('alice', wrong)), REALM);
  assertAllowed(await asked(basic('alice', PASSWORD)), 'alice');
});

test('app-password alone takes no account password and no Bearer, basic alone no Bearer', async () => {
  const { secret } = await plantToken(check.store);
  assertAllowed(await asked(basic('alice', secret), 'app', '/', 'app-only'), 'alice');
  assertRefused(await asked(basic('alice', PASSWORD), 'app', '/', 'app-only'), REALM);
  assertRefused(await asked(basic('goauthentik.io/token', PASSWORD), 'app', '/', 'basic-only'), REALM);
  assertAllowed(await asked(basic('alice', secret), 'app', '/', 'basic-only'), 'alice');
  for (const endpoint of ['app-only', 'basic-only']) {
    const reply = await asked(bearer(secret), 'app', '/', endpoint);
    assert.equal(reply.status, 401);
    assert.equal(headerOf(reply, 'WWW-Authenticate'), undefined, 'not looked at');
  }
});

test("a Bearer of another party is the app's own", async () => {
  for (const foreign of ['authelia_at_abc', 'lintel_short', `lintel_${'A'.repeat(44)}`, 'eyJhbGciOiJFUzI1NiJ9.e30.x']) {
    const reply = await asked(bearer(foreign), 'app', '/public/');
    assert.equal(headerOf(reply, 'Authorization'), foreign.length === 51 ? '' : `Bearer ${foreign}`);
    assert.equal(headerOf(await asked(bearer(foreign)), 'WWW-Authenticate'), undefined, 'skipped, not refused');
  }
  const cookie = await face.cookie('alice');
  const { arrival } = await opened(bearer('eyJhbGciOiJFUzI1NiJ9.e30.x'), 'app', '/', cookie);
  assert.ok(arrival?.headers.some(([n, v]) => n === 'Authorization' && v === 'Bearer eyJhbGciOiJFUzI1NiJ9.e30.x'));
});

test('beside a good session a refused app password does not shut the door, and does not reach the app either', async () => {
  const cookie = await face.cookie('alice');
  const unknown = `lintel_${'A'.repeat(43)}`;
  for (const way of [
    bearer(unknown),
    basic('alice', unknown),
    `Authorization: Token ${unknown}`,
    basic(unknown, 'x'),
  ]) {
    const { reply, arrival } = await opened(way, 'app', '/', cookie);
    assert.equal(reply.status, 200, way);
    assert.ok(arrival !== undefined);
    assert.ok(!arrival.headers.some(([name]) => folded(name) === 'authorization'), way);
    const anonymous = await opened(way, 'app', '/public/');
    assert.equal(anonymous.reply.status, 200);
    assert.ok(anonymous.arrival !== undefined);
    assert.ok(!anonymous.arrival.headers.some(([name]) => folded(name) === 'authorization'), way);
  }
});

test('two app passwords in one request are neither', async () => {
  const [a, b] = [await plantToken(check.store), await plantToken(check.store, { user: 'bob' })];
  assertRefused(await asked(`${bearer(a.secret)}\r\n${bearer(b.secret)}`), REALM);
});

test('a rule for two factors stays shut to an app password', async () => {
  const strict = await gate({ config: { apps: { app: { url: 'https://app.example.test', access: [STRICT] } } } });
  try {
    const { secret } = await plantToken(strict.store);
    const target = ['X-Forwarded-Method: GET', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: app.example.test'];
    const headers = ['Host: auth.example.test', ...target, 'X-Forwarded-Uri: /', 'X-Forwarded-For: 198.51.100.7'];
    for (const way of [bearer(secret), basic('alice', secret)]) {
      const reply = await ask(strict.at, { target: '/api/authz/forward-auth', headers: [...headers, way] });
      assert.equal(reply.status, 401);
    }
  } finally {
    await strict.stop();
  }
});

const STRICT = { allow: 'signed_in', level: 'two_factor' };
