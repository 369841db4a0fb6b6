import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { startFailure } from './start-failure.ts';

/** The error that the system gives for listening there. */
async function errorFor(host: string, port: number): Promise<unknown> {
  const server = createServer();
  const failed = once(server, 'error');
  server.listen(port, host, () => server.emit('error', new Error('it listens')));
  const [error] = await failed;
  server.close();
  return error;
}

test('a taken address is named, with the key that holds it', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const bound = holder.address();
  const port = typeof bound === 'object' ? (bound?.port ?? 0) : 0;
  const error = await errorFor('127.0.0.1', port);
  const where = `127.0.0.1:${port} is taken by another program, or by a Lintel that runs already. Stop it, or change`;
  assert.equal(startFailure(error, { metrics: undefined }), `${where} listen: in the configuration.`);
  const metrics = { kind: 'tcp', host: '127.0.0.1', port, tls: undefined, redirect: false } as const;
  assert.equal(startFailure(error, { metrics }), `${where} metrics: in the configuration.`);
  const grpc = metrics;
  assert.equal(startFailure(error, { metrics: undefined, grpc }), `${where} grpc: in the configuration.`);
  holder.close();
});

test('an address of another machine, and one that is none', async () => {
  const foreign = startFailure(await errorFor('192.0.2.1', 9091), { metrics: undefined });
  assert.equal(foreign, '192.0.2.1:9091 is no address of this machine. Correct listen: in the configuration.');
  const none = Object.assign(new Error('getaddrinfo ENOTFOUND 127.0.0.300'), {
    code: 'ENOTFOUND',
    hostname: '127.0.0.300',
  });
  assert.match(startFailure(none, { metrics: undefined }), /^127\.0\.0\.300 is no address of this machine\./);
});

test('a port for the privileged, and any other error', () => {
  const denied = Object.assign(new Error('listen EACCES'), { code: 'EACCES', address: '::1', port: 443 });
  assert.match(
    startFailure(denied, { metrics: undefined }),
    /^this account may not listen on \[::1\]:443\. Choose a port/,
  );
  assert.equal(startFailure(new Error('the disk is gone'), { metrics: undefined }), 'the disk is gone');
});
