/** What people who come from authentik's proxy provider rely on, in Chromium, one by one, with Lintel itself as the proxy. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { asksToSignIn, type House, type Name, openAs, PORTAL, startHouse } from '../apps/house.ts';
import { mountable } from '../durability/server.ts';
import { missing, tempDir } from '../parts.ts';
import { newContext, startBrowser } from '../proxies/browser.ts';
import { type Capture, type Seen, startCapture, values } from '../proxies/site.ts';
import { cleanUp } from './stage.ts';

const WIKI = 'https://wiki.example.com';
const CHAT = 'https://chat.example.org';
const LINKS = '<title>an app</title><a href="/next">go on</a> <a href="/public/page">look around</a>';

/** The one page that a browser asked the app for. */
function arrived(app: Capture): Seen {
  const [first, ...more] = app.taken();
  ok(first !== undefined && more.length === 0, `${more.length + (first === undefined ? 0 : 1)} requests arrived`);
  return first;
}

const told = (seen: Seen, ...names: string[]) => names.map((name) => values(seen, name).join(' AND '));

suite('the proxy itself, in Chromium', { skip: missing('chromium') }, () => {
  const scope = cleanUp();
  let house: House;
  let browser: Browser;
  let app: Capture;
  let backends: Record<'alice' | 'bob', Capture>;

  before(async () => {
    app = await startCapture(scope, LINKS);
    backends = { alice: await startCapture(scope, LINKS), bob: await startCapture(scope, LINKS) };
    const to = (c: Capture) => `http://127.0.0.1:${c.port}`;
    const common = { upstream: to(app), headers: 'authentik', access: [{ allow: 'signed_in' }] };
    const chosen = `{"alice": "${to(backends.alice)}", "bob": "${to(backends.bob)}/base"}[user.name]`;
    house = await startHouse(scope, {
      wiki: { ...common, url: WIKI, unauthenticated: '^/public/\n^/health$' },
      chat: { ...common, url: CHAT },
      lab: { ...common, url: 'https://lab.example.com', backend: chosen, host_header: '"lab-of-" + user.name' },
    });
    browser = await startBrowser(scope, house.port);
  });

  const context = (headers: Record<string, string> = {}): Promise<BrowserContext> => newContext(browser, headers);
  /** Opens an app in a new tab of somebody who is signed in at the portal already. */
  async function open(of: BrowserContext, url: string): Promise<Page> {
    const page = await of.newPage();
    await page.goto(url);
    equal(page.url(), url);
    return page;
  }

  test('sign_out in one browser: the next click in every other tab of every other browser asks to sign in', async () => {
    const [laptop, phone, bobs] = [await context(), await context(), await context()];
    const tabs: Page[] = [];
    for (const own of [laptop, phone]) {
      tabs.push(await openAs(own, 'alice', `${WIKI}/`));
      tabs.push(await open(own, `${CHAT}/`));
    }
    const his = await openAs(bobs, 'bob', `${CHAT}/`);
    const portals = [await open(laptop, `${PORTAL}/`), await open(phone, `${PORTAL}/`)];
    const leaving = await laptop.newPage();
    await leaving.goto(`${WIKI}/outpost.goauthentik.io/sign_out`);
    equal(leaving.url(), `${PORTAL}/signed-out`);
    app.taken();
    for (const tab of tabs) {
      const from = tab.url();
      await tab.getByRole('link', { name: 'go on' }).click();
      await tab.waitForURL((url) => url.origin === PORTAL);
      ok(await asksToSignIn(tab), from);
    }
    for (const portal of portals) {
      await portal.getByRole('link', { name: 'Your account' }).click();
      await portal.getByLabel('Username').waitFor();
      ok(await asksToSignIn(portal));
    }
    deepEqual(app.taken(), [], 'no app heard of these clicks');
    await his.getByRole('link', { name: 'go on' }).click();
    await his.waitForURL(`${CHAT}/next`);
    deepEqual(told(arrived(app), 'x-authentik-username'), ['bob']);
    for (const own of [laptop, phone, bobs]) await own.close();
  });

  test('additionalHeaders of a group and of an account arrive, the nearer one wins, and nobody can claim them', async () => {
    const claims = { 'X-Role': 'king', X_Team: 'red', 'X-Square': '1', 'X-authentik-username': 'alice' };
    const [alices, bobs] = [await context(claims), await context(claims)];
    const names = ['x-authentik-username', 'x-team', 'x_team', 'x-role', 'x-square'];
    await openAs(alices, 'alice', `${WIKI}/`);
    app.taken();
    await open(alices, `${WIKI}/board`);
    deepEqual(told(arrived(app), ...names), ['alice', 'looking glass', '', 'queen', '8']);
    await openAs(bobs, 'bob', `${WIKI}/`);
    app.taken();
    await open(bobs, `${WIKI}/board`);
    deepEqual(told(arrived(app), ...names), ['bob', '', '', '', '']);
    for (const own of [alices, bobs]) await own.close();
  });

  test('unauthenticated paths are open without a name, and keep the name of who is signed in', async () => {
    const nobody = await context({ 'X-authentik-username': 'alice', 'X-Role': 'queen' });
    for (const path of ['/public/page', '/health']) {
      await open(nobody, WIKI + path);
      deepEqual(told(arrived(app), 'x-authentik-username', 'x-authentik-groups', 'x-role'), ['', '', '']);
    }
    for (const path of ['/', '/public', '/healthy', '/x/public/page', '/public/..%2fadmin']) {
      const page = await nobody.newPage();
      await page.goto(WIKI + path);
      ok(await asksToSignIn(page), path);
    }
    deepEqual(app.taken(), []);
    const alices = await context();
    const page = await openAs(alices, 'alice', `${WIKI}/`);
    app.taken();
    await page.getByRole('link', { name: 'look around' }).click();
    await page.waitForURL(`${WIKI}/public/page`);
    deepEqual(told(arrived(app), 'x-authentik-username', 'x-role'), ['alice', 'queen']);
    for (const own of [nobody, alices]) await own.close();
  });

  test('each person has a backend of their own, chosen by CEL, with its own host header', async () => {
    app.taken();
    for (const [who, path] of [
      ['alice', '/'],
      ['bob', '/base/'],
    ] as const satisfies readonly (readonly [Name, string])[]) {
      const own = await context();
      const page = await openAs(own, who, 'https://lab.example.com/');
      const seen = arrived(backends[who]);
      equal(seen.url, path);
      deepEqual(told(seen, 'host', 'x-forwarded-host'), [`lab-of-${who}`, 'lab.example.com']);
      await page.getByRole('link', { name: 'go on' }).click();
      await page.waitForURL('https://lab.example.com/next');
      equal(arrived(backends[who]).url, `${path}next`);
      await own.close();
    }
    deepEqual(app.taken(), [], 'nobody landed elsewhere');
  });
});

/** authentik's documentation, "Dynamic backend selection" and "Host header", to the letter. */
const DYNAMIC_BACKEND = `return {
    "ak_proxy": {
        "backend_override": f"http://foo.bar.baz/{request.user.username}"
    }
}`;
const HOST_HEADER = `return {
    "ak_proxy": {
        "host_header": "my-internal-host-header"
    }
}`;

const skip = missing('chromium') || (!mountable() && 'a hosts file and port 80 of its own need root');

test("the mappings of authentik's documentation as they are, with foo.bar.baz where they say", { skip }, async () => {
  const scope = cleanUp();
  // A loopback address that no other test uses, since port 80 is in the text.
  const address = `127.80.${process.pid % 250}.${(process.pid >> 8) % 250}`;
  const foo = await startCapture(scope, LINKS, { host: address, port: 80 });
  const hosts = join(tempDir(scope), 'hosts');
  writeFileSync(hosts, `127.0.0.1 localhost\n${address} foo.bar.baz\n`);
  const wrapper = ['unshare', '-m', 'sh', '-c', `mount --bind ${hosts} /etc/hosts && exec "$@"`, 'sh'];
  const own = await startCapture(scope);
  const lab = {
    url: 'https://lab.example.com',
    upstream: `http://127.0.0.1:${own.port}`,
    headers: 'authentik',
    mappings: [DYNAMIC_BACKEND, HOST_HEADER],
    access: [{ allow: 'signed_in' }],
  };
  const house = await startHouse(scope, { lab }, wrapper);
  const browser = await startBrowser(scope, house.port);
  for (const who of ['alice', 'bob'] as const) {
    await openAs(await newContext(browser), who, 'https://lab.example.com/notes?day=1');
    const seen = arrived(foo);
    equal(seen.url, `/${who}/notes?day=1`);
    deepEqual(told(seen, 'host', 'x-authentik-username'), ['my-internal-host-header', who]);
  }
  deepEqual(own.taken(), []);
});
