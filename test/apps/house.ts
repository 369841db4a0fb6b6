/**
 * Real apps behind Lintel and nothing else: its own proxy with TLS and HTTP/2, the certificate that it makes itself, and
 * a real Chromium that signs in at its portal.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { BrowserContext, Page } from 'playwright-core';
import { LINTEL, usersFile } from '../black-box/lintel.ts';
import { type Live, live } from '../live/server.ts';
import { freePort, type Scope, tempDir } from '../parts.ts';
import { fillSignIn } from '../proxies/browser.ts';

export const PORTAL = 'https://auth.example.com';

const PEOPLE = {
  alice: {
    password: 'down the rabbit hole',
    displayname: 'Alice Ångström',
    email: 'alice@example.com',
    groups: ['players'],
    attributes: { additionalHeaders: { 'X-Role': 'queen', 'X-Square': 8 } },
  },
  bob: { password: 'can we fix it', displayname: 'Bob' },
  jürgen: { password: 'grüß gott', displayname: 'Jürgen' },
};
const GROUPS = {
  players: { attributes: { additionalHeaders: { 'X-Team': 'looking glass', 'X-Role': 'pawn' } } },
};
export type Name = keyof typeof PEOPLE;

export interface House extends Live {
  /** What Lintel listens on, with TLS. */
  readonly port: number;
  /** The certificate of every app, for clients that verify. */
  readonly ca: string;
}

/** `apps` as in lintel.yml; PORT stands for the port of the house. `wrapper` as in `live`. */
export async function startHouse(scope: Scope, apps: object, wrapper: readonly string[] = []): Promise<House> {
  const port = await freePort();
  const dir = tempDir(scope);
  const settings = {
    listen: [`https://127.0.0.1:${port}`],
    portal: PORTAL,
    storage: `sqlite:${dir}/lintel.db`,
    users: `file:${dir}/users.yml`,
    metrics: '127.0.0.1:0',
    throttle: { max_retries: 0 },
    apps,
  };
  const config = JSON.stringify(settings, undefined, 1).replaceAll('PORT', String(port));
  const users = JSON.stringify({ groups: GROUPS, ...JSON.parse(usersFile(PEOPLE)) }, undefined, 1);
  const at = await live(scope, { config, users, dir, wrapper });
  return { ...at, host: '127.0.0.1', port, ca: `${dir}/lintel-selfsigned.pem` };
}

/** Runs a command of Lintel on the house; what it printed. */
export async function lintel(at: House, ...args: string[]): Promise<string> {
  const env = { ...process.env, ...at.env };
  const { stdout } = await promisify(execFile)(LINTEL, [...args, '--config', at.config], { env });
  return stdout.trim();
}

/** An app password made on the command line, as the documentation shows. */
export function appPassword(at: House, user: Name, app: string): Promise<string> {
  return lintel(at, 'users', 'token', 'add', user, '--name', `${user} at ${app}`, '--app', app);
}

/** Opens an app as somebody who is not signed in yet; returns at the address asked for. */
export async function openAs(context: BrowserContext, user: Name, url: string): Promise<Page> {
  const page = await context.newPage();
  await signInAt(page, user, url);
  return page;
}

/** The same in a page that is there already. */
export async function signInAt(page: Page, user: Name, url: string): Promise<void> {
  await page.goto(url);
  if (new URL(page.url()).origin !== PORTAL) throw new Error(`${url} did not ask to sign in: ${page.url()}`);
  await fillSignIn(page, user, PEOPLE[user].password);
  await page.waitForURL((there) => there.origin === new URL(url).origin);
}

/** True when the page is the portal's and has a place for a password. */
export async function asksToSignIn(page: Page): Promise<boolean> {
  return new URL(page.url()).origin === PORTAL && (await page.locator('input[type="password"]').count()) === 1;
}
