/** TiddlyWiki behind Lintel: it takes the author from the header, in the browser and for programs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { eventually } from '../black-box/lintel.ts';
import { ask } from '../black-box/raw.ts';
import { freePort, missing, openScope, partPath, startProcess, tempDir } from '../parts.ts';
import { newContext, startBrowser } from '../proxies/browser.ts';
import { appPassword, asksToSignIn, type House, openAs, startHouse } from './house.ts';

const WIKI = 'https://wiki.example.com';

suite('TiddlyWiki', { skip: missing('tiddlywiki', 'chromium') }, () => {
  const scope = openScope();
  after(scope.close);
  let house: House;
  let browser: Browser;
  let dir: string;

  before(async () => {
    dir = join(tempDir(scope), 'wiki');
    const port = await freePort();
    const program = partPath('tiddlywiki');
    execFileSync(process.execPath, [program, dir, '--init', 'server'], { stdio: 'pipe' });
    // As in docs/apps/tiddlywiki.md.
    const settings = [
      'host=127.0.0.1',
      `port=${port}`,
      'authenticated-user-header=x-authentik-username',
      'readers=(authenticated)',
      'writers=(authenticated)',
    ];
    await startProcess(scope, process.execPath, [program, dir, '--listen', ...settings], { ready: port });
    house = await startHouse(scope, {
      wiki: {
        url: [WIKI, 'https://localhost:PORT'],
        upstream: `http://127.0.0.1:${port}`,
        headers: { user: { name: 'X-authentik-username', encoding: 'percent' } },
        access: [{ allow: 'signed_in' }],
      },
    });
    browser = await startBrowser(scope, house.port);
  });

  const fileOf = (title: string) => join(dir, 'tiddlers', `${title}.tid`);

  test('alice signs in, writes and saves; the server knows that it was alice', async () => {
    const context = await newContext(browser);
    const page = await openAs(context, 'alice', `${WIKI}/`);
    await page.getByRole('button', { name: 'new tiddler', exact: true }).first().click();
    const editor = page.locator('.tc-tiddler-edit-frame');
    await editor.locator('input.tc-titlebar').fill('Down the hole');
    await editor.frameLocator('iframe').locator('textarea').fill('Curiouser and curiouser');
    await editor.getByRole('button', { name: /^confirm changes|^ok/i }).click();
    await eventually('it is saved', () => existsSync(fileOf('Down the hole')), 30_000);
    const saved = () => readFileSync(fileOf('Down the hole'), 'utf8');
    for (const text of [/Curiouser and curiouser/, /^creator: alice$/m, /^modifier: alice$/m]) {
      await eventually(`it holds ${text}`, () => text.test(saved()));
    }

    const leaving = await context.newPage();
    await leaving.goto(`${WIKI}/.lintel/sign-out`);
    await leaving.getByRole('button', { name: 'Sign out' }).click();
    await leaving.waitForURL('**/signed-out');
    await page.reload();
    assert.ok(await asksToSignIn(page));
  });

  test('a name outside ASCII arrives as it is, and nobody can claim one', async () => {
    const password = await appPassword(house, 'jürgen', 'wiki');
    const at = { host: '127.0.0.1', port: house.port };
    const basic = `Authorization: Basic ${Buffer.from(`jürgen:${password}`).toString('base64')}`;
    const host = `Host: localhost:${house.port}`;
    const claims = ['X-authentik-username: alice', 'X_Authentik_Username: alice', 'X-Authentik.Username: alice'];
    const options = { servername: 'localhost' };
    const status = await ask(at, { target: '/status', headers: [host, basic, ...claims] }, options);
    assert.equal(JSON.parse(Buffer.from(status.body, 'latin1').toString()).username, 'jürgen');
    const anonymous = await ask(at, { target: '/status', headers: [host, ...claims] }, options);
    assert.notEqual(anonymous.status, 200);
    const body = JSON.stringify({ title: 'Gruss', text: 'von mir' });
    const put = (...lines: string[]) => {
      const headers = [host, ...lines, 'X-Requested-With: TiddlyWiki', `Content-Length: ${body.length}`];
      return ask(at, { method: 'PUT', target: '/recipes/default/tiddlers/Gruss', headers, body }, options);
    };
    assert.equal((await put(...claims)).status, 401);
    assert.equal((await put(basic)).status, 204);
    await eventually('it is saved', () => existsSync(fileOf('Gruss')));
  });
});
