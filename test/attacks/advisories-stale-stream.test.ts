/**
 * A WebSocket is closed when its session ends; the same app often falls back to an event stream, or to an answer in chunks
 * that never ends, and whoever has one open goes on reading after a sign-out, a revocation, a lost group. Class 12
 * (sessions that outlive the decision; Pomerium #1279).
 */
import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { SessionStore } from '../../src/core/ports.ts';
import { handOver } from '../black-box/hand-over.ts';
import { openSession as openHttp2 } from '../black-box/http2.ts';
import { eventually, type Running, serve } from '../black-box/lintel.ts';
import { openStore } from '../black-box/sessions.ts';
import { freePort } from '../parts.ts';
import { PASSWORD, PORTAL, USERS } from './fixture.ts';

const HOST = 'app.example.test';
const BIG = 200;
const IDLE_S = 5;
const OF_THE_APP = `Basic ${Buffer.from('reader:letmein').toString('base64')}`;
const ACCESS = [{ paths: ['/open'], allow: 'everyone' }, { allow: 'signed_in' }];

/** Says something every 50 ms: for ever in chunks, as an event stream or a download, or BIG bytes of a stated length. */
function startDripping(): Promise<{ readonly server: Server; readonly port: number }> {
  const drip = (socket: Socket, target: string) => {
    const isBounded = target === '/file';
    const type = target === '/events' ? 'text/event-stream' : 'application/zip';
    const framing = isBounded ? `Content-Length: ${BIG}` : 'Transfer-Encoding: chunked';
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n${framing}\r\n\r\n`);
    let left = BIG;
    const timer = setInterval(() => {
      socket.write(isBounded ? '.....' : '5\r\n.....\r\n');
      left -= 5;
      if (isBounded && left === 0) clearInterval(timer);
    }, 50);
    socket.on('close', () => clearInterval(timer));
  };
  const server = createServer((socket) => {
    socket.on('error', () => {});
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const target = /^GET (\S+) .*\r\n\r\n$/s.exec(text)?.[1];
      if (target === undefined) return;
      text = '';
      drip(socket, target);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : 0 });
    });
  });
}

interface Reading {
  readonly bytes: () => number;
  readonly over: () => 'whole' | 'cut' | undefined;
  close(): void;
}

describe('an answer without an end ends with what allowed it', () => {
  let at: Running;
  let store: SessionStore;
  let port = 0;
  let app: Awaited<ReturnType<typeof startDripping>>;
  before(async () => {
    app = await startDripping();
    port = await freePort();
    const upstream = `http://127.0.0.1:${app.port}`;
    const config = {
      listen: ['127.0.0.1:PORT', `https://127.0.0.1:${port}`],
      trusted_proxies: ['127.0.0.1'],
      portal: PORTAL,
      storage: 'sqlite:DIR/lintel.db',
      users: 'file:DIR/users.yml',
      metrics: 'off',
      session: { idle: `${IDLE_S}s`, lifetime: '1h', remember_me: '1h' },
      apps: { app: { url: `https://${HOST}`, upstream, access: ACCESS } },
    };
    at = await serve({ config, users: USERS, healthHost: 'auth.example.test', ownListen: true });
    store = await openStore(at.database);
  });
  after(async () => {
    await store.close();
    await at.stop();
    app.server.close();
  });

  async function read(user: string, target: string): Promise<Reading> {
    return readWith({ cookie: await handOver(at, PORTAL, `https://${HOST}/file`, user, PASSWORD) }, target);
  }

  async function readWith(credentials: Readonly<Record<string, string>>, target: string): Promise<Reading> {
    const session = await openHttp2({ host: '127.0.0.1', port }, '127.0.0.2');
    const stream = session.request({ ':authority': HOST, ':path': target, ...credentials });
    let [bytes, over]: [number, 'whole' | 'cut' | undefined] = [0, undefined];
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    stream.on('error', () => (over = 'cut'));
    stream.on('end', () => (over ??= 'whole'));
    stream.on('close', () => (over ??= 'cut'));
    await eventually(`${target} has begun`, () => bytes > 0);
    return { bytes: () => bytes, over: () => over, close: () => session.destroy() };
  }

  test('a revoked session reads no further, and is not told that this was all; others read on', async () => {
    const [alice, bob] = [await read('alice', '/events'), await read('bob', '/events')];
    await store.revoke({ kind: 'user', user: 'alice' });
    await eventually('the stream of alice is cut', () => alice.over() === 'cut');
    const before = bob.bytes();
    await eventually('the stream of bob goes on', () => bob.bytes() > before + 50);
    assert.equal(bob.over(), undefined);
    await store.revoke({ kind: 'user', user: 'bob' });
    await eventually('the stream of bob is cut too', () => bob.over() === 'cut');
    for (const reading of [alice, bob]) reading.close();
  });

  test('an answer whose end was known when it was allowed is delivered', async () => {
    const file = await read('alice', '/file');
    await store.revoke({ kind: 'user', user: 'alice' });
    await eventually('all of it is here', () => file.over() !== undefined);
    assert.deepEqual([file.over(), file.bytes()], ['whole', BIG]);
    file.close();
  });

  test('of two sessions that are used for nothing else, the one with a download goes on, the one with an event stream is idle', async () => {
    const [zip, events] = [await read('alice', '/zip'), await read('bob', '/events')];
    const begun = performance.now();
    await eventually('the event stream is cut', () => events.over() === 'cut', 60_000);
    assert.ok(performance.now() - begun > IDLE_S * 500, 'not before its time');
    const before = zip.bytes();
    await eventually('the download goes on', () => zip.bytes() > before + BIG, 60_000);
    assert.equal(zip.over(), undefined);
    await store.revoke({ kind: 'user', user: 'alice' });
    await eventually('and ends with its session', () => zip.over() === 'cut');
    for (const reading of [zip, events]) reading.close();
  });

  test('wrong credentials of a stream that is open to everyone were one attempt, however often it is asked again', async () => {
    const authorization = `Basic ${Buffer.from('alice:wrong').toString('base64')}`;
    const open = await readWith({ authorization }, '/open');
    const cookie = await handOver(at, PORTAL, `https://${HOST}/file`, 'alice', PASSWORD);
    const beside = await readWith({ authorization: OF_THE_APP, cookie }, '/events');
    for (let pass = 0; pass < 4; pass++) {
      const bob = await read('bob', '/events');
      await store.revoke({ kind: 'user', user: 'bob' });
      await eventually('a pass over all streams', () => bob.over() === 'cut', 10_000);
      bob.close();
    }
    assert.deepEqual([open.over(), beside.over()], [undefined, undefined]);
    assert.equal(at.output().match(/"sign-in-failed"/g)?.length, 2);
    for (const reading of [open, beside, await read('alice', '/events')]) reading.close();
  });
});
