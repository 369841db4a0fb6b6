/** What is open without signing in behind real proxies with authentik's snippets, in Chromium: paths of one app, whole addresses of a domain. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { missing } from '../parts.ts';
import { fillSignIn, newContext, startBrowser } from '../proxies/browser.ts';
import { values } from '../proxies/site.ts';
import { SWAP_FRONTS, type SwapSite, startSwapSite } from '../proxies/swap-fronts.ts';
import { cleanUp } from './stage.ts';

const APP = 'https://app.example.com';
const [ONE, TWO] = ['https://one.example.com', 'https://two.example.com'];
const PORTAL = 'https://auth.example.com';

/** As examples/authentik-swap/lintel.yml has them. */
const OPEN = { 'one app': [`${APP}/public/page`], 'a domain': [`${TWO}/open/page`] };
const CLOSED = [`${APP}/`, `${APP}/open/page`, `${APP}/x/public/`, `${ONE}/open/page`, `${TWO}/`, `${TWO}/public/`];

for (const name of ['nginx', 'traefik'] as const) {
  suite(`open addresses behind ${name}`, { skip: missing(name, 'chromium') }, () => {
    const scope = cleanUp();
    let site: SwapSite;
    let browser: Browser;
    before(async () => {
      site = await startSwapSite(scope);
      browser = await startBrowser(scope, await SWAP_FRONTS[name].start(scope, site));
    });
    const who = () => site.app.taken().map((seen) => values(seen, 'x-authentik-username').join(' AND '));

    test('nobody needs to sign in there, and nowhere else', async () => {
      const context = await newContext(browser, { 'X-authentik-username': 'alice', 'X-authentik-groups': 'staff' });
      const page = await context.newPage();
      for (const url of Object.values(OPEN).flat()) {
        await page.goto(url);
        equal(page.url(), url);
        deepEqual(who(), [''], url);
      }
      for (const url of CLOSED) {
        await page.goto(url);
        equal(new URL(page.url()).origin, PORTAL, url);
        ok(await page.getByLabel('Username').isVisible());
      }
      deepEqual(who(), []);
      await context.close();
    });

    for (const [kind, urls] of Object.entries(OPEN)) {
      test(`who is signed in keeps their name there: ${kind}`, async () => {
        const context = await newContext(browser);
        const page = await context.newPage();
        for (const url of urls) {
          await page.goto(`${new URL(url).origin}/`);
          await fillSignIn(page, 'alice', 'alice-demo-password');
          await page.waitForURL(`${new URL(url).origin}/`);
          who();
          await page.goto(url);
          equal(page.url(), url);
          deepEqual(who(), ['alice']);
        }
        await context.close();
      });
    }
  });
}
