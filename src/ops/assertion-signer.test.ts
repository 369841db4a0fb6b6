import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import { eventually } from '../../test/black-box/lintel.ts';
import type { AssertionAlgorithm, AssertionFacts, AssertionSigner } from '../core/assertion.ts';
import { plainUser, type User } from '../core/subject.ts';
import { MemoryStore } from '../stores/memory.ts';
import { SqliteStore } from '../stores/sqlite.ts';
import { createAssertionSigner, type SignerOptions } from './assertion-signer.ts';
import { systemClock } from './clock.ts';
import { randomKey } from './secrets.ts';

const DAY = 86_400_000;
const T0 = 1_790_000_000_000;
const ISSUER = 'https://auth.example.com';
const ALICE: User = plainUser({
  name: 'alice',
  displayName: 'Alice Liddell',
  emails: ['alice@example.com', 'a@example.com'],
  groups: ['staff', 'dev'],
  epoch: 'e1',
  uid: 'ab'.repeat(32),
});

function facts(over: Partial<AssertionFacts> = {}): AssertionFacts {
  return { issuer: ISSUER, audience: 'wiki', user: ALICE, level: 'one_factor', entitlements: ['edit'], ...over };
}

function signerOn(over: Partial<SignerOptions> = {}): AssertionSigner {
  const failed = (error: unknown) => assert.fail(String(error));
  return createAssertionSigner({
    store: new MemoryStore(),
    algorithm: 'ES256',
    lifetimeMs: 60_000,
    rotateMs: 30 * DAY,
    failed,
    ...over,
  });
}

async function readied(now = T0, over: Partial<SignerOptions> = {}): Promise<AssertionSigner> {
  const signer = signerOn(over);
  await signer.ready(now);
  return signer;
}

/** As an app verifies it, at a moment of its own. */
async function verified(signer: AssertionSigner, token: string, now: number, audience = 'wiki') {
  const keys = createLocalJWKSet(JSON.parse(await signer.jwks(now)));
  const { payload } = await jwtVerify(token, keys, {
    audience,
    issuer: ISSUER,
    algorithms: ['ES256', 'EdDSA'],
    currentDate: new Date(now),
  });
  return payload;
}

for (const algorithm of ['ES256', 'EdDSA'] as const) {
  test(`${algorithm}: an app verifies it with the key set and reads these claims and no other`, async () => {
    const signer = await readied(T0, { algorithm });
    const { token, freshUntil } = signer.sign(facts(), T0);
    assert.match(token, /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}$/);
    assert.equal(freshUntil, T0 + 40_000);
    const iat = T0 / 1000;
    assert.deepEqual(await verified(signer, token, T0), {
      iss: ISSUER,
      aud: 'wiki',
      sub: 'alice',
      uid: 'ab'.repeat(32),
      acr: 'one_factor',
      iat,
      nbf: iat - 30,
      exp: iat + 60,
      email: 'alice@example.com',
      name: 'Alice Liddell',
      entitlements: ['edit'],
      groups: ['staff', 'dev'],
    });
    const { keys } = JSON.parse(await signer.jwks(T0));
    const head = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
    assert.deepEqual(head, { alg: algorithm, kid: keys[1].kid, typ: 'JWT' });
  });

  test(`${algorithm}: WebCrypto verifies it too, and the key set holds nothing private`, async () => {
    const signer = await readied(T0, { algorithm });
    const [head = '', claims = '', signature = ''] = signer.sign(facts(), T0).token.split('.');
    const { keys } = JSON.parse(await signer.jwks(T0));
    const allowed = new Set(['kty', 'crv', 'x', 'y', 'kid', 'use', 'alg']);
    for (const jwk of keys) for (const member of Object.keys(jwk)) assert.ok(allowed.has(member), member);
    const name = algorithm === 'ES256' ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'Ed25519' };
    const key = await crypto.subtle.importKey('jwk', keys[1], name, false, ['verify']);
    const data = Buffer.from(`${head}.${claims}`);
    const how = { ...name, hash: 'SHA-256' };
    assert.equal(await crypto.subtle.verify(how, key, Buffer.from(signature, 'base64url'), data), true);
    data[data.length - 1]! ^= 1;
    assert.equal(await crypto.subtle.verify(how, key, Buffer.from(signature, 'base64url'), data), false);
  });
}

test('another audience, another time, another key, no algorithm and a changed claim are refused', async () => {
  const signer = await readied();
  const { token } = signer.sign(facts(), T0);
  await assert.rejects(verified(signer, token, T0, 'grafana'), errors.JWTClaimValidationFailed);
  await assert.rejects(verified(signer, token, T0 + 60_000), errors.JWTExpired);
  await assert.rejects(verified(signer, token, T0 - 31_000), errors.JWTClaimValidationFailed);
  assert.equal((await verified(signer, token, T0 - 30_000)).sub, 'alice', 'a clock that is behind');
  const stranger = await readied();
  await assert.rejects(verified(stranger, token, T0), errors.JWKSNoMatchingKey);
  const [head = '', claims = '', signature = ''] = token.split('.');
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
  await assert.rejects(verified(signer, `${none}.${claims}.`, T0));
  const mallory = Buffer.from(claims, 'base64url').toString().replace('"alice"', '"admin"');
  const forged = Buffer.from(mallory).toString('base64url');
  await assert.rejects(verified(signer, `${head}.${forged}.${signature}`, T0), errors.JWSSignatureVerificationFailed);
});

test('made once for two thirds of its life, for exactly these facts', async () => {
  const signer = await readied();
  const first = signer.sign(facts(), T0);
  assert.equal(signer.sign(facts(), T0 + 39_999), first, 'the same object');
  const next = signer.sign(facts(), T0 + 40_000);
  assert.notEqual(next.token, first.token);
  assert.equal(signer.sign(facts(), T0 + 60_000), next);
  const others: Partial<AssertionFacts>[] = [
    { audience: 'grafana' },
    { issuer: 'https://login.example.org' },
    { level: 'two_factor' },
    { entitlements: [] },
    { entitlements: ['edit', 'admin'] },
    { entitlements: ['edit","admin'] },
    { user: { ...ALICE, groups: [] } },
  ];
  const tokens = others.map((over) => signer.sign(facts(over), T0 + 60_000).token);
  assert.equal(new Set([...tokens, next.token]).size, others.length + 1);
  assert.equal(signer.sign(facts(), T0 - 3_600_000).freshUntil, T0 - 3_600_000 + 40_000, 'the clock went back');
});

test('any name becomes ASCII and comes back as it was; without a portal there is no issuer', async () => {
  const signer = await readied();
  const names = ['Zoë "O\'Neil" 李 🚪', 'a\u0000b\r\nX-Evil: 1', '\ud800 alone', '__proto__', ''];
  for (const name of names) {
    const user = { ...ALICE, name, displayName: name, groups: [name], emails: [] };
    const { token } = signer.sign(facts({ user, issuer: '', entitlements: [] }), T0);
    assert.match(token, /^[A-Za-z0-9._-]+$/);
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    assert.deepEqual([claims.sub, claims.name, claims.groups], [name, name, [name]]);
    assert.deepEqual(['iss' in claims, 'email' in claims, claims.entitlements], [false, false, []]);
  }
});

test('a token stays under 4 KiB: groups go first, then entitlements, name and e-mail', async () => {
  const signer = await readied();
  const claimsOf = (over: Partial<AssertionFacts>) => {
    const { token } = signer.sign(facts(over), T0);
    assert.ok(token.length <= 4096, `${token.length}`);
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  };
  const many = Array.from({ length: 200 }, (_, i) => `gruppe-ü-${i}`);
  for (let n = 0; n < 150; n += 1) {
    assert.deepEqual(claimsOf({ user: { ...ALICE, groups: many.slice(0, n) } }).groups, many.slice(0, n));
  }
  for (let n = 150; n < 200; n += 1) claimsOf({ user: { ...ALICE, groups: many.slice(0, n) } });
  assert.equal('groups' in claimsOf({ user: { ...ALICE, groups: many } }), false);
  const crowded = claimsOf({ user: { ...ALICE, groups: many }, entitlements: many });
  assert.deepEqual(
    ['groups', 'entitlements', 'name'].map((c) => c in crowded),
    [false, false, true],
  );
  const long = claimsOf({ user: { ...ALICE, displayName: '李'.repeat(2000), emails: ['a'.repeat(3000)] } });
  assert.deepEqual([long.sub, 'name' in long, 'email' in long], ['alice', false, false]);
});

const DAYS = 2 * DAY;
const TURN = Math.ceil(T0 / DAYS) * DAYS;

test('across a rotation every token verifies with the key set of its moment, and the next key is known ahead', async () => {
  const signer = await readied(TURN - DAYS, { rotateMs: DAYS });
  const kidsAt = async (now: number): Promise<string[]> =>
    JSON.parse(await signer.jwks(now)).keys.map((k: { kid: string }) => k.kid);
  const before = await kidsAt(TURN - 1);
  const late = signer.sign(facts(), TURN - 1);
  await signer.ready(TURN);
  assert.equal(signer.sign(facts(), TURN), late, 'still fresh');
  const early = signer.sign(facts(), TURN + 40_000);
  const after = await kidsAt(TURN + 40_000);
  assert.equal(before.length, 3);
  assert.deepEqual(after.slice(0, 2), before.slice(1), 'the next one was there all the period before');
  const kid = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid;
  assert.deepEqual([kid(late.token), kid(early.token)], [before[1], before[2]]);
  await verified(signer, late.token, TURN + 58_000);
  await verified(signer, early.token, TURN + 59_000);
  assert.equal((await kidsAt(TURN + DAYS)).indexOf(before[2] ?? ''), 0, 'a period longer than it signs');
  assert.equal((await kidsAt(TURN + 2 * DAYS)).includes(before[2] ?? ''), false);
});

test('after a sleep of many periods the keys are those of now; old ones are gone from the store', async () => {
  const store = new MemoryStore();
  const signer = await readied(TURN, { rotateMs: DAYS, store });
  const later = TURN + 100 * DAYS;
  assert.throws(() => signer.sign(facts(), later), /before the keys were ready/);
  await signer.ready(later);
  await verified(signer, signer.sign(facts(), later).token, later);
  assert.equal(store.forgetInstallationKeys('assertion/', 'assertion0'), 3);
});

function database(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-signer-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, 'lintel.db');
}

test('two servers on one database sign with one key, also when one turns the period first', async (t) => {
  const path = database(t);
  const stores = [new SqliteStore(path, randomKey, systemClock), new SqliteStore(path, randomKey, systemClock)];
  t.after(() => stores.map((s) => s.close()));
  const [a, b] = await Promise.all(stores.map((store) => readied(TURN - 1, { store, rotateMs: DAYS })));
  assert.ok(a && b);
  assert.equal(await a.jwks(TURN - 1), await b.jwks(TURN - 1));
  await a.ready(TURN);
  await verified(b, a.sign(facts(), TURN).token, TURN - 1);
  await verified(a, b.sign(facts(), TURN - 1).token, TURN);
  await b.ready(TURN);
  assert.equal(await a.jwks(TURN), await b.jwks(TURN));
});

test('other algorithms and other periods do not share a key, and a change of them works', async () => {
  const store = new MemoryStore();
  const at = (algorithm: AssertionAlgorithm, rotateMs: number) => readied(T0, { store, algorithm, rotateMs });
  for (const signer of [await at('ES256', DAYS), await at('EdDSA', DAYS), await at('EdDSA', 7 * DAYS)]) {
    await verified(signer, signer.sign(facts(), T0).token, T0);
  }
});

test('while the store is down there is no first key; a key that is there goes on and the next is fetched later', async () => {
  const store = new MemoryStore();
  const closed = new MemoryStore();
  closed.close();
  await assert.rejects(async () => signerOn({ store: closed }).ready(T0), /closed/);
  const errors: string[] = [];
  let down = false;
  const flaky: SignerOptions['store'] = {
    installationKey: async (name, make) => (down ? closed : store).installationKey(name, make),
    forgetInstallationKeys: async (from, before) => (down ? closed : store).forgetInstallationKeys(from, before),
  };
  const failed = (error: unknown) => errors.push(String(error));
  const signer = await readied(TURN - 1, { store: flaky, rotateMs: DAYS, failed });
  down = true;
  assert.equal(signer.ready(TURN), undefined, 'nothing to wait for');
  await verified(signer, signer.sign(facts(), TURN).token, TURN);
  assert.equal(signer.ready(TURN + 1), undefined);
  assert.deepEqual(errors, ['Error: The memory store is closed.'], 'not at every request');
  down = false;
  signer.ready(TURN + 10_000);
  const published = async () => JSON.parse(await signer.jwks(TURN + 10_000)).keys.length;
  await eventually('the next key is published', async () => (await published()) === 3);
});

test('of many first requests to a slow store one fetches the keys', async () => {
  const store = new MemoryStore();
  let asked = 0;
  const slow: SignerOptions['store'] = {
    installationKey: async (name, make) => {
      asked += 1;
      await new Promise((soon) => setTimeout(soon, 2));
      return store.installationKey(name, make);
    },
    forgetInstallationKeys: (from, before) => store.forgetInstallationKeys(from, before),
  };
  const signer = signerOn({ store: slow });
  await Promise.all(Array.from({ length: 20 }, () => signer.ready(T0)));
  assert.equal(asked, 3);
  signer.sign(facts(), T0);
});
