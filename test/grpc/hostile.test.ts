/**
 * Bytes that are no question, over connections that are no client's of ours: nothing is let through, nothing crashes, and
 * whoever asks next is answered. What a client of the proxy could bring about is a denied check; what only a program that
 * is no proxy sends is a failed call.
 */
import assert from 'node:assert/strict';
import { connect as tcp } from 'node:net';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeCheck, encodeAnswer } from '../../src/server/grpc-codec.ts';
import { parseMessage } from '../../src/server/protobuf.ts';
import { eventually } from '../black-box/lintel.ts';
import {
  type Called,
  CHECK,
  checkRequest,
  field,
  framed,
  grpcClient,
  readResponse,
  unframed,
  varint,
} from './client.ts';
import { type GrpcGate, grpcGate } from './installation.ts';

const PUBLIC = checkRequest({ path: '/public' });
const nest = (depth: number, leaf: Buffer) => Array.from({ length: depth }).reduce<Buffer>((m) => field(1, m), leaf);

/** Messages that say nothing, or not what they seem to. */
const MALFORMED: Readonly<Record<string, Buffer>> = {
  garbage: Buffer.from('hello, this is no protobuf \xff\xff\xff\xff', 'latin1'),
  'zeros (field number 0)': Buffer.alloc(64),
  'a varint without an end': Buffer.alloc(64, 0xff),
  'eleven bytes of varint': Buffer.concat([varint(8), Buffer.alloc(10, 0x80), Buffer.from([1])]),
  'a length of 2 GiB': Buffer.concat([varint(10), varint(2 ** 31 - 1), PUBLIC]),
  'a length of 2^64 - 1': Buffer.concat([varint(10), Buffer.alloc(9, 0xff), Buffer.from([1]), PUBLIC]),
  'a field number of 35 bits': Buffer.concat([varint(2 ** 35 * 8 + 2), varint(0)]),
  'cut off': PUBLIC.subarray(0, PUBLIC.length - 3),
  'cut off in a length': Buffer.concat([PUBLIC, Buffer.from([10, 0x80])]),
  'cut off in eight bytes': Buffer.concat([PUBLIC, Buffer.from([17, 1, 2, 3])]),
  'a group': Buffer.concat([PUBLIC, Buffer.from([0x1b, 0x1c])]),
  'ten thousand groups': Buffer.concat([PUBLIC, Buffer.alloc(10_000, 0x1b)]),
  'wire types 6 and 7': Buffer.concat([PUBLIC, Buffer.from([14, 1, 15, 1])]),
  'two attributes': Buffer.concat([PUBLIC, PUBLIC]),
  'two paths': field(1, field(4, field(2, field(4, '/public'), field(4, '/admin'), field(5, 'app.example.test')))),
  'a header that is no message': field(1, field(4, field(2, field(4, '/public'), field(3, '\xff\xff')))),
};

/** Messages in which the fact is missing: a field of another wire type is another field. */
const EMPTY: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'attributes as a number': Buffer.concat([varint(8), varint(1)]),
  'path as a number': field(
    1,
    field(4, field(2, field(2, 'GET'), varint(32), varint(1), field(5, 'app.example.test'))),
  ),
  'a thousand messages deep': nest(1_000, PUBLIC),
  'unknown fields only': Buffer.concat([field(99, 'x'), varint(98 * 8), varint(5), field(2 ** 28, 'y')]),
};

describe('hostile bytes at the gRPC listener', { timeout: 300_000 }, () => {
  let lintel: GrpcGate;
  before(async () => {
    lintel = await grpcGate();
  });
  after(() => lintel?.stop());

  const next = async () => {
    const { code, ok } = await lintel.client.check(PUBLIC);
    assert.deepEqual([code, ok?.set.length], [0, 4], 'the next one is served');
  };
  const denied = (called: Called, status: number, what: string) => {
    assert.equal(called.status, 0, `${what}: ${called.message}`);
    const response = readResponse(unframed(called.body));
    assert.equal(response.ok, undefined, what);
    assert.deepEqual([response.code, response.denied?.status], [7, status], what);
  };
  const failed = (called: Called, status: number | undefined, what: string) => {
    assert.equal(called.body.length, 0, what);
    assert.equal(called.status, status, `${what}: ${called.message}`);
  };

  test('messages that are malformed are denied', async () => {
    for (const [what, bytes] of Object.entries(MALFORMED)) denied(await lintel.client.call(framed(bytes)), 400, what);
    await next();
  });

  test('messages that lack the facts are denied', async () => {
    for (const [what, bytes] of Object.entries(EMPTY)) denied(await lintel.client.call(framed(bytes)), 400, what);
    await next();
  });

  test('a message that is too large is denied, and what is over is not kept', async () => {
    for (const size of [65_537, 4_000_000]) {
      const headers = { cookie: 'x'.repeat(size) };
      denied(await lintel.client.call(framed(checkRequest({ path: '/public', headers }))), 431, `${size} bytes`);
      await next();
    }
    const many = Array.from({ length: 9_000 }, (_, i) => [`h${i}`, ''] as const);
    denied(await lintel.client.call(framed(checkRequest({ path: '/public', raw: many }))), 431, 'many headers');
    const fitting = { cookie: 'x'.repeat(50_000) };
    assert.equal((await lintel.client.check(checkRequest({ path: '/public', headers: fitting }))).code, 0);
  });

  test('what is no call of one whole message fails', async () => {
    const { client } = lintel;
    failed(await client.call(framed(PUBLIC, 1)), 12, 'compressed');
    failed(await client.call(framed(PUBLIC, 255)), 12, 'unknown flags');
    failed(await client.call(Buffer.alloc(0)), 12, 'no message');
    failed(await client.call(Buffer.from([0, 0, 0])), 12, 'half a prefix');
    failed(await client.call(framed(PUBLIC).subarray(0, 20)), 12, 'half a message');
    failed(await client.call(Buffer.concat([framed(PUBLIC), framed(PUBLIC)])), 12, 'two messages');
    failed(await client.call(Buffer.concat([framed(PUBLIC), Buffer.from([7])])), 12, 'a byte too many');
    failed(
      await client.call(Buffer.concat([Buffer.from([0, 255, 255, 255, 255]), PUBLIC])),
      12,
      'four gigabytes announced',
    );
    await next();
  });

  test('no other method and no other kind of request is served', async () => {
    const { client } = lintel;
    for (const path of [
      '/',
      '/envoy.service.auth.v2.Authorization/Check',
      '/envoy.service.auth.v3.Authorization/Check/',
      '/envoy.service.auth.v3.Authorization/check',
      '/api/authz/forward-auth',
    ])
      failed(await client.call(framed(PUBLIC), { ':path': path }), 12, path);
    for (const headers of [
      { 'content-type': 'application/json' },
      { 'content-type': 'application/grpc-web' },
      { 'content-type': 'application/grpc+json' },
      { ':method': 'GET' },
      { ':method': 'PUT' },
    ]) {
      const called = await client.call(headers[':method'] === 'GET' ? Buffer.alloc(0) : framed(PUBLIC), headers);
      assert.equal(called.headers[':status'], 415, JSON.stringify(headers));
      assert.equal(called.body.length, 0);
    }
    await next();
  });

  test('a peer that is not listed is told which line lets it in, and gets no decision', async () => {
    const createConnection = () => tcp({ port: lintel.grpcPort, host: '127.0.0.1', localAddress: '127.0.0.2' });
    const stranger = grpcClient(`http://127.0.0.1:${lintel.grpcPort}`, { createConnection });
    const called = await stranger.call(framed(PUBLIC));
    failed(called, 7, 'a stranger');
    assert.match(called.message, /PEER-UNTRUSTED.*trusted_proxies: \[127\.0\.0\.2\]/);
    failed(await stranger.call(framed(PUBLIC)), 7, 'a stranger, again');
    stranger.close();
    await next();
    await eventually('it is in the log', () => /PEER-UNTRUSTED/.test(lintel.at.output()));
  });

  test('bytes that are no HTTP/2 end their connection', async () => {
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    for (const bytes of [
      'GET / HTTP/1.1\r\nHost: app.example.test\r\n\r\n',
      'POST /envoy.service.auth.v3.Authorization/Check HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01',
      `${preface}\xff\xff\xff\xff\xff\xff\xff\xff\xff`,
      `${preface}\x00\x00\x04\x01\x04\x00\x00\x00\x01\xff\xff\xff\xff`,
      `${preface}${'\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00'.repeat(3)}`,
      'x'.repeat(100_000),
    ]) {
      const text = await say(lintel.grpcPort, bytes);
      assert.doesNotMatch(text, /remote-user|200 OK/);
    }
    await next();
  });

  test('connections that are reset in the middle of questions harm nobody', async () => {
    for (let i = 0; i < 20; i++) {
      const gone = grpcClient(`http://127.0.0.1:${lintel.grpcPort}`);
      gone.session.on('error', () => {});
      for (let k = 0; k < 10; k++) {
        const stream = gone.session.request({
          ':method': 'POST',
          ':path': '/envoy.service.auth.v3.Authorization/Check',
          'content-type': 'application/grpc',
        });
        stream.on('error', () => {});
        stream.write(framed(PUBLIC).subarray(0, 10 + k));
        if (k % 2 === 0) stream.close(8);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
      gone.session.destroy();
    }
    await next();
    assert.doesNotMatch(lintel.at.output(), /INTERNAL|uncaught/i);
  });

  test('clients who leave in droves take no connection of the proxy with them', async () => {
    const { session } = lintel.client;
    for (let round = 0; round < 30; round++) {
      for (let i = 0; i < 100; i++) {
        const stream = session.request({ ':method': 'POST', ':path': CHECK, 'content-type': 'application/grpc' });
        stream.on('error', () => {});
        stream.write(framed(PUBLIC).subarray(0, 10));
        stream.close(8);
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assert.equal(session.destroyed, false);
    await next();
    assert.equal(session.destroyed, false);
  });

  test('a stranger who says nothing is cut off, a proxy with nothing to ask is not', async () => {
    const ended = new Promise((resolve) => {
      const socket = tcp({ port: lintel.grpcPort, host: '127.0.0.1', localAddress: '127.0.0.2' }, () =>
        socket.resume(),
      );
      socket.on('error', () => {});
      socket.on('close', resolve);
    });
    const quiet = tcp(lintel.grpcPort, '127.0.0.1', () => quiet.resume());
    await Promise.race([
      ended,
      new Promise((_, reject) => setTimeout(reject, 30_000, new Error('still open')).unref()),
    ]);
    assert.equal(quiet.readyState, 'open');
    quiet.destroy();
    await next();
  });

  test('a thousand questions at once are all answered', async () => {
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => lintel.client.check(PUBLIC)));
    assert.ok(answers.every((a) => a.code === 0));
  });
});

/** Sends bytes and reads until the server closes, at most two seconds. */
function say(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = tcp(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    const timer = setTimeout(() => socket.destroy(), 2_000);
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => (text += chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}

describe('the codec', () => {
  const bytes = fc.uint8Array({ maxLength: 400 }).map((b) => Buffer.from(b));

  test('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(bytes, (b) => void decodeCheck(b)),
      { numRuns: 3_000 },
    );
  });

  test('reads what an independent writer wrote', () => {
    const text = fc.string({ maxLength: 200, unit: 'binary-ascii' });
    const pair = fc.tuple(text, text);
    fc.assert(
      fc.property(
        text,
        text,
        text,
        text,
        fc.array(pair, { maxLength: 20 }),
        text,
        (method, path, host, scheme, raw, source) => {
          const read = decodeCheck(checkRequest({ method, path, host, scheme, raw, source }));
          assert.deepEqual(read, {
            method,
            path,
            host,
            scheme,
            headers: raw.flat(),
            source: { kind: 'address', text: source },
          });
        },
      ),
    );
    assert.deepEqual(decodeCheck(checkRequest({ source: { pipe: '/x' } }))?.source, { kind: 'pipe' });
  });

  test('what it writes is read by an independent reader, and every text of it is UTF-8', () => {
    const text = fc.string({ maxLength: 300, unit: 'binary' }).map((t) => Buffer.from(t, 'latin1').toString('latin1'));
    fc.assert(
      fc.property(text, fc.array(text, { maxLength: 5 }), (value, remove) => {
        const response = readResponse(encodeAnswer({ kind: 'ok', set: ['X-A', value], remove }));
        const bytes = Buffer.from(value, 'latin1');
        const isText = bytes.equals(Buffer.from(bytes.toString('utf8'))) && !/[^\t\x20-\x7e\x80-\xff]/.test(value);
        const [a] = response.ok?.set ?? [];
        assert.deepEqual([a?.name, a?.value], ['x-a', isText ? bytes.toString('utf8') : '']);
        assert.equal(response.ok?.remove.length, remove.length);
      }),
    );
    for (const value of ['a\u010ab', 'a\nb', 'a\r\nremote-user: admin', '\0', '\u674e']) {
      const { ok } = readResponse(encodeAnswer({ kind: 'ok', set: ['x-a', value], remove: [] }));
      assert.equal(ok?.set[0]?.value, '', JSON.stringify(value));
    }
    const reply = { status: 503, headers: ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'], body: 'Łukasz' };
    const { denied, code } = readResponse(encodeAnswer({ kind: 'denied', code: 'PERMISSION_DENIED', reply }));
    assert.deepEqual([code, denied?.status, denied?.body], [7, 503, 'Łukasz']);
    assert.deepEqual(
      denied?.headers.map((h) => [h.value, h.appendAction]),
      [
        ['a=1', 2],
        ['b=2', 0],
      ],
    );
  });

  test('a message of many fields is read in one pass', () => {
    assert.equal(parseMessage(Buffer.alloc(60_000, Buffer.from([8, 1])))?.size, 0);
  });
});
