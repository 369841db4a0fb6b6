/**
 * The contract of authentik's proxy provider, black-box: every case of authentik.json and authentik-own.json is sent as
 * bytes to a real `lintel serve`, and the answer compared. Sessions come from real sign-ins at the portal that end in
 * the app's own cookie.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Arrival, folded } from '../black-box/backend.ts';
import { LINTEL } from '../black-box/lintel.ts';
import { ask, headerOf, type Reply, utf8, valuesOf } from '../black-box/raw.ts';
import { PORTAL } from '../outpost/street.ts';
import { MORE, type OutpostCase, outpostRequest, ROWS, type Wanted } from './outpost-cases.ts';
import { FLOWS } from './outpost-flows.ts';
import { openWorld, peopleFile, type World } from './outpost-world.ts';

const NAMES = ['username', 'groups', 'entitlements', 'email', 'name', 'uid', 'jwt'] as const;
const META = ['meta-jwks', 'meta-outpost', 'meta-provider', 'meta-app', 'meta-version'] as const;
const passed = new Set<string>();
const covered = new Set<string>();
let world: World;

describe("authentik's proxy provider", () => {
  before(async () => {
    world = await openWorld();
  });
  after(() => world?.stop());
  for (const c of [...ROWS.cases, ...MORE.cases]) {
    if (c.notCovered !== undefined) continue;
    test(c.id, async () => {
      covered.add(c.id);
      await (c.refusedApp === undefined ? run(c) : refused(c, c.refusedApp));
      passed.add(c.id);
    });
  }
});

test('every row is covered, or says why it is not; a row that differs from authentik says why', () => {
  const all = [...ROWS.cases, ...MORE.cases];
  assert.equal(ROWS.cases.length, 106);
  assert.equal(new Set(all.map((c) => c.id)).size, all.length, 'an id is there twice');
  for (const c of all) {
    assert.ok(c.notCovered !== undefined || covered.has(c.id), `${c.id} is neither covered nor explained`);
    assert.equal(c.authentik === undefined, c.why === undefined, `${c.id}: authentik's answer and why belong together`);
  }
});

after(() => {
  for (const [what, cases] of [
    ['authentik’s cases', ROWS.cases],
    ['cases of our own', MORE.cases],
  ] as const) {
    const count = (set: ReadonlySet<string>) => cases.filter((c) => set.has(c.id)).length;
    const open = cases.filter((c) => c.notCovered !== undefined);
    const list = open.map((c) => `\n  ${c.id}: ${c.notCovered}`).join('');
    const done = `covered ${count(covered)} of ${cases.length}, passed ${count(passed)}`;
    console.log(`${what}: ${done}, not covered: ${open.length}${list}`);
  }
});

async function run(c: OutpostCase): Promise<void> {
  const reply = c.flow === undefined ? await send(c) : await flow(c.flow)(world, c);
  compare(reply, c);
  if (c.expect.upstream !== undefined) compareUpstream(c.expect.upstream);
  if (c.expect.left !== undefined && c.as !== undefined) {
    const left = await world.store.list({ kind: 'user', user: c.as });
    assert.equal(left.length, c.expect.left, `sessions of ${c.as}`);
  }
}

function flow(name: string) {
  const found = FLOWS[name];
  assert.ok(found, `no flow ${name}`);
  return found;
}

async function send(c: OutpostCase): Promise<Reply> {
  const session = c.as === undefined ? undefined : await world.session(c.as, c.at ?? c.url ?? '');
  const name = session?.split('=', 1)[0] ?? '__Host-lintel-app';
  const cookie = c.cookie?.replaceAll('{session}', session ?? '').replaceAll('{name}', name) ?? session;
  const request = outpostRequest(c, cookie, await authorization(c));
  const options = c.from === undefined ? {} : { from: c.from };
  if (c.twice) await ask(world.at, request, options);
  world.backend.take();
  world.other.take();
  return ask(world.at, request, options);
}

async function authorization(c: OutpostCase): Promise<string | undefined> {
  const token = c.token === undefined ? '' : await world.token(c.token);
  const filled = (text: string) => text.replaceAll('{token}', token);
  if (c.bearer !== undefined) return filled(c.bearer);
  return c.basic && `Basic ${Buffer.from(c.basic.map(filled).join(':')).toString('base64')}`;
}

function compare(reply: Reply, c: OutpostCase): void {
  const e = c.expect;
  const told = `X-Lintel-Error: ${headerOf(reply, 'x-lintel-error')}; Location: ${headerOf(reply, 'location')}`;
  const wanted = [e.status ?? []].flat();
  assert.ok(
    wanted.includes(reply.status),
    `status ${reply.status}, not ${wanted}; ${told}\n${reply.body.slice(0, 200)}`,
  );
  for (const [name, value] of Object.entries(e.headers ?? {})) fits(valuesOf(reply, name), value, name);
  if (e.identity !== undefined) fitsIdentity(reply, e.identity);
  if (e.location !== undefined) fits(valuesOf(reply, 'location'), e.location, 'Location');
  if (e.lands !== undefined) assert.equal(landing(reply), e.lands);
  if (e.cookie !== undefined) fitsCookie(reply, e.cookie);
  if (c.ask !== 'direct' && c.flow === undefined) {
    assert.ok(valuesOf(reply, 'set-cookie').length <= 1, 'nginx relays only the first Set-Cookie of a check');
  }
  if (e.noCookie) assert.deepEqual(valuesOf(reply, 'set-cookie'), []);
  if (e.body !== undefined) fits([reply.body], e.body, 'body');
  if (e.error !== undefined) assert.equal(headerOf(reply, 'x-lintel-error'), e.error);
  if (e.assertion !== undefined) fitsAssertion(reply, e.assertion);
  if (reply.status >= 400 && reply.status !== 401 && e.upstream === undefined && !reply.body.includes('<form')) {
    assert.match(headerOf(reply, 'x-lintel-error') ?? '', /^[A-Z][A-Z-]+$/, 'an error id');
  }
}

function fits(values: readonly string[], wanted: Wanted, what: string): void {
  if (wanted === null) {
    assert.deepEqual(
      values.filter((v) => v !== ''),
      [],
      what,
    );
  } else if (wanted.startsWith('re:')) {
    assert.equal(values.length, 1, `${what}: ${values}`);
    assert.match(values[0] ?? '', new RegExp(wanted.slice(3), 's'), what);
  } else assert.deepEqual(values, [utf8(wanted)], what);
}

function fitsIdentity(reply: Reply, person: string): void {
  const facts = ROWS.people[person];
  for (const name of [...NAMES, ...META]) {
    const values = valuesOf(reply, `x-authentik-${name}`);
    assert.ok(values.length <= 1, `${name} came ${values.length} times`);
    if (facts === undefined) assert.equal(values[0] ?? '', '', name);
    else assert.equal(values.length, 1, name);
  }
  if (facts === undefined) return;
  fits(valuesOf(reply, 'x-authentik-username'), person, 'username');
  fits(valuesOf(reply, 'x-authentik-uid'), String(facts.uid ?? 're:^[0-9a-f]{64}$'), 'uid');
  for (const name of META) assert.notEqual(headerOf(reply, `x-authentik-${name}`), '', name);
}

function landing(reply: Reply): string | undefined {
  const location = headerOf(reply, 'location') ?? '';
  assert.ok(location.startsWith(`${PORTAL}/?rd=`), `it leads to ${location}`);
  const url = new URL(location);
  assert.match(url.searchParams.get('state') ?? '', /^[\w-]{43}$/);
  return url.searchParams.get('rd') ?? undefined;
}

function fitsCookie(reply: Reply, wanted: NonNullable<OutpostCase['expect']['cookie']>): void {
  const lines = valuesOf(reply, 'set-cookie');
  const line = lines.find((l) => new RegExp(wanted.name).test(l.split('=', 1)[0] ?? ''));
  assert.ok(line, `no cookie ${wanted.name} among ${lines}`);
  const attributes = line.split('; ').slice(1);
  for (const a of wanted.attributes) assert.ok(attributes.includes(a), `${a} in ${line}`);
  for (const a of wanted.absent ?? []) assert.ok(!attributes.some((x) => x.startsWith(a)), `no ${a} in ${line}`);
}

function fitsAssertion(reply: Reply, wanted: Readonly<Record<string, unknown>>): void {
  const [head = '', body = ''] = (headerOf(reply, 'x-authentik-jwt') ?? '').split('.');
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
  const { iat, exp, nbf, ...claims } = read(body);
  const told = { ...claims, alg: read(head).alg, life: exp - iat, back: iat - nbf };
  for (const [name, value] of Object.entries(wanted)) assert.deepEqual(told[name], value ?? undefined, name);
}

function compareUpstream(wanted: NonNullable<OutpostCase['expect']['upstream']> | null): void {
  const [here, there] = [world.backend.take(), world.other.take()];
  if (wanted === null) {
    assert.deepEqual([here.length, there.length], [0, 0], 'the request reached an app');
    return;
  }
  const [right, wrong] = wanted.to === 'other' ? [there, here] : [here, there];
  assert.deepEqual([right.length, wrong.length], [1, 0], 'requests that reached the right and the wrong app');
  const [arrival] = right;
  assert.ok(arrival);
  if (wanted.target !== undefined) assert.equal(arrival.target, wanted.target);
  for (const [name, value] of Object.entries(wanted.headers ?? {}))
    fits(arrived(arrival, name), value, `upstream ${name}`);
}

/** As back ends look names up: `X_authentik_username` is X-authentik-username to most. */
function arrived(a: Arrival, name: string): string[] {
  return a.headers.filter(([n]) => folded(n) === folded(name)).map(([, v]) => v);
}

function refused(c: OutpostCase, app: object): void {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-test-'));
  const file = join(dir, 'lintel.yml');
  const config = { portal: PORTAL, users: `file:${dir}/people.yml`, trusted_proxies: ['127.0.0.1'], apps: { it: app } };
  writeFileSync(file, JSON.stringify(config, undefined, 1));
  writeFileSync(join(dir, 'people.yml'), peopleFile());
  const done = spawnSync(LINTEL, ['config', 'check', '--config', file], { encoding: 'utf8' });
  rmSync(dir, { recursive: true, force: true });
  const said = done.stdout + done.stderr;
  assert.equal(done.status, 2, said);
  assert.match(said, /lintel\.yml:\d+:\d+/);
  assert.match(said, new RegExp(c.expect.body ?? '.'));
}
