/** App passwords at the checks of authentik's outpost, and at apps that say whose the Authorization header is. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gate, type Installation, PASSWORD, proxy } from '../attacks/fixture.ts';
import { basic, bearer, plantToken } from '../black-box/app-passwords.ts';
import { startBackend } from '../black-box/backend.ts';
import { ask, headerOf, type Reply } from '../black-box/raw.ts';

const ACCESS = [{ allow: 'signed_in' }];
const INVALID = 'Bearer error="invalid_token"';
const FOREIGN = 'eyJhbGciOiJFUzI1NiJ9.e30.x';

let outpost: Installation;
let face: Installation;
before(async () => {
  const backend = await startBackend();
  const upstream = `http://127.0.0.1:${backend.port}`;
  const forwarded = (name: string) => ({ url: `https://${name}.example.test`, headers: 'authentik', access: ACCESS });
  const proxied = (name: string) => ({ url: `http://${name}.example.test`, upstream, access: ACCESS });
  const apps = {
    plain: proxied('plain'),
    mine: { ...proxied('mine'), intercept_header_auth: true },
    theirs: { ...proxied('theirs'), intercept_header_auth: false },
  };
  [outpost, face] = await Promise.all([
    gate({ config: { apps: { app: forwarded('app'), other: forwarded('other') }, domains: [] } }),
    proxy({ backend, config: { apps } }),
  ]);
});
after(async () => {
  await Promise.all([outpost.stop(), face.stop()]);
});

function checks(authorization: string, host = 'app'): readonly (readonly [name: string, reply: Promise<Reply>])[] {
  const url = ['X-Forwarded-Proto: https', `X-Forwarded-Host: ${host}.example.test`, 'X-Forwarded-Uri: /api'];
  const to = (name: string, headers: readonly string[], rest = '') => {
    const target = `/outpost.goauthentik.io/auth/${name}${rest}`;
    return [name, ask(outpost.at, { target, headers: [...headers, authorization] })] as const;
  };
  return [
    to('traefik', ['Host: outpost.internal', ...url]),
    to('caddy', ['Host: outpost.internal', ...url]),
    to('nginx', ['Host: outpost.internal', `X-Original-URL: https://${host}.example.test/api`]),
    to('envoy', [`Host: ${host}.example.test`, 'X-Forwarded-Proto: https'], '/api'),
  ];
}

test('an app password opens one request at every check, with no cookie, and is taken out', async () => {
  const { secret } = await plantToken(outpost.store, { apps: ['app'] });
  for (const way of [basic('alice', secret), basic('goauthentik.io/token', secret), bearer(secret)]) {
    for (const [name, sent] of checks(way)) {
      const reply = await sent;
      assert.equal(reply.status, 200, name);
      assert.equal(headerOf(reply, 'x-authentik-username'), 'alice', name);
      assert.equal(headerOf(reply, 'authorization'), '', name);
      assert.equal(headerOf(reply, 'set-cookie'), undefined, name);
    }
    for (const [name, sent] of checks(way, 'other')) assert.equal((await sent).status, 401, `${name} of another app`);
  }
});

test('account passwords and foreign Bearers are refused in the scheme they came in, with no redirect', async () => {
  const wrong = [
    [basic('alice', PASSWORD), /^Basic realm=/],
    [basic('goauthentik.io/token', PASSWORD), /^Basic realm=/],
    [basic('alice', `lintel_${'A'.repeat(43)}`), /^Basic realm=/],
    [bearer(FOREIGN), /^Bearer error="invalid_token"$/],
    [bearer(`lintel_${'A'.repeat(43)}`), /^Bearer error="invalid_token"$/],
  ] as const;
  for (const [way, challenge] of wrong) {
    for (const [name, sent] of checks(way)) {
      const reply = await sent;
      assert.equal(reply.status, 401, `${name} ${way}`);
      assert.match(headerOf(reply, 'www-authenticate') ?? '', challenge, name);
      assert.equal(headerOf(reply, 'location'), undefined, name);
      assert.equal(headerOf(reply, 'x-authentik-username'), undefined, name);
    }
  }
});

test('the proxy face: a foreign Bearer is the app’s own, unless every Bearer is Lintel’s', async () => {
  const { secret } = await plantToken(face.store);
  const opened = async (host: string, authorization: string, cookie?: string) => {
    face.backend?.take();
    const headers = [`Host: ${host}.example.test`, 'Accept: application/json', authorization];
    const all = cookie === undefined ? headers : [...headers, `Cookie: ${cookie}`];
    const reply = await ask(face.at, { target: '/', headers: all }, { from: '127.0.0.2' });
    const seen = face.backend?.take()[0]?.headers.find(([name]) => name.toLowerCase() === 'authorization');
    return [reply.status, headerOf(reply, 'www-authenticate'), seen?.[1]];
  };
  assert.deepEqual(await opened('plain', bearer(secret)), [200, undefined, undefined]);
  assert.deepEqual(await opened('mine', bearer(secret)), [200, undefined, undefined]);
  assert.deepEqual(await opened('plain', bearer(FOREIGN)), [401, undefined, undefined]);
  assert.deepEqual(await opened('mine', bearer(FOREIGN)), [401, INVALID, undefined]);
  const cookies = new Map<string, string | undefined>();
  for (const host of ['plain', 'theirs']) cookies.set(host, await face.cookie('alice', `${host}.example.test`));
  for (const [host, cookie] of cookies) {
    assert.deepEqual(await opened(host, bearer(FOREIGN), cookie), [200, undefined, `Bearer ${FOREIGN}`], host);
  }
  assert.deepEqual(await opened('theirs', bearer(secret)), [401, undefined, undefined], 'the header is not looked at');
  assert.deepEqual(await opened('theirs', bearer(secret), cookies.get('theirs')), [200, undefined, undefined]);
});
