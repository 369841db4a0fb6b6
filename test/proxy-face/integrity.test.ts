/** Memory of bodies is used again: many large ones at once, from and to ends of every kind and pace, arrive byte for byte. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { connect as connectH2, createSecureServer } from 'node:http2';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { createForwarder } from '../../src/proxy/forward.ts';
import { OWNED, type Scope, startFace, upstreamTo } from './fixture.ts';

const BODIES = Array.from({ length: 4 }, (_, i) => randomBytes(3_000_000 + i * 77_777));
const HASHES = BODIES.map((b) => createHash('sha256').update(b).digest('hex'));

/** Reads it, with a rest now and then where told. */
function hashOf(stream: Readable, isSlow: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    let seen = 0;
    stream.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      seen += chunk.length;
      if (!isSlow || seen < 300_000) return;
      seen = 0;
      stream.pause();
      setTimeout(() => stream.resume(), 5);
    });
    stream.on('end', () => resolve(hash.digest('hex')));
    stream.on('error', reject);
  });
}

function certificate(t: Scope): { readonly cert: Buffer; readonly key: Buffer } {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-integrity-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const [cert, key] = [join(dir, 'c.pem'), join(dir, 'k.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-subj', '/CN=x', '-out', cert, '-keyout', key], {
    stdio: 'pipe',
  });
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

async function listening(t: Scope, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** One forwarder on three faces, in front of an app that speaks plainly (`/…`) and over TLS (`/tls/…`). */
async function start(t: Scope, app: http.RequestListener) {
  const pair = certificate(t);
  const plainApp = upstreamTo(await listening(t, http.createServer(app)));
  const tlsPort = await listening(t, https.createServer(pair, app));
  const tls = { dangerouslySkipVerify: true, ca: undefined, client: undefined, serverName: undefined };
  const tlsApp = { ...plainApp, servers: [{ ...plainApp.servers[0], port: tlsPort, tls }] } as typeof plainApp;
  const forwarder = createForwarder({ ownedFolds: OWNED, isOurCookie: () => false, onRefusedCookie: () => {} });
  const forward = (req: http.IncomingMessage, res: http.ServerResponse) => {
    const sent = req.rawHeaders.flatMap((name, i, all) =>
      i % 2 === 0 && /^(?:content-length|transfer-encoding)$/i.test(name) ? [name, all[i + 1] ?? ''] : [],
    );
    forwarder.forward({
      req,
      res,
      wire: {
        method: req.method ?? '',
        target: req.url ?? '',
        headers: ['Host', 'x', ...sent],
        peer: { kind: 'unix' },
        encrypted: false,
      },
      upstream: req.url?.startsWith('/tls/') ? tlsApp : plainApp,
      identity: [],
      clientAddress: undefined,
      scheme: 'http',
      host: 'x',
      port: 80,
      hostHeader: undefined,
      authorization: 'pass',
      onFault: (fault) => assert.fail(fault.detail),
    });
  };
  const port = await listening(t, http.createServer(forward));
  const secure = createSecureServer({ ...pair, allowHTTP1: true });
  secure.on('request', forward as never);
  const securePort = await listening(t, secure as never);
  t.after(() => forwarder.close());
  const options = { host: '127.0.0.1', agent: false, rejectUnauthorized: false } as const;
  return {
    /** A connection of HTTP/2. */
    open() {
      const session = connectH2(`https://127.0.0.1:${securePort}`, { rejectUnauthorized: false });
      t.after(() => session.destroy());
      return session;
    },
    plain: (more: http.RequestOptions) => http.request({ ...options, port, ...more }),
    secure: (more: https.RequestOptions) => https.request({ ...options, port: securePort, ...more }),
  };
}

test('large answers at once, over HTTP/1.1, TLS and HTTP/2, with a length and in chunks', {
  timeout: 120_000,
}, async (t) => {
  const { plain, secure, open } = await start(t, (req, res) => {
    const body = BODIES[Number(req.url?.[1])] ?? Buffer.alloc(0);
    if (req.url?.endsWith('length')) res.writeHead(200, { 'Content-Length': body.length });
    res.end(body);
  });
  const session = open();
  const got = async (request: http.ClientRequest, isSlow: boolean) => {
    request.end();
    const [res]: [http.IncomingMessage] = (await once(request, 'response')) as never;
    return hashOf(res, isSlow);
  };
  const all: Promise<void>[] = [];
  for (let round = 0; round < 3; round++) {
    for (const [i, expected] of HASHES.entries()) {
      const isSlow = (i + round) % 2 === 0;
      const path = `/${i}/${round === 1 ? 'length' : 'chunks'}`;
      const is = (what: string) => (hash: string) => assert.equal(hash, expected, `${what} ${path}`);
      all.push(got(plain({ path }), isSlow).then(is('HTTP/1.1')));
      all.push(got(secure({ path }), isSlow).then(is('TLS')));
      all.push(hashOf(session.request({ ':path': path }), isSlow).then(is('HTTP/2')));
    }
  }
  await Promise.all(all);
});

test('large uploads at once, from HTTP/1.1, TLS and HTTP/2, with a length and in chunks, to plain and TLS, to slow and fast', {
  timeout: 120_000,
}, async (t) => {
  const { plain, secure, open } = await start(t, (req, res) => {
    hashOf(req, req.url?.endsWith('/slow') === true).then(
      (hash) => res.end(hash),
      () => res.destroy(),
    );
  });
  const text = async (stream: Readable) => (await stream.setEncoding('latin1').toArray()).join('');
  const sent = async (request: http.ClientRequest, body: Buffer) => {
    request.end(body);
    const [res]: [http.IncomingMessage] = (await once(request, 'response')) as never;
    return text(res);
  };
  const all: Promise<void>[] = [];
  for (let round = 0; round < 4; round++) {
    for (const [i, body] of BODIES.entries()) {
      const path = `${round % 2 === 0 ? '' : '/tls'}/${i}/${round < 2 ? 'slow' : 'fast'}`;
      const hasLength = (i + round) % 2 === 0;
      const headers = hasLength ? { 'Content-Length': body.length } : { 'Transfer-Encoding': 'chunked' };
      const is = (what: string) => (hash: string) => assert.equal(hash, HASHES[i], `${what} ${path} ${hasLength}`);
      all.push(sent(plain({ method: 'PUT', path, headers }), body).then(is('HTTP/1.1')));
      all.push(sent(secure({ method: 'PUT', path, headers }), body).then(is('TLS')));
      const length = hasLength ? { 'content-length': body.length } : {};
      const stream = open().request({ ':method': 'PUT', ':path': path, ...length });
      stream.end(body);
      all.push(text(stream).then(is('HTTP/2')));
    }
  }
  await Promise.all(all);
});

/** Another process, so that its memory is not counted here. */
const SINK = `require('node:http').createServer((req, res) => {
  req.resume();
  req.on('end', () => res.end('taken'));
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });`;

test('an upload leaves no memory behind for the collector', { timeout: 120_000 }, async (t) => {
  const app = spawn(process.execPath, ['-e', SINK], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => app.kill());
  const [port] = await once(app.stdout, 'data');
  const { port: face } = await startFace(t, Number(port));
  const size = 64 * 1024 * 1024;
  const piece = Buffer.alloc(65536, 'x');
  const headers = { Host: 'app.example.test', 'Content-Length': size };
  const request = http.request({ host: '127.0.0.1', port: face, method: 'PUT', path: '/', headers, agent: false });
  const answered = once(request, 'response');
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let left = size; left > 0; left -= piece.length) {
    if (!request.write(piece)) await once(request, 'drain');
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  request.end();
  await answered;
  assert.ok(most < 4 * 1024 * 1024, `${most} bytes at a time`);
});
