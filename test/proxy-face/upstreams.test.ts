/** Servers over TLS, several servers, base paths, and addresses chosen while Lintel runs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createServer as createTls, type TlsOptions } from 'node:tls';
import { type UpstreamAddress, type UpstreamTls, upstreamOf } from '../../src/core/app.ts';
import { atServer } from '../../src/proxy/base-path.ts';
import { upstreamAt } from '../../src/proxy/upstream-at.ts';
import { eventually } from '../black-box/lintel.ts';
import { acceptOf } from '../black-box/websocket.ts';
import { freePort } from '../parts.ts';
import {
  answering,
  get,
  OK,
  openClient,
  request,
  type Scope,
  startBackend,
  startFace,
  upstreamTo,
  valuesOf,
} from './fixture.ts';

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const dir = mkdtempSync(join(tmpdir(), 'lintel-upstream-'));
after(() => rmSync(dir, { recursive: true, force: true }));

interface Pem {
  readonly cert: string;
  readonly key: string;
}

function certificate(name: string, names: string): Pem {
  const [cert, key] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
  const args = ['req', '-x509', ...CURVE, '-days', '7', '-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`];
  execFileSync('openssl', [...args, '-out', cert, '-keyout', key], { stdio: 'pipe' });
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

const APP = certificate('app', 'DNS:app.internal,DNS:localhost');
const BY_ADDRESS = certificate('address', 'IP:127.0.0.1');
const CALLER = certificate('caller', 'DNS:lintel.internal');
const TLS: UpstreamTls = { ca: APP.cert, client: undefined, serverName: undefined, dangerouslySkipVerify: false };

interface TlsApp {
  readonly port: number;
  /** Server names that were asked for; "" where none was. */
  readonly names: string[];
  /** Everything that was received in the clear. */
  received: string;
  connections: number;
}

async function startTlsApp(t: Scope, options: TlsOptions, answer = OK): Promise<TlsApp> {
  const seen = { names: [] as string[], received: '', connections: 0, port: 0 };
  const server = createTls(options, (socket) => {
    seen.names.push(socket.servername || '');
    seen.connections++;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      seen.received += chunk.toString('latin1');
      if (seen.received.endsWith('\r\n\r\n')) socket.write(answer);
    });
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  seen.port = (server.address() as AddressInfo).port;
  return seen;
}

function overTls(hostname: string, port: number, tls: Partial<UpstreamTls> = {}): UpstreamAddress {
  const own = { ...TLS, ...tls };
  const plain = upstreamOf(hostname, port);
  return { ...plain, tls: own, servers: [{ ...plain.servers[0], tls: own }] };
}

async function ask(t: Scope, upstream: UpstreamAddress, bytes = get('/', 'Connection: close')) {
  const face = await startFace(t, 1, { call: { upstream } });
  const client = openClient(t, face.port);
  client.send(bytes);
  await client.untilEnd();
  return { face, text: client.received };
}

test('an app over TLS is asked once its certificate is known to be its own', async (t) => {
  const app = await startTlsApp(t, APP);
  const { text } = await ask(t, overTls('localhost', app.port));
  assert.match(text, / 200 .*ok$/s);
  assert.deepEqual(app.names, ['localhost'], 'the name of the upstream, not the Host of the client');
  assert.match(app.received, /^GET \/ HTTP\/1\.1\r\nHost: app\.example\.test\r\n/);
});

test('an impostor gets nothing of the request', async (t) => {
  const cases: [string, TlsOptions, string, Partial<UpstreamTls>][] = [
    ['not signed by that authority', CALLER, 'localhost', {}],
    ['another name', APP, '127.0.0.1', {}],
    ['another name than server_name', APP, 'localhost', { serverName: 'elsewhere.internal' }],
    ['known to nobody', APP, 'localhost', { ca: undefined }],
  ];
  for (const [what, options, host, tls] of cases) {
    const app = await startTlsApp(t, options);
    const { text, face } = await ask(t, overTls(host, app.port, tls), get('/secret?token=1', 'Connection: close'));
    assert.match(text, /^HTTP\/1\.1 502 .*UPSTREAM-TLS/s, what);
    assert.equal(app.received, '', what);
    await eventually('nothing stays open', () => face.connections === 0);
  }
});

test('the name to look for may be set, an address is looked for as one, and verification can be skipped', async (t) => {
  const named = await startTlsApp(t, APP);
  assert.match((await ask(t, overTls('127.0.0.1', named.port, { serverName: 'app.internal' }))).text, / 200 /);
  assert.deepEqual(named.names, ['app.internal']);
  const addressed = await startTlsApp(t, BY_ADDRESS);
  assert.match((await ask(t, overTls('127.0.0.1', addressed.port, { ca: BY_ADDRESS.cert }))).text, / 200 /);
  assert.deepEqual(addressed.names, [''], 'RFC 6066: no address as a server name');
  const any = await startTlsApp(t, CALLER);
  assert.match((await ask(t, overTls('localhost', any.port, { dangerouslySkipVerify: true }))).text, / 200 /);
});

test('an app that asks who is calling is shown the client certificate', async (t) => {
  const options = { ...APP, requestCert: true, rejectUnauthorized: true, ca: CALLER.cert };
  const strict = await startTlsApp(t, options);
  assert.match((await ask(t, overTls('localhost', strict.port, { client: CALLER }))).text, / 200 /);
  // How the app says so is its own affair: an alert, or a plain close.
  const { text } = await ask(t, overTls('localhost', strict.port));
  assert.match(text, /^HTTP\/1\.1 502 .*UPSTREAM-(?:TLS|DOWN)/s);
});

test('a port that speaks no TLS, one that says nothing, one that closes', async (t) => {
  const plain = await startBackend(t, (c) => c.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  assert.match((await ask(t, overTls('localhost', plain.port))).text, /^HTTP\/1\.1 502 .*UPSTREAM-TLS/s);
  const closing = await startBackend(t, (c) => c.socket.destroy());
  assert.match((await ask(t, overTls('localhost', closing.port))).text, /^HTTP\/1\.1 502 .*UPSTREAM-TLS/s);
  const silent = await startBackend(t, () => {});
  const timeouts = { connect: 150, responseHead: 150, stall: 150, keepAlive: 150 };
  const face = await startFace(t, 1, { timeouts, call: { upstream: overTls('localhost', silent.port) } });
  const client = openClient(t, face.port);
  client.send(get('/', 'Connection: close'));
  await client.untilEnd();
  assert.match(client.received, /^HTTP\/1\.1 504 .*UPSTREAM-TIMEOUT/s);
});

test('over TLS: connections are kept, bodies go both ways with back-pressure, tunnels open', async (t) => {
  const big = 'x'.repeat(300_000);
  const app = await startTlsApp(t, APP, `HTTP/1.1 200 OK\r\nContent-Length: ${big.length}\r\n\r\n${big}`);
  const face = await startFace(t, 1, { call: { upstream: overTls('localhost', app.port) } });
  const client = openClient(t, face.port);
  for (let i = 1; i <= 3; i++) {
    client.send(get(`/${i}`));
    await eventually(`answer ${i}`, () => client.received.split('x').length > i * big.length);
  }
  assert.equal(app.connections, 1);
  const key = 'AAAAAAAAAAAAAAAAAAAAAA==';
  const agreed = `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\nhello`;
  const chat = await startTlsApp(t, APP, agreed);
  const other = await startFace(t, 1, { call: { upstream: overTls('localhost', chat.port) } });
  const tunnel = openClient(t, other.port);
  tunnel.send(get('/ws', 'Connection: upgrade', 'Upgrade: WebSocket', `Sec-WebSocket-Key: ${key}`));
  await tunnel.until('hello');
  tunnel.send('to the app');
  await eventually('it is there', () => chat.received.endsWith('to the app'));
});

function several(...ports: number[]): UpstreamAddress {
  const [first, ...rest] = ports.map((port) => upstreamTo(port).servers[0]);
  assert.ok(first);
  return { ...upstreamTo(0), servers: [first, ...rest], text: ports.join(', ') };
}

test('several servers take turns, a busy one less often', async (t) => {
  const backends = await Promise.all([0, 1, 2].map(() => startBackend(t, answering(`${OK}`))));
  const face = await startFace(t, 1, { call: { upstream: several(...backends.map((b) => b.port)) } });
  for (let i = 0; i < 6; i++) {
    const client = openClient(t, face.port);
    client.send(get('/', 'Connection: close'));
    await client.untilEnd();
  }
  assert.deepEqual(
    backends.map((b) => b.connections.length),
    [1, 1, 1],
    'kept connections of each are used again',
  );
  const slow = await startBackend(t, () => {});
  const quick = await startBackend(t, answering(OK));
  const other = await startFace(t, 1, { call: { upstream: several(slow.port, quick.port) } });
  for (let i = 0; i < 8; i++) {
    const client = openClient(t, other.port);
    client.send(get('/'));
    const answered = () => client.received.includes('ok');
    const hangs = slow.connections.length;
    await eventually('it is answered, or hangs at the slow one', () => answered() || slow.connections.length > hangs);
  }
  assert.equal(slow.connections.length, 1, 'one request hangs there; the others went past it');
});

test('a server that cannot be reached: the request goes to the next one, body and all, and the server rests', async (t) => {
  const dead = await freePort();
  const heads: string[] = [];
  const good = await startBackend(t, async (c) => {
    for (;;) {
      const head = await c.head();
      heads.push(head);
      if (head.startsWith('POST')) {
        await c.until('hello');
        c.received = '';
      }
      c.write(OK);
    }
  });
  const face = await startFace(t, 1, { call: { upstream: several(dead, good.port) } });
  for (let i = 0; i < 6; i++) {
    const client = openClient(t, face.port);
    client.send(`${request('POST', '/', 'Content-Length: 5', 'Connection: close')}hello`);
    await client.untilEnd();
    assert.match(client.received, / 200 .*ok$/s);
  }
  assert.equal(heads.length, 6);
  assert.deepEqual(face.faults, []);
});

test('all servers down: an id of its own, and they are tried again as soon as they are back', async (t) => {
  const [first, second] = [await freePort(), await freePort()];
  const upstream = several(first, second);
  const face = await startFace(t, 1, { call: { upstream } });
  for (let i = 0; i < 3; i++) {
    const client = openClient(t, face.port);
    client.send(get('/', 'Connection: close'));
    await client.untilEnd();
    assert.match(client.received, /^HTTP\/1\.1 502 .*UPSTREAMS-DOWN/s);
  }
  const server = createTcp((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write(OK));
  });
  await new Promise<void>((resolve) => server.listen(second, '127.0.0.1', resolve));
  t.after(() => server.close());
  const client = openClient(t, face.port);
  client.send(get('/', 'Connection: close'));
  await client.untilEnd();
  assert.match(client.received, / 200 /, 'all rest, so both are asked anyway');
});

test('a request that was sent is not sent to another server', async (t) => {
  const failing = await startBackend(t, async (c) => {
    await c.head();
    c.socket.destroy();
  });
  const good = await startBackend(t, answering(OK));
  const face = await startFace(t, 1, { call: { upstream: several(failing.port, good.port) } });
  const began = performance.now();
  const client = openClient(t, face.port);
  client.send(`${request('POST', '/pay', 'Content-Length: 0', 'Connection: close')}`);
  await client.untilEnd();
  assert.match(client.received, /^HTTP\/1\.1 502 .*UPSTREAM-DOWN/s);
  assert.equal(good.connections.length, 0);
  for (let i = 0; i < 4; i++) {
    const next = openClient(t, face.port);
    next.send(get('/', 'Connection: close'));
    await next.untilEnd();
    // Two ticks of half a second, which may be over where the machine is busy.
    if (performance.now() - began < 450) assert.match(next.received, / 200 /, 'the failing one rests');
  }
});

test('own time-outs of an upstream', async (t) => {
  const silent = await startBackend(t, () => {});
  const upstream = { ...upstreamTo(silent.port), answerMs: 200 };
  const timeouts = { connect: 400, responseHead: 60_000, stall: 60_000, keepAlive: 400 };
  const face = await startFace(t, 1, { timeouts, call: { upstream } });
  const client = openClient(t, face.port);
  client.send(get('/', 'Connection: close'));
  await client.untilEnd();
  assert.match(client.received, /^HTTP\/1\.1 504 /);
});

const BASED = upstreamAt('http://127.0.0.1:1/base', upstreamTo(1))?.servers[0];

test('a base path stands before the received path, byte for byte', async (t) => {
  const heads: string[] = [];
  const app = await startBackend(t, async (c) => {
    heads.push(await c.head());
    c.write(OK);
  });
  const place = upstreamAt(`http://127.0.0.1:${app.port}/base/`, upstreamTo(1));
  assert.ok(place);
  for (const target of ['/', '/?a=/../x', '/a%2Fb/%7e?x', '//double', '/a/../b']) {
    heads.length = 0;
    const { text } = await ask(t, place, get(target, 'Connection: close'));
    assert.match(text, / 200 /, target);
    assert.equal(heads[0]?.split(' HTTP')[0], `GET /base${target}`);
  }
});

test('no reading of a path leaves the base', () => {
  assert.ok(BASED);
  const at = (target: string) => atServer(`GET ${target} HTTP/1.1\r\n`, { method: 'GET', target }, BASED);
  const escaping = ['/..', '/../admin', '//../admin', '/a/../../admin', '/%2e%2e/admin', '/..%2fadmin', '/..%5cadmin'];
  escaping.push(
    '/..;/admin',
    '/;/../../admin',
    '/%252e%252e/admin',
    '/.%2e/x',
    '/\\..\\..\\admin',
    '/a//../../x',
    '/..',
  );
  escaping.push('/%2e%2e%2f', '/x/..%2f..%2fadmin', '/./../admin', '/a%2f..%2f..%2fadmin');
  for (const target of escaping) {
    const at_ = at(target);
    assert.ok(typeof at_ === 'object' && at_.id === 'TARGET-PATH', `${target} ${JSON.stringify(at_)}`);
  }
  for (const target of ['/', '/a/../b', '/?/../../x', '/a..b', '/base/../x'])
    assert.equal(typeof at(target), 'string', target);
});

test('addresses chosen while Lintel runs: one object for one text, the certificates of the app, nothing odd', async (t) => {
  const like = overTls('localhost', 1);
  const one = upstreamAt('https://b.internal/x', like);
  assert.equal(upstreamAt('https://b.internal/x', like), one);
  assert.equal(one?.servers[0].tls, like.tls);
  assert.equal(upstreamAt('http://b.internal', like)?.servers[0].tls, undefined);
  assert.notEqual(upstreamAt('https://b.internal/x', upstreamTo(1)), one, 'another app, other certificates');
  for (let i = 0; i < 3000; i++) upstreamAt(`http://b${i}.internal`, like);
  const odd = [
    '',
    '/x',
    'b.internal',
    'ftp://b',
    'http://u:p@b',
    'http://b/..',
    'http://b?x',
    'http://b/%2e%2e',
    'http://b\r\nX: y',
  ];
  for (const text of odd) assert.equal(upstreamAt(text, like), undefined, JSON.stringify(text));
  const backend = await startBackend(t, answering(OK));
  const upstream = upstreamAt(`http://127.0.0.1:${backend.port}/of/alice`, like);
  assert.ok(upstream);
  const { text } = await ask(t, upstream, get('/mail', 'Connection: close'));
  assert.match(text, / 200 /);
  assert.deepEqual(valuesOf(text, 'x-nothing'), []);
});
