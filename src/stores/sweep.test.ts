import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../test/black-box/lintel.ts';
import { MemoryStore } from './memory.ts';
import { startSweeper } from './sweep.ts';
import { portalSecret, sessionOf, T0 } from './values.contract.ts';

const LATE = { now: () => T0 + 24 * 3_600_000 };

test('sweeps everything that is over in bounded batches, and nothing after close', async () => {
  const store = new MemoryStore();
  for (let i = 0; i < 1200; i += 1) store.open(sessionOf(`s${i}`), [portalSecret(`p${i}`)]);
  const batches: number[] = [];
  const counted = {
    sweep: (now: number, limit: number) => {
      const removed = store.sweep(now, limit);
      if (removed > 0) batches.push(removed);
      return removed;
    },
  };
  const sweeper = startSweeper(counted, LATE, 2, assert.ifError);
  await eventually('all is swept', () => store.list({ kind: 'all' }).length === 0);
  await sweeper.close();
  assert.deepEqual(batches, [500, 500, 200]);
  store.open(sessionOf('late'), [portalSecret('late')]);
  await delay(20);
  assert.equal(store.list({ kind: 'all' }).length, 1);
});

test('reports every failure and goes on', async () => {
  const errors: unknown[] = [];
  let calls = 0;
  const failing = {
    sweep: () => {
      calls += 1;
      if (calls === 1) throw new Error('thrown at once');
      return calls === 2 ? Promise.reject(new Error('rejected')) : 0;
    },
  };
  const sweeper = startSweeper(failing, LATE, 2, (error) => errors.push(error));
  await eventually('it goes on', () => calls >= 4);
  await sweeper.close();
  assert.deepEqual(errors.map(String), ['Error: thrown at once', 'Error: rejected']);
});
