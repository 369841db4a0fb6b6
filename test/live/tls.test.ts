/** TLS as people run it: no certificate, one for each name, renewed under load; HTTP/2 and HTTP/1.1; a server that stops. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:http2';
import { request } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { selfSigned } from '../../src/server/self-signed.ts';
import { askHttp2, FRAME, openFrames, openSession } from '../black-box/http2.ts';
import { eventually } from '../black-box/lintel.ts';
import { type Address, ask, exchange, headerOf } from '../black-box/raw.ts';
import { missing, partPath, type Scope, tempDir } from '../parts.ts';
import { base, configure, type Live, live } from './server.ts';

const APPS = `apps:
  wiki: {url: https://wiki.example.test, access: [{allow: signed_in}]}
  all: {url: "https://*.many.example.test:8443", access: [{allow: signed_in}]}
`;
const HEALTH = { authority: 'auth.example.test', path: '/api/health' };

const config = (listen: string, more = '') =>
  `${base('memory').replace('listen: [127.0.0.1:0]', `listen: ${listen}`)}${APPS}${more}`;

/** Every address of the ready line. */
function addresses(at: Live): Address[] {
  const [, listen = ''] = /"listen":"([^"]*)","metrics":"[^"]*","message":"ready"/.exec(at.output()) ?? [];
  return listen.split(' ').map((text) => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
  });
}

interface Offer {
  readonly servername?: string;
  readonly protocols?: readonly string[];
  readonly maxVersion?: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
}

function opened(at: Address, { servername, protocols, maxVersion }: Offer = {}): Promise<TLSSocket> {
  const socket = connect({
    host: at.host,
    port: at.port,
    rejectUnauthorized: false,
    ...(servername !== undefined && { servername }),
    ...(protocols !== undefined && { ALPNProtocols: [...protocols] }),
    ...(maxVersion !== undefined && { maxVersion, minVersion: 'TLSv1' as const, ciphers: 'ALL@SECLEVEL=0' }),
  });
  return new Promise((resolve, reject) => socket.once('secureConnect', () => resolve(socket)).once('error', reject));
}

/** The certificate that a client gets. */
async function served(at: Address, servername?: string): Promise<X509Certificate> {
  const socket = await opened(at, servername === undefined ? {} : { servername });
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return new X509Certificate(raw);
}

/** Makes NAME.pem and NAME.key for these hosts; the fingerprint. */
function certify(dir: string, name: string, hosts: readonly string[]): string {
  return selfSigned({ cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) }, hosts, Date.now()).fingerprint;
}

test('without a certificate one is made, kept, told, and made anew when it lacks a host', async (t) => {
  const dir = tempDir(t);
  const first = await live(t, { dir, config: config('[https://127.0.0.1:0]') });
  const made = await served(first);
  for (const host of ['wiki.example.test', 'any.many.example.test', 'auth.example.test', 'localhost']) {
    assert.equal(made.checkHost(host) === undefined, false, host);
  }
  assert.ok(made.checkIP('127.0.0.1') !== undefined && made.checkIP('::1') !== undefined);
  const [cert, key] = [join(dir, 'lintel-selfsigned.pem'), join(dir, 'lintel-selfsigned.key')];
  for (const file of [cert, key]) assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(new X509Certificate(readFileSync(cert)).fingerprint256, made.fingerprint256);
  const [line] = first.log().filter((l) => l.level === 'warn' && /certificate/.test(l.message));
  assert.equal(line?.sha256, made.fingerprint256);
  assert.match(String(line?.hint), /tls: \{cert: PATH, key: PATH\}/);
  await first.stop();

  const second = await live(t, { dir, config: config('[https://127.0.0.1:0]') });
  assert.equal((await served(second)).fingerprint256, made.fingerprint256, 'kept');
  configure(
    second,
    config('[https://127.0.0.1:0]', '  new: {url: https://new.example.test, access: [{allow: signed_in}]}\n'),
  );
  await eventually(
    'a certificate for the new host',
    async () => (await served(second)).checkHost('new.example.test') !== undefined,
  );
  assert.equal(readFileSync(cert, 'utf8').includes('BEGIN CERTIFICATE'), true);
  await second.stop();

  writeFileSync(key, 'half a k');
  const third = await live(t, { dir, config: config('[https://127.0.0.1:0]') });
  const again = await served(third);
  assert.equal(new X509Certificate(readFileSync(cert)).fingerprint256, again.fingerprint256);
  assert.equal((await openAndAsk(third)).status, 200);
});

async function openAndAsk(at: Address): Promise<{ readonly status: number | undefined }> {
  const session = await openSession(at);
  const { reply } = await askHttp2(session, HEALTH);
  session.destroy();
  return { status: reply?.status };
}

test('each name gets its certificate, an unknown one the first', async (t) => {
  const dir = tempDir(t);
  const names = { one: ['one.example.test'], many: ['*.many.example.test'], wiki: ['wiki.example.test'] };
  const prints = Object.fromEntries(Object.entries(names).map(([name, hosts]) => [name, certify(dir, name, hosts)]));
  const text = config(
    '[https://127.0.0.1:0]',
    'tls: [{cert: one.pem, key: one.key}, {cert: many.pem, key: many.key}]\n',
  );
  const own = text.replace('wiki: {url', 'wiki: {tls: {cert: wiki.pem, key: wiki.key}, url');
  const at = await live(t, { dir, config: own });
  const expected: readonly (readonly [string | undefined, string])[] = [
    ['one.example.test', 'one'],
    ['ONE.example.test', 'one'],
    ['a.many.example.test', 'many'],
    ['a.b.many.example.test', 'one'],
    ['many.example.test', 'one'],
    ['wiki.example.test', 'wiki'],
    ['evil.test', 'one'],
    [undefined, 'one'],
  ];
  for (const [host, name] of expected) {
    assert.equal((await served(at, host)).fingerprint256, prints[name], `${host} gets ${name}`);
  }
  assert.equal(
    at.log().some((l) => /self-signed|Lintel made/.test(l.message)),
    false,
  );
});

test('protocols: ALPN is strict, nothing below TLS 1.2, WebSockets and old clients in HTTP/1.1', async (t) => {
  const at = await live(t, { config: config('[https://127.0.0.1:0]') });
  for (const [protocols, chosen] of [
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [undefined, false],
  ] as const) {
    const socket = await opened(at, protocols === undefined ? {} : { protocols });
    assert.equal(socket.alpnProtocol, chosen);
    socket.destroy();
  }
  await assert.rejects(opened(at, { protocols: ['spdy/3'] }), /ALERT|alert|no application protocol/i);
  await assert.rejects(opened(at, { maxVersion: 'TLSv1.1' }), /alert|version|protocol/i);
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await opened(at, { maxVersion });
    assert.equal(socket.getProtocol(), maxVersion);
    socket.destroy();
  }
  const plain = await exchange(at, 'GET / HTTP/1.1\r\nHost: auth.example.test\r\n\r\n');
  assert.equal(
    plain.replies.some((r) => r.status < 400),
    false,
  );
});

test('one port for IPv4 and IPv6', async (t) => {
  const at = await live(t, { config: config('[":0", "https://:0"]') });
  const [plain, secure] = addresses(at);
  assert.ok(plain && secure);
  for (const host of ['127.0.0.1', '::1']) {
    const reply = await ask(
      { host, port: plain.port },
      { target: '/api/health', headers: ['Host: auth.example.test'] },
    );
    assert.equal(reply.status, 200);
    assert.equal((await openAndAsk({ host, port: secure.port })).status, 200);
  }
  // A trusted proxy that comes by the mapped form of its address is the same proxy.
  const check = { target: '/api/authz/forward-auth', headers: ['Host: lintel.internal'] };
  const said = await ask({ host: '127.0.0.1', port: plain.port }, check);
  assert.equal(headerOf(said, 'x-lintel-error'), 'TARGET-MISSING');
});

test('redirect: https sends people to the address of their app or portal, byte for byte, and nobody elsewhere', async (t) => {
  const more = '  plain: {url: http://plain.example.test, access: [{allow: everyone}]}\n';
  const at = await live(t, {
    config: config('[{address: "127.0.0.1:0", redirect: https}, https://127.0.0.1:0]', more),
  });
  const go = (host: string, target: string, method = 'GET') => ask(at, { method, target, headers: [`Host: ${host}`] });
  for (const [host, target, location] of [
    ['wiki.example.test', '/', 'https://wiki.example.test/'],
    [
      'WIKI.example.test.:80',
      '/a%2Fb/../?q=%0d%0ax&r=//evil.test',
      'https://wiki.example.test/a%2Fb/../?q=%0d%0ax&r=//evil.test',
    ],
    ['x.many.example.test', '//evil.test/%5c', 'https://x.many.example.test:8443//evil.test/%5c'],
    ['auth.example.test', '/api/health', 'https://auth.example.test/api/health'],
  ] as const) {
    const reply = await go(host, target, 'POST');
    assert.equal(reply.status, 308, host);
    assert.equal(headerOf(reply, 'location'), location);
    assert.equal(reply.body, '');
  }
  for (const host of [
    'evil.test',
    'wiki.example.test.evil.test',
    'many.example.test',
    'plain.example.test',
    '127.0.0.1',
  ]) {
    const reply = await go(host, '/');
    assert.equal(reply.status, 403, host);
    assert.equal(headerOf(reply, 'location'), undefined);
    assert.equal(headerOf(reply, 'x-lintel-error'), 'HOST-NOT-PROXIED');
  }
  for (const target of ['/api/authz/forward-auth', '/api/health', '/.lintel/start']) {
    assert.equal((await go('lintel.internal', target)).status, 403, target);
  }
  for (const host of ['wiki.example.test', '127.0.0.1']) {
    assert.equal((await go(host, '/outpost.goauthentik.io/ping')).status, 204, `ping, ${host}`);
  }
  const absolute = await go('wiki.example.test', 'http://evil.test/');
  assert.deepEqual([absolute.status, headerOf(absolute, 'location')], [400, undefined]);
});

interface Tally {
  answered: number;
  readonly failures: string[];
}

/** Asks without a pause until told to stop: over connections of their own, and over one that stays. */
function load(scope: Scope, at: Address) {
  const tally: Tally = { answered: 0, failures: [] };
  let isOver = false;
  const again = async (what: string, once: () => Promise<number | undefined>) => {
    while (!isOver) {
      const status = await once().catch((error: unknown) => String(error));
      if (status === 200) tally.answered++;
      else tally.failures.push(`${what}: ${status}`);
    }
  };
  const lasting = openSession(at);
  const running = Promise.all([
    again('new connections, HTTP/2', async () => (await openAndAsk(at)).status),
    again('one connection, HTTP/2', async () => (await askHttp2(await lasting, HEALTH)).reply?.status),
    again('new connections, HTTP/1.1', () => overHttps(at)),
    again('new connections, HTTP/1.1, by name', () => overHttps(at, 'wiki.example.test')),
  ]);
  const stop = async () => {
    isOver = true;
    await running;
    (await lasting).destroy();
    return tally;
  };
  scope.after(stop);
  return { tally, stop };
}

function overHttps(at: Address, servername?: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'auth.example.test' };
    const name = servername === undefined ? {} : { servername };
    const options = {
      host: at.host,
      port: at.port,
      path: '/api/health',
      headers,
      rejectUnauthorized: false,
      agent: false,
    };
    request({ ...options, ...name }, (reply) => {
      reply.resume();
      reply.once('end', () => resolve(reply.statusCode));
    })
      .once('error', reject)
      .end();
  });
}

test('certificates change under load: no request fails, new connections get the new one, files in any order', async (t) => {
  const dir = tempDir(t);
  const prints = [0, 1, 2, 3].map((i) => certify(dir, `next${i}`, ['wiki.example.test']));
  const place = (i: number, what: 'pem' | 'key') =>
    renameSync(join(dir, `next${i}.${what}`), join(dir, `live.${what}`));
  place(0, 'pem');
  place(0, 'key');
  const at = await live(t, { dir, config: config('[https://127.0.0.1:0]', 'tls: {cert: live.pem, key: live.key}\n') });
  const errors = () =>
    at
      .log()
      .filter((l) => l.level === 'error')
      .map((l) => `${l.at} ${l.message}`);
  const isUnmatched = (text: string) =>
    /lintel\.yml:\d+:\d+ The certificate live\.pem was not made for the key live\.key\./.test(text);
  const { tally, stop } = load(t, at);
  for (const i of [1, 2, 3]) {
    const [one, other] = i === 2 ? (['key', 'pem'] as const) : (['pem', 'key'] as const);
    place(i, one);
    if (i === 1) await eventually('it is noticed in between, and told', () => errors().some(isUnmatched));
    place(i, other);
    await eventually('the new certificate', async () => (await served(at)).fingerprint256 === prints[i]);
    assert.equal((await served(at, 'wiki.example.test')).fingerprint256, prints[i]);
    const before = tally.answered;
    await eventually('answers', () => tally.answered > before + 40);
  }
  assert.deepEqual(
    at.log().filter((l) => l.restart_for !== undefined),
    [],
  );
  const { answered, failures } = await stop();
  assert.deepEqual(failures, []);
  assert.ok(answered > 100, `${answered} answers`);
});

test('a server that stops finishes what is open in HTTP/2 and takes nothing new', async (t) => {
  const at = await live(t, { config: config('[https://127.0.0.1:0]') });
  const session = await openSession(at);
  const idle = await openSession(at);
  const body = '{"username": "alice", "password": "wonderland-7"}';
  const stream = session.request({
    ':method': 'POST',
    ':authority': HEALTH.authority,
    ':path': '/api/firstfactor',
    'content-type': 'application/json',
    'content-length': String(body.length),
  });
  const answered = new Promise<number>((resolve) => stream.once('response', (h) => resolve(Number(h[':status']))));
  stream.resume();
  stream.write(body.slice(0, 5));
  // Frames are read in their order: what answers this has seen the request.
  await new Promise((resolve) => session.ping(resolve));
  const goaway = new Promise<number>((resolve) => session.once('goaway', resolve));
  const left = new Promise((resolve) => idle.once('close', resolve));
  const began = performance.now();
  at.process.kill('SIGTERM');
  assert.equal(await goaway, constants.NGHTTP2_NO_ERROR);
  await left;
  stream.end(body.slice(5));
  assert.equal(await answered, 200);
  const { code } = await at.exited;
  assert.equal(code, 0);
  assert.ok(performance.now() - began < 8_000);
});

test('a client that never closes its side keeps no server from stopping', async (t) => {
  const at = await live(t, { config: config('[https://127.0.0.1:0]') });
  const frames = await openFrames(at, { allowHalfOpen: true });
  assert.ok(await frames.until((f) => f.type === FRAME.settings));
  at.process.kill('SIGTERM');
  assert.ok(await frames.until((f) => f.type === FRAME.goaway));
  const asked = performance.now();
  await at.exited;
  // Sooner than the last resort, which is at 10 s.
  assert.ok(performance.now() - asked < 9_000);
  frames.destroy();
});

test('curl speaks HTTP/2 and HTTP/1.1, and trusts the certificate that it is given', {
  skip: missing('curl'),
}, async (t) => {
  const at = await live(t, { config: config('[https://127.0.0.1:0]') });
  const url = `https://auth.example.test:${at.port}/api/health`;
  const curl = (...args: string[]) =>
    execFileSync(
      partPath('curl'),
      [
        '-sS',
        '-m30',
        '--cacert',
        join(at.dir, 'lintel-selfsigned.pem'),
        '--resolve',
        `auth.example.test:${at.port}:127.0.0.1`,
        '-w',
        ' %{http_version} %{http_code}',
        ...args,
        url,
      ],
      { encoding: 'utf8' },
    );
  assert.match(curl('--http2'), /OK.* 2 200$/);
  assert.match(curl('--http1.1'), /OK.* 1\.1 200$/);
  assert.match(curl('--http2', '-I'), / 2 200$/);
  assert.match(curl('--http2', '-H', 'Host: wiki.example.test'), / 2 /);
});
