/** What only the gRPC answer can do, seen from the app: the shipped example with the real Envoy. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort, missing, openScope, partPath, startProcess } from '../parts.ts';
import { FRONTS, type Front } from './fronts.ts';
import { type Answer, type Ask, ask, cookieLine, type Jar, signIn } from './raw.ts';
import { headerPairs, type Seen, type Site, startSite, values } from './site.ts';

const APP = 'app.example.com';

describe('answers over gRPC, behind envoy', { skip: missing('envoy'), timeout: 600_000 }, () => {
  const scope = openScope();
  after(scope.close);
  let site: Site;
  let front: Front;
  const jar: Jar = new Map();

  before(async () => {
    site = await startSite(scope, 'envoy-grpc', false);
    front = await FRONTS['envoy-grpc'].start(scope, site);
    await signIn(front.port, jar, 'alice', 'alice-demo-password', `https://${APP}/`);
    site.app.taken();
  });

  const send = (request: Partial<Ask>): Promise<Answer> => ask(front.port, { host: APP, path: '/', ...request });
  const alice = () => `Cookie: ${cookieLine(jar, APP)}`;
  const arrived = (): Seen => {
    const [seen, ...more] = site.app.taken();
    assert.ok(seen && more.length === 0, 'one request arrived');
    return seen;
  };

  test('aliases are gone, the names themselves are ours, and other names with an underscore stay', async () => {
    const lines = [
      'X_authentik_username: admin',
      'X-Authentik-Username: admin',
      'Remote_User: admin',
      'remote.user: admin',
      'REMOTE-USER: admin',
      'Remote-User: root',
      'remote_groups: admins',
      'api_key: theirs',
      'X-Trace.Id: 7',
    ];
    for (const [path, extra, user] of [
      ['/', [alice()], 'alice'],
      ['/public/', [], ''],
    ] as const) {
      assert.equal((await send({ path, lines: [...lines, ...extra] })).status, 200);
      const seen = arrived();
      const claimed = headerPairs(seen).filter(([name]) => /remote|authentik/i.test(name));
      assert.deepEqual(
        claimed.map(([name]) => name).sort(),
        ['remote-email', 'remote-groups', 'remote-name', 'remote-user'],
        'each once, none under another spelling',
      );
      assert.deepEqual(values(seen, 'remote-user'), [user]);
      assert.deepEqual(values(seen, 'remote-groups'), [user === '' ? '' : 'staff']);
      assert.deepEqual([values(seen, 'api_key'), values(seen, 'x-trace.id')], [['theirs'], ['7']]);
    }
  });

  test('two lines of cookies become one without ours; bytes that are no text do not shut anybody out', async () => {
    assert.equal((await send({ lines: ['Cookie: a=1', alice(), 'Cookie: b=2'] })).status, 200);
    assert.equal(values(arrived(), 'cookie').join('; '), 'a=1; b=2');
    const odd = await send({ lines: [`${alice()}; odd=\xff\xfe`, 'X-Odd: \xe9\xff', 'Remote_User: \xff'] });
    assert.equal(odd.status, 200);
    const seen = arrived();
    assert.deepEqual(values(seen, 'remote-user'), ['alice']);
    assert.deepEqual(values(seen, 'remote_user'), []);
    assert.doesNotMatch(values(seen, 'cookie').join(), /lintel/);
  });

  test('over HTTP/2 a client does not choose the scheme that is judged, and aliases go all the same', async () => {
    const session = connect(`https://${APP}:${front.port}`, {
      host: '127.0.0.1',
      servername: APP,
      rejectUnauthorized: false,
    });
    scope.after(() => session.destroy());
    const status = await new Promise((resolve, reject) => {
      const stream = session.request({
        ':path': '/h2',
        ':authority': APP,
        ':scheme': 'http',
        cookie: cookieLine(jar, APP),
        remote_user: 'admin',
        'x-forwarded-proto': 'http',
      });
      stream.on('response', (headers) => resolve(headers[':status']));
      stream.on('error', reject);
      stream.resume();
    });
    assert.equal(status, 200);
    const seen = arrived();
    assert.deepEqual(values(seen, 'remote-user'), ['alice']);
    assert.deepEqual(values(seen, 'remote_user'), []);
    assert.deepEqual(values(seen, 'x-forwarded-proto'), ['https']);
  });

  test('an identity in the trailers of HTTP/2 does not arrive', async () => {
    const session = connect(`https://${APP}:${front.port}`, {
      host: '127.0.0.1',
      servername: APP,
      rejectUnauthorized: false,
    });
    scope.after(() => session.destroy());
    await new Promise((resolve, reject) => {
      const stream = session.request(
        { ':method': 'POST', ':path': '/trailers', ':authority': APP, cookie: cookieLine(jar, APP) },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ 'remote-user': 'admin', remote_user: 'admin' }));
      stream.on('error', reject);
      stream.on('close', resolve);
      stream.resume();
      stream.end('body');
    });
    const seen = arrived();
    assert.deepEqual([values(seen, 'remote-user'), seen.rawTrailers], [['alice'], []]);
  });

  test('the app is told the address of the peer alone', async () => {
    assert.equal(
      (await send({ lines: [alice(), 'X-Forwarded-For: 10.0.0.1', 'X-Forwarded-For: 10.0.0.2'] })).status,
      200,
    );
    // Envoy writes an address of this machine for a peer on the loopback interface.
    const [address = '', ...others] = values(arrived(), 'x-forwarded-for');
    assert.match(address, /^[0-9a-f.:]+$/);
    assert.ok(others.length === 0 && !address.startsWith('10.0.0.'), address);
  });

  test('even with failure_mode_allow nothing that a client sends is let through by going wrong', async () => {
    const port = await freePort();
    const plain = await freePort();
    const file = readFileSync(join(site.dir, 'envoy.yaml'), 'utf8');
    const loose = file
      .replace('failure_mode_allow: false', 'failure_mode_allow: true')
      .replace('use_remote_address: true', 'use_remote_address: true\n                max_request_headers_kb: 96')
      .replace(`port_value: ${front.port} `, `port_value: ${port} `)
      .replace(/(address: 127\.0\.0\.1, port_value: )\d+ /, `$1${plain} `);
    assert.notEqual(loose, file);
    writeFileSync(join(site.dir, 'loose.yaml'), loose);
    const args = ['-c', join(site.dir, 'loose.yaml'), '--concurrency', '1', '-l', 'warning', '--use-dynamic-base-id'];
    await startProcess(scope, partPath('envoy'), args, { ready: port });
    const own = alice();
    for (const [path, lines, status] of [
      ['/%zz', [own], 400],
      ['/public\\..\\admin', [own], 403],
      ['/admin', [own], 403],
      ['/', [], 401],
      ['/', [`${own}; big=${'x'.repeat(40_000)}`, `X-Big: ${'y'.repeat(30_000)}`], 431],
      ['/', [own, ...Array.from({ length: 60 }, (_, i) => `h${i}: ${'z'.repeat(100)}`)], 200],
      ['/', [own, 'Cookie: \xff\xff', '\xe9: x'], 400],
    ] as const) {
      const answer = await ask(port, { host: APP, path, lines });
      assert.equal(answer.status, status, `${path} ${lines.length} lines: ${answer.body.slice(0, 200)}`);
      if (status === 431) assert.equal(answer.headers.get('x-lintel-error'), 'REQUEST-TOO-LARGE');
      const seen = site.app.taken();
      assert.equal(seen.length, status === 200 ? 1 : 0, path);
      for (const one of seen) assert.deepEqual(values(one, 'remote-user'), ['alice'], path);
    }
  });

  test('without Lintel the answer is 503 and nothing arrives', async () => {
    await site.lintel.stop('SIGKILL');
    for (const path of ['/', '/public/', '/admin'])
      assert.equal((await send({ path, lines: [alice()] })).status, 503, path);
    assert.deepEqual(site.app.taken(), []);
  });
});
