/**
 * Clients without a browser. A program that is sent to an HTML page follows it and takes the sign-in form for data; one
 * that sends its password with every request makes each cost a password hash; and a machine's token that was made for
 * one app opens another.
 *
 * CVE-2024-47077 (authentik: a token issued for one application was taken at another), pomerium #281 and #409,
 * authelia #5006. Hence: a token names its apps and is looked up by hash, it never reaches an app, and what it
 * may not open answers 401 in the client's own scheme.
 */
import assert from 'node:assert/strict';
import { basic, bearer, plantToken } from '../black-box/app-passwords.ts';
import { folded } from '../black-box/backend.ts';
import { type Address, ask, headerOf, type Reply, valuesOf } from '../black-box/raw.ts';
import { gate, IDENTITY, type Installation } from './fixture.ts';
import { runClass } from './run.ts';

interface Asked {
  readonly method?: string;
  readonly host?: string;
  readonly uri?: string;
  readonly headers?: readonly string[];
}

function check(at: Address, { method = 'GET', host = 'app', uri = '/', headers = [] }: Asked): Promise<Reply> {
  const told = [
    'Host: auth.internal',
    `X-Forwarded-Method: ${method}`,
    'X-Forwarded-Proto: https',
    `X-Forwarded-Host: ${host}.example.test`,
    `X-Forwarded-Uri: ${uri}`,
    'X-Forwarded-For: 198.51.100.7',
  ];
  return ask(at, { target: '/api/authz/forward-auth', headers: [...told, ...headers] });
}

function assertIs(reply: Reply, who: string): void {
  assert.equal(reply.status, 200);
  for (const [name, value] of Object.entries(IDENTITY[who] ?? {})) assert.deepEqual(valuesOf(reply, name), [value]);
}

/** The same installation with an app that lets preflights through. */
function lenient(): Promise<Installation> {
  const url = 'https://app.example.test';
  return gate({ config: { apps: { app: { url, access: [{ allow: 'signed_in' }], preflight: 'pass' } } } });
}

runClass('api-client', (s) => {
  s.attack('API-02', async () => {
    const { at } = await s.gate();
    const navigation = await check(at, { headers: ['Sec-Fetch-Mode: navigate', 'Accept: text/html'] });
    assert.ok([302, 303].includes(navigation.status));
    assert.match(headerOf(navigation, 'location') ?? '', /^https:\/\/auth\.example\.test\/\?rd=https%3A%2F%2Fapp\./);
    for (const headers of [['X-Requested-With: XMLHttpRequest'], ['Accept: application/json']]) {
      assert.equal((await check(at, { headers })).status, 401, String(headers));
    }
  });

  s.attack('API-03', async () => {
    const { at } = await s.gate();
    const headers = ['Sec-Fetch-Mode: navigate', 'Accept: text/html'];
    const reply = await check(at, { method: 'POST', uri: '/form?x=1', headers });
    assert.equal(reply.status, 303, 'the browser comes with GET');
    const rd = new URL(headerOf(reply, 'location') ?? '').searchParams.get('rd');
    assert.equal(rd, 'https://app.example.test/form?x=1');
  });

  s.attack('API-04', async () => {
    const i = await lenient();
    try {
      const { secret } = await plantToken(i.store);
      const origin = 'Origin: https://app2.example.test';
      const preflight = [origin, 'Access-Control-Request-Method: PUT', 'Access-Control-Request-Headers: x-a'];
      assertIs(await check(i.at, { method: 'OPTIONS', uri: '/api/x', headers: preflight }), 'nobody');
      for (const headers of [[], [origin], preflight.slice(1)]) {
        assert.notEqual(
          (await check(i.at, { method: 'OPTIONS', uri: '/api/x', headers })).status,
          200,
          String(headers),
        );
      }
      assert.notEqual((await check(i.at, { method: 'PUT', uri: '/api/x', headers: preflight })).status, 200);
      const wrong = `lintel_${'A'.repeat(43)}`;
      assertIs(await check(i.at, { method: 'OPTIONS', headers: [...preflight, bearer(wrong)] }), 'nobody');
      assertIs(await check(i.at, { headers: [bearer(secret)] }), 'alice');
    } finally {
      await i.stop();
    }
  });

  s.attack('API-05', async () => {
    const i = await s.gate();
    const { secret, token } = await plantToken(i.store);
    const ask1 = () => check(i.at, { uri: '/api/x', headers: [basic('alice', secret)] });
    assertIs(await ask1(), 'alice');
    const times: number[] = [];
    for (let n = 0; n < 100; n += 1) {
      const began = performance.now();
      assertIs(await ask1(), 'alice');
      times.push(performance.now() - began);
    }
    times.sort((a, b) => a - b);
    // The quicker ones: a busy machine slows some of them down, a key derivation all of them.
    assert.ok((times[10] ?? 0) < 20, `${times[10]} ms`);
    await i.store.revokeTokens({ kind: 'id', id: token.id });
    assert.equal((await ask1()).status, 401, 'nothing outlives a revocation');
  });

  s.attack('API-08', async () => {
    const i = await s.gate();
    const { secret } = await plantToken(i.store, { user: 'bob', apps: ['admin'] });
    for (const way of [bearer(secret), basic('bob', secret), basic('goauthentik.io/token', secret)]) {
      assertIs(await check(i.at, { host: 'admin', headers: [way] }), 'bob');
      const elsewhere = await check(i.at, { headers: [way] });
      assert.equal(elsewhere.status, 401);
      assert.deepEqual(valuesOf(elsewhere, 'remote-user'), []);
      const open = await check(i.at, { uri: '/public/', headers: [way] });
      assertIs(open, 'nobody');
      assert.equal(headerOf(open, 'authorization'), '', 'the app that it is not for does not get it either');
    }
  });

  s.extra('an app password that is accepted, refused or not even looked at reaches no app', async () => {
    const i = await s.proxy();
    const { secret } = await plantToken(i.store);
    const cookie = await i.cookie('alice');
    const dead = `lintel_${'A'.repeat(43)}`;
    const values = [secret, dead].flatMap((x) => [
      `Bearer ${x}`,
      `bearer  ${x}`,
      `Bearer\t${x}`,
      `Token ${x}`,
      x,
      `Bearer ${x}, Bearer ${x}`,
      basic('alice', x).slice('Authorization: '.length),
      basic(x, 'x-oauth-basic').slice('Authorization: '.length),
      basic(x, '').slice('Authorization: '.length),
    ]);
    for (const value of values) {
      for (const name of ['Authorization', 'authorization', 'AUTHORIZATION']) {
        i.backend?.take();
        const headers = ['Host: app.example.test', `${name}: ${value}`, `Cookie: ${cookie}`];
        await ask(i.at, { target: '/', headers }, { from: '127.0.0.2' });
        const seen = i.backend?.take() ?? [];
        assert.ok(seen.length === 1, value);
        for (const arrival of seen) {
          assert.ok(!arrival.raw.includes('lintel_'), value);
          assert.ok(!arrival.headers.some(([n]) => folded(n) === 'authorization'), value);
        }
      }
    }
  });

  s.extra('an app password opens no portal and is no session cookie', async () => {
    const i = await s.gate();
    const { secret } = await plantToken(i.store);
    const bare = secret.slice('lintel_'.length);
    for (const value of [secret, bare]) {
      const headers = ['Host: auth.example.test', `Cookie: __Host-lintel=${value}`, 'Accept: text/html'];
      const reply = await ask(i.at, { target: '/account', headers: [...headers, bearer(secret)] });
      assert.notEqual(reply.status, 200);
      const gated = await check(i.at, { headers: [`Cookie: lintel_gate=${value}`] });
      assert.notEqual(gated.status, 200);
    }
    const body = JSON.stringify({ username: 'alice', password: secret });
    const type = ['Content-Type: application/json', `Content-Length: ${body.length}`];
    const signIn = { method: 'POST', target: '/api/firstfactor', headers: ['Host: auth.example.test', ...type], body };
    assert.equal((await ask(i.at, signIn)).status, 401);
  });
});
