/**
 * Request smuggling at the forwarder itself, without gate and rules around it: every variant of a framing that two
 * servers could read differently is refused with the connection closed, or reaches the app as exactly one request.
 * CL.TE, TE.CL, TE.TE (PortSwigger), CVE-2021-22960 (chunk extensions), TE in HTTP/1.0, pipelined leftovers.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../black-box/lintel.ts';
import { get, OK, openClient, request, startBackend, startFace } from '../proxy-face/fixture.ts';

const SECRET = 'GET /admin HTTP/1.1\r\nHost: app.example.test\r\n\r\n';

const REFUSED: readonly (readonly [string, readonly string[], string])[] = [
  ['CL.TE', ['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SECRET}`],
  ['TE.CL', ['Transfer-Encoding: chunked', 'Content-Length: 4'], `0\r\n\r\n${SECRET}`],
  ['two lengths', ['Content-Length: 0', 'Content-Length: 60'], SECRET],
  ['two equal lengths', ['Content-Length: 3', 'Content-Length: 3'], 'abc'],
  ['a list of lengths', ['Content-Length: 3, 3'], 'abc'],
  ['a sign', ['Content-Length: +3'], 'abc'],
  ['hexadecimal', ['Content-Length: 0x3'], 'abc'],
  ['leading zeros', ['Content-Length: 003'], 'abc'],
  ['xchunked', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${SECRET}`],
  ['chunked, identity', ['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${SECRET}`],
  ['identity, chunked', ['Transfer-Encoding: identity, chunked'], `0\r\n\r\n${SECRET}`],
  ['gzip, chunked', ['Transfer-Encoding: gzip, chunked'], `0\r\n\r\n${SECRET}`],
  ['quoted', ['Transfer-Encoding: "chunked"'], `0\r\n\r\n${SECRET}`],
  ['twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SECRET}`],
  ['identity', ['Transfer-Encoding: identity'], SECRET],
  ['blank before the colon', ['Transfer-Encoding : chunked'], `0\r\n\r\n${SECRET}`],
  ['folded', ['X: y\r\n Transfer-Encoding: chunked'], `0\r\n\r\n${SECRET}`],
  ['vertical tab', ['Transfer-Encoding:\x0bchunked'], `0\r\n\r\n${SECRET}`],
  ['bare LF', ['X: y\nTransfer-Encoding: chunked'], `0\r\n\r\n${SECRET}`],
  ['a chunk size with blanks', ['Transfer-Encoding: chunked'], `5 \r\nhello\r\n0\r\n\r\n${SECRET}`],
  ['a chunk size in 0x', ['Transfer-Encoding: chunked'], `0x5\r\nhello\r\n0\r\n\r\n${SECRET}`],
  ['a bare LF in a chunk extension', ['Transfer-Encoding: chunked'], `1;\nX\r\n0\r\n\r\n${SECRET}`],
  ['a bare LF after a chunk', ['Transfer-Encoding: chunked'], `1\r\nX\n0\r\n\r\n${SECRET}`],
];

for (const [name, lines, body] of REFUSED) {
  test(`${name}: refused, closed, and no second request`, async (t) => {
    const backend = await startBackend(t, async (c) => {
      await c.until('\r\n0\r\n\r\n');
      c.write(OK);
    });
    const face = await startFace(t, backend.port);
    const client = openClient(t, face.port);
    client.send(request('POST', '/', ...lines) + body);
    await client.untilEnd();
    assert.equal(client.received.match(/HTTP\/1\.1 /g)?.length, 1, client.received);
    assert.match(client.received, /^HTTP\/1\.1 4\d\d /, client.received);
    assert.ok(
      backend.connections.every((c) => !c.received.includes('/admin')),
      'the body came as a request',
    );
  });
}

test('Transfer-Encoding in HTTP/1.0 is refused', async (t) => {
  const backend = await startBackend(t, () => {});
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(
    `${request('POST', '/', 'Connection: keep-alive', 'Transfer-Encoding: chunked').replace('1.1', '1.0')}0\r\n\r\n${SECRET}`,
  );
  await client.untilEnd();
  assert.match(client.received, /^HTTP\/1\.1 400 /);
  assert.equal(backend.connections.length, 0);
});

test('two Hosts are refused, and so is none', async (t) => {
  const backend = await startBackend(t, () => {});
  const face = await startFace(t, backend.port);
  for (const bytes of [get('/', 'Host: other.test'), 'GET / HTTP/1.1\r\n\r\n']) {
    const client = openClient(t, face.port);
    client.send(bytes);
    await client.untilEnd();
    assert.match(client.received, /^HTTP\/1\.1 400 /);
  }
  assert.equal(backend.connections.length, 0);
});

test('TRACE is refused: it would echo what Lintel tells the app', async (t) => {
  const backend = await startBackend(t, () => {});
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(request('TRACE', '/'));
  await client.until(/ 405 /);
  assert.equal(backend.connections.length, 0);
});

test('a GET with a body is one request for the app, and the next answer belongs to the next request', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.until(SECRET);
    c.received = '';
    c.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst');
    await c.head();
    c.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond');
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(request('GET', '/a', `Content-Length: ${SECRET.length}`) + SECRET);
  await client.until('first');
  client.send(get('/b', 'Connection: close'));
  await client.untilEnd();
  assert.match(client.received, /first.*second$/s);
  assert.equal(backend.connections.length, 1);
});

test('a length with less body than it says never completes with the bytes of somebody else', async (t) => {
  const backend = await startBackend(t, () => {});
  const face = await startFace(t, backend.port);
  const attacker = openClient(t, face.port);
  attacker.send(`${request('POST', '/', 'Content-Length: 500')}x`);
  const victim = openClient(t, face.port);
  victim.send(get('/victim', 'Cookie: secret=1'));
  await eventually('both are there', () =>
    ['POST /', 'GET /victim'].every((line) => backend.connections.some((c) => c.received.startsWith(line))),
  );
  assert.equal(backend.connections.length, 2, 'each has a connection of its own while it is busy');
  attacker.socket.end();
  await sleep(60);
  assert.ok(backend.connections.every((c) => !(c.received.includes('500') && c.received.includes('victim'))));
});
