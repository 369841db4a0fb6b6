import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lazy } from './lazy.ts';

test('makes at the first call, once for everybody who waits, and keeps it', async () => {
  let calls = 0;
  const get = lazy(async () => {
    calls++;
    return { calls };
  });
  assert.equal(calls, 0);
  const [first, second] = await Promise.all([get(), get()]);
  assert.equal(first, second);
  assert.equal(await get(), first);
  assert.equal(calls, 1);
});

test('a failure is not kept: the next call tries again', async () => {
  let calls = 0;
  const get = lazy(async () => {
    calls++;
    if (calls === 1) throw new Error('no file descriptor is free');
    return calls;
  });
  const waiting = [get(), get()];
  for (const one of waiting) await assert.rejects(one, /no file descriptor/);
  assert.equal(await get(), 2);
  assert.equal(await get(), 2);
});
