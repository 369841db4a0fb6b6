/**
 * Requests sent ahead of the answers to those before them. A server may work on them at once only when all of them are
 * safe (RFC 9112 §9.3.2): "delete it" and "show me" behind it would race at the app. And at 60 bytes each, one
 * connection could take every connection to an app from everybody else. So they wait for their turn, and there is an
 * end to how many may.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Backend, plainAnswer, startBackend } from '../black-box/backend.ts';
import { eventually } from '../black-box/lintel.ts';
import { exchange } from '../black-box/raw.ts';
import { type Installation, proxy } from './fixture.ts';

const HOST = 'Host: app.example.test\r\n';
const get = (target: string) => `GET ${target} HTTP/1.1\r\n${HOST}\r\n`;

let site: Installation;
let backend: Backend;
before(async () => {
  backend = await startBackend(({ target }) => {
    if (target.startsWith('/public/silent')) return '';
    if (target.startsWith('/public/half')) return `HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf`;
    return plainAnswer(target);
  });
  site = await proxy({ backend });
});
after(() => site.stop());

/** What the app has seen, once there is as much as there should be and time for more. */
async function arrived(count: number): Promise<string[]> {
  const targets: string[] = [];
  const look = () => targets.push(...backend.take().map((a) => a.target)) >= count;
  await eventually(`${count} requests arrive`, look);
  await sleep(80);
  look();
  return targets;
}

describe('pipelined requests', () => {
  test('are answered in order, one after the other', async () => {
    const targets = Array.from({ length: 50 }, (_, i) => `/public/${i}`);
    const done = await exchange(site.at, targets.map(get).join(''), { least: 50, settleMs: 100 });
    assert.deepEqual(
      done.replies.map((r) => r.body),
      targets,
    );
    const arrivals = backend.take();
    assert.deepEqual(
      arrivals.map((a) => a.target),
      targets,
    );
    assert.equal(new Set(arrivals.map((a) => a.connection)).size, 1);
  });

  test('the app sees none before the one in front is answered', async () => {
    const socket = connect(site.at);
    socket.write(`DELETE /public/silent HTTP/1.1\r\n${HOST}\r\n${get('/public/after')}`);
    assert.deepEqual(await arrived(1), ['/public/silent']);
    socket.destroy();
    assert.deepEqual(await arrived(0), []);
  });

  test('a body and what follows it keep their order', async () => {
    const post = `POST /public/post HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`;
    const done = await exchange(site.at, post + get('/public/1') + post + get('/public/2'), {
      least: 4,
      settleMs: 100,
    });
    assert.deepEqual(
      done.replies.map((r) => r.body),
      ['/public/post', '/public/1', '/public/post', '/public/2'],
    );
    assert.deepEqual(
      backend.take().map((a) => a.body),
      ['hello', '', 'hello', ''],
    );
  });

  test('thousands behind one that takes its time end the connection, and cost the app one', async () => {
    const socket = connect(site.at);
    let isClosed = false;
    socket.on('error', () => {}).on('close', () => (isClosed = true));
    socket.write(get('/public/silent'));
    assert.deepEqual(await arrived(1), ['/public/silent']);
    socket.write(get('/public/x').repeat(3000));
    await eventually('the connection ends', () => isClosed);
    assert.deepEqual(await arrived(0), []);
    await eventually('the line', () => /requests without waiting for an answer/.test(site.at.output()));
  });
});

/**
 * An answer is under way when its client sends something that is no request. The refusal must not be written into it:
 * with a length that is still open it would be taken for the rest of what the app said.
 */
for (const text of ['NO REQUEST\r\n\r\n', `CONNECT a:1 HTTP/1.1\r\n${HOST}\r\n`]) {
  test(`a refusal is never written into an answer: ${text.split(' ')[0]}`, async () => {
    const socket = connect(site.at);
    let received = '';
    let isClosed = false;
    socket.on('data', (chunk) => (received += chunk.toString('latin1')));
    socket.on('error', () => {}).on('close', () => (isClosed = true));
    socket.write(get('/public/half'));
    await eventually('the first half', () => received.endsWith('half'));
    socket.write(text);
    await eventually('the connection ends', () => isClosed);
    assert.ok(received.endsWith('\r\n\r\nhalf'), received);
  });
}
