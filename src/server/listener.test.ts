import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { listen } from './listener.ts';

/** Asks twice on one connection: at once, and when it is told to, which it notes in `sent`. Says what it received so far, and when it is closed. */
const CLIENT = `
const { connect } = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const socket = connect(workerData.port, '127.0.0.1');
let text = '';
socket.on('data', (chunk) => parentPort.postMessage((text += chunk)));
socket.on('error', () => {});
socket.on('close', () => parentPort.postMessage(text + 'closed'));
const ask = (sent) => socket.write('GET / HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n', sent);
parentPort.once('message', () => ask(() => {
  Atomics.store(workerData.sent, 0, 1);
  Atomics.notify(workerData.sent, 0);
}));
ask();
`;

test('a request that came in time is answered though the process stood still until the last call was over', async (t) => {
  const handler = (
    _: unknown,
    res: { writeHead(status: number, headers: string[]): unknown; end(text: string): unknown },
  ) => {
    res.writeHead(200, ['Content-Length', '2']);
    res.end('ok');
  };
  const listening = await listen({ kind: 'tcp', host: '127.0.0.1', port: 0 }, handler, () => {});
  const sent = new Int32Array(new SharedArrayBuffer(8));
  const client = new Worker(CLIENT, { eval: true, workerData: { port: listening.port, sent } });
  t.after(() => client.terminate());
  await once(client, 'message');
  const closed = listening.close(10_000);
  client.postMessage('again');
  Atomics.wait(sent, 0, 0);
  Atomics.wait(sent, 1, 0, 500);
  let said = '';
  client.on('message', (text) => {
    said = text;
  });
  await closed;
  while (!said.endsWith('closed')) await once(client, 'message');
  assert.equal(said.split('HTTP/1.1 200 OK').length - 1, 2, said);
});
