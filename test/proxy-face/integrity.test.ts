/** Memory of answers is used again: many large ones at once, to clients of every kind and pace, arrive byte for byte. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { connect as connectH2, createSecureServer } from 'node:http2';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { createForwarder } from '../../src/proxy/forward.ts';
import { OWNED, upstreamTo } from './fixture.ts';

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

test('large answers at once, over HTTP/1.1, TLS and HTTP/2, with a length and in chunks', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-integrity-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const [cert, key] = [join(dir, 'c.pem'), join(dir, 'k.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-subj', '/CN=x', '-out', cert, '-keyout', key], {
    stdio: 'pipe',
  });
  const app = http.createServer((req, res) => {
    const body = BODIES[Number(req.url?.[1])] ?? Buffer.alloc(0);
    if (req.url?.endsWith('length')) res.writeHead(200, { 'Content-Length': body.length });
    res.end(body);
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  const forwarder = createForwarder({ ownedFolds: OWNED, isOurCookie: () => false, onRefusedCookie: () => {} });
  const upstream = upstreamTo((app.address() as AddressInfo).port);
  const forward = (req: http.IncomingMessage, res: http.ServerResponse) =>
    forwarder.forward({
      req,
      res,
      wire: { method: 'GET', target: req.url ?? '', headers: ['Host', 'x'], peer: { kind: 'unix' }, encrypted: false },
      upstream,
      identity: [],
      clientAddress: undefined,
      scheme: 'http',
      host: 'x',
      port: 80,
      hostHeader: undefined,
      authorization: 'pass',
      onFault: (fault) => assert.fail(fault.detail),
    });
  const plain = http.createServer(forward);
  const secure = createSecureServer({ cert: readFileSync(cert), key: readFileSync(key), allowHTTP1: true });
  secure.on('request', forward as never);
  for (const server of [plain, secure]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const ports = [plain, secure].map((s) => (s.address() as AddressInfo).port);
  const session = connectH2(`https://127.0.0.1:${ports[1]}`, { rejectUnauthorized: false });
  t.after(() => {
    session.destroy();
    forwarder.close();
    for (const server of [plain, secure, app]) server.close();
  });
  const got = (request: http.ClientRequest, isSlow: boolean) =>
    new Promise<string>((resolve, reject) => {
      request.on('response', (res) => hashOf(res, isSlow).then(resolve, reject)).on('error', reject);
    });
  const agent = false;
  const all: Promise<void>[] = [];
  for (let round = 0; round < 3; round++) {
    for (const [i, expected] of HASHES.entries()) {
      const isSlow = (i + round) % 2 === 0;
      const path = `/${i}/${round === 1 ? 'length' : 'chunks'}`;
      const is = (what: string) => (hash: string) => assert.equal(hash, expected, `${what} ${path}`);
      const secureOptions = { port: ports[1], path, agent, host: '127.0.0.1', rejectUnauthorized: false };
      all.push(got(http.get({ port: ports[0], path, agent, host: '127.0.0.1' }), isSlow).then(is('HTTP/1.1')));
      all.push(got(https.get(secureOptions), isSlow).then(is('TLS')));
      all.push(hashOf(session.request({ ':path': path }), isSlow).then(is('HTTP/2')));
    }
  }
  await Promise.all(all);
});
