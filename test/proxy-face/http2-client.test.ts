/** Clients of HTTP/2: bodies without a length, and a cut answer that ends one stream and no other. */
import assert from 'node:assert/strict';
import { type ClientHttp2Session, connect, createServer, type Http2ServerRequest } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createForwarder } from '../../src/proxy/forward.ts';
import {
  answering,
  type BackendConnection,
  OK,
  OWNED,
  type Scope,
  startBackend,
  upstreamTo,
  valuesOf,
} from './fixture.ts';

async function startHttp2Face(t: Scope, port: number): Promise<ClientHttp2Session> {
  const forwarder = createForwarder({ ownedFolds: OWNED, isOurCookie: () => false, onRefusedCookie: () => {} });
  const server = createServer((req, res) => {
    const headers = ['Host', 'app.example.test', ...ordinary(req)];
    forwarder.forward({
      req,
      res,
      wire: { method: req.method, target: req.url, headers, peer: { kind: 'unix' }, encrypted: false },
      upstream: upstreamTo(port),
      identity: [],
      clientAddress: undefined,
      scheme: 'https',
      host: 'app.example.test',
      port: 443,
      hostHeader: undefined,
      authorization: 'pass',
      onFault: (fault) => !res.headersSent && res.writeHead(502, ['x-lintel-error', fault.id]).end(),
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    session.destroy();
    server.close();
    forwarder.close();
  });
  return session;
}

function ordinary(req: Http2ServerRequest): string[] {
  const out: string[] = [];
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i]!;
    if (!name.startsWith(':')) out.push(name, req.rawHeaders[i + 1]!);
  }
  return out;
}

interface Answer {
  readonly status: number;
  readonly cookies: readonly string[];
  readonly body: string;
  readonly reset: number;
}

function ask(session: ClientHttp2Session, headers: Record<string, string>, body?: string): Promise<Answer> {
  return new Promise((resolve) => {
    const stream = session.request(headers, { endStream: body === undefined });
    let status = 0;
    let text = '';
    let cookies: readonly string[] = [];
    stream.setEncoding('latin1');
    stream.on('response', (h) => {
      status = h[':status'] ?? 0;
      cookies = h['set-cookie'] ?? [];
    });
    stream.on('data', (chunk: string) => {
      text += chunk;
    });
    stream.on('error', () => {});
    stream.on('close', () => resolve({ status, cookies, body: text, reset: stream.rstCode }));
    if (body !== undefined) stream.end(body);
  });
}

test('a request without a body has none at the app; one without a length comes in chunks', async (t) => {
  const backend = await startBackend(t, async (c) => {
    const head = await c.head();
    if (head.startsWith('POST')) await c.until('0\r\n\r\n');
    c.write(
      'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok',
    );
    c.write('');
    Object.assign(c, { first: head });
  });
  const session = await startHttp2Face(t, backend.port);
  const got = await ask(session, { ':path': '/a?b' });
  assert.deepEqual([got.status, got.body, got.cookies], [200, 'ok', ['a=1', 'b=2']]);
  const posted = await ask(session, { ':path': '/', ':method': 'POST' }, 'hello');
  assert.equal(posted.status, 200);
  const [first, second] = backend.connections as (BackendConnection & { first: string })[];
  assert.match(first!.first, /^GET \/a\?b HTTP\/1\.1\r\nHost: app\.example\.test\r\n/);
  assert.deepEqual(valuesOf(first!.first, 'transfer-encoding'), []);
  assert.deepEqual(valuesOf(second!.first, 'transfer-encoding'), ['chunked']);
  assert.equal(second!.received, '5\r\nhello\r\n0\r\n\r\n');
});

test('an answer that breaks off resets its stream; the others of the connection go on', async (t) => {
  const backend = await startBackend(t, async (c) => {
    const head = await c.head();
    if (head.startsWith('GET /good')) c.write(OK);
    else c.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
  });
  const session = await startHttp2Face(t, backend.port);
  const [bad, good] = await Promise.all([ask(session, { ':path': '/bad' }), ask(session, { ':path': '/good' })]);
  assert.equal(bad.body, 'half');
  assert.notEqual(bad.reset, 0);
  assert.deepEqual([good.status, good.body, good.reset], [200, 'ok', 0]);
  assert.equal((await ask(session, { ':path': '/good' })).body, 'ok');
});

test('a malformed request is refused alone', async (t) => {
  const backend = await startBackend(t, answering(OK));
  const session = await startHttp2Face(t, backend.port);
  const [bad, good] = await Promise.all([
    ask(session, { ':path': '/', ':method': 'TRACE' }),
    ask(session, { ':path': '/' }),
  ]);
  assert.equal(bad.status, 502);
  assert.equal(good.status, 200);
});

test('a client that resets its stream ends the request at the app, and nothing else', async (t) => {
  const asked = Promise.withResolvers<void>();
  const backend = await startBackend(t, async (c) => {
    const head = await c.head();
    if (head.startsWith('GET /good')) c.write(OK);
    else asked.resolve();
  });
  const session = await startHttp2Face(t, backend.port);
  const stream = session.request({ ':path': '/slow' });
  stream.on('error', () => {});
  await asked.promise;
  const [slow] = backend.connections;
  const closed = new Promise((resolve) => slow!.socket.on('close', resolve));
  slow!.socket.on('end', () => slow!.socket.end());
  stream.close(8);
  await closed;
  assert.equal((await ask(session, { ':path': '/good' })).body, 'ok');
});
