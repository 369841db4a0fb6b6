/** The server, the apps and the people that the cases of authentik.json share. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SessionStore, TokenStore } from '../../src/core/ports.ts';
import { plantToken } from '../black-box/app-passwords.ts';
import { type Arrival, type Backend, plainAnswer, startBackend } from '../black-box/backend.ts';
import { cheapHash, type Running } from '../black-box/lintel.ts';
import { openStore } from '../black-box/sessions.ts';
import { Browser, PASSWORD, street } from '../outpost/street.ts';
import { freePort } from '../parts.ts';
import { type OutpostCase, originOf, ROWS } from './outpost-cases.ts';

export interface World {
  readonly at: Running;
  readonly store: SessionStore & TokenStore;
  readonly backend: Backend;
  readonly other: Backend;
  /** The cookie pair by which somebody is signed in to an app; one sign-in serves all cases that change nothing. */
  session(person: string, url: string): Promise<string>;
  /** A new sign-in in a browser of its own. */
  signedIn(person: string, url: string): Promise<Browser>;
  token(wanted: NonNullable<OutpostCase['token']>): Promise<string>;
  stop(): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-people-'));
  const people = join(dir, 'people.yml');
  writeFileSync(people, peopleFile());
  const backend = await startBackend(answer);
  const other = await startBackend();
  const slow = await startSlow();
  const ports = { BACKEND: backend.port, OTHER: other.port, DOWN: await freePort(), SLOW: slow.port };
  const apps = Object.entries(ports).reduce(
    (text, [name, port]) => text.replaceAll(`127.0.0.1:${name}`, `127.0.0.1:${port}`),
    JSON.stringify(ROWS.apps),
  );
  const at = await street({ apps: JSON.parse(apps), users: {}, config: { users: `file:${people}` } });
  const store = await openStore(at.database);
  assert.ok('findToken' in store);
  const known = new Map<string, Promise<string>>();
  const signedIn = async (person: string, url: string) => {
    const browser = new Browser(at, isProxied(url) ? 'lintel' : 'traefik');
    const { trail } = await browser.open(`${entrance(url)}/`, person);
    const pair = browser.cookies(new URL(url).hostname);
    assert.match(pair, /lintel-(?:app|domain)/, `${person} at ${url}:\n${trail.join('\n')}\n${at.output()}`);
    return browser;
  };
  const cookieOf = async (person: string, url: string) => appCookie(await signedIn(person, url), url);
  return {
    at,
    store: store as SessionStore & TokenStore,
    backend,
    other,
    signedIn,
    session: (person, url) => {
      const key = `${person} ${entrance(url)}`;
      const found = known.get(key) ?? cookieOf(person, url);
      known.set(key, found);
      return found;
    },
    token: async ({ user, apps: names, expired }) => {
      const over = { user, ...(names && { apps: names }), ...(expired && { expiresAt: Date.now() - 1000 }) };
      return (await plantToken(store as SessionStore & TokenStore, over)).secret;
    },
    stop: async () => {
      await store.close();
      await at.stop();
      await Promise.all([backend.close(), other.close(), slow.close()]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The pair that opens the app, without those of sign-ins under way. */
export function appCookie(browser: Browser, url: string): string {
  const pairs = browser.cookies(new URL(url).hostname).split('; ');
  return pairs.find((p) => /lintel-(?:app|domain)/.test(p)) ?? '';
}

function isProxied(url: string): boolean {
  const origin = originOf(url);
  return Object.values(ROWS.apps).some((app) => app.url === origin && 'upstream' in app);
}

/** Where somebody signs in to be let in at `url`: the external host of the domain that it lies in, else its own. */
function entrance(url: string): string {
  const { hostname, origin } = new URL(url);
  const apps: { url: string; domain?: string }[] = Object.values(ROWS.apps);
  if (apps.some((a) => a.url === origin && a.domain === undefined)) return origin;
  const whole = apps
    .filter((a) => a.domain !== undefined && (hostname === a.domain || hostname.endsWith(`.${a.domain}`)))
    .sort((a, b) => (b.domain ?? '').length - (a.domain ?? '').length);
  return whole[0]?.url ?? origin;
}

export function peopleFile(): string {
  const people = Object.entries(ROWS.people).map(([name, facts]) => [
    name,
    { ...facts, password: cheapHash(PASSWORD) },
  ]);
  return `${JSON.stringify({ groups: ROWS.groups, users: Object.fromEntries(people) }, undefined, 1)}\n`;
}

function answer(a: Arrival): string {
  const upgrade = a.headers.find(([n]) => n.toLowerCase() === 'upgrade')?.[1];
  if (a.target.startsWith('/ws') && upgrade !== undefined) {
    return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`;
  }
  if (a.target === '/moved')
    return 'HTTP/1.1 302 Found\r\nLocation: //elsewhere.example/x?y\r\nContent-Length: 0\r\n\r\n';
  if (a.target === '/cookie') return plainAnswer('reached', ['Set-Cookie: own=1; Path=/']);
  return plainAnswer('reached');
}

const CHUNKS = 12;

/** An app whose answer takes longer than an answer may take to begin. */
async function startSlow(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${CHUNKS}\r\n\r\n`);
      let sent = 0;
      const timer = setInterval(() => {
        socket.write('x');
        sent += 1;
        if (sent === CHUNKS) clearInterval(timer);
      }, 200);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
