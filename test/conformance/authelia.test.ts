/**
 * Authelia's forward-auth contract, black-box: every case of authelia.json is sent as bytes to a real `lintel serve`
 * and the answer compared. Sessions of one factor come from a real sign-in; sessions of two factors are written to the
 * database that the server reads, because there is nowhere yet to give a second factor.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { SessionStore } from '../../src/core/ports.ts';
import { eventually, LINTEL, type Running, serve, usersFile } from '../black-box/lintel.ts';
import { ask, exchange, headerOf, type Reply, requestBytes, valuesOf } from '../black-box/raw.ts';
import { keyOf, openStore, plant, signIn } from '../black-box/sessions.ts';
import { type Case, configFor, DATA, groups, OWN, requestFor, targetHost } from './cases.ts';

const IDENTITY = ['Remote-User', 'Remote-Groups', 'Remote-Name', 'Remote-Email'] as const;
const REASONS: Readonly<Record<number, string>> = { 302: 'Found', 303: 'See Other', 401: 'Unauthorized' };
const passed = new Set<string>();
const covered = new Set<string>();

for (const [name, cases] of groups([...DATA.cases, ...OWN.cases])) {
  if (cases[0]?.expect.configError) describe(name, () => configErrors(cases));
  else describe(name, () => group(cases));
}

after(() => {
  for (const [what, cases] of [
    ['Authelia’s cases', DATA.cases],
    ['cases of our own', OWN.cases],
  ] as const) {
    const ids = cases.map((c) => c.id);
    const open = cases.filter((c) => c.notCovered !== undefined);
    const count = (set: ReadonlySet<string>) => ids.filter((id) => set.has(id)).length;
    const list = open.map((c) => `\n  ${c.id}: ${c.notCovered}`).join('');
    console.log(
      `${what}: covered ${count(covered)} of ${ids.length}, passed ${count(passed)}, not covered: ${open.length}${list}`,
    );
  }
});

function group(cases: readonly Case[]): void {
  let fixture: Fixture;
  before(async () => {
    fixture = await start(cases[0]!);
  });
  after(() => fixture?.stop());
  for (const c of cases) {
    test(c.id, async () => {
      covered.add(c.id);
      await run(fixture, c);
      passed.add(c.id);
    });
  }
}

interface Fixture {
  readonly at: Running;
  readonly store: SessionStore;
  /** Value of the gate cookie for somebody. */
  session(c: Case, level?: 'one_factor' | 'two_factor'): Promise<string | undefined>;
  stop(): Promise<void>;
}

async function start(c: Case): Promise<Fixture> {
  const at = await serve({
    config: configFor(c),
    users: DATA.users,
    healthHost: new URL(DATA.domains[0]!.portal).host,
  });
  const store = await openStore(at.database);
  const known = new Map<string, string>();
  const session = async (c: Case, level = c.session?.level) => {
    if (c.session === undefined || level === undefined) return undefined;
    const domain = domainFor(c);
    const key = JSON.stringify([c.session.user, domain.domain]);
    const token = known.get(key) ?? (await firstFactor(at, c.session.user, domain));
    known.set(key, token);
    const { idleFor = 0, remembered = false } = c.session;
    const altered = level === 'two_factor' || idleFor > 0 || remembered || c.after !== undefined;
    if (!altered) return token;
    // Two minutes: long enough for a touch to be due, short enough to be alive.
    const lastSeenAt = Date.now() - (idleFor > 0 ? idleFor * 1000 : c.after === undefined ? 0 : 120_000);
    const facts = { level, createdAt: lastSeenAt, lastSeenAt, ...(remembered && { idleMs: undefined }) };
    return plant(store, token, facts);
  };
  return {
    at,
    store,
    session,
    stop: async () => {
      await store.close();
      await at.stop();
    },
  };
}

function domainFor(c: Case): (typeof DATA.domains)[number] {
  const host = c.session?.domain ?? targetHost(c);
  return DATA.domains.find((d) => host === d.domain || host.endsWith(`.${d.domain}`)) ?? DATA.domains[0]!;
}

async function firstFactor(at: Running, user: string, domain: (typeof DATA.domains)[number]): Promise<string> {
  const cookies = await signIn(at, domain.portal, user, DATA.users[user]!.password);
  const token = cookies.get(domain.cookie);
  assert.ok(token, `no ${domain.cookie} among ${[...cookies.keys()]}`);
  return token;
}

async function run(f: Fixture, c: Case): Promise<void> {
  const token = await f.session(c);
  const cookie = token === undefined ? undefined : `${domainFor(c).cookie}=${token}`;
  const before = c.expect.storeWrites === undefined ? undefined : await rows(f);
  await change(f, c);
  const reply = await send(f, c, cookie);
  compare(reply, c);
  if (before !== undefined) assert.deepEqual(await rows(f), before, 'the database changed');
  if (token !== undefined && c.after !== undefined) await afterwards(f, c, token);
  if (c.expect.withTwoFactor !== undefined) {
    const strong = await f.session(c, 'two_factor');
    const again = await send(f, c, `${domainFor(c).cookie}=${strong}`);
    assert.equal(again.status, c.expect.withTwoFactor, 'status with a two_factor session');
  }
}

async function send(f: Fixture, c: Case, cookie: string | undefined): Promise<Reply> {
  const request = requestFor(c, cookie);
  const done = await exchange(f.at, requestBytes(request), { method: request.method ?? 'GET' });
  const reply = done.replies[0];
  assert.ok(reply, `no answer (${done.end}): ${done.rest}\n${f.at.output()}`);
  return reply;
}

function compare(reply: Reply, c: Case): void {
  const e = c.expect;
  assert.equal(reply.status, e.status, `status; X-Lintel-Error: ${headerOf(reply, 'x-lintel-error')}`);
  assert.deepEqual(valuesOf(reply, 'location'), e.location === undefined ? [] : [e.location]);
  if (e.identity !== undefined) assert.deepEqual(identity(reply), identityOf(e.identity));
  for (const name of ['www-authenticate', 'proxy-authenticate'] as const) {
    if (e[name] !== undefined) assert.deepEqual(valuesOf(reply, name), e[name] === null ? [] : [e[name]], name);
  }
  if (reply.status >= 400 && reply.status !== 401 && reply.status !== 407) {
    assert.match(headerOf(reply, 'x-lintel-error') ?? '', /^[A-Z][A-Z-]+$/, 'an error id');
  }
  if (e.allow !== undefined) assert.deepEqual(valuesOf(reply, 'allow'), [e.allow]);
  if (e.location !== undefined && reply.status !== 301) assertBaseHeaders(reply);
  if (e.noSetCookie) assert.deepEqual(valuesOf(reply, 'set-cookie'), []);
  if (e.retryAfter) assert.match(headerOf(reply, 'retry-after') ?? '', /^[1-9]\d*$/);
  assert.ok(valuesOf(reply, 'set-cookie').length <= 1, 'nginx relays only the first Set-Cookie of a check');
  if (reply.status !== 301) assert.match(headerOf(reply, 'cache-control') ?? '', /no-store/);
  compareBody(reply, c);
}

/** The security headers of every answer that leads somewhere (contract §2.5). */
function assertBaseHeaders(reply: Reply): void {
  const of = (name: string) => valuesOf(reply, name).join();
  assert.equal(of('x-content-type-options'), 'nosniff');
  assert.equal(of('referrer-policy'), 'strict-origin-when-cross-origin');
  assert.equal(of('x-frame-options'), 'DENY');
  assert.equal(of('x-dns-prefetch-control'), 'off');
  assert.match(of('permissions-policy'), /camera=\(\)/);
}

function compareBody(reply: Reply, c: Case): void {
  const type = headerOf(reply, 'content-type');
  switch (c.expect.body) {
    case 'link': {
      const href = c.expect.location!.replaceAll('&', '&amp;');
      assert.equal(type, 'text/html; charset=utf-8');
      // The answer to a HEAD has no body on the wire, whatever would have been in it.
      if (requestFor(c, undefined).method !== 'HEAD') {
        assert.equal(reply.body, `<a href="${href}">${reply.status} ${REASONS[reply.status]}</a>`);
      }
      break;
    }
    case 'json':
      assert.match(type ?? '', /^application\/json/);
      assert.equal(typeof JSON.parse(reply.body), 'object');
      break;
    case 'none':
      assert.equal(reply.body, '');
      assert.equal(type, undefined);
      break;
    case undefined:
      break;
    default:
      c.expect.body satisfies never;
  }
}

/** Absent and empty are the same to an app; every value counts, so a second line would show. */
function identity(reply: Reply): string[][] {
  return IDENTITY.map((name) => valuesOf(reply, name).filter((v) => v !== ''));
}

function identityOf(name: string): string[][] {
  const user = name === 'nobody' ? undefined : DATA.users[name];
  if (user === undefined) return IDENTITY.map(() => []);
  return [[name], [(user.groups ?? []).join(',')], [user.displayname], [user.email ?? '']].map((v) =>
    v.filter((x) => x !== ''),
  );
}

async function change(f: Fixture, c: Case): Promise<void> {
  const { delete_user, ban_user, session_store, ...others } = c.change ?? {};
  assert.deepEqual(others, {}, 'a change that this runner does not know');
  if (delete_user !== undefined) await deleteUser(f, delete_user);
  if (ban_user !== undefined) await lockOut(f, ban_user);
  if (session_store === 'gone') breakStore(f.at.database);
}

/** Takes somebody out of the users file while the server runs, and waits until they cannot sign in any more. */
async function deleteUser(f: Fixture, name: string): Promise<void> {
  await signIn(f.at, DATA.domains[0]!.portal, name, DATA.users[name]!.password);
  const others = Object.entries(DATA.users).filter(([n]) => n !== name);
  writeFileSync(f.at.users, usersFile(Object.fromEntries(others)));
  await eventually('the user is gone', () =>
    signIn(f.at, DATA.domains[0]!.portal, name, DATA.users[name]!.password).then(
      () => false,
      () => true,
    ),
  );
}

/** Wrong passwords until the right one is refused too. */
async function lockOut(f: Fixture, name: string): Promise<void> {
  const wrong = Buffer.from(`${name}:wrong`).toString('base64');
  const parts = { endpoint: 'forward-auth', ask: 'GET https://one-factor.example.com/' } as const;
  for (let i = 0; i < 6; i++) {
    const headers = { 'Proxy-Authorization': `Basic ${wrong}` };
    await ask(f.at, requestFor({ id: '', policy: '', expect: {}, ...parts, headers }, undefined));
  }
}

/** The tables vanish under the running server: what a dead or damaged store looks like to it. */
function breakStore(path: string): void {
  const database = new DatabaseSync(path, { timeout: 10_000 });
  database.exec('PRAGMA foreign_keys = OFF');
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
  for (const { name } of tables.all()) database.exec(`DROP TABLE "${name}"`);
  database.close();
}

async function afterwards(f: Fixture, c: Case, token: string): Promise<void> {
  if (c.after!.session !== undefined) {
    const { 'Session-Username': _, ...headers } = c.headers ?? {};
    const again = await send(f, { ...c, headers }, `${domainFor(c).cookie}=${token}`);
    assert.ok(again.status === 302 || again.status === 401, `the session still opens: ${again.status}`);
    return;
  }
  const found = await f.store.find(keyOf(token));
  assert.ok(found && Date.now() - found.session.lastSeenAt < 60_000, 'the visit was not noted');
}

async function rows(f: Fixture): Promise<unknown> {
  const sessions = await f.store.list({ kind: 'all' });
  const database = new DatabaseSync(f.at.database, { readOnly: true });
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
  const counts = tables.all().map((t) => [t.name, database.prepare(`SELECT count(*) AS n FROM "${t.name}"`).get()]);
  database.close();
  return { sessions, counts };
}

function configErrors(cases: readonly Case[]): void {
  for (const c of cases) {
    test(c.id, () => {
      covered.add(c.id);
      const dir = mkdtempSync(join(tmpdir(), 'lintel-test-'));
      const file = join(dir, 'lintel.yml');
      writeFileSync(file, JSON.stringify(configFor(c), undefined, 1).replaceAll('DIR', dir));
      writeFileSync(join(dir, 'users.yml'), usersFile(DATA.users));
      const done = spawnSync(LINTEL, ['config', 'check', '--config', file], { encoding: 'utf8' });
      rmSync(dir, { recursive: true, force: true });
      assert.equal(done.status, 2, done.stdout + done.stderr);
      assert.match(done.stdout + done.stderr, /lintel\.yml:\d+:\d+/);
      passed.add(c.id);
    });
  }
}
