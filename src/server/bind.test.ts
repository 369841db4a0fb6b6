import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bind } from './bind.ts';

function place(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-bind-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, 'lintel.sock');
}

/** Peers on a unix socket may be trusted to speak for others: whoever can open it must be one of them from the first moment on. */
test('a unix socket is open to owner and group alone from the moment it is there, whatever the umask', async (t) => {
  const path = place(t);
  const server = createServer();
  t.after(() => server.close());
  let first = 0;
  server.on('listening', () => {
    first = statSync(path).mode & 0o777;
  });
  const before = process.umask(0);
  try {
    assert.deepEqual(await bind(server, { kind: 'unix', path }), { address: `unix:${path}`, port: undefined });
    assert.equal(process.umask(), 0);
  } finally {
    process.umask(before);
  }
  assert.equal(first.toString(8), '660');
  assert.equal((statSync(path).mode & 0o777).toString(8), '660');
});

test('says where it listens: a port that the system chose, and brackets around IPv6', async (t) => {
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer();
    t.after(() => server.close());
    const { address, port } = await bind(server, { kind: 'tcp', host, port: 0 });
    assert.ok(port !== undefined && port > 0);
    assert.equal(address, host === '::1' ? `[::1]:${port}` : `127.0.0.1:${port}`);
  }
});

test('a socket that a killed server left is replaced; one that somebody listens on is not', async (t) => {
  const path = place(t);
  const program = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', program, path]), 'exit');
  assert.ok(existsSync(path));
  const server = createServer();
  t.after(() => server.close());
  await bind(server, { kind: 'unix', path });
  await assert.rejects(bind(createServer(), { kind: 'unix', path }), { code: 'EADDRINUSE' });
});

test('a file that is no socket stays: the address may be a slip of the pen', async (t) => {
  const path = place(t);
  writeFileSync(path, 'users: {}');
  await assert.rejects(bind(createServer(), { kind: 'unix', path }), { code: 'EADDRINUSE' });
  assert.equal(readFileSync(path, 'utf8'), 'users: {}');
});
