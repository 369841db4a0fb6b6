import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PasswordFailure, UserSource } from '../core/ports.ts';
import { err, ok, type Result } from '../core/result.ts';
import { plainUser, type User } from '../core/subject.ts';
import { parseIp } from '../core/text/ip.ts';
import { cachedVerifier } from './basic-cache.ts';
import { openVerifier, type Verifier } from './verifier.ts';

const HOME = parseIp('192.0.2.7');
const ELSEWHERE = parseIp('198.51.100.9');

function user(epoch = 'e1'): User {
  return plainUser({ name: 'alice', displayName: 'Alice', emails: [], groups: [], epoch });
}

/** A counting stand-in for the hash check, so that what is cached and what is not can be told apart. */
function given(options: { cacheMs?: number; max?: number } = {}) {
  const state = { now: 1_000_000, checks: 0, wait: 0, current: user() as User | undefined, isDown: false };
  const source: UserSource = {
    lookup: () => {
      if (state.isDown) throw new Error('down');
      return state.current;
    },
    resolve: () => undefined,
    onChange: () => {},
    headerNames: () => [],
    count: () => 1,
    close: () => {},
  };
  const verifier: Verifier = {
    verify: async (_typed, password) => {
      state.checks++;
      await new Promise(setImmediate);
      return password === 'right' && state.current !== undefined ? ok(state.current) : err({ kind: 'refused' });
    },
    hitWaitSeconds: () => state.wait,
    close: async () => {},
  };
  const clock = { now: () => 0, monotonic: () => state.now };
  const cached = cachedVerifier(verifier, source, { cacheMs: 60_000, key: Buffer.alloc(32, 9), clock, ...options });
  return { state, cached };
}

function said(outcome: Result<User, PasswordFailure>): string {
  return outcome.ok ? outcome.value.name : outcome.error.kind;
}

test('a password is checked once a minute, counted from its check', async () => {
  const { state, cached } = given();
  for (let i = 0; i < 6; i++) {
    assert.equal(said(await cached.verify('alice', 'right', HOME)), 'alice');
    state.now += 10_000;
  }
  assert.equal(state.checks, 1);
  await cached.verify('alice', 'right', HOME);
  assert.equal(state.checks, 2);
});

test('failures are never remembered', async () => {
  const { state, cached } = given();
  for (let i = 0; i < 3; i++) assert.equal(said(await cached.verify('alice', 'wrong', HOME)), 'refused');
  assert.equal(state.checks, 3);
});

test('another password, name or address is another entry, however the parts are cut', async () => {
  const { state, cached } = given();
  await cached.verify('alice', 'right', HOME);
  for (const [typed, password, client] of [
    ['alice', 'righ', HOME],
    ['alice', 'right', ELSEWHERE],
    ['alice', 'right', undefined],
    ['alicer', 'ight', HOME],
    ['alic', 'eright', HOME],
  ] as const) {
    const before = state.checks;
    await cached.verify(typed, password, client);
    assert.equal(state.checks, before + 1, `${typed} ${password}`);
  }
});

test('a changed, disabled or removed user ends the entry at once', async () => {
  const { state, cached } = given();
  await cached.verify('alice', 'right', HOME);
  state.current = user('e2');
  await cached.verify('alice', 'right', HOME);
  assert.equal(state.checks, 2);
  state.current = undefined;
  assert.equal(said(await cached.verify('alice', 'right', HOME)), 'refused');
  assert.equal(state.checks, 3);
  state.current = user('e2');
  await cached.verify('alice', 'right', HOME);
  assert.equal(state.checks, 4);
});

test('equal requests that arrive together share one check', async () => {
  const { state, cached } = given();
  const all = await Promise.all(Array.from({ length: 20 }, () => cached.verify('alice', 'right', HOME)));
  assert.deepEqual(new Set(all.map(said)), new Set(['alice']));
  assert.equal(state.checks, 1);
});

test('the cache is bounded: the oldest entry goes', async () => {
  const { state, cached } = given({ max: 2 });
  for (const name of ['a', 'b', 'c']) await cached.verify(name, 'right', HOME);
  assert.equal(state.checks, 3);
  await cached.verify('c', 'right', HOME);
  await cached.verify('b', 'right', HOME);
  assert.equal(state.checks, 3);
  await cached.verify('a', 'right', HOME);
  assert.equal(state.checks, 4);
});

test('no time means no cache', async () => {
  const { state, cached } = given({ cacheMs: 0 });
  for (let i = 0; i < 3; i++) await cached.verify('alice', 'right', HOME);
  assert.equal(state.checks, 3);
});

test('a hit is held up where the throttle says so, and a source that is down is unavailable', async () => {
  const { state, cached } = given();
  await cached.verify('alice', 'right', HOME);
  state.wait = 7;
  assert.deepEqual(await cached.verify('alice', 'right', HOME), err({ kind: 'throttled', retryAfterSeconds: 7 }));
  state.wait = 0;
  state.isDown = true;
  assert.equal(said(await cached.verify('alice', 'right', HOME)), 'unavailable');
  state.isDown = false;
  assert.equal(said(await cached.verify('alice', 'right', HOME)), 'alice');
  assert.equal(state.checks, 1);
});

test('a cached password cannot be searched for past the throttle', async () => {
  const alice = user();
  const hash = '$argon2id$v=19$m=256,t=2,p=2$61jK+Po407hRJ+ECboKdeQ$e5nzb7pvL8NNym665jVVBpuO+hTcHarAg7tNzFiE4cc';
  const source: UserSource = {
    lookup: () => alice,
    resolve: () => ({ user: alice, passwordHash: hash }),
    onChange: () => {},
    headerNames: () => [],
    count: () => 1,
    close: () => {},
  };
  const clock = { now: () => 0, monotonic: () => 1_000_000 };
  const throttle = { maxRetries: 3, findTimeMs: 120_000, banTimeMs: 300_000 };
  const verifier = openVerifier({ source, clock, throttle, nobodysHash: () => hash, workers: 1 });
  const cached = cachedVerifier(verifier, source, { cacheMs: 60_000, key: Buffer.alloc(32), clock });
  const guess = async (password: string, client = HOME) => said(await cached.verify('alice', password, client));
  try {
    assert.equal(await guess('correct horse'), 'alice');
    assert.deepEqual([await guess('1'), await guess('2'), await guess('3')], ['refused', 'refused', 'refused']);
    assert.equal(await guess('correct horse'), 'alice'); // a shut account alone does not lock her out
    assert.equal(await guess('4'), 'throttled');
    assert.equal(await guess('correct horse'), 'throttled'); // from where somebody guesses, nothing is told any more
    assert.equal(await guess('correct horse', ELSEWHERE), 'throttled'); // and elsewhere nothing was cached
  } finally {
    await verifier.close();
  }
});
