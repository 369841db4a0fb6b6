import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type Answer, app, Client, portalAt, rule, SIGNED_IN, STAFF, World } from '../../test/browser/world.ts';

const PORTAL = 'https://auth.one.test';
const ALPHA = 'https://grafana.alpha.test';
const BETA = 'https://wiki.beta.test:8443';
const APPS = [
  app('Grafana', ALPHA, [rule(SIGNED_IN)]),
  app('Wiki', BETA, [rule(SIGNED_IN, STAFF)]),
  app('Plain', 'http://plain.gamma.test', [rule(SIGNED_IN)]),
];

function fresh(): { world: World; client: Client } {
  const world = new World({ portal: PORTAL, apps: APPS });
  return { world, client: new Client(world) };
}

/** From the app's start to the portal's answer, signed in already. */
async function toCode(client: Client, origin: string, rd = '/'): Promise<string> {
  const start = await client.get(`${origin}/.lintel/start?rd=${encodeURIComponent(rd)}`);
  const answer = await client.get(start.location ?? '');
  ok(answer.location?.startsWith(`${origin}/.lintel/callback?code=`), `${answer.status} ${answer.location}`);
  return answer.location ?? '';
}

test('one sign-in opens two apps on unrelated domains, each with its own cookie and exact address', async () => {
  const { world, client } = fresh();
  const rd = '/d/a%2Fb/%C3%A9?q=1&r=%2f+;';
  const start = await client.get(`${ALPHA}/.lintel/start?rd=${encodeURIComponent(rd)}`);
  equal(start.status, 302);
  equal(start.header('referrer-policy'), 'no-referrer');
  equal(start.header('cache-control'), 'no-store');
  match(
    start.header('set-cookie') ?? '',
    /^__Host-lintel-start-[\w-]{10}=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600; Secure$/,
  );
  const form = await client.get(start.location ?? '');
  match(form.header('content-security-policy') ?? '', /form-action 'self' https:\/\/grafana\.alpha\.test;/);
  const fields = { rd: form.field('rd') ?? '', rm: 'GET', state: form.field('state') ?? '' };
  const sent = await client.signIn(PORTAL, 'alice', fields);
  equal(sent.status, 303);
  const back = await client.follow(sent);
  equal(back.location, ALPHA + rd);
  match(
    back.header('set-cookie') ?? '',
    /^__Host-lintel-app=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=43200; Secure$/,
  );
  equal([...client.jar.keys()].filter((k) => k.includes('-start-')).length, 0, 'the state cookie is gone');
  const second = await client.follow(await client.get(`${BETA}/.lintel/start?rd=%2Fx`));
  equal(second.location, `${BETA}/x`);
  deepEqual((await client.get(`${BETA}/.lintel/whoami`)).data, {
    user: 'alice',
    name: 'Alice Liddell',
    groups: ['staff'],
    level: 'one_factor',
  });
  const [summary] = await world.store.list({ kind: 'all' });
  deepEqual([...(summary?.openFor ?? [])].sort(), [ALPHA, BETA, PORTAL].sort());
});

test('an address without a hand-over of its own is sent through the start of its app', async () => {
  const { client } = fresh();
  const sent = await client.signIn(PORTAL, 'alice', { rd: `${ALPHA}/x?y=%25&z` });
  equal(sent.location, `${ALPHA}/.lintel/start?rd=%2Fx%3Fy%3D%2525%26z`);
  equal((await client.follow(sent)).location, `${ALPHA}/x?y=%25&z`);
});

function refused(answer: Answer): void {
  equal(answer.status, 400);
  equal(answer.error, 'START-AGAIN');
  equal(answer.location, undefined);
  equal(answer.all('set-cookie').length, 0);
}

test('a code that was used is refused', async () => {
  const { client } = fresh();
  await client.signIn(PORTAL);
  const url = await toCode(client, ALPHA);
  const jar = new Map(client.jar);
  equal((await client.get(url)).status, 302);
  refused(await client.get(url));
  for (const [key, value] of jar) client.jar.set(key, value);
  refused(await client.get(url));
});

test('a code in another browser is refused, with or without a sign-in of its own under way, and is burnt', async () => {
  const { client } = fresh();
  await client.signIn(PORTAL);
  const url = await toCode(client, ALPHA);
  const thief = new Client(client.world);
  refused(await thief.get(url));
  const own = await thief.get(`${ALPHA}/.lintel/start?rd=/`);
  const state = new URL(own.location ?? '').searchParams.get('state') ?? '';
  refused(await thief.get(url));
  refused(await thief.get(url.replace(/state=.*/, `state=${state}`)));
  refused(await client.get(url));
});

test('a thief without a nonce cannot burn the code', async () => {
  const { client } = fresh();
  await client.signIn(PORTAL);
  const url = await toCode(client, ALPHA);
  refused(await new Client(client.world).get(url));
  equal((await client.get(url)).status, 302);
});

test('a code on another host is refused', async () => {
  const { client } = fresh();
  await client.signIn(PORTAL);
  const url = await toCode(client, ALPHA);
  refused(await client.get(url.replace(ALPHA, BETA)));
  const other = await toCode(client, ALPHA);
  const start = await client.get(`${BETA}/.lintel/start?rd=/`);
  const state = new URL(start.location ?? '').searchParams.get('state') ?? '';
  refused(await client.get(other.replace(ALPHA, BETA).replace(/state=.*/, `state=${state}`)));
});

test('a code made for another origin is refused even beside the right nonce', async () => {
  const { world, client } = fresh();
  await client.signIn(PORTAL);
  const [summary] = await world.store.list({ kind: 'all' });
  const start = await client.get(`${BETA}/.lintel/start?rd=/`);
  const nonceHash = new URL(start.location ?? '').searchParams.get('state') ?? '';
  const sessionId = summary?.session.id ?? '';
  for (const origin of [ALPHA, BETA]) {
    const code = world.deps.secrets.token();
    const handOver = { origin, nonceHash, sessionId, expiresAt: world.now + 1000 };
    await world.store.putHandOver(world.deps.secrets.hash(code), handOver);
    const answer = await client.get(`${BETA}/.lintel/callback?code=${code}&state=${nonceHash}`);
    if (origin === ALPHA) refused(answer);
    else equal(answer.location, `${BETA}/`);
  }
});

test('a start cookie that somebody wrote is no start cookie', async () => {
  const { world, client } = fresh();
  await client.signIn(PORTAL);
  const nonce = 'n'.repeat(43);
  const state = world.deps.secrets.hash(nonce);
  const answer = await client.get(`${PORTAL}/?rd=${encodeURIComponent(`${ALPHA}/`)}&state=${state}`);
  const value = `${world.now / 1000}.${nonce}.${Buffer.from('/').toString('base64url')}.${'A'.repeat(43)}`;
  const cookie = `__Host-lintel-start-${state.slice(0, 10)}=${value}`;
  refused(await client.get(answer.location ?? '', ['Cookie', cookie]));
});

test('a start cookie moved to another host is not accepted there', async () => {
  const { client } = fresh();
  await client.signIn(PORTAL);
  const url = await toCode(client, ALPHA);
  const line = client.cookieLine('grafana.alpha.test');
  refused(await new Client(client.world).get(url.replace(ALPHA, BETA), ['Cookie', line]));
});

test('a code or a start that is too old, or whose session ended, is refused', async () => {
  const { world, client } = fresh();
  await client.signIn(PORTAL);
  const late = await toCode(client, ALPHA);
  world.now += 30_000;
  refused(await client.get(late));
  const slow = await client.get(`${ALPHA}/.lintel/start?rd=/`);
  world.now += 600_000;
  const answer = await client.get(slow.location ?? '');
  refused(await client.get(answer.location ?? ''));
  const over = await toCode(client, ALPHA, '/2');
  await world.store.revoke({ kind: 'all' });
  refused(await client.get(over));
  await client.signIn(PORTAL);
  const changed = await toCode(client, ALPHA, '/3');
  world.people.set('alice', { ...world.people.get('alice')!, epoch: 'e2' });
  refused(await client.get(changed));
});

test('no code for people whom policy does not let in', async () => {
  const { client } = fresh();
  await client.signIn(PORTAL, 'bob');
  const start = await client.get(`${BETA}/.lintel/start?rd=/`);
  const answer = await client.get(start.location ?? '');
  equal(answer.status, 403);
  equal(answer.error, 'ACCESS-DENIED');
});

test('rd is a path of this app, whatever is asked for', async () => {
  const { client } = fresh();
  await client.signIn(PORTAL);
  const bad = [
    'https://evil.test/',
    '//evil.test',
    '/\\evil.test',
    '/%5Cevil',
    'evil',
    '@evil.test',
    '/.lintel/start',
    '/a\r\nSet-Cookie:x',
    '/a#b',
    `/${'a'.repeat(7000)}`,
  ];
  for (const rd of bad) {
    client.world.now += 31_000;
    const back = await client.follow(await client.get(`${ALPHA}/.lintel/start?rd=${encodeURIComponent(rd)}`));
    const { origin } = new URL(back.location ?? '');
    equal(origin, ALPHA, rd);
    if (rd.length > 2000 || !/^\/[^\\]/.test(rd))
      ok([`${ALPHA}/`, `${ALPHA}//evil.test`].includes(back.location ?? ''), rd);
  }
});

test('at most five sign-ins under way, the oldest gives way; they stay below 4 KiB together', async () => {
  const { world, client } = fresh();
  const names = () => [...client.jar.keys()].filter((k) => k.includes('-start-'));
  const first = await client.get(`${ALPHA}/.lintel/start?rd=/1`);
  const oldest = names()[0] ?? '';
  for (let i = 2; i <= 200; i++) {
    world.now += 1000;
    await client.get(`${ALPHA}/.lintel/start?rd=/${i}`);
    ok(names().length <= 5);
  }
  ok(!names().includes(oldest) && first.status === 302);
  for (let i = 0; i < 6; i++) {
    world.now += 1000;
    await client.get(`${ALPHA}/.lintel/start?rd=/${'x'.repeat(1500)}`);
  }
  ok(client.cookieLine('grafana.alpha.test').length < 4800);
});

test('a script at the start gets JSON and no cookie', async () => {
  const { client } = fresh();
  const answer = await client.get(`${ALPHA}/.lintel/start?rd=/`, ['Sec-Fetch-Mode', 'cors']);
  equal(answer.status, 401);
  equal(answer.all('set-cookie').length, 0);
  match(answer.header('content-type') ?? '', /json/);
});

test('sign-out at an app asks, then ends the whole session', async () => {
  const { world, client } = fresh();
  await client.signIn(PORTAL);
  await client.follow(await client.get(`${ALPHA}/.lintel/start?rd=/`));
  const ask = await client.get(`${ALPHA}/.lintel/sign-out`);
  equal(ask.status, 200);
  match(ask.header('content-security-policy') ?? '', /form-action 'self' https:\/\/auth\.one\.test/);
  for (const tag of ['style', 'script']) {
    const text = new RegExp(`<${tag}>(.*)</${tag}>`, 's').exec(ask.body)?.[1] ?? '';
    const source = `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    ok(ask.header('content-security-policy')?.includes(`${tag}-src ${source};`), tag);
  }
  deepEqual(
    [...ask.body.matchAll(/(?:href|src)="([^"]*)"/g)].map((m) => m[1]).filter((to) => !to?.startsWith('data:')),
    ['/', `${PORTAL}/help`],
    'nothing is loaded from anywhere',
  );
  const foreign = await client.post(`${ALPHA}/.lintel/sign-out`, {}, ['Origin', BETA]);
  equal(foreign.error, 'ORIGIN-REFUSED');
  const done = await client.post(`${ALPHA}/.lintel/sign-out`, {});
  equal(done.location, `${PORTAL}/signed-out`);
  equal((await world.store.list({ kind: 'all' })).length, 0);
  equal((await client.get(`${ALPHA}/.lintel/whoami`)).status, 401);
  match((await client.get(`${PORTAL}/`)).body, /name="password"/);
});

test('an app cookie opens neither the portal nor another app', async () => {
  const { client } = fresh();
  await client.signIn(PORTAL);
  await client.follow(await client.get(`${ALPHA}/.lintel/start?rd=/`));
  const token = client.jar.get('__Host-lintel-app|grafana.alpha.test')?.value;
  const thief = new Client(client.world);
  equal((await thief.get(`${ALPHA}/.lintel/whoami`, ['Cookie', `__Host-lintel-app=${token}`])).status, 200);
  equal((await thief.get(`${BETA}/.lintel/whoami`, ['Cookie', `__Host-lintel-app=${token}`])).status, 401);
  match((await thief.get(`${PORTAL}/`, ['Cookie', `__Host-lintel=${token}`])).body, /name="password"/);
});

test('an http app gets plain cookie names', async () => {
  const { client } = fresh();
  await client.signIn(PORTAL);
  const back = await client.follow(await client.get('http://plain.gamma.test/.lintel/start?rd=/'));
  match(back.header('set-cookie') ?? '', /^lintel-app=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/);
});

test('below a cookie domain the start leads to the portal of the domain, with nothing to hand over', async () => {
  const domain = { domain: 'alpha.test', cookie: 'gate', portal: portalAt('https://auth.alpha.test') };
  const world = new World({ portal: PORTAL, apps: APPS, domains: [domain] });
  const answer = await new Client(world).get(`${ALPHA}/.lintel/start?rd=/x`);
  equal(answer.location, 'https://auth.alpha.test/?rd=https%3A%2F%2Fgrafana.alpha.test%2Fx&rm=GET');
  equal(answer.all('set-cookie').length, 0);
});

test('anything else below /.lintel/ is refused here', async () => {
  const { client } = fresh();
  equal((await client.get(`${ALPHA}/.lintel/secret`)).status, 404);
  const post = await client.post(`${ALPHA}/.lintel/start`, {});
  equal(post.status, 405);
  equal(post.header('allow'), 'GET, HEAD');
});
