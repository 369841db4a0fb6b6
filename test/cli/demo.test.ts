/** `lintel demo`, as somebody meets it: started by its command, used with a real browser, stopped with Ctrl-C. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { get } from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { cleanUp, screenshot, startBrowser, violations, visitor } from '../browser/stage.ts';
import { freePort, missing, ROOT, type Running, type Scope, startProcess } from '../parts.ts';

interface Demo {
  readonly process: Running;
  readonly port: number;
  readonly passwords: ReadonlyMap<string, string>;
}

async function startDemo(scope: Scope): Promise<Demo> {
  const port = await freePort();
  const command = join(ROOT, 'bin', 'lintel');
  const process = await startProcess(scope, command, ['demo', '--port', String(port)], {
    ready: /Ctrl-C stops it/,
  });
  const passwords = new Map(
    [...process.output().matchAll(/^ {2}(alice|bob) +(\S+)/gm)].map((m) => [m[1] ?? '', m[2] ?? '']),
  );
  return { process, port, passwords };
}

function ask(demo: Demo, path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const host = { Host: `whoami.localhost:${demo.port}` };
    get({ host: '127.0.0.1', port: demo.port, path, headers: { ...host, ...headers }, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.once('end', () => resolve(`${answer.statusCode} ${text}`));
    }).once('error', reject);
  });
}

function basic(demo: Demo, user: string): Record<string, string> {
  return { Authorization: `Basic ${Buffer.from(`${user}:${demo.passwords.get(user)}`).toString('base64')}` };
}

describe('lintel demo', { timeout: 600_000 }, () => {
  const scope = cleanUp();

  test('says what it has, and nobody is fooled by a header', async () => {
    const demo = await startDemo(scope);
    equal(demo.passwords.size, 2);
    const line = /curl -H 'Remote-User: admin' http:\/\/whoami\.localhost:\d+\/public/;
    match(demo.process.output(), line);

    const spoofed = await ask(demo, '/public', {
      'Remote-User': 'admin',
      Remote_User: 'admin',
      'Remote.User': 'admin',
    });
    match(spoofed, /^200 You are nobody here/);
    match(spoofed, /^ {2}Remote-User +\(empty\)$/m);
    equal(/admin/.test(spoofed), false, 'no copy of the claim is left under any name');

    const bob = await ask(demo, '/', { ...basic(demo, 'bob'), 'Remote-User': 'admin', Remote_User: 'admin' });
    match(bob, /^200 You are Bob Baker \(bob\), in no group/);
    equal(/admin|Authorization/i.test(bob), false, 'neither the claim nor the password reaches the app');
    match(await ask(demo, '/admin', basic(demo, 'bob')), /^403 /);
    match(await ask(demo, '/admin', basic(demo, 'alice')), /^200 You are Alice Adams \(alice\), in the group admins/);
    match(await ask(demo, '/'), /^401 /);
  });

  test('stops at Ctrl-C, and leaves with 0', async () => {
    const demo = await startDemo(scope);
    const gone = new Promise<number | null>((resolve) => demo.process.child.once('close', resolve));
    demo.process.child.kill('SIGINT');
    equal(await gone, 0);
    match(demo.process.output(), /Nothing is left behind/);
  });

  test('a browser signs in and is greeted', { skip: missing('chromium') }, async () => {
    const demo = await startDemo(scope);
    const browser = await startBrowser(scope);
    for (const theme of ['light', 'dark'] as const) {
      const { page, context, complaints } = await visitor(browser, { theme });
      await page.goto(`http://whoami.localhost:${demo.port}/`);
      await page.getByLabel('Name').or(page.locator('input[name=username]')).first().fill('alice');
      await page.locator('input[type=password]').fill(demo.passwords.get('alice') ?? '');
      await page.keyboard.press('Enter');
      await page.waitForURL(`http://whoami.localhost:${demo.port}/`);
      equal(await page.locator('h1').textContent(), 'Hello, Alice Adams');
      const row = page.getByRole('row', { name: /Remote-User/ });
      match((await row.textContent()) ?? '', /^\s*Remote-User\s*alice/);
      equal(
        /lintel/i.test(
          await page
            .getByRole('row', { name: /^Cookie/ })
            .allInnerTexts()
            .then(String),
        ),
        false,
      );
      ok(await page.getByRole('button', { name: 'Copy Remote-User' }).isVisible());
      deepEqual(await violations(page), []);
      await screenshot(page, `demo-whoami-${theme}`);
      for (const width of [360, 1000]) {
        await page.setViewportSize({ width, height: 700 });
        equal(await page.evaluate('document.documentElement.scrollWidth'), width);
        for (const line of await page.locator('pre').all()) {
          const [whole, shown] = await line.evaluate((e) => [e.scrollWidth, e.clientWidth]);
          ok(whole <= shown, `a command is cut: ${whole} > ${shown}`);
        }
        await screenshot(page, `demo-whoami-${width}-${theme}`);
        deepEqual(await violations(page), [], `${width}`);
      }
      deepEqual(complaints, []);

      await page.getByRole('link', { name: 'Sign out' }).click();
      await page
        .getByRole('button', { name: /sign out/i })
        .first()
        .click();
      await page.waitForURL(/signed-out/);
      await page.goto(`http://whoami.localhost:${demo.port}/`);
      match(page.url(), /^http:\/\/auth\.localhost/);
      await context.close();
    }
  });
});
