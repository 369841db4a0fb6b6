import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../ops/log.ts';
import { MemoryStore } from '../stores/memory.ts';
import { keyOf, portalSecret, sessionOf } from '../stores/values.contract.ts';
import { endSessionsOf } from './ended-accounts.ts';

test('the sessions of a thousand accounts end, and other work gets its turn before the last of them', async () => {
  const store = new MemoryStore();
  const accounts = Array.from({ length: 1000 }, (_, i) => `user${i}`);
  for (const user of [...accounts, 'other']) store.open(sessionOf(user, { user }), [portalSecret(user)]);
  const last = () => store.find(keyOf('user999'));
  let isOpenMeanwhile = false;
  setImmediate(() => {
    isOpenMeanwhile = last() !== undefined;
  });
  await endSessionsOf(accounts, store, createLog('error', 'json'));
  assert.equal(isOpenMeanwhile, true);
  assert.deepEqual(
    ['user0', 'user999', 'other'].map((user) => store.find(keyOf(user)) !== undefined),
    [false, false, true],
  );
});
