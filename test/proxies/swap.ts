/**
 * authentik's snippets in front of Lintel, unchanged but for the address, in one real proxy: the way through, what the app
 * hears, what a client can still say where the snippet itself is open, and that the lines of the README close it.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../black-box/lintel.ts';
import { headerOf } from '../black-box/raw.ts';
import { asksToSignIn, Browser } from '../outpost/street.ts';
import { missing, openScope, ROOT } from '../parts.ts';
import { fillSignIn, newContext, startBrowser } from './browser.ts';
import { headerPairs, type Seen, values } from './site.ts';
import { type Change, CLOSED, SWAP_FRONTS, type SwapSite, startSwapSite } from './swap-fronts.ts';

const APP = 'https://app.example.com';
const ONE = 'https://one.example.com';
const TWO = 'https://two.example.com';
const PORTAL = 'https://auth.example.com';
const ALICE = 'alice-demo-password';
const TWELVE = [
  ...['username', 'groups', 'entitlements', 'email', 'name', 'uid'],
  ...['jwt', 'meta-jwks', 'meta-outpost', 'meta-provider', 'meta-app', 'meta-version'],
];

/** What is particular about one proxy with authentik's snippet. */
export interface Particulars {
  /** How many of the twelve headers the snippet copies, in the order above. */
  readonly copied: number;
  /** What of a client's claims reaches the app through the snippet as it is. */
  readonly open: readonly string[];
  /** Who hears how the client asks, so that a script is told 401: the check, `start` that all are sent to, or nobody. */
  readonly hearsScripts: 'check' | 'start' | 'nobody';
  /** True: the snippet leads /outpost.goauthentik.io/ to Lintel by itself; else the check answers in its place. */
  readonly routesOutpost: boolean;
  /** Makes the proxy believe no client about the host it asked for; undefined: it believes none as it is. */
  readonly distrust?: Change;
  /** The line for `Authorization` that the snippet has commented out; undefined: the snippet itself takes the header away. */
  readonly authorization?: Change;
  /** Other forms of the snippet that people have. */
  readonly forms?: Readonly<Record<string, Change>>;
}

/** A client's claims, each with a value that must not arrive. Every character that a header name may hold is among them. */
const CLAIMS = [
  ...[..."_.!#$%&'*+^`|~"].map((c) => `X${c}authentik${c}email`),
  'X-authentik-username',
  'X_authentik_username',
  'X_Authentik-Username',
  'X.authentik.username',
  'X-authentik-groups',
  'X_authentik_groups',
  'X-authentik-jwt',
  'X-authentik-meta-app',
];

/** Names of claims that came through, lower case. */
function forged(seen: Seen): string[] {
  return headerPairs(seen)
    .filter(([, value]) => value === 'forged')
    .map(([name]) => name.toLowerCase())
    .sort();
}

function one(seen: readonly Seen[]): Seen {
  const [first, ...more] = seen;
  assert.ok(first !== undefined && more.length === 0, `${seen.length} requests arrived at the app`);
  return first;
}

export function swap(name: keyof typeof SWAP_FRONTS, particulars: Particulars): void {
  const kind = SWAP_FRONTS[name];
  const skip = missing(kind.part, 'chromium');
  if (skip !== false) return void test(`authentik's snippet in ${name}`, { skip });

  describe(`authentik's snippet in ${name}`, { timeout: 600_000 }, () => {
    const scope = openScope();
    after(scope.close);
    let site: SwapSite;
    let port: number;
    before(async () => {
      site = await startSwapSite(scope);
      port = await kind.start(scope, site);
    });
    const browser = (at = port) => new Browser({ host: '127.0.0.1', port: at }, 'tls', ALICE);
    const arrived = () => one(site.app.taken());
    const nothingArrived = () => assert.deepEqual(site.app.taken(), []);
    const signedIn = async (url = `${APP}/`, at = port) => {
      const b = browser(at);
      const { reply, trail } = await b.open(url, 'alice');
      assert.equal(reply.status, 200, trail.join('\n'));
      site.app.taken();
      return b;
    };

    test('somebody not signed in ends at the form of the portal, and after it exactly where they wanted to go', async () => {
      for (const path of ['/', '/a%20b/%C3%A9;v=1/c%2Fd?x=%2F%3F&y=a%20b&z&=&u=https://x.example/?q', '/n&m=1%2B']) {
        const b = browser();
        const at = await b.open(APP + path);
        assert.ok(asksToSignIn(at.reply), at.trail.join('\n'));
        assert.equal(new URL(at.url).origin, PORTAL);
        nothingArrived();
        const there = await b.open(APP + path, 'alice');
        assert.deepEqual([there.reply.status, there.url], [200, APP + path], there.trail.join('\n'));
        assert.equal(arrived().url, path);
      }
    });

    for (const [form, change] of Object.entries(particulars.forms ?? {})) {
      test(`the same with ${form}`, async () => {
        const other = await kind.start(scope, site, change);
        for (const path of ['/', '/a%20b/c%2Fd?x=%2F%3F&y=a%20b', '/a%20b/%C3%A9', '/n&m=1%2B', '/q?rd=1&x=?']) {
          const there = await browser(other).open(APP + path, 'alice');
          assert.deepEqual([there.reply.status, there.url], [200, APP + path], there.trail.join('\n'));
          assert.equal(arrived().url, path);
        }
        const b = await signedIn(`${APP}/`, other);
        const left = await b.open(`${APP}/outpost.goauthentik.io/sign_out`);
        assert.equal(left.url, `${PORTAL}/signed-out`, left.trail.join('\n'));
        assert.ok(asksToSignIn((await b.open(`${APP}/`)).reply));
        nothingArrived();
      });
    }

    test('the app receives what the snippet copies', async () => {
      const b = await signedIn();
      assert.equal((await b.get(`${APP}/`)).status, 200);
      const seen = arrived();
      const copied = TWELVE.slice(0, particulars.copied).map((n) => `x-authentik-${n}`);
      for (const header of copied) assert.ok(values(seen, header).length <= 1, header);
      const told = (header: string) => values(seen, `x-authentik-${header}`).join();
      assert.deepEqual(['username', 'groups', 'entitlements', 'email', 'name'].map(told), [
        'alice',
        'staff',
        '',
        'alice@example.com',
        'Alice Example',
      ]);
      assert.match(told('uid'), /^[0-9a-f]{64}$/);
      if (copied.length < 12) return;
      assert.match(told('jwt'), /^[\w-]+\.[\w-]+\.[\w-]+$/);
      assert.deepEqual(['meta-jwks', 'meta-provider', 'meta-app'].map(told), [
        `${PORTAL}/.lintel/jwks.json`,
        'app',
        'app',
      ]);
      assert.match(told('meta-version'), /^lintel\//);
    });

    const claims = CLAIMS.map((n) => `${n}: forged`);
    test('no claim of a client replaces what the snippet copies; what else comes through is known', async () => {
      const b = await signedIn();
      for (const url of [`${APP}/`, `${APP}/public/x`]) {
        assert.equal((await b.get(url, claims)).status, 200);
        const seen = arrived();
        assert.deepEqual(forged(seen), particulars.open, url);
        assert.equal(values(seen, 'x-authentik-username').join(), 'alice');
      }
      assert.equal((await browser().get(`${APP}/public/x`, claims)).status, 200);
      const seen = arrived();
      assert.deepEqual(forged(seen), particulars.open);
      for (const header of TWELVE.slice(0, particulars.copied)) {
        assert.equal(values(seen, `x-authentik-${header}`).join(''), '', header);
      }
    });

    test('with the lines of the README no claim comes through', async () => {
      const tight = await kind.start(scope, site, CLOSED);
      const b = await signedIn(`${APP}/`, tight);
      for (const who of [b, browser(tight)]) {
        assert.equal((await who.get(`${APP}/public/x`, claims)).status, 200);
        assert.deepEqual(forged(arrived()), []);
      }
      assert.equal((await b.get(`${APP}/`, claims)).status, 200);
      const seen = arrived();
      assert.deepEqual(forged(seen), []);
      assert.equal(values(seen, 'x-authentik-username').join(), 'alice');
    });

    test('with the lines of the README nobody asks a check themselves', async () => {
      const tight = await kind.start(scope, site, CLOSED);
      const b = await signedIn(`${APP}/`, tight);
      const lies = ['X-Forwarded-Uri: /', 'X-Forwarded-Method: GET', `X-Original-URL: ${APP}/`];
      for (const check of ['nginx', 'traefik', 'caddy', 'envoy', 'envoy/', 'envoy/x']) {
        for (const said of [[], lies]) {
          const reply = await b.get(`${APP}/outpost.goauthentik.io/auth/${check}`, said);
          const told = JSON.stringify(reply.headers);
          assert.doesNotMatch(told, /authorization|x-authentik/i, `${check} ${said.length}: ${reply.status}`);
          nothingArrived();
        }
      }
    });

    test('a Connection header of the client takes no identity away', async () => {
      const b = await signedIn();
      const reply = await b.get(`${APP}/`, ['Connection: close, X-authentik-username, X-authentik-groups']);
      const seen = site.app.taken();
      if (reply.status === 400) return assert.deepEqual(seen, []); // Envoy refuses such a list
      // Caddy lets a client take its own name away; never another one in.
      const told = values(one(seen), 'x-authentik-username').join();
      assert.ok(told === 'alice' || (told === '' && name.startsWith('caddy')), `X-authentik-username: ${told}`);
    });

    test('no spelling of a path leads from an open one to a closed one', async () => {
      for (const path of ['/public/../admin', '/public/%2e%2e/admin', '/public/..%2fadmin', '/public%2f..%2fadmin']) {
        const { status } = await browser().get(APP + path);
        assert.ok(status >= 300, `${path} was answered ${status}`);
        nothingArrived();
      }
    });

    test('what a client says about host, address and method of its request counts for nothing', async () => {
      const lies = [
        'X-Original-URL: https://app.example.com/public/',
        'X-Original-URI: /public/',
        'X-Forwarded-Uri: /public/',
        'X-Forwarded-Prefix: /public',
        'X-Rewrite-URL: /public/',
        'X-Forwarded-Method: OPTIONS',
      ];
      const { status } = await browser().get(`${APP}/admin`, lies);
      assert.ok(status >= 300, String(status));
      nothingArrived();
    });

    test('nor does another host that a client names', async () => {
      const lies = ['X-Forwarded-Host: two.example.com', 'X-Forwarded-Proto: https', 'X-Forwarded-For: 127.0.0.1'];
      assert.ok((await browser().get(`${APP}/open/x`, lies)).status >= 300);
      nothingArrived();
      const within = await browser().get(`${ONE}/open/x`, lies);
      if (particulars.distrust === undefined) {
        assert.ok(within.status >= 300, String(within.status));
        return nothingArrived();
      }
      // Believes every client with a private address. Lintel hears of /open/ on the other host, where it is open, and both
      // hosts are of one domain and one app: it cannot tell a lie from an outpost's address.
      assert.equal(within.status, 200);
      assert.equal(arrived().url, '/open/x');
      const strict = await kind.start(scope, site, particulars.distrust);
      assert.ok((await browser(strict).get(`${ONE}/open/x`, lies)).status >= 300);
      nothingArrived();
      await signedIn(`${APP}/`, strict);
    });

    test('a script is told 401, and nothing is sent to the app', async () => {
      for (const sign of ['X-Requested-With: XMLHttpRequest', 'Sec-Fetch-Mode: cors']) {
        const b = browser();
        let reply = await b.get(`${APP}/data`, [sign]);
        const location = headerOf(reply, 'location');
        if (particulars.hearsScripts === 'start' && location !== undefined) {
          reply = await b.get(new URL(location, APP).href, [sign]);
        }
        assert.equal(reply.status, particulars.hearsScripts === 'nobody' ? 302 : 401, sign);
      }
      nothingArrived();
    });

    test('an app password opens the app, and never reaches it where the answer of Lintel is taken for Authorization', async () => {
      const { authorization } = particulars;
      if (authorization === undefined) return;
      const at = await kind.start(scope, site, authorization);
      const add = ['users', 'token', 'add', 'alice', '--name', 'test', '--config', join(site.dir, 'lintel.yml')];
      const token = execFileSync(join(ROOT, 'bin', 'lintel'), add, { encoding: 'utf8', stdio: 'pipe' }).trim();
      const basic = (password: string) => `Authorization: Basic ${Buffer.from(`alice:${password}`).toString('base64')}`;
      assert.equal((await browser(at).get(`${APP}/api`, [basic(token)])).status, 200);
      const seen = arrived();
      assert.equal(values(seen, 'x-authentik-username').join(), 'alice');
      assert.equal(values(seen, 'authorization').join(''), '');
      assert.ok((await browser(at).get(`${APP}/api`, [basic('wrong')])).status >= 300);
      nothingArrived();
    });

    test('sign_out through the proxy signs out everywhere, in every browser, and without a loop', async () => {
      const [laptop, phone] = [await signedIn(), await signedIn()];
      await laptop.open(`${ONE}/`);
      await phone.open(`${ONE}/`);
      assert.equal(site.app.taken().length, 2);
      const left = await laptop.open(`${APP}/outpost.goauthentik.io/sign_out`);
      assert.equal(left.url, `${PORTAL}/signed-out`, left.trail.join('\n'));
      for (const b of [laptop, phone]) {
        for (const url of [`${APP}/`, `${ONE}/`]) {
          const next = await b.open(url);
          assert.ok(asksToSignIn(next.reply), next.trail.join('\n'));
        }
      }
      nothingArrived();
      const again = await laptop.open(`${APP}/outpost.goauthentik.io/sign_out`);
      assert.equal(again.url, `${PORTAL}/signed-out`, again.trail.join('\n'));
    });

    test('a link of another site asks before it signs out', async () => {
      if (particulars.hearsScripts === 'nobody') return;
      const b = await signedIn();
      const crossSite = ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'];
      const asked = await b.get(`${APP}/outpost.goauthentik.io/sign_out`, crossSite);
      assert.match(asked.body, /<form method="post" action="\/outpost\.goauthentik\.io\/sign_out">/);
      assert.equal((await b.get(`${APP}/`)).status, 200);
      const gone = await b.get(`${APP}/outpost.goauthentik.io/sign_out`, [], 'POST');
      assert.equal(headerOf(gone, 'location'), `${PORTAL}/signed-out`);
      assert.ok(asksToSignIn((await b.open(`${APP}/`)).reply));
      site.app.taken();
    });

    test('domain level: one sign-in opens two hosts; open addresses of one are closed on the other', async () => {
      const b = browser();
      const first = await b.open(`${ONE}/x%20y?z=%2F&w=1`, 'alice');
      assert.deepEqual([first.reply.status, first.url], [200, `${ONE}/x%20y?z=%2F&w=1`], first.trail.join('\n'));
      assert.equal(arrived().url, '/x%20y?z=%2F&w=1');
      assert.equal((await b.get(`${TWO}/`)).status, 200);
      assert.equal(values(arrived(), 'x-authentik-username').join(), 'alice');
      assert.equal((await browser().get(`${TWO}/open/x`)).status, 200);
      assert.equal(values(arrived(), 'x-authentik-username').join(''), '');
      assert.ok((await browser().get(`${ONE}/open/x`)).status >= 300);
      nothingArrived();
      const left = await b.open(`${TWO}/outpost.goauthentik.io/sign_out`);
      assert.equal(left.url, `${PORTAL}/signed-out`, left.trail.join('\n'));
      assert.ok(asksToSignIn((await b.open(`${ONE}/`)).reply));
      nothingArrived();
    });

    test('taking somebody out of a group shuts the next request', async () => {
      const b = await signedIn();
      const text = readFileSync(site.users, 'utf8');
      const write = (now: string) => {
        writeFileSync(`${site.users}.new`, now);
        renameSync(`${site.users}.new`, site.users);
      };
      write(text.replace('groups: [staff]', 'groups: [others]'));
      await eventually('alice is out', async () => (await b.get(`${APP}/`)).status === 403);
      site.app.taken();
      assert.equal((await b.get(`${APP}/`)).status, 403);
      nothingArrived();
      write(text);
      await eventually('alice is back', async () => (await b.get(`${APP}/`)).status === 200);
      site.app.taken();
    });

    test('a host that is no app reaches none; ping answers', async () => {
      for (const host of ['other.example.org', 'app.example.com.evil.example']) {
        // Caddy answers for hosts that it does not know with an empty 200 of its own; some proxies hang up.
        await browser()
          .get(`https://${host}/`)
          .catch(() => undefined);
      }
      nothingArrived();
      const { status } = await browser().get(`${APP}/outpost.goauthentik.io/ping`);
      assert.equal(status, particulars.routesOutpost ? 204 : 404);
    });

    test('Chromium: from the first address to the same address, past the form, and out again', async () => {
      const chromium = await startBrowser(scope, port);
      const page = await (await newContext(chromium)).newPage();
      await page.goto(`${APP}/wiki/a%20b?x=%2F&y=1`);
      assert.equal(new URL(page.url()).origin, PORTAL);
      await fillSignIn(page, 'alice', ALICE);
      await page.waitForURL(`${APP}/wiki/a%20b?x=%2F&y=1`);
      await page.getByText('the app answered').waitFor();
      await page.goto(`${TWO}/`);
      assert.equal(page.url(), `${TWO}/`);
      for (const seen of site.app.taken()) assert.equal(values(seen, 'x-authentik-username').join(), 'alice');
      await page.goto(`${APP}/outpost.goauthentik.io/sign_out`);
      assert.equal(page.url(), `${PORTAL}/signed-out`);
      await page.goto(`${APP}/wiki`);
      assert.equal(new URL(page.url()).origin, PORTAL);
      await chromium.close();
      nothingArrived();
    });

    test('without Lintel nobody gets in, not even where no sign-in is needed', async () => {
      const b = await signedIn();
      await site.lintel.stop();
      for (const url of [`${APP}/`, `${APP}/public/x`, `${TWO}/open/`, `${APP}/outpost.goauthentik.io/start?rd=/`]) {
        const { status } = await b.get(url);
        assert.ok(status >= 400, `${url} was answered ${status}`);
      }
      nothingArrived();
    });
  });
}
