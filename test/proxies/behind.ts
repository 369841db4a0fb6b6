/**
 * The promises of the product, proven behind one real proxy that runs the shipped example: whatever a client sends, the
 * app hears from Lintel alone who it is; what Lintel refuses never arrives; and without Lintel nobody gets in.
 */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/ops/clock.ts';
import { randomKey } from '../../src/ops/secrets.ts';
import { SqliteStore } from '../../src/stores/sqlite.ts';
import { bearer, plantToken, basic as tokenBasic } from '../black-box/app-passwords.ts';
import { missing, openScope } from '../parts.ts';
import { fillSignIn, newContext, startBrowser } from './browser.ts';
import { FRONTS, type Front } from './fronts.ts';
import { type Ask, ask, cookieLine, follow, type Jar, signIn } from './raw.ts';
import { headerPairs, type Seen, type Site, startSite, values } from './site.ts';

const APP = 'app.example.com';
const ALICE = ['alice', 'alice-demo-password'] as const;

/** Where a proxy behaves in its own way, said out loud. */
export interface Manners {
  /** It resolves dot segments before it asks, so app and policy both see the resolved path. */
  readonly resolvesPaths?: boolean;
  /** Lintel itself takes its cookies out, by the names that this configuration has; scripts go by how names begin. */
  readonly exactCookies?: boolean;
}

/** Spellings that WSGI, CGI and PHP read as Remote-User (every character a header name may hold). */
const ALIASES = [..."_.!#$%&'*+^`|~"].map((c) => `Remote${c}User: admin`);

const SPOOFED = [
  'Remote-User: admin',
  'remote-user: root',
  'REMOTE-GROUPS: admins',
  'Remote-Name: Admin',
  'Remote-Email: admin@example.com',
  ...ALIASES,
  'remote_groups: admins',
  'X-Remote-User: admin',
  'X-authentik-username: admin',
  'X_Authentik_Username: admin',
  'X-Auth-Request-User: admin',
  'X-Forwarded-User: admin',
  'X-WEBAUTH-USER: admin',
  'X-Pomerium-Jwt-Assertion: a.b.c',
  'Cf-Access-Authenticated-User-Email: admin@example.com',
];

const fold = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '-');

/** Every header whose name an app could read as an identity, with a value that is not empty. */
function identities(seen: Seen): string[] {
  return headerPairs(seen)
    .filter(
      ([name, value]) => value !== '' && /(^|-)(remote|user|authentik|webauth|pomerium|access)(-|$)/.test(fold(name)),
    )
    .filter(([name]) => !['user-agent', 'sec-fetch-user'].includes(name.toLowerCase()))
    .map(([name, value]) => `${name}: ${value}`)
    .sort((a, b) => a.toLowerCase().localeCompare(b.toLowerCase()));
}

const ALICES_HEADERS = [
  'remote-email: alice@example.com',
  'remote-groups: staff',
  'remote-name: alice example',
  'remote-user: alice',
];

function isAlice(seen: Seen): void {
  assert.deepEqual(
    identities(seen).map((line) => line.toLowerCase()),
    ALICES_HEADERS,
  );
}

function isNobody(seen: Seen): void {
  assert.deepEqual(identities(seen), []);
}

export function behind(name: keyof typeof FRONTS, manners: Manners = {}): void {
  const kind = FRONTS[name];
  const skip = missing(kind.part, 'radicale', 'chromium');
  // A skipped suite is no test in the runner's count; a skipped test is.
  if (skip !== false) return void test(`behind ${name}`, { skip });

  describe(`behind ${name}`, { timeout: 600_000 }, () => {
    const scope = openScope();
    after(scope.close);
    let site: Site;
    let front: Front;
    const jar: Jar = new Map();

    before(async () => {
      site = await startSite(scope, kind.example);
      front = await kind.start(scope, site);
      await signIn(front.port, jar, ...ALICE, `https://${APP}/`);
      site.app.taken();
    });

    const send = (request: Partial<Ask> & { path: string }) => ask(front.port, { host: APP, ...request });
    const asAlice = (request: Partial<Ask> & { path: string }) =>
      send({ ...request, lines: [`Cookie: ${cookieLine(jar, APP)}`, ...(request.lines ?? [])] });
    /** The one request that the app got. */
    const arrived = (): Seen => {
      const seen = site.app.taken();
      assert.equal(seen.length, 1, `${seen.length} requests arrived at the app`);
      return seen[0]!;
    };
    const nothingArrived = () => assert.deepEqual(site.app.taken(), []);

    test('Chromium signs in as alice; Radicale greets alice; a second app on another root domain opens too', async () => {
      const browser = await startBrowser(scope, front.port);
      const context = await newContext(browser);
      const page = await context.newPage();
      await page.goto('https://calendar.example.org/.web/?a=b%20c&d=%2F');
      assert.equal(new URL(page.url()).host, 'auth.example.com');
      await fillSignIn(page, ...ALICE);
      await page.getByText("alice's Collections").waitFor();
      assert.equal(page.url(), 'https://calendar.example.org/.web/?a=b%20c&d=%2F');
      // app.example.com shares no domain with calendar.example.org: no cookie can reach both, and nobody is asked again.
      site.app.taken();
      await page.goto('https://app.example.com/hello?x=1');
      assert.equal(page.url(), 'https://app.example.com/hello?x=1');
      const hello = site.app.taken().find((seen) => seen.url === '/hello?x=1');
      assert.ok(hello);
      isAlice(hello);
      assert.doesNotMatch(values(hello, 'cookie').join(), /lintel/i);

      const spoofing = { 'Remote-User': 'admin', Remote_User: 'admin', 'Remote.User': 'admin' };
      await context.setExtraHTTPHeaders(spoofing);
      await page.goto('https://calendar.example.org/.web/');
      await page.getByText("alice's Collections").waitFor();
      await browser.close();
    });

    test('Radicale takes alice for alice whatever a client claims, and a stranger never reaches it', async () => {
      await follow(front.port, jar, 'https://calendar.example.org/.web/');
      const cookie = `Cookie: ${cookieLine(jar, 'calendar.example.org')}`;
      const propfind = { method: 'PROPFIND', host: 'calendar.example.org', path: '/' };
      for (const spoofed of [[], ['Remote-User: admin'], ['Remote_User: admin'], SPOOFED]) {
        const answer = await ask(front.port, { ...propfind, lines: [cookie, ...spoofed] });
        assert.equal(answer.status, 207, `${spoofed.join(', ')}: ${answer.status} ${answer.body}`);
        assert.match(answer.body, /<href>\/alice\/<\/href>/);
        assert.doesNotMatch(answer.body, /admin/);
      }
      const stranger = await ask(front.port, { ...propfind, lines: SPOOFED });
      assert.equal(stranger.status, 401);
    });

    test('every owned header comes from Lintel, no alias and no other family passes', async () => {
      assert.equal((await asAlice({ path: '/', lines: SPOOFED })).status, 200);
      const seen = arrived();
      isAlice(seen);
      for (const header of ['remote-user', 'remote-groups', 'remote-name', 'remote-email']) {
        assert.equal(values(seen, header).length, 1, header);
      }
    });

    test('on a bypass path nobody is anybody', async () => {
      assert.equal((await send({ path: '/public/page', lines: SPOOFED })).status, 200);
      isNobody(arrived());
    });

    test('a Connection header of the client takes no identity away', async () => {
      const nominated = 'Connection: close, Remote-User, remote-groups, Remote-Name, Remote-Email';
      assert.equal((await asAlice({ path: '/hop', lines: [nominated] })).status, 200);
      const seen = arrived();
      isAlice(seen);
      assert.doesNotMatch(values(seen, 'connection').join(), /remote/i);
    });

    test('nor does it change what Lintel is asked about', async () => {
      const asked =
        'Connection: close, X-Forwarded-Uri, X-Forwarded-Method, X-Forwarded-Host, X-Original-URL, X-Forwarded-For';
      const { status } = await asAlice({ path: '/admin', lines: [asked] });
      // Envoy refuses such a list outright.
      assert.ok(status === 403 || status === 400, `/admin was answered ${status}`);
      // A proxy may drop the client's own cookie because the client said so: then it is a stranger, and stays outside.
      await asAlice({ path: '/hop', lines: ['Connection: close, Cookie'] });
      for (const seen of site.app.taken()) if (seen.url === '/hop') isAlice(seen);
      nothingArrived();
    });

    test('the path and the query arrive byte for byte, and Lintel judged the same ones', async () => {
      const path = '/a%20b/%C3%A9;v=1/c%2Fd+e?x=%2F%3F&y=a%20b&y=+&z&=&url=https://x.example/%2e%2e/?q';
      assert.equal((await asAlice({ path })).status, 200);
      assert.equal(arrived().url, path);
      if (manners.resolvesPaths) return;
      assert.equal((await asAlice({ path: '/a/./b//c/../d' })).status, 200);
      assert.equal(arrived().url, '/a/./b//c/../d');
    });

    test('no spelling of a path gets to what alice may not open', async () => {
      const paths = [
        '/admin',
        '/admin/',
        '/%61dmin',
        '/public/../admin',
        '/public/%2e%2e/admin',
        '/public/..%2fadmin',
        '/public%2f..%2fadmin',
        '/public/..;/admin',
        '//admin',
        '/./admin',
        '/public/x/../../admin',
        '/admin;x=1',
        '/public\\..\\admin',
        '/admin?x=/public/',
      ];
      for (const path of paths) {
        const answers = [await asAlice({ path }), await send({ path, lines: ['Accept: text/html'] })];
        for (const { status } of answers) assert.ok(status === 0 || status >= 300, `${path} was answered ${status}`);
        const reached = site.app.taken().map((seen) => seen.url);
        if (!manners.resolvesPaths) assert.deepEqual(reached, [], path);
        else for (const url of reached) assert.doesNotMatch(decodeURIComponent(url), /^\/+admin/, path);
      }
    });

    test('MOVE and COPY write nothing to what alice may not open', async () => {
      for (const method of ['MOVE', 'COPY']) {
        const to = (...paths: string[]) =>
          asAlice({ method, path: '/a', lines: paths.map((path) => `Destination: ${path}`) });
        assert.equal((await to('/admin/b')).status, 403, method);
        nothingArrived();
        await to('/b', '/admin/b');
        for (const { rawHeaders } of site.app.taken()) assert.ok(!rawHeaders.some((text) => text.includes('/admin')));
        assert.equal((await to('/b')).status, 200, method);
        assert.equal(arrived().method, method);
      }
    });

    test('what alice may not open is a 403 with an id', async () => {
      const answer = await asAlice({ path: '/admin/users', lines: ['Accept: text/html'] });
      assert.equal(answer.status, 403);
      assert.equal(answer.headers.get('x-lintel-error'), 'ACCESS-DENIED');
      nothingArrived();
    });

    test('a browser that is not signed in is sent to sign in, a script gets a 401', async () => {
      const browser = await send({
        path: '/deep?a=b',
        lines: ['Accept: text/html,*/*;q=0.8', 'Sec-Fetch-Mode: navigate'],
      });
      assert.equal(browser.status, 302);
      assert.equal(browser.headers.get('location'), `https://${APP}/.lintel/start?rd=%2Fdeep%3Fa%3Db`);
      for (const lines of [
        ['Accept: application/json'],
        ['Accept: text/html', 'X-Requested-With: XMLHttpRequest'],
        ['Accept: text/html', 'Sec-Fetch-Mode: cors'],
        [],
      ]) {
        const script = await send({ path: '/deep', lines });
        assert.equal(script.status, 401, lines.join());
        assert.equal(script.headers.get('x-lintel-error'), 'SIGN-IN-NEEDED');
      }
      nothingArrived();
    });

    test('after a POST the browser is sent to sign in with 303', async () => {
      const form = ['Accept: text/html', 'Content-Type: application/x-www-form-urlencoded', 'Content-Length: 3'];
      const answer = await send({ method: 'POST', path: '/form', lines: form, body: 'a=b' });
      assert.equal(answer.status, 303);
      nothingArrived();
    });

    test('the body of a POST arrives whole, with a length or in chunks', async () => {
      const body = 'x'.repeat(200_000);
      const length = await asAlice({
        method: 'POST',
        path: '/upload',
        lines: [`Content-Length: ${body.length}`],
        body,
      });
      assert.equal(length.status, 200);
      assert.equal(arrived().body, body);
      const chunks = `${body.length.toString(16)}\r\n${body}\r\n5\r\nthere\r\n0\r\n\r\n`;
      const chunked = await asAlice({
        method: 'PUT',
        path: '/up',
        lines: ['Transfer-Encoding: chunked'],
        body: chunks,
      });
      assert.equal(chunked.status, 200);
      const seen = arrived();
      assert.equal(seen.body, `${body}there`);
      assert.equal(seen.method, 'PUT');
    });

    test('an identity announced as a trailer does not arrive', async () => {
      const lines = ['Transfer-Encoding: chunked', 'Trailer: Remote-User'];
      const body = '5\r\nhello\r\n0\r\nRemote-User: admin\r\n\r\n';
      await asAlice({ method: 'POST', path: '/trailer', lines, body });
      for (const seen of site.app.taken()) {
        assert.deepEqual(seen.rawTrailers, []);
        isAlice(seen);
      }
    });

    test('the app sees its own cookies and none of Lintel', async () => {
      const own = cookieLine(jar, APP);
      assert.match(own, /lintel/);
      const others = 'lintel=1; __Host-lintel=2; a=1; lintel-start-abc=3; b="x=y"; Lintel-Gate=4; lintelish=kept; c=3';
      const answer = await send({
        path: '/cookies',
        lines: [`Cookie: ${others}; ${own};d=4; __Host-lintel-start-q=5`],
      });
      assert.equal(answer.status, 200);
      assert.equal(
        values(arrived(), 'cookie').join('; ').replace(/;\s*/g, '; '),
        `a=1; b="x=y"; ${manners.exactCookies ? 'Lintel-Gate=4; ' : ''}lintelish=kept; c=3; d=4`,
      );
      assert.equal((await asAlice({ path: '/cookies' })).status, 200);
      assert.equal(values(arrived(), 'cookie').join(''), '');
    });

    test('an app password opens the app it is for, reaches none, and is shut out at once when it is revoked', async () => {
      const store = new SqliteStore(join(site.dir, 'lintel.db'), randomKey, systemClock);
      try {
        const { secret, token } = await plantToken(store, { apps: ['app'] });
        const calendar = { method: 'PROPFIND', host: 'calendar.example.org', path: '/' };
        for (const way of [tokenBasic('alice', secret), bearer(secret)]) {
          assert.equal((await send({ path: '/api', lines: [way] })).status, 200);
          const seen = arrived();
          isAlice(seen);
          assert.equal(values(seen, 'authorization').join(''), '');
          assert.equal((await send({ path: '/public/', lines: [way] })).status, 200);
          assert.equal(values(arrived(), 'authorization').join(''), '');
          assert.equal((await ask(front.port, { ...calendar, lines: [way] })).status, 401);
        }
        await store.revokeTokens({ kind: 'id', id: token.id });
        for (const way of [tokenBasic('alice', secret), bearer(secret)]) {
          assert.equal((await send({ path: '/api', lines: [way] })).status, 401);
        }
        nothingArrived();
      } finally {
        store.close();
      }
    });

    test('a password that Lintel accepted never reaches the app', async () => {
      const basic = `Authorization: Basic ${Buffer.from(ALICE.join(':')).toString('base64')}`;
      assert.equal((await send({ path: '/api', lines: [basic] })).status, 200);
      const seen = arrived();
      isAlice(seen);
      assert.equal(values(seen, 'authorization').join(''), '');
      const wrong = `Authorization: Basic ${Buffer.from('alice:wrong').toString('base64')}`;
      const refused = await send({ path: '/api', lines: [wrong] });
      assert.equal(refused.status, 401);
      assert.match(refused.headers.get('www-authenticate') ?? '', /^Basic /);
      nothingArrived();
      assert.equal((await asAlice({ path: '/api', lines: ['Authorization: Bearer of-the-app'] })).status, 200);
      assert.equal(values(arrived(), 'authorization').join(''), 'Bearer of-the-app');
    });

    test('no word of the client about where the request went or what its method is gets through', async () => {
      const claims = [
        'X-Forwarded-For: 203.0.113.9',
        'X-Forwarded-Host: evil.example',
        'X-Forwarded-Proto: http',
        'X-Forwarded-Uri: /public/',
        'X-Forwarded-Method: GET',
        'X-Forwarded-Prefix: /evil',
        'X-Original-URL: https://app.example.com/public/',
        'X-Original-URI: /public/',
        'X-Original-Method: GET',
        'X-Rewrite-URL: /admin',
        'X-HTTP-Method-Override: DELETE',
        'X-Real-IP: 203.0.113.9',
        'Forwarded: for=203.0.113.9;host=evil.example',
      ];
      const admin = await asAlice({ path: '/admin', lines: claims });
      assert.equal(admin.status, 403);
      nothingArrived();
      assert.equal((await asAlice({ path: '/claims', lines: claims })).status, 200);
      const seen = headerPairs(arrived())
        .map(([name, value]) => `${name}: ${value}`)
        .join('\n');
      assert.doesNotMatch(seen, /203\.0\.113\.9|evil|\/public|\/admin|DELETE|X-Forwarded-Proto: http\n/i);
    });

    test('a host that is no app, and two that disagree, never reach an app', async () => {
      const lines = [`Cookie: ${cookieLine(jar, APP)}`];
      for (const host of ['other.example.com', 'evilapp.example.com', 'app.example.com.evil.example', '127.0.0.1']) {
        const { status } = await send({ host, path: '/', lines });
        assert.ok(status === 0 || status >= 400, `${host} was answered ${status}`);
      }
      const two = await asAlice({ path: '/public/', lines: ['Host: auth.example.com'] });
      assert.ok(two.status === 0 || two.status >= 400, `two Hosts were answered ${two.status}`);
      nothingArrived();
    });

    test('/.lintel/ belongs to Lintel and leads nowhere else', async () => {
      for (const path of ['/.lintel/../admin', '/.lintel/%2e%2e/admin', '/.lintel/..%2fadmin', '/.lintel/nothing']) {
        const { status } = await send({ path, lines: ['Accept: text/html'] });
        assert.ok(status >= 300, `${path} was answered ${status}`);
      }
      nothingArrived();
    });

    test('HEAD is answered without a body, let in or not', async () => {
      assert.equal((await asAlice({ method: 'HEAD', path: '/' })).status, 200);
      assert.equal(arrived().method, 'HEAD');
      assert.equal((await send({ method: 'HEAD', path: '/', lines: ['Accept: text/html'] })).status, 302);
    });

    test('without Lintel nobody gets in, not even where no sign-in is needed', async () => {
      await site.lintel.stop();
      for (const path of ['/', '/public/', '/admin', '/.lintel/start?rd=%2F']) {
        const { status } = await asAlice({ path });
        assert.ok(status >= 500, `${path} was answered ${status}`);
      }
      nothingArrived();
    });
  });
}
