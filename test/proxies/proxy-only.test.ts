/** examples/proxy-only with its own files, only ports replaced: Lintel is the proxy, for curl and for a real Chromium. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type EchoBackend, startEcho } from '../black-box/websocket.ts';
import { asksToSignIn, Browser } from '../outpost/street.ts';
import { freePort, missing, openScope, partPath, ROOT, startProcess, tempDir } from '../parts.ts';
import { fillSignIn, newContext, startBrowser } from './browser.ts';
import { copyWith } from './site.ts';

const EXAMPLE = join(ROOT, 'examples', 'proxy-only');
const SECURE = 'https://whoami.localhost:9443';
const PLAIN = 'http://whoami.localhost:9000';
const PORTAL = 'https://auth.localhost:9443';
const ALICE = 'alice-demo-password';
const TWELVE =
  'username groups entitlements email name uid jwt meta-jwks meta-outpost meta-provider meta-app meta-version'.split(
    ' ',
  );

const skip = missing('curl', 'chromium');
if (skip !== false) test('Lintel alone', { skip });
else
  describe('Lintel alone', { timeout: 600_000 }, () => {
    const scope = openScope();
    after(scope.close);
    let app: EchoBackend;
    let dir: string;
    let ports: { readonly plain: number; readonly secure: number; readonly metrics: number };

    before(async () => {
      app = await startEcho();
      scope.after(() => app.close());
      dir = tempDir(scope);
      ports = { plain: await freePort(), secure: await freePort(), metrics: await freePort() };
      copyWith(join(EXAMPLE, 'lintel.yml'), join(dir, 'lintel.yml'), [
        [
          "listen: [':9000', 'https://:9443']",
          `listen: ['127.0.0.1:${ports.plain}', 'https://127.0.0.1:${ports.secure}']`,
        ],
        ['metrics: 127.0.0.1:9300', `metrics: 127.0.0.1:${ports.metrics}`],
        ['upstream: http://127.0.0.1:8080', `upstream: http://127.0.0.1:${app.port}`],
      ]);
      cpSync(join(EXAMPLE, 'users.yml'), join(dir, 'users.yml'));
      const args = ['serve', '--config', join(dir, 'lintel.yml')];
      await startProcess(scope, join(ROOT, 'bin', 'lintel'), args, { ready: /"message":"ready"/ });
    });

    const browser = () => new Browser({ host: '127.0.0.1', port: ports.secure }, 'tls', ALICE);
    /** Headers of the one request that the app got but for the browser's own of icons; names in lower case, values in lists. */
    const arrived = () => {
      const [head = '', ...more] = app.heads.splice(0).filter((h) => !h.startsWith('GET /favicon.ico '));
      assert.equal(more.length, 0);
      const [requestLine = '', ...lines] = head.trimEnd().split('\r\n');
      const pairs = lines.map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 1).trim()]);
      return {
        requestLine,
        names: pairs.map(([n]) => n),
        of: (name: string) => pairs.filter(([n]) => n === name).map(([, v]) => v),
      };
    };
    const curl = async (...args: string[]): Promise<string> => {
      const to = [
        `whoami.localhost:9000:127.0.0.1:${ports.plain}`,
        `whoami.localhost:9443:127.0.0.1:${ports.secure}`,
        `auth.localhost:9443:127.0.0.1:${ports.secure}`,
      ];
      const all = ['-sk', '--max-time', '60', ...to.flatMap((t) => ['--connect-to', t]), ...args];
      return (await promisify(execFile)(partPath('curl'), all)).stdout;
    };
    const HTML = ['-H', 'Accept: text/html'];

    test('https is HTTP/2 for whoever can, with a certificate that names the hosts and stays with Lintel', async () => {
      const said = await curl('-o', '/dev/null', '-w', '%{http_version} %{http_code}', `${SECURE}/public/x`);
      assert.equal(said, '2 200');
      assert.equal(await curl('--http1.1', '-o', '/dev/null', '-w', '%{http_version}', `${SECURE}/public/`), '1.1');
      assert.equal(app.heads.splice(0).length, 2);
      const pem = join(dir, 'lintel-selfsigned.pem');
      assert.equal(statSync(join(dir, 'lintel-selfsigned.key')).mode & 0o77, 0);
      const checked = await curl('--cacert', pem, '--no-insecure', '-w', '%{ssl_verify_result}', `${SECURE}/public/`);
      assert.equal(checked, 'ok0');
      app.heads.splice(0);
    });

    test('a sign-in by curl over HTTP/2 ends at the address that was asked for, with the twelve headers', async () => {
      const b = browser();
      const form = await b.open(`${SECURE}/a%20b/c%2Fd?x=%2F&y=1`);
      assert.ok(asksToSignIn(form.reply), form.trail.join('\n'));
      assert.equal(new URL(form.url).origin, PORTAL);
      const there = await b.open(`${SECURE}/a%20b/c%2Fd?x=%2F&y=1`, 'alice');
      assert.deepEqual(
        [there.reply.status, there.url],
        [200, `${SECURE}/a%20b/c%2Fd?x=%2F&y=1`],
        there.trail.join('\n'),
      );
      app.heads.splice(0);
      const cookie = b.cookies('whoami.localhost');
      const spoofed = ['X-authentik-username: forged', 'X_authentik_username: forged', 'Remote-User: forged'];
      await curl('--http2', '-H', `Cookie: ${cookie}; own=1`, ...spoofed.flatMap((h) => ['-H', h]), `${SECURE}/h?q`);
      const got = arrived();
      assert.equal(got.requestLine, 'GET /h?q HTTP/1.1');
      for (const name of TWELVE) assert.equal(got.of(`x-authentik-${name}`).length, 1, name);
      assert.deepEqual(got.of('x-authentik-username'), ['alice']);
      assert.deepEqual(got.of('x-authentik-meta-app'), ['whoami']);
      assert.deepEqual(got.of('cookie'), ['own=1']);
      assert.deepEqual(got.of('host'), ['whoami.localhost:9443']);
      assert.deepEqual(got.of('x-forwarded-host'), ['whoami.localhost:9443']);
      assert.deepEqual(got.of('x-forwarded-proto'), ['https']);
      assert.ok(!got.names.includes('x_authentik_username') && !got.names.includes('remote-user'));
    });

    test('an open path is open, empty-handed; a closed one sends people to sign in and tells scripts 401', async () => {
      await curl('-H', 'X-authentik-username: forged', `${SECURE}/public/x`);
      const got = arrived();
      for (const name of TWELVE) assert.deepEqual(got.of(`x-authentik-${name}`), [''], name);
      const to = await curl(...HTML, '-o', '/dev/null', '-w', '%{http_code} %{redirect_url}', `${SECURE}/x?y`);
      const rd = encodeURIComponent(`${SECURE}/x?y`);
      assert.equal(to, `302 ${SECURE}/outpost.goauthentik.io/start?rd=${rd}`);
      assert.equal(
        await curl('-H', 'X-Requested-With: XMLHttpRequest', '-o', '/dev/null', '-w', '%{http_code}', SECURE),
        '401',
      );
      assert.deepEqual(app.heads, []);
    });

    test('plain http on 9000 is the same app with a cookie of its own; metrics are on 9300', async () => {
      const jar = join(dir, 'cookies');
      const asked = await curl(...HTML, '-L', '-c', jar, '-b', jar, `${PLAIN}/p?x=%2F`);
      assert.match(asked, /name="password"/);
      const field = (name: string) => new RegExp(`<input[^>]*name="${name}"[^>]*value="([^"]*)"`).exec(asked)?.[1];
      const hidden = [...asked.matchAll(/<input[^>]*type="hidden"[^>]*name="([^"]*)"/g)].map(([, n = '']) => n);
      const fields = hidden.flatMap((n) => ['--data-urlencode', `${n}=${field(n)?.replaceAll('&amp;', '&') ?? ''}`]);
      const people = ['--data-urlencode', 'username=alice', '--data-urlencode', `password=${ALICE}`];
      const sent = ['-c', jar, '-b', jar, '-H', `Origin: ${PORTAL}`, ...fields, ...people];
      const form = /<form[^>]*action="([^"]*)"/.exec(asked)?.[1] ?? '';
      const end = await curl(...HTML, '-L', ...sent, '-w', ' %{url_effective}', new URL(form, PORTAL).href);
      assert.equal(end, `ok ${PLAIN}/p?x=%2F`);
      const got = arrived();
      assert.deepEqual(got.of('x-authentik-username'), ['alice']);
      assert.deepEqual(got.of('x-forwarded-proto'), ['http']);
      const ready = await fetch(`http://127.0.0.1:${ports.metrics}/readyz`);
      assert.equal(ready.status, 200);
      const metrics = await (await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).text();
      assert.match(metrics, /lintel_/);
    });

    test('Chromium signs in, opens a WebSocket, and sign_out closes it and asks again, in every browser', async () => {
      const other = browser();
      await other.open(`${SECURE}/`, 'alice');
      const chromium = await startBrowser(scope, ports.secure);
      const page = await (await newContext(chromium)).newPage();
      await page.goto(`${SECURE}/start?x=%2F`);
      assert.equal(new URL(page.url()).origin, PORTAL);
      await fillSignIn(page, 'alice', ALICE);
      await page.waitForURL(`${SECURE}/start?x=%2F`);
      assert.equal(await page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol"), 'h2');
      app.heads.splice(0);
      const echoed = await page.evaluate(
        (url) =>
          new Promise((resolve) => {
            const ws = new WebSocket(url);
            ws.onopen = () => ws.send('hello');
            ws.onmessage = (e) => {
              Object.assign(globalThis, { socketClosed: new Promise((gone) => (ws.onclose = () => gone('closed'))) });
              resolve(e.data);
            };
            ws.onerror = () => resolve('error');
          }),
        `${SECURE.replace('https', 'wss')}/ws`,
      );
      assert.equal(echoed, 'hello');
      assert.deepEqual(arrived().of('x-authentik-username'), ['alice']);
      const left = await other.open(`${SECURE}/outpost.goauthentik.io/sign_out`);
      assert.equal(left.url, `${PORTAL}/signed-out`, left.trail.join('\n'));
      assert.equal(await page.evaluate('socketClosed'), 'closed');
      await page.goto(`${SECURE}/`);
      assert.equal(new URL(page.url()).origin, PORTAL);
      await chromium.close();
    });
  });
