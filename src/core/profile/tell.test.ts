import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { App } from '../app.ts';
import type { AssertionSigner } from '../assertion.ts';
import type { JsonObject } from '../json.ts';
import { plainUser, type User } from '../subject.ts';
import { AUTHENTIK, REMOTE } from './profile.ts';
import { compileTell, NO_FACTS, type TellFacts } from './tell.ts';

const APP: App = {
  name: 'wiki',
  title: 'The wiki',
  urls: [],
  profile: AUTHENTIK,
  upstream: undefined,
  origins: [],
  rules: [],
  entitlements: [
    { name: 'editor', holds: (u) => u.memberships.includes('staff') },
    { name: 'owner', holds: (u) => u.name === 'carol' },
  ],
};

function person(name: string, attributes: JsonObject = {}, groups = ['staff', 'a|b']): User {
  const plain = plainUser({
    name,
    displayName: 'Ünï',
    emails: [`${name}@x.org`],
    groups,
    epoch: 'e',
    uid: 'f'.repeat(64),
  });
  return { ...plain, attributes, mergedAttributes: attributes };
}

function who(user: User) {
  return { user, level: 'one_factor', routing: undefined } as const;
}

function map(flat: readonly string[]): Record<string, string> {
  const out: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) out[flat[i] ?? ''] = flat[i + 1] ?? '';
  return out;
}

/** Counts, so that a signature a request would show. */
function signer(lifeMs: number): AssertionSigner & { count: number } {
  return {
    count: 0,
    ready: () => {},
    sign(facts, now) {
      this.count++;
      return { token: `${facts.audience}.${facts.user.name}.${this.count}`, freshUntil: now + lifeMs };
    },
    jwks: () => '{}',
  };
}

const facts = (more: Partial<TellFacts> = {}): TellFacts => ({
  ...NO_FACTS,
  outpost: 'o',
  jwks: 'https://auth.x.org/.lintel/jwks.json',
  version: 'lintel/1.2.3',
  ...more,
});

test('every header is there for nobody and for somebody, in one order', () => {
  const tell = compileTell(AUTHENTIK, APP, facts());
  const nobody = tell.to(undefined, 0).identity;
  const somebody = tell.to(who(person('alice')), 0).identity;
  assert.equal(nobody.length, 24);
  assert.deepEqual(
    nobody.filter((_, i) => i % 2 === 0),
    somebody.filter((_, i) => i % 2 === 0),
  );
  assert.ok(nobody.every((v, i) => i % 2 === 0 || v === ''));
  const said = map(somebody);
  assert.equal(said['X-authentik-groups'], 'staff', 'a group that holds the separator is left out');
  assert.equal(said['X-authentik-entitlements'], 'editor');
  assert.equal(said['X-authentik-meta-version'], 'lintel/1.2.3');
  assert.equal(said['X-authentik-jwt'], '', 'no signer, no assertion');
});

test('a name that anybody may have is written for everybody, and overrides where somebody has it', () => {
  const names = ['X-Extra', 'X-authentik-username', 'Authorization'];
  const tell = compileTell(AUTHENTIK, APP, facts({ headerNames: () => names }));
  assert.equal(map(tell.to(undefined, 0).identity)['X-Extra'], '');
  assert.equal(map(tell.to(who(person('bob')), 0).identity)['X-authentik-username'], 'bob');
  const attributes = {
    additionalHeaders: { x_authentik_username: 'override', 'X-Extra': 7, Authorization: 'Bearer s' },
  };
  const told = tell.to(who(person('alice', attributes)), 0);
  assert.equal(map(told.identity)['X-authentik-username'], 'override', 'one name in two spellings is one header');
  assert.equal(map(told.identity)['X-Extra'], '7');
  assert.equal(told.authorization, 'Bearer s');
  assert.ok(!told.identity.some((n) => /authorization/i.test(n)));
});

test('additionalHeaders are for apps that chose them', () => {
  const names = ['X-Extra'];
  const user = person('alice', { additionalHeaders: { 'X-Extra': 'x' } });
  const remote = compileTell(REMOTE, { ...APP, profile: REMOTE }, facts({ headerNames: () => names }));
  assert.equal(map(remote.to(who(user), 0).identity)['X-Extra'], undefined);
  const chosen = compileTell(
    REMOTE,
    { ...APP, profile: REMOTE, tellsAdditional: true },
    facts({ headerNames: () => names }),
  );
  assert.equal(map(chosen.to(who(user), 0).identity)['X-Extra'], 'x');
});

test("a name that is not known to be anybody's is told of nobody, and attributes of the sign-in lie over what is now", () => {
  const names = ['X-Role', 'X-App'];
  const tell = compileTell(AUTHENTIK, APP, facts({ headerNames: () => names }));
  const userAttributes = { additionalHeaders: { 'X-App': 'a', 'X-Stray': 's' } };
  const routing = { backend: undefined, hostHeader: undefined, userAttributes };
  const said = map(
    tell.to({ ...who(person('alice', { additionalHeaders: { 'X-Role': 'admin' } })), routing }, 0).identity,
  );
  assert.deepEqual([said['X-Role'], said['X-App'], said['X-Stray']], ['admin', 'a', undefined]);
  const later = map(tell.to({ ...who(person('alice')), routing }, 0).identity);
  assert.deepEqual([later['X-Role'], later['X-App']], ['', 'a']);
});

test('nothing is asserted where there is no app: an assertion without an audience would be good for every host', () => {
  const s = signer(40_000);
  const tell = compileTell(AUTHENTIK, undefined, facts({ signer: s }));
  assert.equal(tell.asserts, false);
  assert.equal(map(tell.to(who(person('alice')), 0).identity)['X-authentik-jwt'], '');
  assert.equal(s.count, 0);
});

test('names that become known later are written from then on', () => {
  let names: readonly string[] = [];
  const tell = compileTell(AUTHENTIK, APP, facts({ headerNames: () => names }));
  const user = person('alice');
  const before = tell.to(who(user), 0).identity;
  assert.equal(tell.to(who(user), 1).identity, before, 'kept while nothing changes');
  names = ['X-New'];
  assert.equal(map(tell.to(who(user), 2).identity)['X-New'], '');
  assert.equal(map(tell.to(undefined, 2).identity)['X-New'], '');
});

test('Basic is made of attributes, in UTF-8, and only with a password', () => {
  const app = { ...APP, basicAuth: { userAttribute: 'u', passwordAttribute: 'p' } };
  const tell = compileTell(AUTHENTIK, app, facts());
  const basic = (attributes: JsonObject) => tell.to(who(person('alice', attributes)), 0).authorization;
  assert.equal(basic({ u: 'foo', p: 'bar' }), 'Basic Zm9vOmJhcg==');
  assert.equal(basic({ u: 'jörg', p: 'pä' }), 'Basic asO2cmc6cMOk');
  assert.equal(basic({ p: 'bar' }), `Basic ${Buffer.from('alice@x.org:bar').toString('base64')}`);
  for (const none of [{}, { u: 'foo' }, { u: 'foo', p: '' }, { u: 'foo', p: null }, { u: 'foo', p: ['x'] }]) {
    assert.equal(basic(none), undefined);
  }
  assert.equal(tell.to(undefined, 0).authorization, undefined);
  // "admin:x" and "y" would be the user admin with the password "x:y" to every app.
  assert.equal(basic({ u: 'admin:x', p: 'y' }), undefined);
});

test('one signature serves a person until it is due, and each app, level and routing has its own', () => {
  const s = signer(40_000);
  const names = ['X-Dyn'];
  const tell = compileTell(AUTHENTIK, APP, facts({ signer: s, headerNames: () => names }));
  const user = person('alice');
  const first = tell.to(who(user), 0);
  for (let now = 0; now < 40_000; now += 1000) assert.equal(tell.to(who(user), now), first);
  assert.equal(s.count, 1);
  assert.notEqual(tell.to(who(user), 40_000), first);
  assert.equal(s.count, 2);
  tell.to({ ...who(user), level: 'two_factor' }, 40_000);
  assert.equal(s.count, 3);
  const routing = {
    backend: undefined,
    hostHeader: undefined,
    userAttributes: { additionalHeaders: { 'X-Dyn': 'y' } },
  };
  assert.equal(
    map(tell.to({ ...who(user), routing }, 40_000).identity)['X-Dyn'],
    'y',
    'attributes of the sign-in count',
  );
  assert.equal(compileTell(REMOTE, { ...APP, profile: REMOTE }, facts({ signer: s })).asserts, false);
  const named = compileTell(REMOTE, { ...APP, profile: REMOTE, assertionHeader: 'X-Proof' }, facts({ signer: s }));
  assert.equal(named.asserts, true);
  assert.match(map(named.to(who(user), 0).identity)['X-Proof'] ?? '', /^wiki\.alice\./);
});
