import assert from 'node:assert/strict';
import { MAX_TOKENS } from '../core/app-token.ts';
import type { TokenStore } from '../core/ports.ts';
import { keyOf, T0, tokenOf } from './values.contract.ts';

interface Under<S> {
  another(): Promise<S>;
}

type It<S> = (what: string, body: (store: S, under: Under<S>) => Promise<void>) => void;

/** Everything that core/ports.ts promises of a TokenStore. */
export function tokenContract<S extends TokenStore & { sweep(now: number, limit: number): unknown }>(it: It<S>): void {
  adding(it);
  using(it);
  revoking(it);
  ending(it);
}

function adding(it: It<TokenStore>): void {
  it('finds an app password by its secret alone, every field intact', async (store) => {
    const tokens = [
      tokenOf('t1', { apps: ['dav', 'O\'Neil "wiki"'], expiresAt: T0 + 1000, lastUsedAt: T0, createdBy: 'operator' }),
      tokenOf('t2', { user: 'Zoë "O\'Neil" 李 🚪', label: "'; DROP TABLE tokens" }),
      tokenOf('t3', { apps: [] }),
      tokenOf('t4', { apps: ['all'] }),
    ];
    for (const token of tokens) assert.equal(await store.addToken(token, keyOf(token.id)), true);
    for (const token of tokens) assert.deepEqual(await store.findToken(keyOf(token.id)), token);
    assert.equal(await store.findToken(keyOf('somebody else')), undefined);
    assert.deepEqual(await store.listTokens({ kind: 'user', user: tokens[1]?.user ?? '' }), [tokens[1]]);
  });

  it('adding an id or a secret twice changes nothing', async (store) => {
    await store.addToken(tokenOf('t1'), keyOf('one'));
    await assert.rejects(async () => store.addToken(tokenOf('t1', { user: 'mallory' }), keyOf('two')));
    await assert.rejects(async () => store.addToken(tokenOf('t2', { user: 'mallory' }), keyOf('one')));
    assert.deepEqual(await store.listTokens({ kind: 'all' }), [tokenOf('t1')]);
    assert.equal(await store.findToken(keyOf('two')), undefined);
  });

  it('an account holds a bounded number of app passwords, expired ones not counted', async (store) => {
    for (let i = 0; i < MAX_TOKENS; i += 1) {
      assert.equal(await store.addToken(tokenOf(`t${i}`, { expiresAt: T0 + 10 + i }), keyOf(`t${i}`)), true);
    }
    assert.equal(await store.addToken(tokenOf('more', { createdAt: T0 + 9 }), keyOf('more')), false);
    assert.equal(await store.findToken(keyOf('more')), undefined);
    assert.equal(await store.addToken(tokenOf('bob', { user: 'bob' }), keyOf('bob')), true);
    assert.equal(await store.addToken(tokenOf('more', { createdAt: T0 + 10 }), keyOf('more')), true);
  });
}

function using(it: It<TokenStore>): void {
  it('the last use moves forward, never back', async (store) => {
    await store.addToken(tokenOf('t1'), keyOf('t1'));
    const lastUse = async () => (await store.findToken(keyOf('t1')))?.lastUsedAt;
    assert.equal(await lastUse(), undefined);
    await store.touchToken('t1', T0 + 60_000);
    assert.equal(await lastUse(), T0 + 60_000);
    await store.touchToken('t1', T0 + 30_000);
    await store.touchToken('nobody', T0 + 90_000);
    assert.equal(await lastUse(), T0 + 60_000);
  });
}

function revoking(it: It<TokenStore>): void {
  const three = async (store: TokenStore): Promise<void> => {
    await store.addToken(tokenOf('a1'), keyOf('a1'));
    await store.addToken(tokenOf('a2', { createdAt: T0 + 1 }), keyOf('a2'));
    await store.addToken(tokenOf('b1', { user: 'bob', createdAt: T0 + 2 }), keyOf('b1'));
  };
  const ids = async (store: TokenStore, filter: Parameters<TokenStore['listTokens']>[0]) =>
    (await store.listTokens(filter)).map((t) => t.id);

  it('lists the newest app passwords first; revokes by id, user and all, and says how many', async (store) => {
    await three(store);
    assert.deepEqual(await ids(store, { kind: 'all' }), ['b1', 'a2', 'a1']);
    assert.deepEqual(await ids(store, { kind: 'user', user: 'alice' }), ['a2', 'a1']);
    assert.deepEqual(await ids(store, { kind: 'id', id: 'b1' }), ['b1']);
    assert.equal(await store.revokeTokens({ kind: 'id', id: 'nobody' }), 0);
    assert.equal(await store.revokeTokens({ kind: 'user', user: 'ali%' }), 0);
    assert.equal(await store.revokeTokens({ kind: 'id', id: 'a2' }), 1);
    assert.equal(await store.findToken(keyOf('a2')), undefined);
    assert.equal(await store.revokeTokens({ kind: 'user', user: 'alice' }), 1);
    assert.deepEqual(await ids(store, { kind: 'all' }), ['b1']);
    assert.equal(await store.revokeTokens({ kind: 'all' }), 1);
    assert.equal(await store.findToken(keyOf('b1')), undefined);
  });

  it('a revoked app password is gone for every other opening at its next find', async (store, under) => {
    const other = await under.another();
    await three(store);
    for (const id of ['a1', 'b1']) assert.equal((await other.findToken(keyOf(id)))?.id, id);
    await store.revokeTokens({ kind: 'id', id: 'a1' });
    assert.equal(await other.findToken(keyOf('a1')), undefined);
    assert.equal((await other.findToken(keyOf('b1')))?.id, 'b1');
    await other.revokeTokens({ kind: 'user', user: 'bob' });
    assert.equal(await store.findToken(keyOf('b1')), undefined);
  });
}

function ending(it: It<TokenStore & { sweep(now: number, limit: number): unknown }>): void {
  it('sweeps app passwords that are past their end, at most the limit a call', async (store) => {
    await store.addToken(tokenOf('stays'), keyOf('stays'));
    for (let i = 0; i < 15; i += 1) await store.addToken(tokenOf(`t${i}`, { expiresAt: T0 + 5 }), keyOf(`t${i}`));
    const batches: unknown[] = [];
    for (const now of [T0 + 4, T0 + 5, T0 + 5, T0 + 5]) batches.push(await store.sweep(now, 10));
    assert.deepEqual(batches, [0, 10, 5, 0]);
    assert.deepEqual(await store.listTokens({ kind: 'all' }), [tokenOf('stays')]);
  });
}
