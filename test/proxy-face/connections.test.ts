/** The pool and its time-outs: reuse in step, one retry where it is safe, never a hang. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../black-box/lintel.ts';
import { answering, type BackendConnection, get, OK, openClient, request, startBackend, startFace } from './fixture.ts';

const CLOSE = 'Connection: close';
/** The forwarder counts its own ticks, not the clock: what a busy machine takes from this process is not counted. */
const FAST = { connect: 200, responseHead: 120, stall: 200, keepAlive: 150 };

test('sequential requests share a connection; parallel ones get their own', async (t) => {
  const backend = await startBackend(t, answering(OK));
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  for (let i = 1; i <= 5; i++) {
    client.send(get(`/${i}`));
    await client.until(new RegExp(`(?:ok.*){${i}}`, 's'));
  }
  assert.equal(backend.connections.length, 1);
  const others = [1, 2, 3].map(() => openClient(t, face.port));
  for (const other of others) other.send(get('/'));
  await Promise.all(others.map((other) => other.until('ok')));
  assert.ok(backend.connections.length <= 4);
});

test('Connection: close, HTTP/1.0 and answers until close are not reused', async (t) => {
  for (const answer of [
    'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok',
  ]) {
    const backend = await startBackend(t, answering(answer));
    const face = await startFace(t, backend.port);
    const client = openClient(t, face.port);
    client.send(get('/'));
    await client.until('ok');
    client.send(get('/', CLOSE));
    await client.untilEnd();
    assert.equal(backend.connections.length, 2, answer);
  }
});

test('a kept connection that the app closed is noticed, and one that it closes on arrival is replaced once', async (t) => {
  let seen = 0;
  const backend = await startBackend(t, async (c) => {
    await c.head();
    c.write(OK);
    await c.head();
    seen++;
    c.socket.resetAndDestroy(); // the request crossed the closing
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(get('/1'));
  await client.until('ok');
  client.send(get('/2'));
  await client.until(/ok.*ok/s);
  assert.equal(backend.connections.length, 2);
  assert.equal(seen, 1);
  // A request that may change something is not sent twice.
  client.send(`${request('POST', '/3', 'Content-Length: 2')}xx`);
  await client.until('502');
  assert.equal(face.faults[0]?.id, 'UPSTREAM-DOWN');
});

test('what failed on a fresh connection is not repeated', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.head();
    c.socket.resetAndDestroy();
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(get('/', CLOSE));
  await client.untilEnd();
  assert.match(client.received, / 502 /);
  assert.equal(backend.connections.length, 1);
});

test('a request that began to be answered is not repeated', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.head();
    c.write(OK);
    await c.head();
    c.end('HTTP/1.1 2');
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(get('/1'));
  await client.until('ok');
  client.send(get('/2', CLOSE));
  await client.untilEnd();
  assert.match(client.received, / 502 /);
  assert.equal(backend.connections.length, 1);
});

test('an app that does not answer is a 504 in time, one that stalls is cut', async (t) => {
  const silent = await startBackend(t, () => {});
  const face = await startFace(t, silent.port, { timeouts: FAST });
  const client = openClient(t, face.port);
  client.send(get('/', CLOSE));
  await client.untilEnd();
  assert.match(client.received, /^HTTP\/1\.1 504 .*UPSTREAM-TIMEOUT/s);

  const stalling = await startBackend(t, answering('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'));
  const other = await startFace(t, stalling.port, { timeouts: FAST });
  const second = openClient(t, other.port);
  second.send(get('/'));
  await second.untilEnd();
  assert.match(second.received, /half$/);
  assert.equal(other.faults[0]?.id, 'UPSTREAM-TIMEOUT');
});

test('no total time-out: what moves may take as long as it needs', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.until('\r\n0\r\n\r\n');
    c.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let i = 0; i < 8; i++) {
      c.write('1\r\ny\r\n');
      await sleep(60);
    }
    c.write('0\r\n\r\n');
  });
  const face = await startFace(t, backend.port, { timeouts: FAST });
  const client = openClient(t, face.port);
  client.send(request('POST', '/', 'Transfer-Encoding: chunked', CLOSE));
  for (let i = 0; i < 8; i++) {
    client.send('1\r\nx\r\n');
    await sleep(60);
  }
  client.send('0\r\n\r\n');
  await client.untilEnd();
  assert.match(client.received, /0\r\n\r\n$/);
  assert.deepEqual(face.faults, []);
});

test('a client that stops in the middle of its body is told so', async (t) => {
  const backend = await startBackend(t, (c: BackendConnection) => c.until('half'));
  const face = await startFace(t, backend.port, { timeouts: FAST, limits: { lingerMs: 50 } });
  const client = openClient(t, face.port);
  client.send(`${request('POST', '/', 'Content-Length: 10')}half`);
  await client.untilEnd();
  assert.match(client.received, /^HTTP\/1\.1 408 .*REQUEST-TIMEOUT/s);
});

test('kept connections are closed when nobody needs them', async (t) => {
  const backend = await startBackend(t, answering(OK));
  const face = await startFace(t, backend.port, { timeouts: FAST });
  const client = openClient(t, face.port);
  client.send(get('/'));
  await client.until('ok');
  assert.equal(face.connections, 1);
  await eventually('it is closed', () => face.connections === 0);
});

test('connections are bounded', async (t) => {
  const backend = await startBackend(t, () => {});
  const face = await startFace(t, backend.port, { limits: { maxConnections: 2 } });
  for (const n of [1, 2]) {
    openClient(t, face.port).send(get('/', CLOSE));
    await eventually('the app has the request', () => backend.connections.length === n);
  }
  const third = openClient(t, face.port);
  third.send(get('/', CLOSE));
  await third.until('502');
  assert.match(face.faults[0]?.detail ?? '', /in use/);
  const kept = await startBackend(t, answering(OK));
  const other = await startFace(t, kept.port, { limits: { maxIdle: 1 } });
  const many = [1, 2, 3, 4].map(() => openClient(t, other.port));
  for (const client of many) client.send(get('/'));
  await Promise.all(many.map((client) => client.until('ok')));
  await eventually('one is kept', () => other.connections === 1);
});

test('a long poll outlives the time-out of idle clients', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.head();
    await sleep(2200);
    c.write(OK);
  });
  const face = await startFace(t, backend.port, { clientTimeout: 1700 });
  const client = openClient(t, face.port);
  client.send(get('/', CLOSE));
  await client.untilEnd();
  assert.match(client.received, /ok$/);
});
