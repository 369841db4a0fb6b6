/**
 * The hand-over by real Chromium, behind real nginx with the shipped example: two apps on unrelated root domains, one
 * sign-in; and what a code is worth to anybody but the browser that asked for it.
 */
import { deepEqual, equal, match } from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { missing } from '../parts.ts';
import { fillSignIn, newContext, startBrowser } from '../proxies/browser.ts';
import { FRONTS } from '../proxies/fronts.ts';
import { startSite } from '../proxies/site.ts';
import { cleanUp } from './stage.ts';

const APP = 'https://app.example.com';
const CALENDAR = 'https://calendar.example.org';
const ALICE = ['alice', 'alice-demo-password'] as const;

suite('hand-over behind nginx', { skip: missing('nginx', 'chromium') }, () => {
  const scope = cleanUp();
  let browser: Browser;

  before(async () => {
    const site = await startSite(scope, 'nginx', false);
    const front = await FRONTS.nginx.start(scope, site);
    browser = await startBrowser(scope, front.port);
  });

  async function signedIn(): Promise<{ page: Page; context: BrowserContext }> {
    const context = await newContext(browser);
    const page = await context.newPage();
    await page.goto('https://auth.example.com/');
    await fillSignIn(page, ...ALICE);
    await page.getByText('signed in').first().waitFor();
    return { page, context };
  }

  /** Lets the hand-over run up to the callback, which is held back: the address with a code that nobody has used. */
  async function unusedCode(page: Page, app: string): Promise<string> {
    const session = await page.context().newCDPSession(page);
    const held = new Promise<string>((resolve) => {
      session.on('Fetch.requestPaused', ({ requestId, request }) => {
        resolve(request.url);
        void session.send('Fetch.failRequest', { requestId, errorReason: 'Aborted' });
      });
    });
    await session.send('Fetch.enable', { patterns: [{ urlPattern: '*/.lintel/callback*' }] });
    const gone = page.goto(`${app}/deep?x=%2F`).catch(() => undefined);
    const url = await held;
    await gone;
    await session.send('Fetch.disable');
    return url;
  }

  async function refused(page: Page, url: string): Promise<void> {
    const answer = await page.goto(url);
    equal(answer?.status(), 400);
    equal(await answer?.headerValue('set-cookie'), null);
    match((await page.locator('main').textContent()) ?? '', /START-AGAIN/);
  }

  const appCookies = async (context: BrowserContext) =>
    (await context.cookies()).filter((c) => c.name === '__Host-lintel-app').map((c) => c.domain);

  test('one sign-in opens both apps at their exact addresses, each with a cookie of its own host', async () => {
    const context = await newContext(browser);
    const page = await context.newPage();
    await page.goto(`${APP}/a%2Fb?x=%2f+1&y`);
    equal(new URL(page.url()).host, 'auth.example.com');
    match((await page.locator('.going').textContent()) ?? '', /app\.example\.com/);
    await fillSignIn(page, ...ALICE);
    await page.getByText('the app answered').waitFor();
    equal(page.url(), `${APP}/a%2Fb?x=%2f+1&y`);
    await page.goto(`${CALENDAR}/week?n=2`);
    equal(page.url(), `${CALENDAR}/week?n=2`);
    deepEqual((await appCookies(context)).sort(), ['app.example.com', 'calendar.example.org']);
    await context.close();
  });

  test('a code is refused when replayed', async () => {
    const { page, context } = await signedIn();
    const url = await unusedCode(page, APP);
    const kept = await context.cookies();
    await page.goto(url);
    equal(page.url(), `${APP}/deep?x=%2F`);
    await refused(page, url);
    await context.clearCookies({ name: '__Host-lintel-app' });
    await context.addCookies(kept);
    await refused(page, url);
    deepEqual(await appCookies(context), []);
    await context.close();
  });

  test('a code is refused in another browser, and still good in its own', async () => {
    const { page, context } = await signedIn();
    const url = await unusedCode(page, APP);
    const thief = await newContext(browser);
    await refused(await thief.newPage(), url);
    deepEqual(await appCookies(thief), []);
    await thief.close();
    await page.goto(url);
    equal(page.url(), `${APP}/deep?x=%2F`);
    await context.close();
  });

  test('a code is refused in a browser that has begun a sign-in of its own', async () => {
    const { page, context } = await signedIn();
    const url = await unusedCode(page, APP);
    const thief = await newContext(browser);
    const other = await thief.newPage();
    await other.goto(`${APP}/mine`);
    const state = new URL(other.url()).searchParams.get('state') ?? '';
    match(state, /^[\w-]{43}$/);
    await refused(other, url.replace(/state=.*/, `state=${state}`));
    deepEqual(await appCookies(thief), []);
    await thief.close();
    await context.close();
  });

  test('a code is refused on another host', async () => {
    const { page, context } = await signedIn();
    const url = await unusedCode(page, APP);
    const moved = url.replace(APP, CALENDAR);
    await refused(page, moved);
    const own = new URL(await unusedCode(page, CALENDAR)).searchParams.get('state') ?? '';
    await refused(page, moved.replace(/state=.*/, `state=${own}`));
    deepEqual(await appCookies(context), []);
    await context.close();
  });

  test('signing out at one app closes both', async () => {
    const { page, context } = await signedIn();
    await page.goto(`${APP}/`);
    await page.goto(`${CALENDAR}/`);
    await page.goto(`${APP}/.lintel/sign-out`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: /signed out/ }).waitFor();
    equal(page.url(), 'https://auth.example.com/signed-out');
    await page.goto(`${CALENDAR}/`);
    equal(new URL(page.url()).host, 'auth.example.com');
    await page.getByLabel('Username').waitFor();
    await context.close();
  });

  // Last, because the address is throttled afterwards.
  test('wrong passwords in a row end on a page that says how long to wait', async () => {
    const context = await newContext(browser);
    const page = await context.newPage();
    await page.goto(`${APP}/deep`);
    const statuses: number[] = [];
    page.on('response', (r) => r.request().method() === 'POST' && statuses.push(r.status()));
    for (let i = 0; i < 8 && statuses.at(-1) !== 429; i++) {
      // The page before says the same: only the next one is an answer.
      await Promise.all([page.waitForEvent('load'), fillSignIn(page, 'carol', `guess ${i}`)]);
      await page.getByText(/do not match|THROTTLED/).waitFor();
    }
    equal(statuses.at(-1), 429, statuses.join());
    deepEqual([...new Set(statuses)], [401, 429]);
    match((await page.locator('main').textContent()) ?? '', /Wait \d+ (?:minutes?|seconds?)/);
    await page.getByRole('link', { name: 'Back to sign-in' }).click();
    match((await page.locator('.going').textContent()) ?? '', /app\.example\.com/);
    await context.close();
  });
});
