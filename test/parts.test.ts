import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { accepts, freePort, MISSING_PART, missing, needs, PART_NAMES, part, ROOT, startProcess } from './parts.ts';

test('every part that is found says its version', () => {
  for (const name of PART_NAMES) {
    const found = part(name);
    if (found !== undefined && name !== 'chromium') assert.match(found.version, /^\d+\.\d+/, name);
  }
});

test('an absent part is named, loudly', (t) => {
  assert.equal(missing(), false);
  const reason = missing(...PART_NAMES);
  if (reason !== false) assert.ok(reason.startsWith(MISSING_PART));
  assert.equal(needs(t), true);
});

test('free ports are distinct and free', async () => {
  const ports = [await freePort(), await freePort(), await freePort()];
  assert.equal(new Set(ports).size, 3);
  for (const port of ports) {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
  }
});

test('another process is never given the same port', async () => {
  const own = await freePort();
  const first = own - (own % 100);
  const parts = JSON.stringify(join(ROOT, 'test', 'parts.ts'));
  // Its first choice is the hundred that this process has.
  const pid = `Object.defineProperty(process, 'pid', { value: ${(first - 12_000) / 100} });`;
  const code = `${pid} import(${parts}).then(async ({ freePort }) => console.log(await freePort()))`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', code]);
  assert.equal(Number(stdout) % 100 > 0 && Math.abs(Number(stdout) - first) >= 100, true, `${stdout} and ${own}`);
});

test('a process is ready when its port accepts, and its whole group is gone after stop', async (t) => {
  const port = await freePort();
  const server = `${process.execPath} -e "require('node:net').createServer().listen(${port}, '127.0.0.1')"`;
  const running = await startProcess(t, '/bin/sh', ['-c', `${server} & wait`], { ready: port });
  assert.equal(await accepts(port), true);
  await running.stop();
  assert.equal(await accepts(port), false);
});

test('a process that ends early, or is never ready, is an error that shows its output', async (t) => {
  await assert.rejects(
    startProcess(t, '/bin/sh', ['-c', 'echo broken >&2; exit 3'], { ready: 1 }),
    /ended \(3\).*broken/s,
  );
  await assert.rejects(
    startProcess(t, '/bin/sleep', ['5'], { ready: /never/, within: 100 }),
    /not ready within 100 ms/,
  );
});
