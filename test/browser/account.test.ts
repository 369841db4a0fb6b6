import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { hasTokenForm } from '../../src/core/app-token.ts';
import { keyOf, sessionOf, tokenOf } from '../../src/stores/values.contract.ts';
import { missing } from '../parts.ts';
import { cleanUp, screenshot, serveWorld, startBrowser, violations, visitor } from './stage.ts';
import { app, PASSWORD, rule, SIGNED_IN, STAFF, World } from './world.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';

suite('the account page in Chromium', { skip: missing('chromium') }, () => {
  let browser: Browser;
  let world: World;
  let portal = '';

  const scope = cleanUp();
  before(async () => {
    world = await serveWorld(scope, (port) => {
      portal = `https://auth.one.test:${port}`;
      const apps = [
        app('Calendar', `https://calendar.alpha.test:${port}`, [rule(SIGNED_IN)]),
        app('Wiki', `https://wiki.beta.test:${port}`, [rule(SIGNED_IN, STAFF)]),
        app('Photos & films', `https://photos.alpha.test:${port}`, [rule(SIGNED_IN)]),
      ];
      return new World({ portal, apps });
    });
    browser = await startBrowser(scope);
    const { now, store } = world;
    const phone = { label: 'Phone calendar', createdAt: now - 12 * DAY, lastUsedAt: now - 5 * 60_000 };
    await store.addToken(tokenOf('t1', { ...phone, apps: ['calendar'], expiresAt: now + 78 * DAY }), keyOf('t1'));
    const backup = { label: 'Nightly backup of everything', createdBy: 'operator', createdAt: now - 3 * HOUR } as const;
    await store.addToken(tokenOf('t2', backup), keyOf('t2'));
    const times = { createdAt: now - 5 * HOUR, lastSeenAt: now - 20 * 60_000, expiresAt: now + DAY };
    await store.open(sessionOf('phone', { ...times, userAgent: IPHONE, address: '2001:db8::7' }), []);
  });

  async function signIn(page: Page): Promise<void> {
    await page.goto(portal);
    await page.getByLabel('Username').fill('alice');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('link', { name: 'Your account' }).click();
    await page.getByRole('heading', { name: 'App passwords', exact: true }).waitFor();
  }

  test('made by keyboard, copied with the button, listed, and revoked again', async () => {
    const { page, context, complaints } = await visitor(browser);
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await signIn(page);
    await page.getByLabel('What it is for').focus();
    await page.keyboard.type('Laptop mail');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    equal(await page.getByLabel('Every app that I may open').isChecked(), true);
    await page.getByLabel('What it is for').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Your new app password' }).waitFor();
    const secret = (await page.locator('#secret').textContent()) ?? '';
    ok(hasTokenForm(secret));
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByText('Copied.').waitFor({ state: 'attached' });
    equal(await page.evaluate('navigator.clipboard.readText()'), secret);
    equal((await world.store.findToken(keyOf(secret)))?.label, 'Laptop mail');
    await page.getByRole('link', { name: 'Done' }).click();
    const line = page.getByRole('listitem').filter({ hasText: 'Laptop mail' });
    match((await line.textContent()) ?? '', /Every app · made just now · never used · ends in 365 days/);
    await line.getByRole('button', { name: 'Revoke Laptop mail' }).click();
    await line.waitFor({ state: 'detached' });
    equal(await world.store.findToken(keyOf(secret)), undefined);
    deepEqual(complaints, []);
    await context.close();
  });

  test('without JavaScript: for one app, the text of the new one selectable, then signed out everywhere', async () => {
    const { page, context } = await visitor(browser, { js: false });
    await signIn(page);
    await page.getByLabel('What it is for').fill('Git');
    await page.getByRole('button', { name: 'Make app password' }).click();
    equal(new URL(page.url()).pathname, '/account', 'the browser itself asks for what is missing');
    await page.getByLabel('Only these apps:').check();
    await page.getByLabel('Wiki').check();
    await page.getByLabel('It ends').selectOption('When I revoke it');
    await page.getByRole('button', { name: 'Make app password' }).click();
    const secret = (await page.locator('#secret').textContent()) ?? '';
    deepEqual((await world.store.findToken(keyOf(secret)))?.apps, ['wiki']);
    equal(await page.getByRole('button', { name: 'Copy' }).count(), 0);
    await page.locator('#secret').click();
    await page.getByRole('link', { name: 'Done' }).click();
    const sessions = (await world.store.list({ kind: 'user', user: 'alice' })).map((s) => s.session);
    equal(
      await page.getByRole('button', { name: /^Sign out .+, this browser$/ }).count(),
      1,
      'two of a kind are told apart',
    );
    await page.getByRole('button', { name: 'Sign out everywhere' }).click();
    await page.waitForURL(`${portal}/signed-out`);
    deepEqual(await world.store.list({ kind: 'user', user: 'alice' }), []);
    for (const session of sessions.filter((s) => s.id === 'phone')) await world.store.open(session, []);
    await context.close();
  });

  const SHEETS: readonly (readonly [name: string, go: (page: Page) => Promise<void>])[] = [
    ['account', signIn],
    [
      'account-error',
      async (page) => {
        await signIn(page);
        await page.getByLabel('What it is for').fill('Git');
        await page.getByLabel('Every app that I may open').check();
        await page.getByLabel('Wiki').check();
        await page.getByRole('button', { name: 'Make app password' }).click();
        await page.getByRole('alert').waitFor();
      },
    ],
    [
      'account-made',
      async (page) => {
        await signIn(page);
        await page.getByLabel('What it is for').fill('Phone calendar');
        await page.getByLabel('Every app that I may open').check();
        await page.getByRole('button', { name: 'Make app password' }).click();
        await page.locator('#secret').waitFor();
      },
    ],
    [
      'account-password',
      async (page) => {
        await signIn(page);
        world.now += 16 * 60_000;
        await page.reload();
        await page.getByLabel('Your password').waitFor();
      },
    ],
  ];

  for (const [name, go] of SHEETS) {
    test(`${name} has no violation in light and dark, and fits a narrow screen with large text`, async () => {
      const { page, context, complaints } = await visitor(browser);
      await go(page);
      for (const theme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme: theme });
        await page.evaluate('Promise.all(document.getAnimations().map((a) => a.finished)).then(() => true)');
        await screenshot(page, `${name}-${theme}`);
        deepEqual(await violations(page), [], theme);
      }
      equal(await page.getByRole('heading', { level: 1 }).count(), 1);
      await page.setViewportSize({ width: 360, height: 740 });
      await screenshot(page, `${name}-narrow`);
      for (const target of await page.locator('button:visible, select, input[type=text], a.primary').all()) {
        const box = await target.boundingBox();
        ok((box?.height ?? 0) >= 44, `${await target.textContent()} ${box?.height}`);
      }
      await page.setViewportSize({ width: 320, height: 740 });
      await page.evaluate(`document.documentElement.style.fontSize = '200%'`);
      const wide = await page.evaluate('document.documentElement.scrollWidth');
      ok(Number(wide) <= 320, `${wide}`);
      deepEqual(complaints, []);
      await context.close();
    });
  }
});
