import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bind } from './listener.ts';

/** Peers on a unix socket may be trusted to speak for others: whoever can open it must be one of them from the first moment on. */
test('a unix socket is open to owner and group alone from the moment it is there, whatever the umask', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-bind-'));
  const path = join(dir, 'lintel.sock');
  const server = createServer();
  let first = 0;
  server.on('listening', () => {
    first = statSync(path).mode & 0o777;
  });
  const before = process.umask(0);
  try {
    await bind(server, { kind: 'unix', path });
    assert.equal(process.umask(), 0);
  } finally {
    process.umask(before);
  }
  assert.equal(first.toString(8), '660');
  assert.equal((statSync(path).mode & 0o777).toString(8), '660');
  server.close();
  rmSync(dir, { recursive: true });
});
