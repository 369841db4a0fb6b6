import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemSecrets } from './secrets.ts';

test('an id can stand on a command line: no dash, nothing that a shell knows', () => {
  for (let i = 0; i < 500; i++) assert.match(systemSecrets.id(), /^[0-9a-f]{18}$/);
});
