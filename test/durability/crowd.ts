/** Lintel as the proxy of two apps, with many accounts, and what people in it did and were told. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { usersFile } from '../black-box/lintel.ts';
import { headerOf, type Reply } from '../black-box/raw.ts';
import { Browser, PASSWORD, PORTAL } from '../outpost/street.ts';
import { freePort } from '../parts.ts';
import type { Site } from './server.ts';

export const ONE = 'https://one.example.com';
export const TWO = 'https://two.example.com';

export interface CrowdOptions {
  readonly accounts: readonly string[];
  /** Ports of the two apps. */
  readonly ports: readonly [one: number, two: number];
}

export async function makeCrowd(dir: string, { accounts, ports }: CrowdOptions): Promise<Site> {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const data = join(dir, 'data');
  mkdirSync(data);
  const config = join(dir, 'lintel.yml');
  const app = (url: string, upstream: number) => ({
    url,
    upstream: `http://127.0.0.1:${upstream}`,
    headers: 'authentik',
    access: [{ allow: 'signed_in' }],
  });
  const settings = {
    listen: [`127.0.0.1:${port}`],
    metrics: `127.0.0.1:${metricsPort}`,
    trusted_proxies: ['127.0.0.1'],
    portal: PORTAL,
    storage: `sqlite:${join(data, 'lintel.db')}`,
    users: `file:${join(dir, 'users.yml')}`,
    log: { level: 'info', format: 'json' },
    session: { idle: '1h', lifetime: '12h' },
    throttle: { max_retries: 0 },
    apps: { one: app(ONE, ports[0]), two: app(TWO, ports[1]) },
  };
  writeFileSync(config, JSON.stringify(settings, undefined, 1));
  const users = accounts.map((name) => [name, { password: PASSWORD, displayname: name }]);
  writeFileSync(join(dir, 'users.yml'), usersFile(Object.fromEntries(users)));
  return { dir, data, config, port, metricsPort };
}

/** Lines of a request for an app, as a browser behind a proxy that ends TLS sends it. */
export function linesFor(app: string, ...more: readonly string[]): string[] {
  return [`Host: ${new URL(app).host}`, 'X-Forwarded-Proto: https', 'X-Forwarded-For: 198.51.100.7', ...more];
}

/** The n-th line of what the app streams. */
export const lineOf = (n: number) => `line ${String(n).padStart(8, '0')}\n`;

/** A hand-over that was answered with a cookie: the address with its code, and the cookies that went with it. */
export interface Redeemed {
  readonly url: string;
  readonly cookies: string;
}

/** A browser that keeps the codes it redeemed, to try them again. */
export class Recorder extends Browser {
  readonly redeemed: Redeemed[] = [];

  override async get(url: string, headers: readonly string[] = [], method = 'GET', body = ''): Promise<Reply> {
    const cookies = this.cookies(new URL(url).hostname);
    const reply = await super.get(url, headers, method, body);
    if (url.includes('/callback?') && reply.status === 302) this.redeemed.push({ url, cookies });
    return reply;
  }
}

/** An app password for every app, made on the account page of somebody who just signed in; undefined when none was. */
export async function makeAppPassword(b: Browser): Promise<string | undefined> {
  const form = new URLSearchParams({ label: 'crowd', scope: 'all', expires: '365' });
  const reply = await b.get(`${PORTAL}/account/app-passwords`, [], 'POST', form.toString());
  return reply.status === 200 ? /lintel_[\w-]{43}/.exec(reply.body)?.[0] : undefined;
}

/** Revokes the only app password of somebody on their account page. */
export async function revokeAppPassword(b: Browser): Promise<boolean> {
  const page = await b.get(`${PORTAL}/account`);
  const id = /app-passwords\/revoke"><input type="hidden" name="id" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
  const form = new URLSearchParams({ id }).toString();
  const reply = await b.get(`${PORTAL}/account/app-passwords/revoke`, [], 'POST', form);
  return id !== '' && reply.status === 303;
}

/** authentik's sign_out at an app; true when it says that everybody is out. */
export async function signOutEverywhere(b: Browser): Promise<boolean> {
  const reply = await b.get(`${ONE}/outpost.goauthentik.io/sign_out`);
  return reply.status === 302 && headerOf(reply, 'location') === `${PORTAL}/signed-out`;
}
