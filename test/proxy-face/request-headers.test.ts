/**
 * What reaches the app of what the client sent: identity spoofing (GHSA-7r4p-vjf4-gxv4), aliases (CVE-2026-88011),
 * trailers (CVE-2026-88004), hop-by-hop nomination of what a proxy adds (Traefik, Oathkeeper), forwarded headers.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ForwardCall } from '../../src/proxy/forward.ts';
import { HeaderNames } from '../../src/proxy/hop-by-hop.ts';
import { requestHead } from '../../src/proxy/request-head.ts';
import {
  answering,
  type BackendConnection,
  get,
  headersOf,
  OK,
  OWNED,
  openClient,
  request,
  type Scope,
  startBackend,
  startFace,
  valuesOf,
} from './fixture.ts';

/** Sends one request and returns the bytes that the app got. */
async function seen(t: Scope, bytes: string, call: Partial<ForwardCall> = {}): Promise<string> {
  const backend = await startBackend(t, answeringKeeping);
  const face = await startFace(t, backend.port, { call });
  const client = openClient(t, face.port);
  client.send(bytes);
  await client.until(/\r\n\r\n/);
  return backend.connections[0]?.received ?? '';
}

/** Answers each request and keeps what it got. */
function answeringKeeping(c: BackendConnection): void {
  let answered = 0;
  c.socket.on('data', () => {
    const heads = c.received.split('\r\n\r\n').length - 1;
    for (; answered < heads; answered++) c.write(OK);
  });
}

test('the request-target goes on byte for byte', async (t) => {
  for (const target of ['/a%2fb/%2e/..;x=1?q=%zz&%00', '/?', '//x//y?a?b', "/~!$&'()*+,;=:@"]) {
    assert.equal((await seen(t, get(target))).split('\r\n')[0], `GET ${target} HTTP/1.1`);
  }
});

test('one identity reaches the app whatever the client claims', async (t) => {
  const spoofs = [
    'Remote-User',
    'remote-user',
    'REMOTE-USER',
    'Remote_User',
    'Remote.User',
    'X-Custom-Who',
    'x_custom.who',
  ];
  spoofs.push(...[..."!#$%&'*+^`|~"].map((c) => `Remote${c}User`));
  spoofs.push(
    'X-authentik-username',
    'X-Auth-Request-User',
    'X-Forwarded-User',
    'X-WEBAUTH-USER',
    'X-Identity-Assertion',
  );
  // mod_auth_openidc, mod_auth_mellon, Shibboleth, SiteMinder, WebSEAL, Kong, API gateways, Next.js (CVE-2025-29927)
  spoofs.push(
    'OIDC_CLAIM_sub',
    'OIDC-access-token',
    'MELLON-NAME_ID',
    'Shib-Session-ID',
    'SM_USER',
    'iv-user',
    'iv_groups',
  );
  spoofs.push('X-Consumer-Username', 'X-Credential-Identifier', 'X-Userinfo', 'X-JWT-Assertion', 'X-SSO-User');
  spoofs.push('X-Endpoint-API-UserInfo', 'X-Apigateway-Api-Userinfo', 'X-ProxyUser', 'X-User-Groups', 'X-User-Roles');
  spoofs.push('Teleport-Jwt-Assertion', 'X-SSL-CN', 'X-Middleware-Subrequest');
  spoofs.push('X-Pomerium-Jwt-Assertion', 'Cf-Access-Authenticated-User-Email', 'X-Remote-User', 'Impersonate-User');
  const head = await seen(t, get('/', ...spoofs.map((name) => `${name}: admin`)));
  assert.ok(!head.includes('admin'), head);
  assert.deepEqual(valuesOf(head, 'remote-user'), ['alice']);
  assert.deepEqual(valuesOf(head, 'remote-email'), [''], 'written even when empty');
});

test('Connection removes what the client sent and nothing that Lintel adds', async (t) => {
  const nominations =
    'keep-alive, Remote-User, remote-groups, X-Forwarded-For, x-forwarded-proto, X-Real-IP, Cookie, Host, X-Mine, Authorization, close';
  const head = await seen(
    t,
    get(
      '/',
      `Connection: ${nominations}`,
      'X-Mine: 1',
      'X-Other: 2',
      'Cookie: a=b',
      'Authorization: Bearer x',
      'Remote-User: admin',
    ),
  );
  assert.deepEqual(valuesOf(head, 'remote-user'), ['alice']);
  assert.deepEqual(valuesOf(head, 'remote-groups'), ['dev']);
  assert.deepEqual(valuesOf(head, 'x-forwarded-for'), ['192.0.2.7']);
  assert.deepEqual(valuesOf(head, 'x-real-ip'), ['192.0.2.7']);
  assert.deepEqual(valuesOf(head, 'x-forwarded-proto'), ['https']);
  assert.deepEqual(valuesOf(head, 'cookie'), ['a=b']);
  assert.deepEqual(valuesOf(head, 'authorization'), ['Bearer x']);
  assert.deepEqual(valuesOf(head, 'host'), ['app.example.test']);
  assert.deepEqual(valuesOf(head, 'x-mine'), []);
  assert.deepEqual(valuesOf(head, 'x-other'), ['2']);
  assert.deepEqual(valuesOf(head, 'connection'), []);
});

test('nominated framing keeps the body framed', async (t) => {
  const head = await seen(
    t,
    `${request('POST', '/', 'Connection: Content-Length, Transfer-Encoding', 'Content-Length: 5')}hello`,
  );
  assert.deepEqual(valuesOf(head, 'content-length'), ['5']);
});

test('hop-by-hop fields and their aliases end here', async (t) => {
  const lines = [
    'Keep-Alive: timeout=9',
    'Proxy-Connection: x',
    'Proxy-Authorization: Basic eDp5',
    'Proxy-Authenticate: x',
    'TE: trailers',
    'Trailer: X-T',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABk',
    'Connection: Upgrade, HTTP2-Settings',
    'Content_Length: 3',
    'Transfer_Encoding: chunked',
  ];
  const names = headersOf(await seen(t, get('/', ...lines))).map(([name]) => name);
  const own = [
    'host',
    'x-forwarded-for',
    'x-real-ip',
    'x-forwarded-proto',
    'x-forwarded-host',
    'x-forwarded-port',
    'remote-user',
    'remote-groups',
    'remote-name',
    'remote-email',
  ];
  assert.deepEqual(names, own);
});

test('what a client says about address, URL and method is replaced or dropped', async (t) => {
  const lines = [
    'X-Forwarded-For: 6.6.6.6',
    'X_Forwarded_For: 6.6.6.6',
    'X-Forwarded-Host: evil.test',
    'X-Forwarded-Proto: http',
    'X-Forwarded-Port: 1',
    'X-Forwarded-Prefix: /evil',
    'X-Forwarded-Uri: /evil',
    'Forwarded: for=6.6.6.6',
    'X-Real-IP: 6.6.6.6',
    'True-Client-IP: 6.6.6.6',
    'CF-Connecting-IP: 6.6.6.6',
    'X-Original-URL: /evil',
    'X-Rewrite-URL: /evil',
    'X-Original-URI: /evil',
    'X-Original-Method: EVIL',
    'X-HTTP-Method-Override: EVIL',
    'X-HTTP-Method: EVIL',
    'X-Method-Override: EVIL',
    'X-Script-Name: /evil',
    'Proxy: http://evil.test',
    // What proxies in front of an app say of the certificate, the address and the scheme (RFC 9440, Azure, Fly, Tailscale).
    'Client-Cert: :ZXZpbA==evil:',
    'Client-Cert-Chain: evil',
    'X-SSL-Cert: evil',
    'X-ARR-ClientCert: evil',
    'X-Amzn-Mtls-Clientcert: evil',
    'Tailscale-App-Capabilities: evil',
    'X-Azure-ClientIP: 6.6.6.6',
    'Fly-Client-IP: 6.6.6.6',
    'X-Originating-IP: 6.6.6.6',
    'Front-End-Https: evil',
    'X-Url-Scheme: evil',
    'X-Override-URL: /evil',
    'X-HTTP-Path-Override: /evil',
  ];
  const head = await seen(t, get('/', ...lines));
  assert.ok(!/evil|6\.6\.6\.6/i.test(head), head);
  assert.deepEqual(valuesOf(head, 'x-forwarded-host'), ['app.example.test']);
  assert.deepEqual(valuesOf(head, 'x-forwarded-port'), ['443']);
});

test('after a reload names and cookies are judged anew', async (t) => {
  const backend = await startBackend(t, answeringKeeping);
  const face = await startFace(t, backend.port);
  const bytes = get('/', 'X-New-Who: admin', 'Cookie: gate2=secret; a=b', 'Connection: close');
  const first = openClient(t, face.port);
  first.send(bytes);
  await first.untilEnd();
  assert.deepEqual(valuesOf(backend.connections[0]?.received ?? '', 'x-new-who'), ['admin']);
  face.guard({ ownedFolds: new Set([...OWNED, 'x-new-who']), isOurCookie: (name) => name === 'gate2' });
  const second = openClient(t, face.port);
  second.send(bytes.replace('X-New-Who', 'X_New.Who'));
  await second.untilEnd();
  const seen = backend.connections.at(-1)?.received ?? '';
  assert.deepEqual(valuesOf(seen.slice(seen.lastIndexOf('GET ')), 'cookie'), ['a=b']);
  assert.ok(!seen.slice(seen.lastIndexOf('GET ')).includes('admin'));
});

test('an unknown client address is not made up', async (t) => {
  const head = await seen(t, get('/', 'X-Forwarded-For: 6.6.6.6'), { clientAddress: undefined });
  assert.deepEqual(valuesOf(head, 'x-forwarded-for'), []);
  assert.deepEqual(valuesOf(head, 'x-real-ip'), []);
});

test("none of Lintel's cookies reaches the app", async (t) => {
  const head = await seen(t, get('/', 'Cookie: a=1; __Host-lintel=secret; b=2', 'Cookie: lintel=secret'));
  assert.deepEqual(valuesOf(head, 'cookie'), ['a=1; b=2']);
  assert.ok(!head.includes('secret'));
});

test('Authorization passes, unless Lintel accepted it', async (t) => {
  assert.deepEqual(valuesOf(await seen(t, get('/', 'Authorization: Basic eDp5')), 'authorization'), ['Basic eDp5']);
  const head = await seen(t, get('/', 'Authorization: Basic eDp5'), { authorization: 'drop' });
  assert.deepEqual(valuesOf(head, 'authorization'), []);
});

test('Authorization and Host may be replaced, and a client can neither keep nor nominate its own', async (t) => {
  const client = get('/', 'Authorization: Basic eDp5', 'Connection: Authorization, Host');
  const set = { authorization: { set: 'Basic Zm9vOmJhcg==' }, hostHeader: 'internal:8080' };
  const head = await seen(t, client, set);
  assert.deepEqual(valuesOf(head, 'authorization'), ['Basic Zm9vOmJhcg==']);
  assert.deepEqual(valuesOf(head, 'host'), ['internal:8080']);
  assert.deepEqual(valuesOf(head, 'x-forwarded-host'), ['app.example.test']);
});

test('trailers and chunk extensions are neither headers nor forwarded', async (t) => {
  const backend = await startBackend(t, async (c) => {
    await c.until('0\r\n\r\n');
    c.write(OK);
  });
  const face = await startFace(t, backend.port);
  const client = openClient(t, face.port);
  client.send(request('POST', '/', 'Transfer-Encoding: chunked', 'Trailer: Remote-User'));
  client.send('5;x=y\r\nhello\r\n0\r\nRemote-User: admin\r\nX_Auth_User: admin\r\n\r\n');
  await client.until('ok');
  const bytes = backend.connections[0]?.received ?? '';
  assert.ok(bytes.endsWith('\r\n\r\n5\r\nhello\r\n0\r\n\r\n'), bytes);
  assert.deepEqual(valuesOf(bytes, 'remote-user'), ['alice']);
  assert.deepEqual(valuesOf(bytes, 'trailer'), []);
});

test('an identity header that the strip list does not own is a bug, not a forwarded header', async (t) => {
  const backend = await startBackend(t, answering(OK));
  for (const identity of [
    ['X-New', 'alice'],
    ['Remote-User', 'a\r\nX: y'],
    ['Remote-User', '\u010a'],
  ]) {
    const wire = { headers: ['Host', 'x'], method: 'GET', target: '/' };
    const source = { wire, isHttp10: false, hasUnframedBody: false, mayUpgrade: false };
    const asserted = {
      identity,
      clientAddress: undefined,
      scheme: 'https',
      host: 'x',
      port: 443,
      hostHeader: undefined,
      authorization: 'pass' as const,
    };
    const rules = { names: new HeaderNames(new Set(['remote-user'])), isOurCookie: () => false };
    assert.throws(() => requestHead(source, asserted, rules));
  }
  backend.close();
});

/**
 * A request is judged while a reload takes a header out of the profiles: the client's copy is no longer stripped, and must
 * not go along with ours because the same headers were all right a moment ago.
 */
test('an identity header that is no longer stripped is no longer sent', () => {
  const source = {
    wire: { headers: ['Host', 'x', 'X-Custom-Who', 'admin'], method: 'GET', target: '/' },
    isHttp10: false,
    hasUnframedBody: false,
    mayUpgrade: false,
  };
  const asserted = {
    identity: ['X-Custom-Who', 'alice'],
    clientAddress: undefined,
    scheme: 'https',
    host: 'x',
    port: 443,
    hostHeader: undefined,
    authorization: 'pass' as const,
  };
  const names = new HeaderNames(OWNED);
  const isOurCookie = () => false;
  const head = requestHead(source, asserted, { names, isOurCookie });
  assert.ok(head.ok && head.value.text.includes('X-Custom-Who: alice') && !head.value.text.includes('admin'));
  names.own(new Set());
  assert.throws(() => requestHead(source, asserted, { names, isOurCookie }), /not among the owned names/);
});
