/** The gRPC listener as part of a running server: unix socket, TLS, reload, stop. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { connect as http2 } from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as tls } from 'node:tls';
import { eventually } from '../black-box/lintel.ts';
import { base, configure, type Live, live } from '../live/server.ts';
import { accepts, freePort, tempDir } from '../parts.ts';
import { CHECK, checkRequest, framed, type GrpcClient, grpcClient } from './client.ts';

const APPS = `
apps:
  wiki:
    url: https://wiki.example.test
    access: [{paths: [/public], allow: everyone}, {allow: signed_in}]
`;
const PUBLIC = checkRequest({ host: 'wiki.example.test', path: '/public' });

const config = (grpc: string, trusted: string) =>
  `${base('memory').replace('trusted_proxies: [127.0.0.1]', `trusted_proxies: [${trusted}]`)}grpc: ${grpc}\n${APPS}`;

const told = (at: Live) => String(at.log().find((l) => l.message === 'ready')?.grpc);

async function statusOf(client: GrpcClient): Promise<number | undefined> {
  return (await client.call(framed(PUBLIC))).status;
}

test('on a unix socket its peers are trusted by name; a reload counts on connections that are open', async (t) => {
  const at = await live(t, { config: config('unix:DIR/g', 'unix') });
  const path = join(at.dir, 'g');
  assert.equal(told(at), `unix:${path}`);
  const client = grpcClient('http://lintel', { createConnection: () => connect(path) });
  t.after(() => client.close());
  assert.equal((await client.check(PUBLIC)).code, 0);
  configure(at, config('unix:DIR/g', '127.0.0.1'));
  await eventually('the peer is no longer trusted', async () => (await statusOf(client)) === 7);
  assert.match((await client.call(framed(PUBLIC))).message, /trusted_proxies: \[unix\]/);
  configure(at, config('unix:DIR/g', 'unix').replace('allow: everyone', 'deny: everyone'));
  await eventually('the new rule', async () => (await statusOf(client)) === 0);
  assert.equal((await client.check(PUBLIC)).code, 7);
  const from = at.log().length;
  configure(at, config('127.0.0.1:0', 'unix'));
  await eventually('what needs a restart is said', () => at.log(from).some((l) => /grpc/.test(String(l.restart_for))));
});

test('over TLS, with a certificate that is renewed while running', async (t) => {
  const dir = tempDir(t);
  for (const name of ['first', 'second']) {
    const out = ['-out', join(dir, `${name}.pem`), '-keyout', join(dir, `${name}-key.pem`)];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    execFileSync('openssl', ['req', '-x509', ...curve, '-days', '7', '-subj', `/CN=${name}`, ...out], {
      stdio: 'pipe',
    });
  }
  const place = (name: string) => {
    renameSync(join(dir, `${name}-key.pem`), join(dir, 'key.pem'));
    renameSync(join(dir, `${name}.pem`), join(dir, 'cert.pem'));
  };
  place('first');
  const port = await freePort();
  const grpc = `{address: "https://127.0.0.1:${port}", tls: {cert: cert.pem, key: key.pem}}`;
  const at = await live(t, { dir, config: config(grpc, '127.0.0.1') });
  assert.equal(told(at), `127.0.0.1:${port}`);
  const client = grpcClient(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  t.after(() => client.close());
  assert.equal((await client.check(PUBLIC)).code, 0);
  const name = () =>
    new Promise<string>((resolve, reject) => {
      const socket = tls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.on('error', reject);
    });
  assert.equal(await name(), 'first');
  place('second');
  await eventually('the new certificate', async () => (await name()) === 'second');
  assert.equal((await client.check(PUBLIC)).code, 0, 'the old connection goes on');
});

test('stops gracefully: the question on its way is answered, silent connections hold nothing up', async (t) => {
  const port = await freePort();
  const at = await live(t, { config: config(`127.0.0.1:${port}`, '127.0.0.1') });
  const silent = connect(port, '127.0.0.1');
  silent.on('error', () => {});
  t.after(() => silent.destroy());
  const session = http2(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  t.after(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': CHECK, 'content-type': 'application/grpc' });
  let status: unknown;
  stream.on('trailers', (headers) => (status = headers['grpc-status']));
  stream.resume();
  const message = framed(PUBLIC);
  stream.write(message.subarray(0, 20));
  // Answered in order: what was sent before it is there.
  await new Promise((resolve) => session.once('connect', () => session.ping(resolve)));
  const began = Date.now();
  at.process.kill('SIGTERM');
  await eventually('nobody new is let in', async () => !(await accepts(port)));
  stream.end(message.subarray(20));
  await new Promise((resolve) => stream.once('close', resolve));
  assert.equal(status, '0');
  assert.deepEqual(await at.exited, { code: 0, signal: null });
  // Ten seconds is what it would give what does not end by itself.
  assert.ok(Date.now() - began < 9_000, `${Date.now() - began} ms`);
});

test('nobody who does not ask for it listens', async (t) => {
  const at = await live(t, { config: `${base('memory')}${APPS}` });
  assert.equal(at.log().find((l) => l.message === 'ready')?.grpc, undefined);
});
