import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { listen } from '../../src/server/listener.ts';
import { admit } from '../../src/server/wire.ts';
import { ask } from '../black-box/raw.ts';
import { proxy } from './fixture.ts';

/**
 * Class 2, untrusted forwarding headers (CVE-2026-40575 and its kin), by way of a connection that is already dead.
 *
 * Once a client has reset its TCP connection, the kernel no longer says who it was (getpeername: ENOTCONN), but the
 * bytes that came before are still read. A server that takes "no address" for "unix socket" then trusts whoever sends
 * and resets at once as it trusts the proxy on its own socket: X-Forwarded-For is believed, and a rule for the house's
 * network lets a write through to the app. The sender sees no answer and needs none.
 */
test('a client that resets its connection does not become the proxy on the unix socket', async (t) => {
  const at = await proxy({ config: { trusted_proxies: ['unix'] } });
  t.after(() => at.stop());
  const { port } = at.at;
  const head =
    'POST /write HTTP/1.1\r\nHost: net.example.test\r\nX-Forwarded-For: 10.1.2.3\r\nContent-Length: 0\r\n\r\n';
  for (let i = 0; i < 20; i++) {
    // An open connection to the app makes the write leave at once.
    const warm = { target: '/', headers: ['Host: public.example.test', 'Connection: close'] };
    assert.equal((await ask(at.at, warm)).status, 200);
    await sendAndReset(port, head);
  }
  await ask(at.at, { target: '/', headers: ['Host: public.example.test', 'Connection: close'] });
  const written = at.backend?.take().filter((a) => a.target === '/write') ?? [];
  assert.deepEqual(written, []);
});

function sendAndReset(port: number, bytes: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(bytes, () => socket.resetAndDestroy());
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}

test('the proxy on the unix socket is still known as such', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'l.sock');
  const seen: unknown[] = [];
  const listening = await listen(
    { kind: 'unix', path },
    (req, res) => {
      const admitted = admit(req, { networks: [], unix: true });
      seen.push(admitted.ok && admitted.value.trusted !== undefined && admitted.value.wire.peer.kind);
      res.end();
    },
    () => {},
  );
  t.after(() => listening.close(0));
  await new Promise<void>((resolve, reject) => {
    const socket = connect(path, () => socket.end('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n'));
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.resume();
  });
  assert.deepEqual(seen, ['unix']);
});
