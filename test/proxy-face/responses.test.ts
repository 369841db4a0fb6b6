/** Apps that lie about lengths, answer garbage, answer in drops, or vanish. No client may take half an answer for a whole one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../black-box/lintel.ts';
import {
  answering,
  type BackendConnection,
  get,
  headersOf,
  OK,
  openClient,
  request,
  startBackend,
  startFace,
  valuesOf,
} from './fixture.ts';

const CLOSE = 'Connection: close';

/** The whole answer to one request, from an app that sends `answer` and closes if told. */
async function answerTo(t: import('./fixture.ts').Scope, bytes: string, app: (c: BackendConnection) => unknown) {
  const backend = await startBackend(t, app);
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(bytes);
  const end = await client.untilEnd();
  return { text: client.received, end, face, backend, status: client.received.slice(9, 12) };
}

test('malformed answers are a 502 with an id, and their connection is not used again', async (t) => {
  const bad = [
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nX: a\0\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(200 * 1024)}\r\n\r\n`,
    `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(300)}\r\n`,
    'garbage\r\n\r\n',
  ];
  for (const answer of bad) {
    const out = await answerTo(t, get('/', CLOSE), answering(answer));
    assert.equal(out.status, '502', answer.slice(0, 80));
    assert.match(out.text, /X-Lintel-Error: UPSTREAM-MALFORMED/);
    await eventually('its connection is closed', () => out.face.connections === 0);
  }
});

test('an app that closes, resets or does not listen is a 502', async (t) => {
  for (const app of [
    async (c: BackendConnection) => {
      await c.head();
      c.end();
    },
    async (c: BackendConnection) => {
      await c.head();
      c.socket.resetAndDestroy();
    },
    async (c: BackendConnection) => {
      await c.head();
      c.end('HTTP/1.1 200 OK\r\nContent-Le');
    },
  ]) {
    const out = await answerTo(t, get('/', CLOSE), app);
    assert.equal(out.status, '502');
    assert.equal(out.face.faults[0]?.id, 'UPSTREAM-DOWN');
  }
  const face = await startFace(t, 1);
  const client = openClient(t, face.port);
  client.send(get('/', CLOSE));
  await client.untilEnd();
  assert.match(client.received, /^HTTP\/1\.1 502 /);
  assert.match(face.faults[0]?.detail ?? '', /127\.0\.0\.1:1: ECONNREFUSED/);
});

test('a truncated body never ends cleanly', async (t) => {
  for (const start of [
    'HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
  ]) {
    for (const version of ['1.1', '1.0']) {
      const backend = await startBackend(t, async (c) => {
        await c.head();
        c.write(start);
        await sleep(30);
        c.end();
      });
      const face = await startFace(t, backend.port);
      const client = openClient(t, face.port);
      client.send(get('/').replace('HTTP/1.1', `HTTP/${version}`));
      const end = await client.untilEnd();
      assert.match(client.received, /hello/);
      if (client.received.includes('Content-Length')) assert.match(client.received, /Content-Length: 50000/);
      else if (client.received.includes('chunked')) assert.ok(!client.received.includes('0\r\n\r\n'), client.received);
      else assert.equal(end, 'ECONNRESET', 'only a reset tells an HTTP/1.0 client');
      assert.equal(face.faults[0]?.id, 'UPSTREAM-DOWN');
    }
  }
});

test('a body that is longer than its length is cut to it, and the rest is no answer to anybody', async (t) => {
  const backend = await startBackend(
    t,
    answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'),
  );
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(get('/'));
  await client.until('ok');
  client.send(get('/', CLOSE));
  await client.untilEnd();
  assert.equal(client.received.match(/200 OK/g)?.length, 2);
  assert.ok(!client.received.includes('evil'));
  assert.equal(backend.connections.length, 2);
});

test('an answer that nobody asked for is not kept for the next request', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.head();
    c.write(OK);
    await sleep(20);
    c.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
    await c.head();
    c.write(OK);
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(get('/'));
  await client.until('ok');
  await eventually('the connection that said more than was asked is closed', () => face.connections === 0);
  client.send(get('/', CLOSE));
  await client.untilEnd();
  assert.ok(!client.received.includes('evil'));
  assert.equal(backend.connections.length, 2);
});

test('an answer in single bytes arrives whole', async (t) => {
  const answer = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
  const out = await answerTo(t, get('/', CLOSE), async (c) => {
    await c.head();
    c.socket.setNoDelay(true);
    for (const byte of answer) {
      c.write(byte);
      await sleep(1);
    }
  });
  assert.equal(out.status, '200');
  const body = out.text.slice(out.text.indexOf('\r\n\r\n') + 4);
  assert.match(body, /^(?:[1-5]\r\n[helo]+\r\n)+0\r\n\r\n$/);
  assert.equal(body.replace(/[\r\n0-9]/g, ''), 'hello');
});

test('interim answers are swallowed', async (t) => {
  const out = await answerTo(t, get('/', CLOSE), async (c) => {
    await c.head();
    c.write('HTTP/1.1 100 Continue\r\n\r\n');
    await sleep(10);
    c.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}`);
  });
  assert.match(out.text, /^HTTP\/1\.1 200 OK\r\n/);
  assert.ok(!out.text.includes('Early'));
});

test('ranges are the affair of the app and the client alone', async (t) => {
  const part =
    'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/10\r\nAccept-Ranges: bytes\r\nContent-Length: 3\r\n\r\ncde';
  const heads: string[] = [];
  const out = await answerTo(t, get('/', 'Range: bytes=2-4', 'If-Range: "x"', CLOSE), async (c) => {
    heads.push(await c.head());
    c.write(part);
  });
  assert.deepEqual(valuesOf(heads[0] ?? '', 'range'), ['bytes=2-4']);
  assert.deepEqual(valuesOf(heads[0] ?? '', 'if-range'), ['"x"']);
  assert.equal(out.status, '206');
  assert.deepEqual(valuesOf(out.text, 'content-range'), ['bytes 2-4/10']);
  assert.match(out.text, /cde$/);
});

test('answers without a body keep their headers and the connection stays in step', async (t) => {
  const backend = await startBackend(t, async (c) => {
    for (;;) {
      const head = await c.head();
      if (head.startsWith('HEAD')) c.write('HTTP/1.1 200 OK\r\nContent-Length: 777\r\nX-M: head\r\n\r\n');
      else if (head.includes('/204')) c.write('HTTP/1.1 204 No Content\r\nX-M: 204\r\nContent-Length: 0\r\n\r\n');
      else if (head.includes('/304')) c.write('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 12\r\n\r\n');
      else if (head.includes('/205')) c.write('HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n');
      else c.write(OK);
    }
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(request('HEAD', '/') + get('/204') + get('/304') + get('/205') + get('/', CLOSE));
  await client.untilEnd();
  const text = client.received;
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), [
    'HTTP/1.1 200',
    'HTTP/1.1 204',
    'HTTP/1.1 304',
    'HTTP/1.1 205',
    'HTTP/1.1 200',
  ]);
  assert.match(text, /Content-Length: 777\r\n/);
  assert.ok(text.endsWith('\r\n\r\nok'));
  assert.ok(!text.includes('chunked'));
});

test('response headers: order, duplicates and cases stay; hop-by-hop, identity and our cookies go', async (t) => {
  const lines = [
    'X-B: 1',
    'x-a: 2',
    'X-B: 3',
    'Set-Cookie: app=1; Path=/',
    'Set-Cookie: app2=\xe9',
    'Set-Cookie: lintel=evil',
    'Set-Cookie: =__Host-lintel=evil',
    'Remote-User: alice',
    'Remote_User: alice',
    'Connection: keep-alive, X-Hop',
    'X-Hop: 1',
    'Upgrade: h2c',
    'Trailer: X-T',
    'Cache-Control: max-age=60',
  ];
  const out = await answerTo(
    t,
    get('/', CLOSE),
    answering(`HTTP/1.1 200 Whatever\r\n${lines.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`),
  );
  const headers = headersOf(out.text).filter(([name]) => !['date', 'connection'].includes(name));
  assert.deepEqual(headers, [
    ['x-b', '1'],
    ['x-a', '2'],
    ['x-b', '3'],
    ['set-cookie', 'app=1; Path=/'],
    ['set-cookie', 'app2=\xe9'],
    ['cache-control', 'max-age=60'],
    ['content-length', '0'],
  ]);
  assert.deepEqual(out.face.refusedCookies, ['lintel', '__Host-lintel']);
});

test('an HTTP/1.0 client gets no chunks', async (t) => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n';
  const out = await answerTo(t, get('/').replace('HTTP/1.1', 'HTTP/1.0'), async (c) => {
    await c.head();
    c.write(chunked);
    await sleep(20);
    c.write('6\r\n world\r\n0\r\n\r\n');
  });
  assert.deepEqual(valuesOf(out.text, 'transfer-encoding'), []);
  assert.ok(out.text.endsWith('\r\n\r\nhello world'), out.text);
  assert.equal(out.end, 'end');
});

test('an answer that ends with the connection is passed on whole', async (t) => {
  for (const version of ['1.0', '1.1']) {
    const out = await answerTo(t, get('/', CLOSE), async (c) => {
      await c.head();
      c.write(`HTTP/${version} 200 OK\r\n\r\nhello`);
      await sleep(20);
      c.end(' world');
    });
    assert.match(out.text, /transfer-encoding: chunked/i);
    assert.match(out.text, /5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n$/);
  }
});

test('events are passed on as they come', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.head();
    c.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n');
    await c.until('go');
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(get('/'));
  await client.until('text/event-stream');
  for (const n of [1, 2, 3]) {
    backend.connections[0]?.write(`data: ${n}\n\n`);
    await client.until(`data: ${n}`);
  }
});

/**
 * A 205 has no content (RFC 9110 §15.3.6), but its length counts (RFC 9112 §6.3): who goes by the one rule takes content
 * for the next answer where others go by the other.
 */
test('the content of a 205 ends here, however it is framed', async (t) => {
  const framed = [
    'Content-Length: 5\r\n\r\nhello',
    'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    '\r\nhello',
  ];
  for (const rest of framed) {
    const backend = await startBackend(t, async (c) => {
      await c.head();
      c.write(`HTTP/1.1 205 Reset Content\r\n${rest}`);
    });
    const face = await startFace(t, backend.port);
    const client = openClient(t, face.port);
    client.send(get() + get('/', CLOSE));
    await client.untilEnd();
    assert.deepEqual(client.received.match(/HTTP\/1\.1 \d+|Content-Length: \d+|hello|chunked/g), [
      ...['HTTP/1.1 205', 'Content-Length: 0', 'HTTP/1.1 205', 'Content-Length: 0'],
    ]);
    assert.equal(backend.connections.length, 2, rest);
  }
});

/**
 * A 204 has no body (RFC 9110 §15.3.5), so one that states a length is from an app that may write it all the same, a
 * moment later: the next request, of somebody else, must not get it for an answer.
 */
test('a connection whose 204 announces a body is not used again', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.head();
    c.write('HTTP/1.1 204 No Content\r\nContent-Length: 40\r\n\r\n');
    await c.head();
    c.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
  });
  const face = await startFace(t, backend.port);
  for (let i = 0; i < 2; i++) {
    const client = openClient(t, face.port);
    client.send(get());
    await client.until('HTTP/1.1 204');
    client.socket.destroy();
  }
  assert.equal(backend.connections.length, 2);
});
