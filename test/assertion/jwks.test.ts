/** Assertions as apps verify them: through the key set that a running Lintel serves. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createRemoteJWKSet, errors, jwtVerify, SignJWT } from 'jose';
import type { AssertionSigner } from '../../src/core/assertion.ts';
import { plainUser } from '../../src/core/subject.ts';
import { createAssertionSigner } from '../../src/ops/assertion-signer.ts';
import { systemClock } from '../../src/ops/clock.ts';
import { randomKey } from '../../src/ops/secrets.ts';
import { SqliteStore } from '../../src/stores/sqlite.ts';
import { type Running, serve } from '../black-box/lintel.ts';
import { ask, headerOf } from '../black-box/raw.ts';

const PATH = '/.lintel/jwks.json';
const ALICE = plainUser({ name: 'alice', displayName: 'Alice', emails: [], groups: ['staff'], epoch: 'e1' });

let lintel: Running;
let store: SqliteStore;

before(async () => {
  lintel = await serve({
    healthHost: 'localhost',
    users: { alice: { password: 'secret', displayname: 'Alice' } },
    config: {
      portal: 'http://localhost:PORT/auth',
      storage: 'sqlite:DIR/lintel.db',
      users: 'file:DIR/users.yml',
      metrics: 'off',
      trusted_proxies: ['127.0.0.1'],
      assertion: { lifetime: '30s', rotate: '1h' },
      apps: {
        wiki: { url: 'https://wiki.example.com', access: [{ allow: 'signed_in' }] },
        own: { url: 'http://own.example.com', upstream: 'http://127.0.0.1:1', access: [{ allow: 'signed_in' }] },
      },
    },
  });
  store = new SqliteStore(lintel.database, randomKey, systemClock);
});

after(async () => {
  store.close();
  await lintel.stop();
});

/** A second server on the database of the running one. */
function signerBeside(): AssertionSigner {
  return createAssertionSigner({
    store,
    algorithm: 'ES256',
    lifetimeMs: 30_000,
    rotateMs: 3_600_000,
    failed: (error) => assert.fail(String(error)),
  });
}

const issuer = () => `http://localhost:${lintel.port}`;
const keysOf = () => createRemoteJWKSet(new URL(`${issuer()}/auth${PATH}`), { timeoutDuration: 10_000 });

async function signed(audience = 'wiki'): Promise<string> {
  const signer = signerBeside();
  await signer.ready(Date.now());
  const facts = { issuer: issuer(), audience, user: ALICE, level: 'one_factor', entitlements: [] } as const;
  return signer.sign(facts, Date.now()).token;
}

test('an app verifies an assertion with the keys that it fetches from the portal', async () => {
  const checks = { audience: 'wiki', issuer: issuer(), algorithms: ['ES256'] };
  const { payload, protectedHeader } = await jwtVerify(await signed(), keysOf(), checks);
  assert.equal(payload.sub, 'alice');
  assert.equal(protectedHeader.alg, 'ES256');
  await assert.rejects(jwtVerify(await signed('grafana'), keysOf(), checks), errors.JWTClaimValidationFailed);
  const late = await signed();
  const future = { ...checks, currentDate: new Date(Date.now() + 31_000) };
  await assert.rejects(jwtVerify(late, keysOf(), future), errors.JWTExpired);
});

test('what somebody else signed, or nobody, is refused, also under the id of a published key', async () => {
  const [head = '', claims = ''] = (await signed()).split('.');
  const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString());
  const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const payload = JSON.parse(Buffer.from(claims, 'base64url').toString());
  const forged = await new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
  await assert.rejects(jwtVerify(forged, keysOf()), errors.JWSSignatureVerificationFailed);
  const jwk = { ...(await crypto.subtle.exportKey('jwk', publicKey)) };
  const brought = await new SignJWT(payload).setProtectedHeader({ alg: 'ES256', jwk, kid }).sign(privateKey);
  await assert.rejects(jwtVerify(brought, keysOf()), errors.JWSSignatureVerificationFailed);
  const secret = new TextEncoder().encode(JSON.stringify({ kid }));
  const hmac = await new SignJWT(payload).setProtectedHeader({ alg: 'HS256', kid }).sign(secret);
  await assert.rejects(jwtVerify(hmac, keysOf()));
  const none = Buffer.from(JSON.stringify({ alg: 'none', kid })).toString('base64url');
  await assert.rejects(jwtVerify(`${none}.${claims}.`, keysOf()));
});

test('the key set stands on the portal and on every app, the same, for anybody, without cookies', async () => {
  const places = [
    ['localhost', `/auth${PATH}`],
    ['wiki.example.com', PATH],
    ['own.example.com', PATH],
  ] as const;
  const bodies = await Promise.all(
    places.map(async ([host, target]) => {
      const headers = [`Host: ${host}`, 'X-Forwarded-Proto: https', 'Origin: https://elsewhere.example'];
      const got = await ask(lintel, { target, headers: host === 'own.example.com' ? [headers[0] ?? ''] : headers });
      assert.equal(got.status, 200, `${host}: ${got.body}`);
      assert.equal(headerOf(got, 'content-type'), 'application/jwk-set+json');
      assert.equal(headerOf(got, 'cache-control'), 'public, max-age=600');
      assert.equal(headerOf(got, 'access-control-allow-origin'), '*');
      assert.equal(headerOf(got, 'set-cookie'), undefined);
      assert.equal(headerOf(got, 'access-control-allow-credentials'), undefined);
      return got.body;
    }),
  );
  assert.equal(new Set(bodies).size, 1);
  const { keys } = JSON.parse(bodies[0] ?? '');
  assert.equal(keys.length, 3);
  for (const key of keys) assert.deepEqual(Object.keys(key).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
});

test('HEAD is answered without a body, and a change is refused', async () => {
  const at = { target: PATH, headers: ['Host: wiki.example.com', 'X-Forwarded-Proto: https'] };
  const head = await ask(lintel, { ...at, method: 'HEAD' });
  assert.deepEqual([head.status, head.body], [200, '']);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const refused = await ask(lintel, { ...at, method });
    assert.deepEqual([refused.status, headerOf(refused, 'allow')], [405, 'GET, HEAD'], method);
  }
});

test('the server keeps the key to its keys to itself', () => {
  assert.equal((statSync(`${lintel.database}.key`).mode & 0o777).toString(8), '600');
});

test('a server whose key file is lost does not start, and says what to do', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-lost-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'lost.db');
  const old = new SqliteStore(path, randomKey, systemClock);
  await old.installationKey('portal', () => randomKey(32));
  old.close();
  rmSync(`${path}.key`);
  const config = { storage: `sqlite:${path}`, portal: 'https://auth.example.com', metrics: 'off' };
  await assert.rejects(
    serve({ healthHost: 'auth.example.com', users: {}, config }),
    /lost\.db are encrypted, and .*lost\.db\.key, which opens them, is missing\. Put that file back from your backup\./,
  );
});
