import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import type { PasswordFailure, UserSource } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { plainUser, type User } from '../core/subject.ts';
import { parseIp } from '../core/text/ip.ts';
import { hashPassword, NOBODYS_HASH } from './hash.ts';
import { HashPool } from './pool.ts';
import { openVerifier, type Verifier, type VerifierOptions } from './verifier.ts';

/** argon2id with t=2 m=256 of "correct horse": a millisecond. */
const CHEAP = '$argon2id$v=19$m=256,t=2,p=2$61jK+Po407hRJ+ECboKdeQ$e5nzb7pvL8NNym665jVVBpuO+hTcHarAg7tNzFiE4cc';
const THROTTLE = { maxRetries: 3, findTimeMs: 120_000, banTimeMs: 300_000 };
const CLIENT = parseIp('192.0.2.7');

interface Given {
  readonly verifier: Verifier;
  readonly time: { ms: number };
  /** How often the stand-in hash was asked for: once for each check of an unknown name. */
  readonly dummies: { count: number };
  readonly users: Map<string, { user: User; passwordHash: string }>;
}

function user(name: string, epoch = 'e1'): User {
  return plainUser({ name, displayName: name, emails: [], groups: [], epoch });
}

function sourceOf(users: Given['users']): UserSource {
  return {
    lookup: (name) => users.get(name)?.user,
    resolve: (typed) => users.get(typed.toLowerCase()),
    onChange: () => {},
    headerNames: () => [],
    count: () => users.size,
    close: () => {},
  };
}

function given(options: Partial<VerifierOptions> = {}): Given {
  const users: Given['users'] = new Map([
    ['alice', { user: user('alice'), passwordHash: CHEAP }],
    ['bob', { user: user('bob'), passwordHash: CHEAP }],
  ]);
  const time = { ms: 1_000_000 };
  const dummies = { count: 0 };
  const verifier = openVerifier({
    source: sourceOf(users),
    clock: { now: () => 0, monotonic: () => time.ms },
    throttle: THROTTLE,
    nobodysHash: () => {
      dummies.count++;
      return CHEAP;
    },
    workers: 1,
    ...options,
  });
  return { verifier, time, dummies, users };
}

async function using(g: Given, body: (g: Given) => Promise<void>): Promise<void> {
  try {
    await body(g);
  } finally {
    await g.verifier.close();
  }
}

/** All that needs no turn of the event loop is done, and no worker can have answered. */
async function underWay(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => process.nextTick(resolve));
}

function said(outcome: Result<User, PasswordFailure>): string {
  return outcome.ok ? outcome.value.name : outcome.error.kind;
}

test('the right password lets in as the canonical name, any other does not', () =>
  using(given(), async ({ verifier }) => {
    assert.equal(said(await verifier.verify('ALICE', 'correct horse', CLIENT)), 'alice');
    assert.equal(said(await verifier.verify('alice', 'correct horse ', CLIENT)), 'refused');
    assert.equal(said(await verifier.verify('alice', '', CLIENT)), 'refused');
  }));

test('an unknown name costs one check and is refused even if its password fits the stand-in', () =>
  using(given(), async ({ verifier, dummies }) => {
    assert.equal(said(await verifier.verify('nobody', 'correct horse', CLIENT)), 'refused');
    assert.equal(dummies.count, 1);
    assert.equal(said(await verifier.verify('x'.repeat(100_000), 'correct horse', CLIENT)), 'refused');
    assert.equal(dummies.count, 2);
    assert.equal(said(await verifier.verify('alice', 'wrong', CLIENT)), 'refused');
    assert.equal(dummies.count, 2);
  }));

test('known and unknown names answer the same attempts the same way, whatever the spelling', () =>
  using(given(), async ({ verifier }) => {
    const answers = async (spellings: readonly string[], address: string): Promise<unknown[]> => {
      const out: unknown[] = [];
      for (const typed of spellings) out.push(await verifier.verify(typed, 'wrong', parseIp(address)));
      return out;
    };
    const known = await answers(['alice', 'Alice', 'ALICE', 'aLICE', 'alice'], '192.0.2.1');
    const unknown = await answers(['zelda', 'Zelda', 'ZELDA', 'zELDA', 'zelda'], '192.0.2.2');
    assert.deepEqual(known, unknown);
    assert.deepEqual(known.at(-1), { ok: false, error: { kind: 'throttled', retryAfterSeconds: 300 } });
  }));

test('a throttled attempt runs no check and refuses the right password too, until the time is over', () =>
  using(given(), async ({ verifier, dummies, time }) => {
    for (let i = 0; i < 3; i++) await verifier.verify('zelda', 'wrong', CLIENT);
    assert.equal(dummies.count, 3);
    assert.equal(said(await verifier.verify('zelda', 'wrong', CLIENT)), 'throttled');
    assert.equal(dummies.count, 3);
    for (let i = 0; i < 3; i++) await verifier.verify('alice', 'wrong', CLIENT);
    assert.equal(said(await verifier.verify('alice', 'correct horse', CLIENT)), 'throttled');
    time.ms += 300_000;
    assert.equal(said(await verifier.verify('alice', 'correct horse', CLIENT)), 'alice');
  }));

test('many guesses at once get no more checks than the retries', () =>
  using(given({ workers: 2 }), async ({ verifier }) => {
    const guesses = Array.from({ length: 30 }, (_, i) => verifier.verify('alice', `guess ${i}`, undefined));
    const outcomes = (await Promise.all(guesses)).map(said);
    assert.equal(outcomes.filter((o) => o === 'refused').length, 3);
    assert.equal(outcomes.filter((o) => o === 'throttled').length, 27);
  }));

test('many right passwords at once all get in', () =>
  using(given({ workers: 2 }), async ({ verifier }) => {
    const tries = Array.from({ length: 30 }, () => verifier.verify('alice', 'correct horse', CLIENT));
    assert.deepEqual(new Set((await Promise.all(tries)).map(said)), new Set(['alice']));
  }));

test('beyond the workers and the queue the answer is busy, at once, and nothing is counted', () =>
  using(given({ queue: 32 }), async ({ verifier }) => {
    const tries = Array.from({ length: 40 }, (_, i) => verifier.verify(`user${i}`, 'x', undefined));
    const outcomes = (await Promise.all(tries)).map(said);
    assert.deepEqual(
      outcomes.map((o) => o === 'busy'),
      outcomes.map((_, i) => i >= 33),
    );
    assert.equal(said(await verifier.verify('alice', 'correct horse', undefined)), 'alice');
  }));

test('an account that is disabled or gets another password while its check waits is refused', () =>
  using(given(), async ({ verifier, users }) => {
    const first = verifier.verify('alice', 'correct horse', undefined);
    const second = verifier.verify('bob', 'correct horse', undefined);
    await underWay();
    users.delete('alice');
    users.set('bob', { user: user('bob', 'e2'), passwordHash: NOBODYS_HASH });
    assert.deepEqual([said(await first), said(await second)], ['refused', 'refused']);
  }));

test('a source that is down is unavailable, not a refusal', async () => {
  const source: UserSource = {
    ...sourceOf(new Map()),
    resolve: () => Promise.reject(new Error('down')),
  };
  await using(given({ source }), async ({ verifier }) => {
    assert.equal(said(await verifier.verify('alice', 'x', CLIENT)), 'unavailable');
  });
});

test('a hash that cannot be checked is unavailable and counts against nobody', () =>
  using(given(), async ({ verifier, users }) => {
    users.set('alice', { user: user('alice'), passwordHash: 'no hash' });
    for (let i = 0; i < 5; i++) {
      assert.equal(said(await verifier.verify('alice', 'x', CLIENT)), 'unavailable');
    }
  }));

/** Dies on the password "die", in the way it is told by the hash; answers `match` to all others. */
const MORTAL = new URL(
  `data:text/javascript,${encodeURIComponent(
    `import { parentPort } from 'node:worker_threads';
     parentPort.on('message', ({ hash, password }) => {
       if (password !== 'die') parentPort.postMessage('match');
       else if (hash === 'exit') process.exit(1);
       else throw new Error('out of memory');
     });`,
  )}`,
);

for (const way of ['exit', 'throw']) {
  test(`a worker that dies (${way}) fails its own check only, and is replaced`, async () => {
    const pool = new HashPool(1, 8, MORTAL);
    const run = (password: string): Promise<string> =>
      new Promise((settle) => {
        assert.equal(pool.submit({ hash: way, password, start: () => 'run', settle }), true);
      });
    const outcomes = await Promise.all(['a', 'die', 'b', 'die', 'c'].map(run));
    assert.deepEqual(outcomes, ['match', 'failed', 'match', 'failed', 'match']);
    await pool.close();
    assert.equal(pool.submit({ hash: way, password: '', start: () => 'run', settle: () => {} }), false);
  });
}

test('closing the pool answers what runs and what waits', async () => {
  const g = given();
  const tries = Array.from({ length: 5 }, () => g.verifier.verify('alice', 'correct horse', undefined));
  await underWay();
  await g.verifier.close();
  assert.deepEqual(new Set((await Promise.all(tries)).map(said)), new Set(['unavailable']));
});

test('while eight checks of 64 MiB run, the event loop and the file system stay quick', async () => {
  const hash = hashPassword('correct horse', Buffer.alloc(16, 1));
  const g = given({ workers: 2 });
  for (let i = 0; i < 8; i++) g.users.set(`u${i}`, { user: user(`u${i}`), passwordHash: hash });
  await using(g, async ({ verifier }) => {
    await verifier.verify('u0', 'correct horse', undefined); // a worker is up
    const from = performance.now();
    await verifier.verify('u0', 'correct horse', undefined);
    const one = performance.now() - from;
    const delay = monitorEventLoopDelay({ resolution: 2 });
    delay.enable();
    const all = Promise.all(Array.from({ length: 8 }, (_, i) => verifier.verify(`u${i}`, 'correct horse', undefined)));
    const waits: number[] = [];
    for (let isOver = false; !isOver; ) {
      const started = performance.now();
      await stat(import.meta.filename);
      waits.push(performance.now() - started);
      isOver = await Promise.race([all.then(() => true), new Promise<false>((r) => setTimeout(() => r(false), 5))]);
    }
    delay.disable();
    assert.deepEqual(
      (await all).map(said),
      Array.from({ length: 8 }, (_, i) => `u${i}`),
    );
    waits.sort((a, b) => a - b);
    const p90 = waits[Math.floor(waits.length * 0.9)]!;
    // On the event loop, or in the pool that serves the file system, each look would wait for a check or several.
    const most = Math.max(50, one);
    assert.ok(waits.length > 16, `${waits.length} looks at the file system`);
    assert.ok(p90 < most, `fs.stat took ${p90} ms, a check ${one} ms`);
    assert.ok(delay.percentile(90) / 1e6 < most, `the loop stood for ${delay.percentile(90) / 1e6} ms`);
  });
});
