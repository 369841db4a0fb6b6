/**
 * Envoy's gRPC check. Envoy keeps a client's header that the answer does not name, adds to it where the answer says so,
 * and sends aliases on (`Remote_User`), which WSGI, CGI and PHP read as the name itself (Caddy GHSA-f59h-q822-g45g). An
 * answer in that API can delete: it must name every alias, whichever profile the app has, and replace, never append. A text
 * that is not UTF-8 makes Envoy drop the whole answer (Envoy GHSA-9g5w-hqr3-w2ph is about the other way), and a failed
 * call is let through where `failure_mode_allow` is set: whatever a client can bring about is a denied check.
 */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { type CheckResponse, checkRequest, setHeaders } from '../grpc/client.ts';
import { type GrpcGate, grpcGate } from '../grpc/installation.ts';
import { runClass } from './run.ts';

const ALICE = {
  'remote-user': 'alice',
  'remote-groups': 'staff,writers',
  'remote-name': 'Alice',
  'remote-email': 'alice@example.test',
};
const NOBODY = { 'remote-user': '', 'remote-groups': '', 'remote-name': '', 'remote-email': '' };

let started: Promise<GrpcGate> | undefined;
const lintel = () => (started ??= grpcGate());
after(async () => (await started)?.stop());

async function asked(headers: Readonly<Record<string, string>>, path = '/'): Promise<CheckResponse> {
  const { client } = await lintel();
  return client.check(checkRequest({ path, headers: { 'x-forwarded-proto': 'https', ...headers } }));
}

const cookie = async () => (await (await lintel()).cookie('alice')) ?? '';

runClass('ext-authz-grpc', (s) => {
  s.attack('GRP-01', async () => {
    const smuggled = {
      remote_user: 'admin',
      'remote.user': 'admin',
      'remote-user': 'admin',
      'remote!groups': 'admins',
      x_authentik_username: 'admin',
      'x-authentik-username': 'admin',
      'x-webauth-user': 'admin',
      'x-original-url': '/public',
      x_forwarded_for: '10.0.0.1',
      x_real_ip: '10.0.0.1',
    };
    const response = await asked({ cookie: await cookie(), ...smuggled, 'x-request-id': '1', api_key: 'kept' });
    assert.equal(response.code, 0);
    assert.deepEqual(setHeaders(response), ALICE);
    const removed = new Set(response.ok?.remove);
    for (const name of Object.keys(smuggled)) assert.equal(removed.has(name), name !== 'remote-user', name);
    // Owned by another profile, not set here, and not among the headers that Lintel was shown.
    for (const name of ['x-auth-request-user', 'x-pomerium-jwt-assertion', 'x-authentik-jwt'])
      assert.ok(removed.has(name), name);
    for (const name of [...Object.keys(ALICE), 'x-request-id', 'api_key', 'x-forwarded-proto', 'host', ':path'])
      assert.ok(!removed.has(name), name);
  });
  s.attack('GRP-03', async () => {
    for (const headers of [{ cookie: await cookie(), 'remote-user': 'admin' }, { 'remote-user': 'admin' }]) {
      const response = await asked(headers, '/public/x');
      assert.deepEqual(setHeaders(response), 'cookie' in headers ? ALICE : NOBODY);
      for (const { name, appendAction, keepEmptyValue } of response.ok?.set ?? []) {
        assert.equal(appendAction, 2, `${name}: OVERWRITE_IF_EXISTS_OR_ADD`);
        assert.equal(keepEmptyValue, true, name);
      }
      assert.equal(response.ok?.set.length, 4);
    }
  });
  s.extra('none of Lintel’s cookies, no password and no odd byte goes on to the app', async () => {
    const own = await cookie();
    const kept = await asked({ cookie: `a=1; ${own}; __Host-lintel=x; lintel-start-q=y; b="2"` });
    assert.equal(setHeaders(kept).cookie, 'a=1; b="2"');
    const none = await asked({ cookie: own });
    assert.equal(setHeaders(none).cookie, undefined);
    assert.ok(none.ok?.remove.includes('cookie'));
    const theirs = await asked({ cookie: 'a=1; \xe9=\xff' }, '/public/');
    assert.equal(setHeaders(theirs).cookie, undefined);
    assert.ok(!theirs.ok?.remove.includes('cookie'), 'what holds none of ours is left alone');
    // Cannot be written in a protobuf text: gone, rather than an answer that Envoy cannot read.
    const odd = await asked({ cookie: `a=\xff; ${own}` });
    assert.equal(odd.code, 0);
    assert.equal(setHeaders(odd).cookie, '');
    const basic = `Basic ${Buffer.from('alice:correct horse').toString('base64')}`;
    const byPassword = await asked({ authorization: basic, 'proxy-authorization': basic });
    assert.equal(setHeaders(byPassword)['remote-user'], 'alice');
    assert.ok(byPassword.ok?.remove.includes('authorization'));
    assert.ok(byPassword.ok?.remove.includes('proxy-authorization'));
    const bearer = await asked({ cookie: own, authorization: 'Bearer of-the-app' });
    assert.ok(!bearer.ok?.remove.includes('authorization'));
  });
  s.extra('an app of authentik’s headers gets all of them, its own Authorization, and no alias', async () => {
    const apps = {
      app: {
        url: 'https://app.example.test',
        headers: 'authentik',
        access: [{ paths: ['/public'], allow: 'everyone' }, { allow: 'signed_in' }],
        basic_auth: { user_attribute: 'login', password_attribute: 'secret' },
      },
    };
    const alice = { password: 'correct horse', displayname: 'Alice', attributes: { login: 'foo', secret: 'bar' } };
    const own = await grpcGate({ config: { apps }, users: { alice } });
    try {
      const smuggled = { X_authentik_username: 'akadmin', 'x-authentik-username': 'akadmin', 'remote-user': 'root' };
      const headers = { ...smuggled, authorization: 'Bearer theirs', 'x-forwarded-proto': 'https' };
      const cookies = (await own.cookie('alice')) ?? '';
      const response = await own.client.check(checkRequest({ headers: { ...headers, cookie: cookies } }));
      const told = setHeaders(response);
      assert.equal(told['x-authentik-username'], 'alice');
      assert.match(told['x-authentik-jwt'] ?? '', /^[\w-]+\.[\w-]+\.[\w-]+$/);
      assert.equal(Object.keys(told).filter((name) => name.startsWith('x-authentik-')).length, 12);
      assert.equal(told.authorization, 'Basic Zm9vOmJhcg==');
      for (const name of ['x_authentik_username', 'remote-user']) assert.ok(response.ok?.remove.includes(name), name);
      assert.ok(!response.ok?.remove.some((name) => name in told), 'nothing is set and deleted');
      const nobody = setHeaders(await own.client.check(checkRequest({ path: '/public', headers: smuggled })));
      assert.equal(nobody['x-authentik-username'], '');
      assert.equal(nobody['x-authentik-jwt'], '');
    } finally {
      await own.stop();
    }
  });
  s.extra('what is no allow is a denied check with an answer for the client', async () => {
    const challenge = await asked({ accept: 'text/html' }, '/deep?a=b');
    assert.equal(challenge.code, 16);
    assert.equal(challenge.ok, undefined);
    assert.equal(challenge.denied?.status, 302);
    assert.match(
      challenge.denied?.headers.find((h) => h.name === 'location')?.value ?? '',
      /^https:\/\/auth\.example\.test\//,
    );
    const script = await asked({ accept: 'application/json' });
    assert.deepEqual([script.code, script.denied?.status], [16, 401]);
    const denied = await asked({ cookie: await cookie() }, '/admin');
    assert.deepEqual([denied.code, denied.denied?.status], [7, 403]);
    assert.equal(denied.denied?.headers.find((h) => h.name === 'x-lintel-error')?.value, 'ACCESS-DENIED');
  });
  s.extra('facts told twice, in two ways or in an odd way are refused', async () => {
    const { client } = await lintel();
    const own = await cookie();
    const to = (told: Parameters<typeof checkRequest>[0]) =>
      client.check(checkRequest({ headers: { cookie: own }, ...told }));
    const refused = [
      to({ path: '' }),
      to({ host: '' }),
      to({ method: '' }),
      to({ scheme: '' }),
      to({ scheme: 'gopher' }),
      to({ method: 'get' }),
      to({ host: 'app.example.test,public.example.test' }),
      to({ path: 'https://app.example.test/public' }),
      to({ path: '/public#/../admin' }),
      to({ path: '/public\\..\\admin' }),
      to({ path: '/%zz' }),
      to({ headers: { cookie: own, ':path': '/public' } }),
      to({ headers: { cookie: own, ':authority': 'public.example.test' } }),
      to({ headers: { cookie: own, host: 'public.example.test' } }),
      to({ headers: { cookie: own, ':method': 'POST' } }),
      to({ headers: { cookie: own, 'x-forwarded-proto': 'https,http' } }),
      to({ headers: { cookie: own, 'x-forwarded-proto': '' } }),
      to({ headers: { cookie: own, 'remote-user\n': 'x' } }),
      to({ headers: { cookie: own, '': 'x' } }),
      to({
        raw: [
          ['x-forwarded-proto', 'https'],
          ['x-forwarded-proto', 'https'],
        ],
      }),
      to({ headers: { 'x-forwarded-proto': 'https' }, raw: [['x-forwarded-proto', 'https']] }),
    ];
    for (const [i, answer] of (await Promise.all(refused)).entries()) {
      assert.equal(answer.ok, undefined, `${i}`);
      assert.equal(answer.code, 7, `${i}`);
      assert.ok(answer.denied && answer.denied.status >= 400 && answer.denied.status < 500, `${i}`);
    }
    assert.equal((await to({})).code, 0);
  });
  s.extra('two copies of a cookie header are two, an Authorization that comes twice is none', async () => {
    const { client } = await lintel();
    const own = await cookie();
    const raw = [
      ['x-forwarded-proto', 'https'],
      ['cookie', 'a=1'],
      ['cookie', `${own}; b=2`],
    ] as const;
    const response = await client.check(checkRequest({ raw }));
    assert.equal(setHeaders(response)['remote-user'], 'alice');
    assert.equal(setHeaders(response).cookie, 'a=1; b=2');
    const basic = `Basic ${Buffer.from('alice:correct horse').toString('base64')}`;
    const twice = await client.check(
      checkRequest({
        raw: [
          ['authorization', basic],
          ['authorization', basic],
        ],
      }),
    );
    assert.equal(twice.code, 16);
  });
  s.extra('the scheme is what Envoy wrote, not what a client of HTTP/2 chose', async () => {
    const { client } = await lintel();
    const headers = { cookie: await cookie(), 'x-forwarded-proto': 'https', ':scheme': 'http' };
    const response = await client.check(checkRequest({ scheme: 'http', headers }));
    assert.equal(setHeaders(response)['remote-user'], 'alice');
    const plain = await client.check(checkRequest({ scheme: 'https', headers: { 'x-forwarded-proto': 'http' } }));
    assert.notEqual(plain.code, 0);
  });
  s.extra('the client is whoever is connected to Envoy, unless that is a listed proxy', async () => {
    const { client } = await lintel();
    const net = (told: Parameters<typeof checkRequest>[0]) =>
      client.check(checkRequest({ host: 'net.example.test', ...told }));
    const xff = (value: string) => ({ headers: { 'x-forwarded-for': value } });
    for (const [what, inside] of [
      [{ source: '10.1.2.3' }, true],
      [{ source: '::ffff:10.1.2.3' }, true],
      [{ source: '198.51.100.7' }, false],
      // Envoy appended the peer; what stands left of it was written by that peer.
      [{ source: '198.51.100.7', ...xff('10.0.0.1,198.51.100.7') }, false],
      [{ source: '198.51.100.7', ...xff('10.0.0.1') }, false],
      [{ source: '10.1.2.3', ...xff('198.51.100.7') }, true],
      // A listed proxy is connected to Envoy: it says whom it speaks for.
      [{ source: '127.0.0.1', ...xff('10.0.0.1') }, true],
      [{ source: '127.0.0.1', ...xff('10.0.0.1, 198.51.100.7') }, false],
      [{ source: '127.0.0.1', ...xff('10.0.0.1, nonsense') }, false],
      [{ source: '127.0.0.1', ...xff('198.51.100.7, 10.0.0.1, 127.0.0.1') }, true],
      [{ source: 'nonsense', ...xff('10.0.0.1') }, false],
      [{ source: '', ...xff('10.0.0.1') }, false],
      [{ source: { pipe: '/run/x.sock' }, ...xff('10.0.0.1') }, false],
    ] as const) {
      assert.equal((await net(what)).code === 0, inside, JSON.stringify(what));
    }
  });
});
