/** Bodies in both directions: framing of our own, back-pressure with flat memory, aborts, early answers, Expect. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientResponse } from '../../src/server/client.ts';
import { eventually } from '../black-box/lintel.ts';
import {
  answering,
  type BackendConnection,
  get,
  OK,
  openClient,
  pushing,
  request,
  startBackend,
  startFace,
  valuesOf,
} from './fixture.ts';

const MiB = 1024 * 1024;

test('a body of 1 MiB in client chunks arrives whole, in chunks of our own', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.until('\r\n0\r\n\r\n');
    c.write(OK);
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  const piece = 'abcdefgh'.repeat(2048);
  client.send(request('POST', '/', 'Transfer-Encoding: chunked'));
  for (let i = 0; i < 64; i++) client.send(`${piece.length.toString(16).toUpperCase()};ext=${i}\r\n${piece}\r\n`);
  client.send('000\r\nX-Trailer: 1\r\n\r\n');
  await client.until('ok');
  const text = backend.connections[0]?.received ?? '';
  const head = text.slice(0, text.indexOf('\r\n\r\n') + 4);
  assert.deepEqual(valuesOf(head, 'transfer-encoding'), ['chunked']);
  assert.deepEqual(valuesOf(head, 'content-length'), []);
  let body = '';
  for (let at = head.length; ; ) {
    const eol = text.indexOf('\r\n', at);
    const line = text.slice(at, eol);
    assert.match(line, /^[0-9a-f]+$/, 'a bare size');
    const size = Number.parseInt(line, 16);
    if (size === 0) {
      assert.equal(text.slice(at), '0\r\n\r\n');
      break;
    }
    body += text.slice(eol + 2, eol + 2 + size);
    at = eol + 2 + size + 2;
  }
  assert.equal(body, piece.repeat(64));
});

test('head and small body reach the app in one packet', async (t) => {
  const packets: string[] = [];
  const backend = await startBackend(t, async (c) => {
    c.socket.on('data', (chunk) => packets.push(chunk.toString('latin1')));
    for (;;) {
      await c.until('hello');
      c.received = '';
      c.write(OK);
    }
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  for (let i = 1; i <= 3; i++) {
    client.send(`${request('POST', '/', 'Content-Length: 5')}hello`);
    await client.until(new RegExp(`(?:ok.*){${i}}`, 's'));
  }
  // The first goes while the connection opens.
  assert.equal(
    packets.length <= 4 && packets.at(-1)?.endsWith('\r\n\r\nhello'),
    true,
    JSON.stringify(packets.map((p) => p.slice(-20))),
  );
  assert.equal(backend.connections.length, 1);
});

test('a download of 50 MiB to a slow reader keeps memory flat', async (t) => {
  const total = 50 * MiB;
  let written = 0;
  const backend = await startBackend(t, async (c) => {
    await c.head();
    c.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
    const piece = Buffer.alloc(65536, 'x');
    while (written < total) {
      written += piece.length;
      if (!c.socket.write(piece)) await new Promise((resolve) => c.socket.once('drain', resolve));
    }
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  let got = 0;
  client.socket.removeAllListeners('data');
  client.socket.pause();
  client.send(get('/', 'Connection: close'));
  await sleep(300);
  // Nobody reads: what the app could write lies in socket buffers, not in our memory.
  assert.ok(written < 20 * MiB, `${written} bytes were taken from the app for a client that reads nothing`);
  let ahead = 0;
  client.socket.on('data', (chunk) => {
    got += chunk.length;
    ahead = Math.max(ahead, written - got);
    if (got % (4 * MiB) < chunk.length) {
      client.socket.pause();
      setTimeout(() => client.socket.resume(), 5);
    }
  });
  client.socket.resume();
  await client.untilEnd(60_000);
  assert.ok(got > total && got < total + 1000, `${got}`);
  // The socket buffers of two connections, and a few chunks of ours.
  assert.ok(ahead < 20 * MiB, `the app was ${ahead} bytes ahead of the client`);
});

test('a connection whose answer ended while the client was behind is good for the next request', async (t) => {
  const backend = await startBackend(
    t,
    answering(`HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n${'x'.repeat(50_000)}`),
  );
  const face = await startFace(t, backend.port, { highWaterMark: 1024 });
  const client = openClient(t, face.port);
  for (let i = 1; i <= 3; i++) {
    client.send(get(`/${i}`));
    await eventually(`answer ${i}`, () => client.received.split('x').length > i * 50_000);
  }
  assert.equal(backend.connections.length, 1);
});

test('an upload is read no faster than the app takes it', async (t) => {
  const backend = await startBackend(t, (c) => {
    c.socket.removeAllListeners('data');
    c.socket.pause();
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(request('PUT', '/', `Content-Length: ${100 * MiB}`));
  const accepted = pushing(client.socket, Buffer.alloc(MiB));
  await sleep(400);
  assert.ok(accepted() < 40, `${accepted()} MiB taken for an app that reads nothing`);
});

test('a client that leaves ends the request at the app', async (t) => {
  for (const bytes of [get('/'), `${request('POST', '/', 'Content-Length: 10')}half`, get('/') + get('/second')]) {
    const backend = await startBackend(t, (c) => c.until('\r\n\r\n'));
    const face = await startFace(t, backend.port);
    const client = openClient(t, face.port);
    client.send(bytes);
    await eventually('the app is asked', () => backend.connections.length > 0);
    await backend.connections[0]?.until('\r\n\r\n');
    await sleep(20);
    client.socket.resetAndDestroy();
    const open = () => `of ${face.connections} connections to the app none stays open`;
    await eventually(open, () => face.connections === 0);
    assert.deepEqual(face.faults, []);
  }
});

test('a client that left while its request was judged costs the app nothing', async (t) => {
  const backend = await startBackend(t, answering(OK));
  let [asked, gone] = [0, 0];
  const verdict = Promise.withResolvers<void>();
  const judge = (res: ClientResponse) => {
    asked++;
    res.on('close', () => gone++);
    return verdict.promise;
  };
  const face = await startFace(t, backend.port, { judge });
  for (const bytes of [get('/'), get('/') + get('/second'), request('POST', '/', 'Content-Length: 5')]) {
    const before = asked;
    const client = openClient(t, face.port);
    client.send(bytes);
    await eventually('it is asked about', () => asked > before);
    client.socket.resetAndDestroy();
    await eventually('it is known to be gone', () => gone === asked);
  }
  verdict.resolve();
  await sleep(200);
  assert.equal(backend.connections.length, 0);
  const client = openClient(t, face.port);
  client.send(get('/'));
  await client.until('ok');
});

test('an answer before the end of the body is delivered, and the connection to the app is not used again', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.until('\r\n\r\n');
    c.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig');
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(`${request('POST', '/', 'Content-Length: 1000000')}${'x'.repeat(1000)}`);
  await client.until('big');
  await eventually('the connection to the app is closed', () => face.connections === 0);
  // The client finishes what it began, and its connection is still good.
  client.send('x'.repeat(999_000) + get('/'));
  await client.until(/big.*big/s);
  assert.equal(backend.connections.length, 2);
});

test('an upload that waits for an app which answered without reading is read to its end', async (t) => {
  const backend = await startBackend(t, async (c) => {
    c.socket.pause();
    await sleep(150);
    c.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig');
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(request('POST', '/', `Content-Length: ${30 * MiB}`));
  client.socket.write(Buffer.alloc(30 * MiB, 'x'));
  await client.until('big');
  client.send(get('/'));
  await client.until(/big.*big/s);
});

test('a client that goes on sending after the answer is cut', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.until('\r\n\r\n');
    c.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig');
  });
  const face = await startFace(t, backend.port, { limits: { lingerMs: 50 }, timeouts: { connect: 100 } });
  const client = openClient(t, face.port);
  client.send(request('POST', '/', 'Transfer-Encoding: chunked'));
  const timer = setInterval(() => client.send('1\r\nx\r\n'), 10);
  t.after(() => clearInterval(timer));
  await client.until('big');
  await client.untilEnd();
});

test('an app that streams its answer while it reads the body', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.until('\r\n\r\n');
    c.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n');
    await c.until('last');
    c.write('6\r\nsecond\r\n0\r\n\r\n');
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(`${request('POST', '/', 'Content-Length: 8', 'Connection: close')}part`);
  await client.until('first');
  client.send('last');
  await client.untilEnd();
  assert.match(client.received, /second\r\n0\r\n\r\n$/);
});

test('Expect is answered here, once the app is reached', async (t) => {
  const backend = await startBackend(t, async (c: BackendConnection) => {
    await c.until('hello');
    c.write(OK);
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(request('POST', '/', 'Content-Length: 5', 'Expect: 100-Continue'));
  await client.until('HTTP/1.1 100 Continue\r\n\r\n');
  client.send('hello');
  await client.until('ok');
  assert.deepEqual(valuesOf(backend.connections[0]?.received ?? '', 'expect'), []);
  const down = await startFace(t, 1);
  const early = openClient(t, down.port);
  early.send(request('POST', '/', 'Content-Length: 5', 'Expect: 100-continue'));
  await early.until('502');
  assert.ok(!early.received.includes('100 Continue'));
});

test('a body over the limit is refused by its length or when it gets there', async (t) => {
  const backend = await startBackend(t, () => {});
  const face = await startFace(t, backend.port, { limits: { maxRequestBytes: 10 } });
  const known = openClient(t, face.port);
  known.send(request('POST', '/', 'Content-Length: 11'));
  await known.until(/413.*BODY-TOO-LARGE/s);
  assert.equal(backend.connections.length, 0);
  const unknown = openClient(t, face.port);
  unknown.send(`${request('POST', '/', 'Transfer-Encoding: chunked')}b\r\nhello world\r\n`);
  await unknown.until(/413.*BODY-TOO-LARGE/s);
});
