import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionStore } from '../core/ports.ts';
import type { Secret } from '../core/session.ts';
import { MAX_SECRETS } from './purpose.ts';
import { tokenContract } from './token.contract.ts';
import { appSecret, handOverOf, keyOf, ORIGIN, portalSecret, sessionOf, T0, tokenOf } from './values.contract.ts';

/** How the suite gets at one kind of store. */
export interface StoreUnderTest {
  readonly store: SessionStore;
  /** A second opening of the same data, as another process has it; the same object where there is none. */
  another(): Promise<SessionStore>;
  /** Closes and removes everything. */
  dispose(): Promise<void>;
}

/** Everything that core/ports.ts promises of a SessionStore. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  const it = (what: string, body: (store: SessionStore, under: StoreUnderTest) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const under = await open();
      try {
        await body(under.store, under);
      } finally {
        await under.dispose();
      }
    });
  };
  opening(it);
  attaching(it);
  changing(it);
  handingOver(it);
  revoking(it);
  ending(it);
  tokenContract(it);
}

type It = (what: string, body: (store: SessionStore, under: StoreUnderTest) => Promise<void>) => void;

function opening(it: It): void {
  it('finds a session by each of its secrets, every field and purpose intact', async (store) => {
    const session = sessionOf('s1', { level: 'two_factor', idleMs: undefined, address: '2001:db8::1' });
    const gate: Secret = { key: keyOf('gate'), purpose: { kind: 'gate', domain: 'example.com' } };
    const secrets = [portalSecret('portal'), appSecret('app'), gate];
    await store.open(session, secrets);
    for (const { key, purpose } of secrets) {
      assert.deepEqual(await store.find(key), { purpose, routing: undefined, session });
    }
    assert.equal(await store.find(keyOf('somebody else')), undefined);
  });

  it('keeps what a sign-in to an app decided with that secret alone', async (store, under) => {
    const userAttributes = { team: ['a', 'b'], deep: { n: 1, none: null, on: true }, 'Zoë "Z"': '\u0000\n李' };
    const routing = { backend: 'http://[2001:db8::1]:8080/alice', hostHeader: 'inner', userAttributes };
    const bare = { backend: undefined, hostHeader: undefined, userAttributes: undefined };
    await store.open(sessionOf('s1'), [portalSecret('p'), { ...appSecret('a'), routing: bare }]);
    await store.attach('s1', { ...appSecret('b', 'https://b.test'), routing });
    const other = await under.another();
    for (const at of [store, other]) {
      assert.deepEqual((await at.find(keyOf('a')))?.routing, bare);
      assert.deepEqual((await at.find(keyOf('b')))?.routing, routing);
      assert.equal((await at.find(keyOf('p')))?.routing, undefined);
    }
  });

  it('keeps names of any script, quotes and empty fields', async (store) => {
    const user = 'Zoë "O\'Neil" 李 🚪';
    const session = sessionOf('s1', { user, epoch: '', address: '', userAgent: "\u0007 ' ; DROP TABLE sessions" });
    await store.open(session, [portalSecret('p')]);
    assert.deepEqual((await store.find(keyOf('p')))?.session, session);
    assert.deepEqual(
      (await store.list({ kind: 'user', user })).map((s) => s.session),
      [session],
    );
  });

  it('open replaces the old session together with all its secrets', async (store) => {
    await store.open(sessionOf('old'), [portalSecret('old'), appSecret('old app')]);
    await store.attach('old', appSecret('old attached', 'https://wiki.example.com'));
    await store.open(sessionOf('new'), [portalSecret('new')], 'old');
    for (const token of ['old', 'old app', 'old attached']) assert.equal(await store.find(keyOf(token)), undefined);
    assert.equal((await store.find(keyOf('new')))?.session.id, 'new');
    assert.equal((await store.list({ kind: 'all' })).length, 1);
  });

  it('open may replace a session that is gone', async (store) => {
    await store.open(sessionOf('new'), [portalSecret('new')], 'never was');
    assert.equal((await store.find(keyOf('new')))?.session.id, 'new');
  });

  it('a failing open changes nothing', async (store) => {
    await store.open(sessionOf('old'), [portalSecret('old')]);
    await store.open(sessionOf('other'), [portalSecret('taken')]);
    const clash = [portalSecret('fresh'), portalSecret('taken')];
    await assert.rejects(async () => store.open(sessionOf('new'), clash, 'old'));
    assert.equal((await store.find(keyOf('old')))?.session.id, 'old');
    assert.equal((await store.find(keyOf('taken')))?.session.id, 'other');
    assert.equal(await store.find(keyOf('fresh')), undefined);
    await assert.rejects(async () => store.open(sessionOf('old'), [portalSecret('fresh')]));
    assert.equal(await store.find(keyOf('fresh')), undefined);
  });
}

function attaching(it: It): void {
  it('attach adds a secret to a living session and refuses a dead one', async (store) => {
    await store.open(sessionOf('s1'), [portalSecret('p')]);
    assert.equal(await store.attach('s1', appSecret('a')), true);
    assert.deepEqual((await store.find(keyOf('a')))?.purpose, { kind: 'app', origin: ORIGIN });
    assert.equal(await store.attach('s2', appSecret('b')), false);
    assert.equal(await store.find(keyOf('b')), undefined);
    await store.revoke({ kind: 'id', id: 's1' });
    assert.equal(await store.attach('s1', appSecret('c')), false);
    assert.equal(await store.find(keyOf('c')), undefined);
  });

  it('attach lets the oldest secret of an app go past the limit, never the portal', async (store) => {
    await store.open(sessionOf('s1'), [portalSecret('p')]);
    for (let i = 1; i <= MAX_SECRETS + 1; i += 1) await store.attach('s1', appSecret(`a${i}`, `https://a${i}.test`));
    const found = async (token: string) => (await store.find(keyOf(token))) !== undefined;
    assert.deepEqual([await found('a1'), await found('a2'), await found('a3')], [false, false, true]);
    assert.deepEqual([await found('p'), await found(`a${MAX_SECRETS + 1}`)], [true, true]);
    assert.equal((await store.list({ kind: 'all' }))[0]?.openFor.length, MAX_SECRETS);
  });

  it('the cookies of whole domains make room too, before that of the portal', async (store) => {
    await store.open(sessionOf('s1'), [portalSecret('p')]);
    for (let i = 0; i <= MAX_SECRETS; i += 1) {
      await store.attach('s1', { key: keyOf(`g${i}`), purpose: { kind: 'gate', domain: 'corp.example' } });
    }
    const found = async (token: string) => (await store.find(keyOf(token))) !== undefined;
    assert.deepEqual([await found('p'), await found('g0'), await found(`g${MAX_SECRETS}`)], [true, false, true]);
  });

  it('touch moves the time forward, never back, for every secret', async (store) => {
    await store.open(sessionOf('s1'), [portalSecret('p'), appSecret('a')]);
    await store.touch('s1', T0 + 60_000);
    await store.touch('s1', T0 + 30_000);
    await store.touch('nobody', T0 + 90_000);
    for (const token of ['p', 'a']) assert.equal((await store.find(keyOf(token)))?.session.lastSeenAt, T0 + 60_000);
  });
}

function changing(it: It): void {
  it('counts what anybody commits, and nothing else', async (store, under) => {
    const other = await under.another();
    await store.open(sessionOf('s1'), [portalSecret('p')]);
    let last = store.changes();
    const changed = async (what: string, act: () => unknown, expected = true) => {
      await act();
      const now = store.changes();
      assert.equal(now !== last, expected, what);
      last = now;
    };
    const read = async () => [await store.find(keyOf('p')), await store.list({ kind: 'all' }), store.changes()];
    await changed('reading', read, false);
    await changed('attach', () => other.attach('s1', appSecret('a')));
    await changed('touch', () => other.touch('s1', T0 + 1));
    await changed('found by somebody else first', async () => {
      await other.revoke({ kind: 'origin', origin: ORIGIN });
      await store.find(keyOf('a'));
    });
    await changed('nothing since', () => store.find(keyOf('p')), false);
    await changed('revoke', () => other.revoke({ kind: 'all' }));
    await changed('open', () => other.open(sessionOf('s2'), [portalSecret('q')]));
    await changed('a new app password', () => other.addToken(tokenOf('t1'), keyOf('t')));
    await changed('an app password looked up', () => store.findToken(keyOf('t')), false);
    await changed('an app password used', () => other.touchToken('t1', T0 + 1));
    await changed('an app password revoked', () => other.revokeTokens({ kind: 'id', id: 't1' }));
    await changed('sweep', () => other.sweep(T0 + 13 * 3_600_000, 10));
  });
}

function handingOver(it: It): void {
  it('takes a hand-over once, by its own code', async (store) => {
    await store.putHandOver('code', handOverOf());
    assert.equal(await store.takeHandOver('other'), undefined);
    assert.deepEqual(await store.takeHandOver('code'), handOverOf());
    assert.equal(await store.takeHandOver('code'), undefined);
  });

  it('of concurrent takers one gets the hand-over', async (store, under) => {
    const other = await under.another();
    await store.putHandOver('code', handOverOf());
    const takers = Array.from({ length: 20 }, async (_, i) => (i % 2 === 0 ? store : other).takeHandOver('code'));
    const got = (await Promise.all(takers)).filter((taken) => taken !== undefined);
    assert.deepEqual(got, [handOverOf()]);
  });

  it('makes an installation key once, the same for every caller', async (store, under) => {
    const other = await under.another();
    const mine = await store.installationKey('state', () => new Uint8Array(32).fill(7));
    const theirs = await other.installationKey('state', () => new Uint8Array(32).fill(8));
    const second = await store.installationKey('basic', () => new Uint8Array(32).fill(9));
    assert.deepEqual([...mine], Array(32).fill(7));
    assert.deepEqual([...theirs], [...mine]);
    assert.deepEqual([...second], Array(32).fill(9));
    assert.equal(await other.checkInstallationKeys(), undefined);
  });

  it('forgets the installation keys of a range of names, for every caller, and no other', async (store, under) => {
    const other = await under.another();
    const names = ['a/1', 'a/2', 'a/2/x', 'a/3', 'b/1'];
    for (const name of names) await store.installationKey(name, () => new Uint8Array(32).fill(1));
    assert.equal(await store.forgetInstallationKeys('a/', 'a/3'), 3);
    assert.equal(await store.forgetInstallationKeys('a/', 'a/3'), 0);
    const after = async (name: string) => (await other.installationKey(name, () => new Uint8Array(32).fill(2)))[0];
    assert.deepEqual(await Promise.all(names.map(after)), [2, 2, 2, 1, 1]);
  });
}

function revoking(it: It): void {
  const three = async (store: SessionStore): Promise<void> => {
    await store.open(sessionOf('a1'), [portalSecret('a1'), appSecret('a1 app'), appSecret('a1 wiki', 'https://wiki')]);
    await store.open(sessionOf('a2', { createdAt: T0 + 1 }), [portalSecret('a2')]);
    await store.open(sessionOf('b1', { user: 'bob', createdAt: T0 + 2 }), [portalSecret('b1'), appSecret('b1 app')]);
  };
  const alive = async (store: SessionStore): Promise<string[]> => {
    const tokens = ['a1', 'a1 app', 'a1 wiki', 'a2', 'b1', 'b1 app'];
    const found = await Promise.all(tokens.map(async (t) => ((await store.find(keyOf(t))) === undefined ? [] : [t])));
    return found.flat();
  };

  it('revokes by id, user, origin and all, and says how many', async (store) => {
    await three(store);
    assert.equal(await store.revoke({ kind: 'origin', origin: 'https://auth.example.com' }), 0);
    assert.equal(await store.revoke({ kind: 'origin', origin: ORIGIN }), 2);
    assert.deepEqual(await alive(store), ['a1', 'a1 wiki', 'a2', 'b1']);
    assert.equal(await store.revoke({ kind: 'id', id: 'a2' }), 1);
    assert.deepEqual(await alive(store), ['a1', 'a1 wiki', 'b1']);
    assert.equal(await store.revoke({ kind: 'user', user: 'ali%' }), 0);
    assert.equal(await store.revoke({ kind: 'user', user: 'alice' }), 1);
    assert.deepEqual(await alive(store), ['b1']);
    assert.equal(await store.revoke({ kind: 'all' }), 1);
    assert.deepEqual(await alive(store), []);
    assert.equal(await store.revoke({ kind: 'all' }), 0);
  });

  it('revokes the secrets of a cookie domain, and leaves the sessions', async (store) => {
    const gate = (token: string, domain: string): Secret => ({ key: keyOf(token), purpose: { kind: 'gate', domain } });
    await three(store);
    await store.attach('a1', gate('a1 gate', 'corp.example'));
    await store.attach('b1', gate('b1 gate', 'corp.example'));
    await store.attach('b1', gate('b1 other', 'corp.example.org'));
    const ids = (await store.list({ kind: 'domain', domain: 'corp.example' })).map((s) => s.session.id);
    assert.deepEqual(ids, ['b1', 'a1']);
    assert.equal(await store.revoke({ kind: 'domain', domain: 'corp.example' }), 2);
    assert.equal(await store.find(keyOf('a1 gate')), undefined);
    assert.equal((await store.find(keyOf('b1 other')))?.session.id, 'b1');
    assert.deepEqual(await alive(store), ['a1', 'a1 app', 'a1 wiki', 'a2', 'b1', 'b1 app']);
    assert.equal(await store.revoke({ kind: 'domain', domain: ORIGIN }), 0);
  });

  it('a revocation is seen by every other opening at its next find', async (store, under) => {
    const other = await under.another();
    await three(store);
    assert.equal((await other.find(keyOf('b1')))?.session.user, 'bob');
    await store.revoke({ kind: 'user', user: 'bob' });
    assert.equal(await other.find(keyOf('b1')), undefined);
    await other.revoke({ kind: 'origin', origin: ORIGIN });
    assert.deepEqual(await alive(store), ['a1', 'a1 wiki', 'a2']);
  });

  it('lists the newest first with what each is open for, each once', async (store) => {
    await three(store);
    await store.attach('a1', appSecret('a1 app again'));
    const shown = async (filter: Parameters<SessionStore['list']>[0]) =>
      (await store.list(filter)).map((s) => [s.session.id, ...s.openFor]);
    const auth = 'https://auth.example.com';
    const [a1, a2, b1] = [
      ['a1', ORIGIN, auth, 'https://wiki'],
      ['a2', auth],
      ['b1', ORIGIN, auth],
    ];
    assert.deepEqual(await shown({ kind: 'all' }), [b1, a2, a1]);
    assert.deepEqual(await shown({ kind: 'user', user: 'alice' }), [a2, a1]);
    assert.deepEqual(await shown({ kind: 'id', id: 'b1' }), [b1]);
    assert.deepEqual(await shown({ kind: 'origin', origin: ORIGIN }), [b1, a1]);
    assert.deepEqual(await shown({ kind: 'origin', origin: auth }), []);
    assert.deepEqual((await store.list({ kind: 'id', id: 'a2' }))[0]?.session, sessionOf('a2', { createdAt: T0 + 1 }));
  });
}

function ending(it: It): void {
  it('sweeps what is over, at most the limit a call, and nothing that can still come alive', async (store) => {
    const hour = 3_600_000;
    await store.open(sessionOf('idle'), [portalSecret('idle')]);
    await store.open(sessionOf('remembered', { idleMs: undefined }), [portalSecret('remembered')]);
    await store.open(sessionOf('short', { expiresAt: T0 + 1000 }), [portalSecret('short')]);
    await store.putHandOver('code', handOverOf({ expiresAt: T0 + 2000 }));
    assert.equal(await store.sweep(T0 + 999, 10), 0);
    assert.equal(await store.sweep(T0 + 1000, 10), 1, 'at the boundary it is over');
    assert.equal(await store.find(keyOf('short')), undefined);
    assert.equal(await store.sweep(T0 + hour - 1, 10), 1, 'the hand-over');
    assert.equal(await store.takeHandOver('code'), undefined);
    await store.touch('idle', T0 + 1);
    assert.equal(await store.sweep(T0 + hour, 10), 0, 'the touch moved its end');
    assert.equal(await store.sweep(T0 + hour + 1, 10), 1);
    assert.equal(await store.find(keyOf('idle')), undefined);
    assert.equal((await store.find(keyOf('remembered')))?.session.id, 'remembered');
    for (let i = 0; i < 25; i += 1) await store.open(sessionOf(`s${i}`), [portalSecret(`s${i}`)]);
    for (let i = 0; i < 5; i += 1) await store.putHandOver(`c${i}`, handOverOf());
    const batches: number[] = [];
    for (let i = 0; i < 4; i += 1) batches.push(await store.sweep(T0 + 11 * hour, 10));
    assert.deepEqual(batches, [10, 10, 10, 0]);
  });

  it('answers a ping while it is open, closes twice, and then throws', async (store) => {
    await store.ping();
    await store.close();
    await store.close();
    await assert.rejects(async () => store.ping());
    await assert.rejects(async () => store.find(keyOf('p')));
    await assert.rejects(async () => store.open(sessionOf('s1'), []));
  });
}
