import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { eventually } from '../black-box/lintel.ts';
import { missing } from '../parts.ts';
import { cleanUp, screenshot, serveWorld, startBrowser, violations, visitor } from './stage.ts';
import { app, PASSWORD, rule, SIGNED_IN, STAFF, TWO_FACTOR, World } from './world.ts';

suite('pages in Chromium', { skip: missing('chromium') }, () => {
  let browser: Browser;
  let portal = '';
  let alpha = '';
  let beta = '';
  let vault = '';

  const scope = cleanUp();
  before(async () => {
    await serveWorld(scope, (port) => {
      portal = `https://auth.one.test:${port}`;
      alpha = `https://grafana.alpha.test:${port}`;
      beta = `https://wiki.beta.test:${port}`;
      vault = `https://vault.beta.test:${port}`;
      const apps = [
        app('Grafana', alpha, [rule(SIGNED_IN)]),
        app('Wiki', beta, [rule(SIGNED_IN, STAFF)]),
        app('Vault', vault, [rule(TWO_FACTOR)]),
        app('Photos & films', `https://photos.alpha.test:${port}`, [rule(SIGNED_IN)]),
        app('Calendar', `https://calendar.alpha.test:${port}`, [rule(SIGNED_IN)]),
        app('Status', `https://status.gamma.test:${port}`, [rule({ kind: 'everyone' })]),
      ];
      return new World({ portal, apps });
    });
    browser = await startBrowser(scope);
  });

  const to = (url: string) => `${portal}/?rd=${encodeURIComponent(url)}&rm=GET`;

  async function signIn(page: Page, name = 'alice', password = PASSWORD): Promise<void> {
    await page.getByLabel('Username').fill(name);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  test('sign-in by keyboard alone returns to the exact address', async () => {
    const { page, context, complaints } = await visitor(browser);
    const url = `${alpha}/d/a%2Fb/%E2%82%AC?q=%2f+%25&r=a;b`;
    await page.goto(to(url));
    await page.locator('#username:focus').waitFor();
    await page.keyboard.type('alice');
    await page.keyboard.press('Tab');
    equal(await page.evaluate('document.activeElement.id'), 'password');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await page.waitForURL(url);
    equal(page.url(), url);
    deepEqual(complaints, []);
    await context.close();
  });

  test('one sign-in opens apps on two unrelated domains', async () => {
    const { page, context } = await visitor(browser);
    await page.goto(`${alpha}/.lintel/start?rd=%2Fx%3Fy%3D1`);
    match((await page.locator('.going').textContent()) ?? '', /to open Grafana\s*grafana\.alpha\.test/);
    await signIn(page);
    await page.waitForURL(`${alpha}/x?y=1`);
    await page.goto(`${beta}/.lintel/start?rd=%2F`);
    equal(page.url(), `${beta}/`);
    const cookies = (await context.cookies()).map(
      (c) => `${c.domain} ${c.name} ${c.secure} ${c.httpOnly} ${c.sameSite}`,
    );
    deepEqual(cookies.filter((c) => !c.includes('loop')).sort(), [
      'auth.one.test __Host-lintel true true Lax',
      'grafana.alpha.test __Host-lintel-app true true Lax',
      'wiki.beta.test __Host-lintel-app true true Lax',
    ]);
    await context.close();
  });

  test('without JavaScript everything works', async () => {
    const { page, context, complaints } = await visitor(browser, { js: false });
    await page.goto(`${alpha}/.lintel/start?rd=%2F`);
    await signIn(page, 'alice', 'wrong');
    match((await page.getByRole('alert').textContent()) ?? '', /do not match/);
    equal(await page.getByLabel('Username').inputValue(), 'alice');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(`${alpha}/`);
    await page.goto(`${portal}/sign-out`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(`${portal}/signed-out`);
    equal(await page.getByRole('button', { name: /Theme/ }).count(), 0);
    deepEqual(complaints, []);
    await context.close();
  });

  test('an error takes the focus and stands above the fields', async () => {
    for (const js of [true, false]) {
      const { page, context } = await visitor(browser, { js });
      await page.goto(portal);
      await signIn(page, 'alice', 'wrong');
      const alert = page.getByRole('alert');
      await alert.waitFor();
      await page.locator('#error:focus').waitFor();
      const [box, field] = [await alert.boundingBox(), await page.getByLabel('Username').boundingBox()];
      ok(box !== null && field !== null && box.y + box.height <= field.y);
      await context.close();
    }
  });

  test('password managers find a plain form', async () => {
    const { page, context } = await visitor(browser);
    await page.goto(portal);
    const fields = await page.evaluate(
      `[...document.forms[0].elements].filter((e) => e.tagName === 'INPUT').map((e) => [e.type, e.name, e.autocomplete])`,
    );
    deepEqual(fields, [
      ['text', 'username', 'username'],
      ['password', 'password', 'current-password'],
      ['checkbox', 'remember', ''],
    ]);
    equal(
      await page.evaluate(`document.forms[0].method + ' ' + new URL(document.forms[0].action).pathname`),
      'post /sign-in',
    );
    await context.close();
  });

  test('the password can be shown, and is hidden again before it is sent', async () => {
    const { page, context } = await visitor(browser);
    await page.goto(portal);
    const field = page.locator('#password');
    await page.getByRole('button', { name: 'Show password' }).click();
    equal(await field.getAttribute('type'), 'text');
    equal(await page.evaluate('document.activeElement.id'), 'password');
    await page.getByRole('button', { name: 'Hide password' }).click();
    equal(await field.getAttribute('type'), 'password');
    await context.close();
  });

  test('the theme follows the system until one is chosen, and the choice stays without a cookie', async () => {
    const { page, context } = await visitor(browser, { theme: 'dark' });
    await page.goto(portal);
    const paper = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    equal(await paper(), 'rgb(18, 20, 22)');
    await page.getByRole('button', { name: 'Theme: system' }).click();
    equal(await paper(), 'rgb(247, 246, 242)');
    await page.reload();
    equal(await paper(), 'rgb(247, 246, 242)');
    equal((await context.cookies()).length, 0);
    await context.close();
  });

  test('a sibling app cannot post the form', async () => {
    const { page, context } = await visitor(browser);
    await page.goto(`${alpha}/`);
    const form = `<form method=post action="${portal}/sign-in"><input name=username value=alice><input name=password value="${PASSWORD}"><button>go</button></form>`;
    await page.setContent(form);
    await page.getByRole('button', { name: 'go' }).click();
    await page.waitForURL(/sign-in/);
    match((await page.locator('main').textContent()) ?? '', /ORIGIN-REFUSED/);
    equal((await context.cookies()).length, 0);
    await context.close();
  });

  test('the page cannot be framed', async () => {
    const { page, context, complaints } = await visitor(browser);
    await page.goto(`${alpha}/`);
    await page.setContent(`<iframe src="${portal}/"></iframe>`);
    await eventually('the browser complains', () => complaints.some((c) => /frame/i.test(c)));
    await context.close();
  });

  test('targets are 44 px high and focus is visible', async () => {
    const { page, context } = await visitor(browser);
    await page.goto(portal);
    for (const target of await page.locator('button, input:not([type=checkbox]), label.check, a').all()) {
      const box = await target.boundingBox();
      ok((box?.height ?? 0) >= 44, `${await target.textContent()} ${box?.height}`);
    }
    await page.locator('#username:focus').waitFor();
    await page.keyboard.press('Tab');
    const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineWidth');
    equal(outline, '3px');
    await context.close();
  });

  test('nothing overflows on a narrow screen with large text', async () => {
    const { page, context } = await visitor(browser, { width: 320 });
    await page.goto(to(`${alpha}/`));
    await page.evaluate(`document.documentElement.style.fontSize = '200%'`);
    const wide = await page.evaluate('document.documentElement.scrollWidth');
    ok(Number(wide) <= 320, `${wide}`);
    await context.close();
  });

  /** Every kind of page, with how to get there. */
  const SHEETS: readonly (readonly [name: string, go: (page: Page) => Promise<void>])[] = [
    ['sign-in', async (page) => void (await page.goto(to(`${alpha}/d/home?x=1`)))],
    [
      'sign-in-wrong',
      async (page) => {
        await page.goto(to(`${alpha}/`));
        await signIn(page, 'alice', 'wrong');
        await page.getByRole('alert').waitFor();
      },
    ],
    [
      'throttled',
      async (page) => {
        await page.goto(to(`${alpha}/`));
        await signIn(page, 'hasty');
        await page.getByText('THROTTLED').waitFor();
      },
    ],
    [
      'launcher',
      async (page) => {
        await page.goto(portal);
        await signIn(page);
        await page.locator('.apps').waitFor();
      },
    ],
    [
      'denied',
      async (page) => {
        await page.goto(to(`${beta}/page`));
        await signIn(page, 'bob');
        await page.getByText('ACCESS-DENIED').waitFor();
      },
    ],
    [
      'level',
      async (page) => {
        await page.goto(to(`${vault}/`));
        await signIn(page);
        await page.getByText('LEVEL-UNAVAILABLE').waitFor();
      },
    ],
    [
      'sign-out',
      async (page) => {
        await page.goto(portal);
        await signIn(page);
        await page.locator('.apps').waitFor();
        await page.goto(`${portal}/sign-out`);
      },
    ],
    [
      'sign-out-app',
      async (page) => {
        await page.goto(`${alpha}/.lintel/start?rd=%2F`);
        await signIn(page);
        await page.waitForURL(`${alpha}/`);
        await page.goto(`${alpha}/.lintel/sign-out`);
      },
    ],
    ['signed-out', async (page) => void (await page.goto(`${portal}/signed-out`))],
    [
      'loop',
      async (page) => {
        await page.goto(portal);
        await signIn(page);
        await page.locator('.apps').waitFor();
        for (let i = 0; i < 3; i++) await page.goto(to(`${alpha}/loop`));
        await page.getByText('LOOP').waitFor();
      },
    ],
    ['return-refused', async (page) => void (await page.goto(to('https://evil.test/')))],
    ['start-again', async (page) => void (await page.goto(`${alpha}/.lintel/callback?code=x&state=y`))],
    ['error', async (page) => void (await page.goto(`${portal}/error/STORE-UNAVAILABLE`))],
    ['help', async (page) => void (await page.goto(`${portal}/help`))],
  ];

  for (const [name, go] of SHEETS) {
    test(`${name} has no violation in light and dark`, async () => {
      const { page, context, complaints } = await visitor(browser);
      await go(page);
      for (const theme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme: theme });
        await page.evaluate('Promise.all(document.getAnimations().map((a) => a.finished)).then(() => true)');
        await screenshot(page, `${name}-${theme}`);
        deepEqual(await violations(page), [], theme);
      }
      equal(await page.getByRole('heading', { level: 1 }).count(), 1);
      deepEqual(complaints, []);
      await context.close();
    });
  }

  test('narrow screens', async () => {
    const { page, context } = await visitor(browser, { width: 360 });
    await page.goto(to(`${alpha}/`));
    await screenshot(page, 'sign-in-narrow');
    await signIn(page, 'alice', 'wrong');
    await page.getByRole('alert').waitFor();
    await screenshot(page, 'sign-in-wrong-narrow');
    await context.close();
  });
});
