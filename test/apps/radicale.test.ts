/** Radicale behind Lintel: a calendar program with an app password, and the page of Radicale in a browser, are one person. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { missing, openScope, partPath, tempDir } from '../parts.ts';
import { newContext, startBrowser } from '../proxies/browser.ts';
import { startRadicale } from '../proxies/site.ts';
import { appPassword, type House, lintel, openAs, startHouse } from './house.ts';

suite('Radicale', { skip: missing('radicale', 'caldav', 'chromium', 'curl') }, () => {
  const scope = openScope();
  after(scope.close);
  let house: House;
  let browser: Browser;
  let data: string;
  let password: string;

  before(async () => {
    data = tempDir(scope);
    const port = await startRadicale(scope, data);
    house = await startHouse(scope, {
      // The second is for a program that cannot be told where calendar.example.org is.
      calendar: {
        url: ['https://calendar.example.org', 'https://localhost:PORT'],
        upstream: `http://127.0.0.1:${port}`,
        access: [{ allow: 'signed_in' }],
      },
    });
    password = await appPassword(house, 'alice', 'calendar');
    browser = await startBrowser(scope, house.port);
  });

  test('a calendar program makes a calendar, and writes, finds, changes and deletes events', async () => {
    const env = { URL: `https://localhost:${house.port}/`, USER_NAME: 'alice', APP_PASSWORD: password, CA: house.ca };
    const script = join(import.meta.dirname, 'caldav-client.py');
    const { stdout } = await promisify(execFile)(partPath('caldav'), [script], { env });
    assert.deepEqual(JSON.parse(stdout), {
      principal: `https://localhost:${house.port}/alice/`,
      calendars: ['Rehearsals'],
      found: ['Tea party'],
      renamed: ['Mad tea party, für alle'],
      left: 1,
    });
    const home = join(data, 'collections', 'collection-root');
    assert.deepEqual(readdirSync(home), ['alice'], 'nobody else came to be');
    const files = readdirSync(join(home, 'alice'), { recursive: true, encoding: 'utf8' });
    const [event = '', ...others] = files.filter((f) => f.endsWith('.ics') && !f.includes('.Radicale.cache'));
    assert.deepEqual(others, []);
    assert.match(readFileSync(join(home, 'alice', event), 'utf8'), /^SUMMARY:Mad tea party\\, für alle\r?$/m);
  });

  /** Status, WWW-Authenticate and body of a request by curl. */
  async function curl(...args: string[]): Promise<{ status: number; asks: string; body: string }> {
    const to = ['--cacert', house.ca, '--connect-to', `calendar.example.org:443:127.0.0.1:${house.port}`];
    const format = ['-sS', '-w', '\n%{http_code} %header{www-authenticate}'];
    const { stdout } = await promisify(execFile)(partPath('curl'), [...to, ...format, ...args]);
    const line = stdout.lastIndexOf('\n');
    const [status = '', ...asks] = stdout.slice(line + 1).split(' ');
    return { status: Number(status), asks: asks.join(' '), body: stdout.slice(0, line) };
  }
  const HOME = 'https://calendar.example.org/alice/';
  const find = ['-X', 'PROPFIND', '-H', 'Depth: 1'];

  test('without a password, with a wrong or revoked one, and as somebody else there is nothing to see', async () => {
    const own = await curl(...find, '--user', `alice:${password}`, HOME);
    assert.equal(own.status, 207);
    assert.match(own.body, /Rehearsals/);
    for (const [name, who] of [
      ['nobody', []],
      ['a wrong one', ['--user', 'alice:guess']],
      ['somebody who claims a name', ['-H', 'Remote-User: alice', '-H', 'Remote_User: alice']],
      ['another name', ['--user', `bob:${password}`]],
    ] as const) {
      const { status, body } = await curl(...find, ...who, HOME);
      assert.ok(status !== 207 && status !== 200, `${name}: ${status}`);
      assert.doesNotMatch(body, /Rehearsals/, name);
    }
    const bobs = await appPassword(house, 'bob', 'calendar');
    assert.equal((await curl(...find, '--user', `bob:${bobs}`, HOME)).status, 403, 'Radicale itself: not his');
    await lintel(house, 'users', 'token', 'revoke', '--user', 'bob');
    assert.equal((await curl(...find, '--user', `bob:${bobs}`, HOME)).status, 401, 'at the next request');
  });

  test('a program that waits to be asked is asked for a password; a page is sent to sign in', async () => {
    const basic = 'Basic realm="Authorization Required"';
    for (const method of ['PROPFIND', 'REPORT', 'MKCALENDAR']) {
      const { status, asks } = await curl('-X', method, HOME);
      assert.deepEqual([status, asks], [401, basic], method);
    }
    const digest = await curl(...find, '--anyauth', '--user', `alice:${password}`, HOME);
    assert.equal(digest.status, 207, 'curl asks first, and then sends what it was asked for');
    for (const sign of ['Sec-Fetch-Mode: cors', 'X-Requested-With: XMLHttpRequest']) {
      const { status, asks } = await curl(...find, '-H', sign, HOME);
      assert.deepEqual([status, asks], [401, ''], 'no box of the browser over a page');
    }
    assert.equal((await curl('https://calendar.example.org/.web/')).status, 302);
  });

  test('in the browser the same calendar is there after signing in, without a form of Radicale', async () => {
    const context = await newContext(browser);
    const page = await openAs(context, 'alice', 'https://calendar.example.org/.web/');
    await page.getByText("alice's Collections").waitFor();
    await page.getByRole('heading', { name: 'Rehearsals' }).waitFor();
    const bobs = await newContext(browser);
    const other = await openAs(bobs, 'bob', 'https://calendar.example.org/.web/');
    await other.getByText("bob's Collections").waitFor();
    assert.equal(await other.getByText('Rehearsals').count(), 0);
  });
});
