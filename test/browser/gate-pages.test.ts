/** The pages that the gate shows in place of an app, in Chromium: who and what, and the way on. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { type House, openAs, PORTAL, signInAt, startHouse } from '../apps/house.ts';
import { freePort, missing } from '../parts.ts';
import { newContext, startBrowser } from '../proxies/browser.ts';
import { type Capture, startCapture } from '../proxies/site.ts';
import { cleanUp, screenshot, violations } from './stage.ts';

const OPEN = 'https://open.example.com';
const WIKI = 'https://wiki.example.com';
const DOWN = 'https://down.example.com';
const LAB = 'https://lab.example.com';

suite('pages of the gate, in Chromium', { skip: missing('chromium') }, () => {
  const scope = cleanUp();
  let house: House;
  let browser: Browser;
  let app: Capture;

  before(async () => {
    app = await startCapture(scope, '<title>an app</title><h1>here it is</h1>');
    const upstream = `http://127.0.0.1:${app.port}`;
    const signedIn = { headers: 'authentik', access: [{ allow: 'signed_in' }] };
    house = await startHouse(scope, {
      open: { ...signedIn, upstream, url: OPEN },
      wiki: {
        ...{ title: 'Wiki & <notes>', url: WIKI, upstream, headers: 'authentik' },
        access: [
          { paths: ['/staff'], allow: 'group:staff' },
          { paths: ['/staff'], deny: 'everyone' },
          { allow: 'signed_in' },
        ],
      },
      down: { ...signedIn, title: 'Photos', url: DOWN, upstream: `http://127.0.0.1:${await freePort()}` },
      lab: { ...signedIn, upstream, url: LAB, backend: 'user.attributes.nonesuch' },
    });
    browser = await startBrowser(scope, house.port);
  });

  /** Looked at in both themes and on a narrow screen; the page is whole in each. */
  async function looks(page: Page, name: string): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await screenshot(page, `gate-${name}-${colorScheme}`);
      deepEqual(await violations(page), [], colorScheme);
    }
    await page.setViewportSize({ width: 360, height: 640 });
    await screenshot(page, `gate-${name}-narrow`);
    equal(await page.evaluate('document.documentElement.scrollWidth'), 360);
    equal(await page.evaluate("document.querySelector('main').getBoundingClientRect().width"), 360);
    await page.setViewportSize({ width: 1000, height: 700 });
    equal(await page.locator('header svg').count(), 1);
    equal(/\.$/.test((await page.locator('h1').textContent()) ?? ''), false);
  }

  test('denied: who and what, and another account', async () => {
    const page = await openAs(await newContext(browser), 'alice', `${WIKI}/`);
    await page.goto(`${WIKI}/staff`);
    match((await page.locator('main').innerText()) ?? '', /signed in as alice, but Wiki & <notes> is not open to this/);
    match((await page.locator('.going').innerText()) ?? '', /Wiki & <notes>\s+wiki\.example\.com/);
    await looks(page, 'denied');
    await page.getByRole('link', { name: 'Switch account' }).click();
    await page.waitForURL(`${WIKI}/.lintel/sign-out`);
  });

  test('an app that does not answer: which one, and once more', async () => {
    const page = await (await newContext(browser)).newPage();
    await signInAt(page, 'alice', `${DOWN}/a?b=1`);
    match((await page.locator('.going').innerText()) ?? '', /Photos\s+down\.example\.com/);
    match((await page.locator('main').innerText()) ?? '', /UPSTREAM-DOWN/);
    await looks(page, 'down');
    const again = page.waitForRequest(`${DOWN}/a?b=1`);
    await page.getByRole('link', { name: 'Try again' }).click();
    await again;
    equal(page.url(), `${DOWN}/a?b=1`);
  });

  test('a host that no app has: what is for whom', async () => {
    const page = await (await newContext(browser)).newPage();
    await page.goto('https://nowhere.example.com/x');
    const paragraphs = await page.locator('main p').allInnerTexts();
    equal(paragraphs[0], 'Check the address.');
    match(paragraphs[1] ?? '', /^If you run this site: /);
    await looks(page, 'unknown');
  });

  test('an app that cannot be opened leads to the other apps, not to itself', async () => {
    const page = await openAs(await newContext(browser), 'alice', `${OPEN}/`);
    await page.goto(`${LAB}/`);
    match((await page.locator('main').innerText()) ?? '', /ROUTING-REFUSED/);
    equal(await page.getByRole('link', { name: 'Open lab' }).count(), 0);
    await screenshot(page, 'gate-routing-refused');
    await page.getByRole('link', { name: 'Go to your apps' }).click();
    await page.waitForURL(`${PORTAL}/`);
  });
});
