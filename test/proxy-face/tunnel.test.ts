/** Requests that leave HTTP: what reaches the app, what the client may hear, bytes both ways, ends, errors, back-pressure. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../black-box/lintel.ts';
import { acceptOf } from '../black-box/websocket.ts';
import {
  answering,
  type BackendConnection,
  get,
  headersOf,
  OK,
  openClient,
  pushing,
  request,
  type Scope,
  startBackend,
  startFace,
  valuesOf,
} from './fixture.ts';

const KEY = 'AAAAAAAAAAAAAAAAAAAAAA==';
const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${KEY}`];
const AGREED = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptOf(KEY)}\r\n`;

async function open(t: Scope, app: (c: BackendConnection) => unknown, options: Parameters<typeof startFace>[2] = {}) {
  const backend = await startBackend(t, async (c) => {
    await c.until('\r\n\r\n');
    c.write(`${AGREED}\r\n`);
    await app(c);
  });
  const face = await startFace(t, backend.port, options);
  const client = openClient(t, face.port);
  client.send(get('/ws', ...UPGRADE));
  await client.until('\r\n\r\n');
  return { backend, face, client };
}

const quiet = () => {};

test('the app gets the request as any other, with the upgrade; bytes pass both ways', async (t) => {
  const { backend, client, face } = await open(t, async (c) => {
    const head = await c.head();
    Object.assign(c, { first: head });
    await c.until('ping');
    c.write('pong');
  });
  client.send('ping');
  await client.until('pong');
  const { first } = backend.connections[0] as BackendConnection & { first: string };
  assert.match(first, /^GET \/ws HTTP\/1\.1\r\n/);
  assert.deepEqual(valuesOf(first, 'connection'), ['Upgrade']);
  assert.deepEqual(valuesOf(first, 'upgrade'), ['websocket']);
  assert.deepEqual(valuesOf(first, 'sec-websocket-key'), [KEY]);
  assert.deepEqual(valuesOf(first, 'remote-user'), ['alice']);
  assert.equal(face.tunnels, 1);
});

test("Lintel's cookies, claims and nominated names stay out, as with any request", async (t) => {
  const heads: string[] = [];
  const backend = await startBackend(t, async (c) => {
    heads.push(await c.head());
    c.write(`${AGREED}\r\n`);
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  const lines = ['Cookie: a=1; lintel=secret', 'Remote_User: admin', 'X-Forwarded-For: 6.6.6.6', 'X-Mine: yes'];
  const nominating = UPGRADE.map((l) => (l.startsWith('Connection') ? 'Connection: Upgrade, X-Mine, Remote-User' : l));
  client.send(get('/ws', ...lines, ...nominating));
  await client.until('101');
  const head = heads[0] ?? '';
  assert.deepEqual(valuesOf(head, 'cookie'), ['a=1']);
  assert.deepEqual(valuesOf(head, 'remote-user'), ['alice']);
  assert.deepEqual(valuesOf(head, 'x-forwarded-for'), ['192.0.2.7']);
  assert.ok(!head.includes('admin') && !head.includes('X-Mine'));
});

test('of the 101 only what RFC 6455 has reaches the client, and cookies that are not ours', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.head();
    const more = ['Alt-Svc: h2=":443"', 'X-Secret: 1', 'Remote-User: root', 'Set-Cookie: a=1', 'Set-Cookie: lintel=x'];
    const agreed = AGREED.replace('Connection: Upgrade', 'Connection: Upgrade, X-Secret');
    c.write(`${agreed}${more.join('\r\n')}\r\nSec-WebSocket-Protocol: chat\r\n\r\nearly`);
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(get('/ws', ...UPGRADE));
  await client.until('early');
  const names = headersOf(client.received).map(([name]) => name);
  assert.deepEqual(names, ['connection', 'upgrade', 'sec-websocket-accept', 'set-cookie', 'sec-websocket-protocol']);
  assert.deepEqual(valuesOf(client.received, 'connection'), ['Upgrade']);
  assert.deepEqual(face.refusedCookies, ['lintel']);
  assert.ok(client.received.endsWith('\r\n\r\nearly'));
});

test('an agreement to something else is none', async (t) => {
  for (const answer of [
    AGREED.replace('websocket', 'other'),
    AGREED.replace(/Upgrade: .*\r\n/, ''),
    AGREED.replace('Connection: Upgrade', 'Connection: close'),
    AGREED.replace(acceptOf(KEY), acceptOf('another key')),
    AGREED.replace(/Sec-WebSocket-Accept.*\r\n/, ''),
    `${AGREED}Content-Length: 5\r\n`,
    `${AGREED}Transfer-Encoding: chunked\r\n`,
  ]) {
    const backend = await startBackend(t, async (c) => {
      await c.head();
      c.write(`${answer}\r\n`);
    });
    const face = await startFace(t, backend.port);
    const client = openClient(t, face.port);
    client.send(get('/ws', ...UPGRADE));
    await client.untilEnd();
    assert.match(client.received, /^HTTP\/1\.1 502 .*UPSTREAM-MALFORMED/s, answer);
    assert.equal(face.tunnels, 0);
    await eventually('the connection to the app is closed', () => face.connections === 0);
  }
});

test('an app that says no: its answer, and a connection that is used for nothing else', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.head();
    c.write('HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\nContent-Length: 2\r\n\r\nno');
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  // WSS-07: bytes behind the request are a request to nobody.
  client.send(get('/ws', ...UPGRADE) + get('/admin'));
  await client.untilEnd();
  assert.match(client.received, /^HTTP\/1\.1 426 .*\r\nConnection: close\r\n.*no$/s);
  assert.equal(client.received.split('HTTP/1.1').length, 2);
  assert.equal(backend.connections.length, 1);
  assert.equal(backend.connections[0]?.received, '', 'nothing of it came before the app agreed');
  await eventually('the connection to the app is not kept', () => face.connections === 0);
});

test('bytes that the client sends before the app agrees wait for it, in order', async (t) => {
  const backend = await startBackend(t, async (c) => {
    const head = await c.head();
    await sleep(60);
    assert.equal(c.received, '');
    c.write(`${AGREED}\r\n`);
    await c.until('first second');
    Object.assign(c, { head });
    c.write('got it');
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(`${get('/ws', ...UPGRADE)}first `);
  await sleep(20);
  client.send('second');
  await client.until('got it');
});

test('what can be no tunnel is refused, and what follows it is no request', async (t) => {
  const backend = await startBackend(t, answering(OK));
  const face = await startFace(t, backend.port);
  const bad: [string, RegExp][] = [
    [`${request('POST', '/ws', ...UPGRADE, 'Content-Length: 5')}hello${get('/admin')}`, /UPGRADE-UNSUPPORTED/],
    [
      `${request('POST', '/ws', ...UPGRADE, 'Transfer-Encoding: chunked')}0\r\n\r\n${get('/admin')}`,
      /UPGRADE-UNSUPPORTED/,
    ],
    [request('POST', '/ws', ...UPGRADE) + get('/admin'), /UPGRADE-UNSUPPORTED/],
    [get('/ws', ...UPGRADE).replace('HTTP/1.1', 'HTTP/1.0') + get('/admin'), /UPGRADE-UNSUPPORTED/],
  ];
  for (const [bytes, pattern] of bad) {
    const client = openClient(t, face.port);
    client.send(bytes);
    await client.untilEnd();
    assert.match(client.received, pattern, bytes);
    assert.equal(client.received.split('HTTP/1.1 4').length, 2);
  }
  assert.equal(backend.connections.length, 0);
});

test('an upgrade behind a request that is not answered yet does not cut into its answer', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.head();
    await sleep(60);
    c.write(OK);
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(get('/slow') + get('/ws', ...UPGRADE));
  await client.untilEnd();
  assert.match(client.received, /^HTTP\/1\.1 200 OK.*ok.*UPGRADE-UNSUPPORTED/s);
  assert.equal(backend.connections.length, 1);
  assert.equal(face.tunnels, 0);
});

test('h2c is never tunnelled, whatever stands beside it', async (t) => {
  const backend = await startBackend(t, answering(OK));
  const face = await startFace(t, backend.port);
  for (const offer of ['h2c', 'H2C', 'h2c, HTTP/2.0', 'TLS/1.2', 'h3']) {
    const client = openClient(t, face.port);
    client.send(get('/', 'Connection: Upgrade, HTTP2-Settings', `Upgrade: ${offer}`, 'HTTP2-Settings: AAMAAABk'));
    await client.until(/ 200 .*ok/s);
    assert.equal(face.tunnels, 0, offer);
  }
  const heads: string[] = [];
  const app = await startBackend(t, async (c) => {
    heads.push(await c.head());
    c.write(`${AGREED.replace('websocket', 'h2c')}\r\n`);
  });
  const other = await startFace(t, app.port);
  const client = openClient(t, other.port);
  client.send(get('/ws', ...UPGRADE.map((l) => l.replace('websocket', 'h2c, websocket'))));
  await client.untilEnd();
  assert.match(client.received, /^HTTP\/1\.1 502 /);
  assert.deepEqual(valuesOf(heads[0] ?? '', 'upgrade'), ['websocket']);
});

test('another protocol than WebSocket, by another method', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.head();
    c.write(
      'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
    );
    await c.until('stdin');
    c.write('stdout');
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(request('POST', '/attach', 'Connection: Upgrade', 'Upgrade: tcp', 'Content-Length: 0'));
  await client.until('101');
  client.send('stdin');
  await client.until('stdout');
  assert.deepEqual(valuesOf(client.received, 'content-type'), ['application/vnd.docker.raw-stream']);
});

test('the end of one side is an end for the other, which may go on', async (t) => {
  const { backend, client, face } = await open(t, async (c) => {
    await c.until('last words');
    await eventually('the client ends', () => c.socket.readableEnded);
    c.write('the rest');
    c.end();
  });
  client.socket.end('last words');
  await client.until('the rest');
  await client.untilEnd();
  assert.equal(backend.connections.length, 1);
  await eventually('both sides are gone', () => face.connections === 0 && face.tunnels === 0);

  const second = await startBackend(t, async (c) => {
    await c.head();
    c.end(`${AGREED}\r\nbye`);
  });
  const socket = connect({ host: '127.0.0.1', port: (await startFace(t, second.port)).port, allowHalfOpen: true });
  t.after(() => socket.destroy());
  socket.write(get('/ws', ...UPGRADE));
  let heard = '';
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1');
  });
  await new Promise((resolve) => socket.on('end', resolve));
  assert.match(heard, /bye$/);
  socket.end('thanks');
  await second.connections[0]?.until('thanks');
});

test('a reset of either side closes the other, and the process lives', async (t) => {
  const first = await open(t, quiet);
  first.client.socket.resetAndDestroy();
  await eventually("the app's side is closed", () => first.face.connections === 0);
  const second = await open(t, async (c) => {
    await sleep(20);
    c.socket.resetAndDestroy();
  });
  await second.client.untilEnd();
  await eventually('the tunnel is over', () => second.face.tunnels === 0);
  // WSS-13: during the handshake.
  const backend = await startBackend(t, async (c) => {
    await c.head();
    await sleep(80);
    c.write(`${AGREED}\r\n`);
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(get('/ws', ...UPGRADE));
  await eventually('the app is asked', () => backend.connections.length === 1);
  client.socket.resetAndDestroy();
  await eventually("the app's side is closed", () => face.connections === 0);
  assert.equal(face.tunnels, 0);
});

test('an app that is down is a 502 in HTTP', async (t) => {
  const face = await startFace(t, 1);
  const client = openClient(t, face.port);
  client.send(get('/ws', ...UPGRADE));
  await client.untilEnd();
  assert.match(client.received, /^HTTP\/1\.1 502 .*Connection: close.*UPSTREAM-DOWN/s);
});

test('neither side is read faster than the other takes it', async (t) => {
  const MiB = 1024 * 1024;
  const piece = Buffer.alloc(MiB, 'x');
  const { backend, client } = await open(t, async (c) => {
    c.socket.removeAllListeners('data');
    c.socket.pause();
    Object.assign(c, { count: pushing(c.socket, piece) });
  });
  client.socket.removeAllListeners('data');
  client.socket.pause();
  const accepted = pushing(client.socket, piece);
  await sleep(500);
  const { count } = backend.connections[0] as BackendConnection & { count: () => number };
  assert.ok(accepted() < 30, `${accepted()} MiB taken for an app that reads nothing`);
  assert.ok(count() < 30, `${count()} MiB taken for a client that reads nothing`);
});

test('a megabyte each way arrives whole', async (t) => {
  const size = 1024 * 1024;
  const { client, backend } = await open(t, async (c) => {
    c.received = '';
    c.write(Buffer.alloc(size, 'd'));
    await eventually('all of it comes', () => c.received.length >= size);
    c.write('whole');
  });
  client.socket.write(Buffer.alloc(size, 'u'));
  await client.until('whole');
  const body = client.received.slice(client.received.indexOf('\r\n\r\n') + 4);
  assert.equal(body, `${'d'.repeat(size)}whole`);
  assert.equal(backend.connections[0]?.received, 'u'.repeat(size));
});

test('a tunnel in which nothing moves is closed in time, one that moves is not', async (t) => {
  // In ticks of a quarter of the shortest, which stand still when this process does.
  const timeouts = { connect: 200, responseHead: 200, stall: 200, keepAlive: 200, tunnel: 300 };
  const { client, face } = await open(t, quiet, { timeouts });
  for (let i = 0; i < 8; i++) {
    client.send('x');
    await sleep(80);
  }
  assert.equal(face.tunnels, 1);
  await client.untilEnd();
});

test('a tunnel that may not stay is cut, the others stay', async (t) => {
  let changes = 0;
  let isAllowed = true;
  let asked = 0;
  let active = 0;
  const watch = {
    holds: () => {
      asked++;
      return Promise.resolve(isAllowed);
    },
    isDue: () => false,
    active: () => {
      active++;
    },
  };
  const { client, face } = await open(t, quiet, { watch, changes: () => changes });
  await eventually('it is asked after it opened', () => asked > 0);
  await sleep(800);
  assert.equal(asked, 1, 'once after it opened, then never while nothing changes');
  changes++;
  await eventually('it is asked after a change', () => asked > 1);
  assert.equal(asked, 2);
  assert.equal(face.tunnels, 1);
  client.send('I am here');
  await eventually('what the client said is told', () => active > 0);
  assert.equal(active, 1);
  isAllowed = false;
  changes++;
  await client.untilEnd();
  await eventually('nothing of it is left', () => face.tunnels === 0);
});

test('who cannot say that a tunnel may stay lets it go: a throw, a rejection, a store that cannot be read', async (t) => {
  const throwing = () => {
    throw new Error('no');
  };
  for (const holds of [throwing, () => Promise.reject(new Error('no'))]) {
    const { client } = await open(t, quiet, { watch: { holds, isDue: () => false, active: () => {} } });
    await client.untilEnd();
  }
  let asked = 0;
  const counting = { holds: () => ++asked > 0, isDue: () => false, active: () => {} };
  const { face } = await open(t, quiet, { watch: counting, changes: throwing });
  await eventually('it is asked again: what cannot be read may have changed', () => asked >= 2);
  assert.equal(face.tunnels, 1);
});

test('tunnels end before the listeners close, and none begins afterwards', async (t) => {
  const { client, face } = await open(t, quiet);
  face.closeTunnels();
  await client.untilEnd();
  const late = openClient(t, face.port);
  late.send(get('/ws', ...UPGRADE));
  await late.untilEnd();
  assert.equal(face.tunnels, 0);
});
