/** Lintel's own page as the answer to a check, behind real proxies without a public route, in Chromium. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { suite, test } from 'node:test';
import { missing } from '../parts.ts';
import { fillSignIn, newContext, startBrowser } from '../proxies/browser.ts';
import { SWAP_FRONTS, startSwapSite } from '../proxies/swap-fronts.ts';
import { cleanUp, screenshot, violations } from './stage.ts';

const APP = 'https://app.example.com';
const PORTAL = 'https://auth.example.com';

for (const name of ['caddy', 'traefik'] as const) {
  suite(`the sign-out question behind ${name}`, { skip: missing(name, 'chromium') }, () => {
    const scope = cleanUp();
    test('has its style, and its button signs out', async () => {
      const site = await startSwapSite(scope);
      const browser = await startBrowser(scope, await SWAP_FRONTS[name].start(scope, site));
      const context = await newContext(browser);
      const page = await context.newPage();
      const blocked: string[] = [];
      page.on('console', (m) => {
        if (m.type() === 'error' && !/status of 403/.test(m.text())) blocked.push(m.text());
      });
      await page.goto(`${APP}/`);
      await fillSignIn(page, 'alice', 'alice-demo-password');
      await page.waitForURL(`${APP}/`);
      site.app.taken();
      const asked: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      const url = `${APP}/board?X-authentik-logout=true`;
      const answer = await page.goto(url);
      equal(answer?.status(), 403);
      deepEqual(
        asked.filter((to) => !to.startsWith('data:')),
        [url],
      );
      equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(247, 246, 242)');
      equal((await page.locator('svg').boundingBox())?.width, 40);
      ok(await page.getByRole('button', { name: 'Theme: system' }).isVisible(), 'the script runs');
      equal(await page.getByText('Signing out…').isVisible(), false);
      deepEqual(await violations(page), []);
      await screenshot(page, `sign-out-through-${name}`);
      deepEqual(blocked, []);
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL(`${PORTAL}/signed-out`);
      deepEqual(site.app.taken(), [], 'the app heard of none of it');
    });
  });
}
