/**
 * Node-RED behind Lintel: its editor works over a WebSocket that is opened by whom the header names, and that ends with
 * the session.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { eventually } from '../black-box/lintel.ts';
import { lostTime } from '../live/load.ts';
import { freePort, missing, openScope, partPath, type Running, startProcess, tempDir } from '../parts.ts';
import { newContext, startBrowser } from '../proxies/browser.ts';
import { startCapture } from '../proxies/site.ts';
import { asksToSignIn, type House, openAs, PORTAL, signInAt, startHouse } from './house.ts';

const FLOWS = 'https://flows.example.com';
const NOTES = 'https://notes.example.org';
const TAB = { id: 'tab', type: 'tab', label: 'Croquet' };
const WHEN = { once: true, onceDelay: 0.1, repeat: '', crontab: '' };
const FLOW = [
  TAB,
  {
    ...{ id: 'inject', type: 'inject', z: 'tab', name: '', x: 140, y: 80, wires: [['debug']], ...WHEN },
    ...{ props: [{ p: 'payload' }], payload: 'off with their heads', payloadType: 'str' },
  },
  {
    ...{ id: 'debug', type: 'debug', z: 'tab', name: '', x: 340, y: 80, wires: [], active: true, tosidebar: true },
    ...{ complete: 'payload', targetType: 'msg' },
  },
];

suite('Node-RED', { skip: missing('node-red', 'chromium') }, () => {
  const scope = openScope();
  after(scope.close);
  let house: House;
  let browser: Browser;
  let app: Running;
  let dir: string;
  let port: number;

  before(async () => {
    [dir, port] = [tempDir(scope), await freePort()];
    const settings = join(import.meta.dirname, 'node-red-settings.cjs');
    const args = [partPath('node-red'), '--settings', settings];
    const env = { UI_PORT: String(port), USER_DIR: dir };
    app = await startProcess(scope, process.execPath, args, { env, ready: port });
    const notes = await startCapture(scope);
    const access = [{ allow: 'signed_in' }];
    house = await startHouse(scope, {
      flows: { url: FLOWS, upstream: `http://127.0.0.1:${port}`, access },
      notes: { url: NOTES, upstream: `http://127.0.0.1:${notes.port}`, headers: 'authentik', access },
    });
    browser = await startBrowser(scope, house.port);
  });

  /** WebSockets that Node-RED itself says are open. */
  function open(): number {
    const count = (event: string) => app.output().split(`"event":"${event}"`).length - 1;
    return count('comms.open') - count('comms.close');
  }

  /** Every WebSocket of a page, and when it ended. */
  function watch(page: Page): { opened: string[]; closed: number[] } {
    const seen: { opened: string[]; closed: number[] } = { opened: [], closed: [] };
    page.on('websocket', (socket) => {
      socket.on('framereceived', () => seen.opened.push(socket.url()));
      socket.on('close', () => seen.closed.push(performance.now()));
    });
    return seen;
  }

  /** Waits until the editor has its palette, its flows and its socket. */
  async function loaded(page: Page): Promise<void> {
    await page.locator('.red-ui-palette-node').first().waitFor();
    await page.locator('#red-ui-loading-progress').waitFor({ state: 'hidden' });
  }

  async function importFlow(page: Page): Promise<void> {
    await loaded(page);
    const text = page.locator('#red-ui-clipboard-dialog-import-text');
    const asked = async () => {
      if (!(await text.isVisible())) await page.keyboard.press('Control+i');
      return text.waitFor({ timeout: 2_000 }).then(
        () => true,
        () => false,
      );
    };
    await eventually('the editor hears its keys', asked, 60_000);
    await text.fill(JSON.stringify(FLOW));
    await text.press('End'); // it looks at what was typed when a key goes up
    await page.locator('#red-ui-clipboard-dialog-ok').click();
    await text.waitFor({ state: 'hidden' });
  }

  test('alice edits and deploys a flow, sees what it says, and signing out on her phone ends her editor', async (t) => {
    const context = await newContext(browser);
    const editor = await context.newPage();
    const seen = watch(editor);
    await signInAt(editor, 'alice', `${FLOWS}/`);
    await importFlow(editor);
    // What the flow says at its start is told once, to those who listen.
    await eventually('its socket is open, as the server counts', () => seen.opened.length > 0 && open() === 1, 30_000);
    await editor.locator('#red-ui-header-button-deploy:not(.disabled)').click();
    const file = join(dir, 'flows.json');
    await eventually(
      'it is deployed',
      () => existsSync(file) && readFileSync(file, 'utf8').includes('Croquet'),
      30_000,
    );
    await editor.getByText('off with their heads').first().waitFor();
    assert.deepEqual([...new Set(seen.opened)], [`wss://flows.example.com/comms`]);

    // On another device, at another app, as authentik has it: everywhere at once.
    const phone = await newContext(browser);
    const leaving = await openAs(phone, 'alice', `${NOTES}/`);
    assert.equal(seen.closed.length, 0);
    const lost = lostTime(house.ops);
    let out = Number.POSITIVE_INFINITY;
    leaving.on('response', (r) => {
      if (r.url().endsWith('/outpost.goauthentik.io/sign_out')) out = performance.now();
    });
    await leaving.goto(`${NOTES}/outpost.goauthentik.io/sign_out`);
    assert.equal(leaving.url(), `${PORTAL}/signed-out`);
    await eventually('the socket of the editor is closed', () => seen.closed.length > 0, 30_000);
    const took = (seen.closed[0] ?? Number.NaN) - out;
    assert.ok(Number.isFinite(took), 'the sign-out was answered');
    const late = took - (await lost());
    t.diagnostic(`closed ${took.toFixed(0)} ms after the sign-out was answered`);
    assert.ok(late < 1_000, `after ${took} ms, ${late} without standstills`);
    await eventually('the server has none open', () => open() === 0);
    // The editor tries again by itself, and then on a click.
    await editor.waitForTimeout(2_500);
    assert.equal(open(), 0, 'nobody came back in');
    await editor.reload();
    assert.ok(await asksToSignIn(editor));
  });

  test('the name decides what one may: bob reads, and cannot deploy', async () => {
    const context = await newContext(browser);
    const page = await context.newPage();
    const seen = watch(page);
    await signInAt(page, 'bob', `${FLOWS}/`);
    await loaded(page);
    await eventually('his socket is open', () => seen.opened.length > 0 && open() === 1, 30_000);
    const asBob = (path: string, init: { method?: string; body?: string; headers: Record<string, string> }) =>
      page.evaluate(
        async ([to, what]) => {
          const reply = await fetch(to, what);
          return { status: reply.status, body: await reply.text() };
        },
        [path, init] as const,
      );
    const deploy = {
      method: 'POST',
      body: '[]',
      headers: { 'content-type': 'application/json', 'remote-user': 'alice' },
    };
    assert.equal((await asBob('/flows', deploy)).status, 401);
    const { body } = await asBob('/settings', { headers: { 'remote-user': 'alice', accept: 'application/json' } });
    assert.equal(JSON.parse(body).user.username, 'bob');
  });
});
