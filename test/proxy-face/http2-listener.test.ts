/** The proxy face behind a listener that speaks HTTP/2: bodies both ways, slow readers, broken answers, other streams. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { askHttp2, openSession } from '../black-box/http2.ts';
import { eventually } from '../black-box/lintel.ts';
import { headerOf, valuesOf } from '../black-box/raw.ts';
import { type Live, live } from '../live/server.ts';
import { openScope } from '../parts.ts';

const MIB = 1 << 20;
const HOST = 'app.example.test';
const SILENT = 'silent.example.test';
const scope = openScope();
let at: Live;
let app: (req: IncomingMessage, res: ServerResponse) => void = () => {};

before(async () => {
  const server = createServer((req, res) => app(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.after(() => server.close());
  scope.after(() => server.closeAllConnections());
  const { port } = server.address() as AddressInfo;
  at = await live(scope, {
    config: `listen: [https://127.0.0.1:0]
metrics: 127.0.0.1:0
storage: memory
users: file:DIR/users.yml
apps:
  app: {url: https://${HOST}, upstream: http://127.0.0.1:${port}, access: [{allow: everyone}]}
  silent: {url: https://${SILENT}, upstream: {url: http://127.0.0.1:${port}, timeout: 1s}, access: [{allow: everyone}]}
`,
  });
});
after(scope.close);

async function session(t: { after(fn: () => void): void }): Promise<ClientHttp2Session> {
  const opened = await openSession(at);
  t.after(() => opened.destroy());
  return opened;
}

test('a large upload and a large download arrive byte for byte, at once on one connection', async (t) => {
  app = (req, res) => {
    if (req.url === '/down') return res.end(Buffer.alloc(8 * MIB, 'd'));
    const hash = createHash('sha256');
    req.on('data', (chunk: Buffer) => hash.update(chunk));
    req.on('end', () => res.end(hash.digest('hex')));
  };
  const h2 = await session(t);
  const body = 'u'.repeat(8 * MIB);
  const [up, down] = await Promise.all([
    askHttp2(h2, { method: 'POST', authority: HOST, path: '/up', body }),
    askHttp2(h2, { authority: HOST, path: '/down' }),
  ]);
  assert.equal(up.reply?.body, createHash('sha256').update(body).digest('hex'));
  assert.equal(down.reply?.body.length, 8 * MIB);
});

test('a slow reader holds the app back and no other stream', async (t) => {
  let written = 0;
  app = (req, res) => {
    if (req.url !== '/slow') return res.end('quick');
    const more = () => {
      if (res.writableEnded) return;
      while (written < 64 * MIB) {
        written += 65_536;
        if (!res.write(Buffer.alloc(65_536))) return;
      }
      res.end();
    };
    res.on('drain', more);
    more();
  };
  const h2 = await session(t);
  const stream = h2.request({ ':path': '/slow', ':authority': HOST });
  await new Promise((resolve) => stream.once('response', resolve));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const held = written;
  assert.ok(held < 32 * MIB, `${held} bytes were taken from the app`);
  assert.equal((await askHttp2(h2, { authority: HOST, path: '/quick' })).reply?.body, 'quick');
  assert.equal(stream.closed, false, 'before the slow one is through');
  stream.on('error', () => {});
  stream.close(8);
});

test('events arrive when they are sent', async (t) => {
  let say = (_: string) => {};
  app = (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.flushHeaders();
    say = (text) => void res.write(text);
  };
  const h2 = await session(t);
  const stream = h2.request({ ':path': '/events', ':authority': HOST });
  let seen = '';
  stream.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('response', resolve));
  for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
    say(text);
    await eventually(text, () => seen.endsWith(text));
  }
  stream.close(8);
});

test('half an answer never looks whole, and other streams of the connection go on', async (t) => {
  app = (req, res) => {
    if (req.url === '/whole') return res.end('whole');
    res.writeHead(200, req.url === '/length' ? { 'content-length': 100 } : {});
    res.write('half');
    setTimeout(() => res.destroy(), 50);
  };
  const h2 = await session(t);
  for (const path of ['/length', '/chunked']) {
    const { reply, reset } = await askHttp2(h2, { authority: HOST, path });
    assert.equal(reply?.status, 200);
    assert.notEqual(reset, 0, path);
  }
  assert.equal((await askHttp2(h2, { authority: HOST, path: '/whole' })).reply?.body, 'whole');
});

test('headers of the app arrive, those of one connection and repeated ones as they must', async (t) => {
  app = (_req, res) => {
    res.writeHead(
      200,
      [
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
        ['X-Name', Buffer.from('Łukasz').toString('latin1')],
        ['Connection', 'close, x-hop'],
        ['X-Hop', 'y'],
        ['Keep-Alive', 'timeout=9'],
        ['Content-Type', 'text/plain'],
        ['Trailer', 'x-after'],
      ].flat(),
    );
    res.end('ok');
  };
  const { reply } = await askHttp2(await session(t), { authority: HOST, path: '/' });
  assert.ok(reply);
  assert.deepEqual(valuesOf(reply, 'set-cookie'), ['a=1', 'b=2']);
  assert.equal(Buffer.from(headerOf(reply, 'x-name') ?? '', 'latin1').toString(), 'Łukasz');
  for (const name of ['connection', 'keep-alive', 'x-hop', 'trailer', 'transfer-encoding']) {
    assert.deepEqual(valuesOf(reply, name), [], name);
  }
});

test('answers without a body: HEAD, 204, 304', async (t) => {
  app = (req, res) => {
    res.writeHead(req.url === '/head' ? 200 : Number(req.url?.slice(1)), { etag: '"e"' });
    res.end();
  };
  const h2 = await session(t);
  for (const [method, path, status] of [
    ['HEAD', '/head', 200],
    ['GET', '/204', 204],
    ['GET', '/304', 304],
  ] as const) {
    const { reply, reset } = await askHttp2(h2, { method, authority: HOST, path });
    assert.deepEqual([reply?.status, reply?.body, reset], [status, '', 0]);
    assert.equal(headerOf(reply!, 'etag'), '"e"');
  }
});

test('Expect: 100-continue is answered, and an app that is silent is a 504', async (t) => {
  app = (req, res) => {
    if (req.url === '/silent') return;
    req.resume().on('end', () => res.end('taken'));
  };
  const h2 = await session(t);
  const stream = h2.request({ ':method': 'POST', ':path': '/', ':authority': HOST, expect: '100-continue' });
  await new Promise((resolve) => stream.once('continue', resolve));
  stream.end('body');
  assert.equal(await new Promise((resolve) => stream.once('response', (h) => resolve(h[':status']))), 200);
  stream.resume();
  const { reply } = await askHttp2(h2, { authority: SILENT, path: '/silent' });
  assert.equal(reply?.status, 504);
  assert.equal(headerOf(reply, 'x-lintel-error'), 'UPSTREAM-TIMEOUT');
  const odd = await askHttp2(h2, { authority: HOST, path: '/', headers: ['expect: tea'] });
  assert.deepEqual([odd.reply?.status, headerOf(odd.reply!, 'x-lintel-error')], [417, 'EXPECT-UNKNOWN']);
});
