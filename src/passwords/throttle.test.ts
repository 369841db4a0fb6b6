import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIp } from '../core/text/ip.ts';
import { type Attempt, accountKey, addressKey, Throttle } from './throttle.ts';

const SETTINGS = { maxRetries: 3, findTimeMs: 120_000, banTimeMs: 300_000 };

function started(settings = SETTINGS) {
  const time = { ms: 1_000_000 };
  return { time, throttle: new Throttle(settings, { now: () => 0, monotonic: () => time.ms }) };
}

function attempt(name: string, address?: string): Attempt {
  return { account: accountKey(name), address: addressKey(address === undefined ? undefined : parseIp(address)) };
}

function fail(throttle: Throttle, a: Attempt, times = 1): void {
  for (let i = 0; i < times; i++) {
    assert.equal(throttle.start(a), 'run');
    throttle.end(a, 'failed');
  }
}

test('the third failure shuts the account for the ban time, to the second', () => {
  const { throttle, time } = started();
  fail(throttle, attempt('alice'), 2);
  assert.equal(throttle.waitSeconds(attempt('alice')), 0);
  fail(throttle, attempt('alice'));
  assert.equal(throttle.waitSeconds(attempt('alice')), 300);
  assert.equal(throttle.start(attempt('alice')), 'never');
  time.ms += 299_001;
  assert.equal(throttle.waitSeconds(attempt('alice')), 1);
  time.ms += 999;
  assert.equal(throttle.waitSeconds(attempt('alice')), 0);
  fail(throttle, attempt('alice'), 2); // and it starts with all its retries
  assert.equal(throttle.waitSeconds(attempt('alice')), 0);
});

test('failures further apart than the find time do not add up', () => {
  const { throttle, time } = started();
  for (let i = 0; i < 10; i++) {
    fail(throttle, attempt('alice'));
    time.ms += 60_001;
  }
  assert.equal(throttle.waitSeconds(attempt('alice')), 0);
});

test('every spelling of a name is one account', () => {
  const { throttle } = started();
  fail(throttle, attempt('josé'));
  fail(throttle, attempt('JOSÉ'));
  fail(throttle, attempt('jose\u0301'));
  for (const spelling of ['josé', 'Jose\u0301', 'JOSÉ']) {
    assert.equal(throttle.waitSeconds(attempt(spelling)), 300, spelling);
  }
  assert.equal(throttle.waitSeconds(attempt('jose')), 0);
});

test('an address is shut after thirty failures over any names, and IPv6 counts by /64', () => {
  const { throttle } = started();
  for (let i = 0; i < 29; i++) fail(throttle, attempt(`user${i}`, `2001:db8:0:7::${i.toString(16)}`));
  assert.equal(throttle.waitSeconds(attempt('new', '2001:db8:0:7:ffff::1')), 0);
  fail(throttle, attempt('user29', '2001:db8:0:7:1:2:3:4'));
  assert.equal(throttle.waitSeconds(attempt('new', '2001:db8:0:7:ffff::1')), 300);
  assert.equal(throttle.waitSeconds(attempt('new', '2001:db8:0:8::1')), 0);
});

test('an IPv4 address counts by itself, in either spelling', () => {
  const { throttle } = started();
  for (let i = 0; i < 30; i++) fail(throttle, attempt(`user${i}`, i % 2 ? '192.0.2.7' : '::ffff:192.0.2.7'));
  assert.equal(throttle.waitSeconds(attempt('new', '192.0.2.7')), 300);
  assert.equal(throttle.waitSeconds(attempt('new', '192.0.2.8')), 0);
});

test('without a known address only the account counts', () => {
  const { throttle } = started();
  for (let i = 0; i < 100; i++) fail(throttle, attempt(`user${i}`));
  assert.equal(throttle.waitSeconds(attempt('new')), 0);
});

test('success forgets the failures of the account, not those of the address', () => {
  const { throttle } = started();
  const alice = attempt('alice', '192.0.2.7');
  for (let i = 0; i < 14; i++) {
    fail(throttle, alice, 2);
    assert.equal(throttle.start(alice), 'run');
    throttle.end(alice, 'succeeded');
  }
  assert.equal(throttle.waitSeconds(attempt('alice')), 0);
  assert.equal(throttle.waitSeconds(attempt('bob', '192.0.2.7')), 0);
  fail(throttle, alice, 2);
  assert.equal(throttle.waitSeconds(attempt('bob', '192.0.2.7')), 300);
});

test('guesses that run at the same time cannot be more than the retries left', () => {
  const { throttle } = started();
  fail(throttle, attempt('alice'));
  assert.deepEqual(
    [1, 2, 3, 4].map(() => throttle.start(attempt('alice'))),
    ['run', 'run', 'later', 'later'],
  );
  throttle.end(attempt('alice'), 'unknown'); // counts for nothing, and makes room
  assert.equal(throttle.start(attempt('alice')), 'run');
  throttle.end(attempt('alice'), 'failed');
  throttle.end(attempt('alice'), 'failed');
  assert.equal(throttle.start(attempt('alice')), 'never');
});

test('a right password in a cache is held up by a shut address, and by a shut account only where somebody tries it', () => {
  const { throttle, time } = started();
  const [home, elsewhere] = [attempt('alice', '192.0.2.7'), attempt('alice', '198.51.100.9')];
  fail(throttle, elsewhere, 3);
  assert.equal(throttle.hitWaitSeconds(home), 0); // others cannot lock her calendar out
  assert.equal(throttle.hitWaitSeconds(elsewhere), 0);
  throttle.turnedAway(elsewhere); // a further guess there
  assert.equal(throttle.hitWaitSeconds(elsewhere), 300);
  assert.equal(throttle.hitWaitSeconds(home), 0);
  time.ms += 300_000;
  assert.equal(throttle.hitWaitSeconds(elsewhere), 0);
  for (let i = 0; i < 30; i++) fail(throttle, attempt(`user${i}`, '192.0.2.7'));
  assert.equal(throttle.hitWaitSeconds(home), 300);
});

test('the table is bounded, and spraying names does not push out who is shut', () => {
  const { throttle } = started();
  fail(throttle, attempt('alice'), 3);
  for (let i = 0; i < 12_000; i++) fail(throttle, attempt(`spray${i}`));
  assert.equal(throttle.size, 10_000);
  assert.equal(throttle.waitSeconds(attempt('alice')), 300);
});

test('attempts that are only turned away, from addresses without number, push out nobody', () => {
  const { throttle } = started();
  fail(throttle, attempt('alice'), 3);
  fail(throttle, attempt('bob'), 2);
  const turnAway = (address: string) => throttle.turnedAway(attempt('alice', address));
  for (let i = 0; i < 12_000; i++) turnAway(`2001:db8:0:${i.toString(16)}::1`);
  assert.equal(throttle.waitSeconds(attempt('alice')), 300, 'three guesses for every ten thousand requests');
  fail(throttle, attempt('bob'));
  assert.equal(throttle.waitSeconds(attempt('bob')), 300, 'failures so far are forgotten');
  assert.ok(throttle.size <= 20_000);
  assert.equal(throttle.hitWaitSeconds(attempt('alice', `2001:db8:0:${(11_999).toString(16)}::1`)), 300);
});

test('a name of a megabyte is kept as its first 256 characters', () => {
  assert.equal(accountKey('x'.repeat(1_000_000)).length, 256);
});

test('no retries means no throttling', () => {
  const { throttle } = started({ ...SETTINGS, maxRetries: 0 });
  fail(throttle, attempt('alice', '192.0.2.7'), 100);
  assert.equal(throttle.waitSeconds(attempt('alice', '192.0.2.7')), 0);
});
