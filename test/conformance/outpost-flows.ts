/** Cases of authentik.json that take more than one request. Each returns the answer that the case is about. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { ask, exchange, headerOf, type Reply, requestBytes, valuesOf } from '../black-box/raw.ts';
import { plant, signIn } from '../black-box/sessions.ts';
import { Browser, type Front, PASSWORD, PORTAL, street } from '../outpost/street.ts';
import { type OutpostCase, originOf, outpostRequest, ROWS } from './outpost-cases.ts';
import { appCookie, type World } from './outpost-world.ts';

export type Flow = (world: World, c: OutpostCase) => Promise<Reply>;

/** A sign-in up to the address of the callback, which is left to be opened. */
async function toCallback(
  world: World,
  person: string,
  url: string,
  front: Front = 'nginx',
): Promise<{ browser: Browser; callback: string }> {
  const browser = new Browser(world.at, front);
  const form = await browser.open(`${originOf(url)}/outpost.goauthentik.io/start?rd=${encodeURIComponent(url)}`);
  const action = /<form[^>]*\baction="([^"]*)"/.exec(form.reply.body)?.[1]?.replaceAll('&amp;', '&') ?? '';
  const hidden = [...form.reply.body.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([tag]) => [
    /\bname="([^"]*)"/.exec(tag)?.[1] ?? '',
    /\bvalue="([^"]*)"/.exec(tag)?.[1]?.replaceAll('&amp;', '&') ?? '',
  ]);
  const body = new URLSearchParams({ ...Object.fromEntries(hidden), username: person, password: PASSWORD }).toString();
  const reply = await browser.get(new URL(action, form.url).href, [], 'POST', body);
  const callback = headerOf(reply, 'location') ?? '';
  assert.match(callback, /\/outpost\.goauthentik\.io\/callback\?code=/, `${reply.status} ${reply.body.slice(0, 200)}`);
  return { browser, callback };
}

const person = (c: OutpostCase) => c.as ?? 'foo';
const url = (c: OutpostCase) => c.url ?? '';

/** The case, with a session that differs in these facts from one that was just begun. */
async function planted(world: World, c: OutpostCase, facts: Parameters<typeof plant>[2]): Promise<Reply> {
  const [name, token = ''] = (await world.session(person(c), url(c))).split('=');
  return ask(world.at, outpostRequest(c, `${name}=${await plant(world.store, token, facts)}`));
}

export const FLOWS: Readonly<Record<string, Flow>> = {
  'the callback of a sign-in': async (world, c) => {
    const { browser, callback } = await toCallback(world, person(c), url(c));
    return browser.get(callback);
  },
  'the callback, through Traefik': async (world, c) => {
    const { browser, callback } = await toCallback(world, person(c), url(c));
    const { protocol, host, hostname, pathname, search } = new URL(callback);
    return ask(world.at, {
      target: '/outpost.goauthentik.io/auth/traefik',
      headers: [
        'Host: o',
        `X-Forwarded-Proto: ${protocol.slice(0, -1)}`,
        `X-Forwarded-Host: ${host}`,
        `X-Forwarded-Uri: ${pathname}${search}`,
        `Cookie: ${browser.cookies(hostname)}`,
      ],
    });
  },
  'the callback by its mark on any path': async (world, c) => {
    const { browser, callback } = await toCallback(world, person(c), url(c), 'lintel');
    const { search } = new URL(callback);
    return browser.get(`${originOf(url(c))}/any/path${search}&X-authentik-auth-callback=true`);
  },
  'the callback in another browser': async (world, c) => {
    const { callback } = await toCallback(world, person(c), url(c));
    return new Browser(world.at, 'nginx').get(callback);
  },
  'the callback twice': async (world, c) => {
    const { browser, callback } = await toCallback(world, person(c), url(c));
    const before = new Map(browser.jar);
    await browser.get(callback);
    browser.jar.clear();
    for (const [key, cookie] of before) browser.jar.set(key, cookie);
    return browser.get(callback);
  },
  'the callback with another code': async (world, c) => {
    const { browser, callback } = await toCallback(world, person(c), url(c));
    return browser.get(callback.replace(/code=[^&]*/, `code=${'A'.repeat(43)}`));
  },
  'the callback with another address': async (world, c) => {
    const { browser, callback } = await toCallback(world, person(c), url(c));
    assert.match(callback, /&rd=https%3A%2F%2F/);
    return browser.get(callback.replace(/&rd=.*$/, `&rd=${encodeURIComponent(`${url(c)}x`)}`));
  },
  'the callback with a state of another browser': async (world, c) => {
    const { browser, callback } = await toCallback(world, person(c), url(c));
    const { callback: foreign } = await toCallback(world, person(c), url(c));
    return browser.get(callback.replace(/state=[^&]*/, /state=[^&]*/.exec(foreign)?.[0] ?? ''));
  },
  'the callback at another app': async (world, c) => {
    const { browser, callback } = await toCallback(world, person(c), url(c));
    const { pathname, search } = new URL(callback);
    const [start] = browser.cookies(new URL(url(c)).hostname).split('; ');
    return ask(world.at, {
      target: `${pathname}${search}`,
      headers: [`Host: ${new URL(c.at ?? '').host}`, 'X-Forwarded-Proto: https', `Cookie: ${start}`],
    });
  },
  'the callback with a start that was altered': async (world, c) => {
    const { browser, callback } = await toCallback(world, person(c), url(c));
    for (const [key, cookie] of browser.jar) {
      if (!key.includes('-start-')) continue;
      const [issued, nonce, , mac] = cookie.value.split('.');
      const rd = Buffer.from('https://evil.example/').toString('base64url');
      browser.jar.set(key, { ...cookie, value: [issued, nonce, rd, mac].join('.') });
    }
    return browser.get(callback);
  },
  'the callback after eleven minutes': async (world, c) => {
    const { browser, callback } = await toCallback(world, person(c), url(c));
    for (const [key, cookie] of browser.jar) {
      if (!key.includes('-start-')) continue;
      const [issued = '', ...rest] = cookie.value.split('.');
      browser.jar.set(key, { ...cookie, value: [Number(issued) - 660, ...rest].join('.') });
    }
    return browser.get(callback);
  },
  'a cookie from before the sign-in': async (world, c) => {
    const { browser, callback } = await toCallback(world, person(c), url(c));
    const planted = 'B'.repeat(43);
    const { hostname } = new URL(url(c));
    browser.jar.set(`${hostname} __Host-lintel-app`, { value: planted, domain: undefined });
    const reply = await browser.get(callback);
    const given = valuesOf(reply, 'set-cookie').find((line) => line.startsWith('__Host-lintel-app=')) ?? '';
    assert.ok(given !== '' && !given.includes(planted), given);
    const old = new Browser(world.at, 'traefik');
    old.jar.set(`${hostname} __Host-lintel-app`, { value: planted, domain: undefined });
    assert.equal((await old.get(url(c))).status, 302, 'the planted cookie opens nothing');
    return reply;
  },
  'two sign-ins give two cookies': async (world, c) => {
    const one = appCookie(await world.signedIn(person(c), url(c)), url(c));
    const two = appCookie(await world.signedIn(person(c), url(c)), url(c));
    assert.notEqual(one, two);
    return ask(world.at, outpostRequest(c, `${one}; ${two}`));
  },
  'the first of two tabs': async (world, c) => {
    const { browser, callback } = await toCallback(world, person(c), url(c));
    await browser.get(`${originOf(url(c))}/outpost.goauthentik.io/start?rd=/second`);
    return browser.get(callback);
  },
  'sign out of three browsers': async (world, c) => {
    const browsers = [];
    for (let i = 0; i < 3; i += 1) browsers.push(await world.signedIn(person(c), url(c)));
    await world.signedIn(person(c), c.at ?? url(c));
    const [first] = browsers;
    assert.ok(first);
    const reply = await first.get(`${originOf(url(c))}/outpost.goauthentik.io/sign_out`);
    for (const b of browsers) {
      const again = await b.get(url(c));
      assert.equal(again.status, 302, 'the next click asks to sign in');
    }
    return reply;
  },
  /** One browser signed in, its request told in the way of the case. */
  'somebody of their own': async (world, c) => {
    const browser = await world.signedIn(person(c), c.at ?? url(c));
    world.backend.take();
    return ask(world.at, outpostRequest(c, appCookie(browser, c.at ?? url(c))));
  },
  'an upgrade': async (world, c) => {
    const cookie = c.as === undefined ? undefined : await world.session(c.as, url(c));
    world.backend.take();
    const done = await exchange(world.at, requestBytes(outpostRequest(c, cookie)));
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(done.rest)?.[1] ?? done.replies[0]?.status);
    return done.replies[0] ?? { status, headers: [], body: '' };
  },
  'a session past its end': (world, c) => planted(world, c, { expiresAt: Date.now() - 1000 }),
  'a session idle for too long': (world, c) => planted(world, c, { lastSeenAt: Date.now() - 2 * 3_600_000 }),
  'the cookie of the portal': async (world, c) => {
    const cookies = await signIn(world.at, PORTAL, person(c), PASSWORD);
    const token = cookies.get('__Host-lintel');
    assert.ok(token);
    return ask(world.at, outpostRequest(c, `__Host-lintel=${token}; __Host-lintel-app=${token}`));
  },
  'the cookie of a sign-in under way': async (world, c) => {
    const browser = new Browser(world.at, 'traefik');
    await browser.get(url(c));
    const [pair = ''] = browser.cookies(new URL(url(c)).hostname).split('; ');
    const nonce = pair.split('.')[1];
    assert.match(nonce ?? '', /^[\w-]{43}$/);
    return ask(world.at, outpostRequest(c, `${pair}; __Host-lintel-app=${nonce}`));
  },
  'once signed out': async (world, c) => {
    const browser = await world.signedIn(person(c), url(c));
    const cookie = appCookie(browser, url(c));
    await browser.get(`${originOf(url(c))}/outpost.goauthentik.io/sign_out`);
    return ask(world.at, outpostRequest(c, cookie));
  },
  'signed out of another app': async (world, c) => {
    const browser = await world.signedIn(person(c), url(c));
    const cookie = appCookie(browser, url(c));
    await browser.open(c.at ?? '');
    await browser.get(`${originOf(c.at ?? '')}/outpost.goauthentik.io/sign_out`);
    return ask(world.at, outpostRequest(c, cookie));
  },
  'the second app without a password': async (world, c) => {
    const browser = await world.signedIn(person(c), c.at ?? '');
    const { reply, url: end, trail } = await browser.open(url(c));
    assert.equal(end, url(c), trail.join('\n'));
    return reply;
  },
  'a dead cookie, then a sign-in': async (world, c) => {
    const browser = new Browser(world.at, 'traefik');
    browser.jar.set(`${new URL(url(c)).hostname} __Host-lintel-app`, { value: 'C'.repeat(43), domain: undefined });
    const { reply, url: end, trail } = await browser.open(url(c), person(c));
    assert.equal(end, url(c), trail.join('\n'));
    return reply;
  },
  'the server starts again': async (_world, c) => {
    const app = Object.values(ROWS.apps).find((a) => a.url === originOf(url(c)));
    const options = { apps: { it: app ?? {} } };
    const first = await street(options);
    try {
      const browser = new Browser(first, 'traefik');
      await browser.open(`${originOf(url(c))}/`, 'alice');
      const second = await street({ ...options, config: { storage: `sqlite:${first.database}` } });
      try {
        return await ask(second, outpostRequest(c, appCookie(browser, url(c))));
      } finally {
        await second.stop();
      }
    } finally {
      await first.stop();
    }
  },
  'the store is gone': async (_world, c) => {
    const app = Object.values(ROWS.apps).find((a) => a.url === originOf(url(c)));
    const at = await street({ apps: { it: app ?? {} } });
    try {
      const database = new DatabaseSync(at.database, { timeout: 10_000 });
      database.exec('PRAGMA foreign_keys = OFF');
      const names = database.prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
      );
      for (const { name } of names.all()) database.exec(`DROP TABLE "${name}"`);
      database.close();
      return await ask(at, outpostRequest(c, c.cookie, c.bearer));
    } finally {
      await at.stop();
    }
  },
};
