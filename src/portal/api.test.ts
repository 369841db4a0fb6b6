import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import {
  app,
  Client,
  PASSWORD,
  portalAt,
  rule,
  SIGNED_IN,
  STAFF,
  TWO_FACTOR,
  World,
} from '../../test/browser/world.ts';

const PORTAL = 'https://auth.example.com';
const ONE = [
  app('Grafana', 'https://grafana.example.com', [rule(SIGNED_IN)]),
  app('Wiki', 'https://wiki.example.com', [rule(SIGNED_IN, STAFF)]),
];
const TWO = [...ONE, app('Vault', 'https://vault.example.com', [rule(TWO_FACTOR)])];
const domains = [{ domain: 'example.com', cookie: 'gate', portal: portalAt(PORTAL) }];

function fresh(apps = ONE, defaultRedirect?: string): Client {
  return new Client(new World({ portal: PORTAL, apps, domains, ...(defaultRedirect && { defaultRedirect }) }));
}

function first(client: Client, more: Record<string, unknown> = {}, headers: readonly string[] = []) {
  return client.json(`${PORTAL}/api/firstfactor`, { username: 'alice', password: PASSWORD, ...more }, headers);
}

test('health and state', async () => {
  const client = fresh(ONE, 'https://home.example.com/');
  const health = await client.get(`${PORTAL}/api/health`);
  equal(health.body, '{"status":"OK"}');
  equal((await client.send('HEAD', `${PORTAL}/api/health`, [], '')).status, 200);
  const state = async () => (await client.get(`${PORTAL}/api/state`)).data;
  const rest = { default_redirection_url: 'https://home.example.com/' };
  deepEqual(await state(), {
    status: 'OK',
    data: { username: '', authentication_level: 0, factor_knowledge: false, ...rest },
  });
  await first(client);
  deepEqual(await state(), {
    status: 'OK',
    data: { username: 'alice', authentication_level: 1, factor_knowledge: true, ...rest },
  });
});

test('first factor: redirect for a safe target of one factor, bare OK otherwise', async () => {
  const redirect = async (apps: typeof ONE, targetURL: string | undefined, fallback?: string) => {
    const answer = await first(fresh(apps, fallback), { targetURL });
    equal(answer.status, 200);
    equal(answer.all('set-cookie').length, 2);
    equal(answer.header('pragma'), 'no-cache');
    equal(answer.header('content-security-policy'), "default-src 'none'");
    return answer.data;
  };
  const url = 'https://grafana.example.com/a%2Fb?x=1';
  deepEqual(await redirect(ONE, url), { status: 'OK', data: { redirect: url } });
  deepEqual(await redirect(TWO, 'https://vault.example.com/'), { status: 'OK' });
  deepEqual(await redirect(ONE, 'https://evil.test/'), { status: 'OK' });
  deepEqual(await redirect(ONE, undefined), { status: 'OK' });
  const home = 'https://home.example.com/';
  deepEqual(await redirect(ONE, undefined, home), { status: 'OK', data: { redirect: home } });
  deepEqual(await redirect(ONE, 'https://evil.test/', home), { status: 'OK', data: { redirect: home } });
  deepEqual(await redirect(TWO, undefined, home), { status: 'OK' });
});

test('first factor names the target also where policy will deny', async () => {
  const client = fresh();
  const targetURL = 'https://wiki.example.com/';
  const answer = await first(client, { username: 'bob', targetURL });
  deepEqual(answer.data, { status: 'OK', data: { redirect: targetURL } });
});

test('first factor: one message for every failure', async () => {
  const client = fresh();
  const bodies = [
    '',
    'null',
    '[]',
    '{}',
    '{"username":"alice"}',
    '{"username":1,"password":2}',
    '{"__proto__":{"username":"a","password":"b"}}',
    '\ufffd{',
  ];
  const wrong = await first(client, { password: 'no' });
  equal(wrong.status, 401);
  for (const body of bodies) {
    const answer = await client.send('POST', `${PORTAL}/api/firstfactor`, ['Content-Type', 'application/json'], body);
    equal(answer.status, 401, body);
    equal(answer.body, wrong.body);
  }
  const form = await client.send(
    'POST',
    `${PORTAL}/api/firstfactor`,
    ['Content-Type', 'text/plain'],
    JSON.stringify({ username: 'alice', password: PASSWORD }),
  );
  equal(form.status, 401);
  equal(client.jar.size, 0);
  const slow = await first(client, { username: 'hasty' });
  equal(slow.status, 429);
  equal(slow.header('retry-after'), '290');
  equal((await first(client, { username: 'crowd' })).status, 429);
});

test('changes need the portal itself or a client that is no browser', async () => {
  const client = fresh();
  for (const headers of [
    ['Origin', 'https://grafana.example.com'],
    ['Origin', PORTAL, 'Sec-Fetch-Site', 'same-site'],
    ['Sec-Fetch-Site', 'cross-site'],
    ['Sec-Fetch-Mode', 'cors'],
    ['Origin', 'null'],
  ]) {
    equal((await first(client, {}, headers)).error, 'ORIGIN-REFUSED', headers.join(' '));
    equal((await client.json(`${PORTAL}/api/logout`, {}, headers)).status, 403);
  }
  equal((await first(client, {}, ['Origin', PORTAL, 'Sec-Fetch-Site', 'same-origin'])).status, 200);
});

test('logout', async () => {
  const client = fresh();
  await first(client);
  const answer = await client.json(`${PORTAL}/api/logout`, { targetURL: 'https://grafana.example.com/' });
  deepEqual(answer.data, { status: 'OK', data: { safeTargetURL: true } });
  equal((await client.world.store.list({ kind: 'all' })).length, 0);
  equal(client.jar.size, 0);
  const unsafe = await client.json(`${PORTAL}/api/logout`, { targetURL: 'https://evil.test/' });
  deepEqual(unsafe.data, { status: 'OK', data: { safeTargetURL: false } });
});

test('logout without a body ends the session too', async () => {
  const client = fresh();
  await first(client);
  equal((await client.send('POST', `${PORTAL}/api/logout`, ['Content-Type', 'application/json'], 'junk')).status, 400);
  equal((await client.world.store.list({ kind: 'all' })).length, 1);
  const answer = await client.send('POST', `${PORTAL}/api/logout`, [], '');
  deepEqual(answer.data, { status: 'OK', data: { safeTargetURL: false } });
  equal((await client.world.store.list({ kind: 'all' })).length, 0);
});

test('first factor: a field of another type is a bad body', async () => {
  for (const bad of [{ keepMeLoggedIn: 'true' }, { targetURL: 1 }, { requestMethod: ['GET'] }, { targetURL: {} }]) {
    const client = fresh();
    const answer = await first(client, bad);
    equal(answer.status, 401, JSON.stringify(bad));
    equal((await client.world.store.list({ kind: 'all' })).length, 0);
  }
  const nulls = { keepMeLoggedIn: null, targetURL: null, requestMethod: null };
  equal((await first(fresh(), nulls)).status, 200);
});

test('first factor: the rule is that of the method which was stopped', async () => {
  const writes = { ...rule(TWO_FACTOR), methods: ['POST'] };
  const apps = [app('Grafana', 'https://grafana.example.com', [writes, rule(SIGNED_IN)])];
  const targetURL = 'https://grafana.example.com/';
  for (const requestMethod of [undefined, '', 'GET', 'PUT']) {
    const answer = await first(fresh(apps), { targetURL, requestMethod });
    deepEqual(answer.data, { status: 'OK', data: { redirect: targetURL } });
  }
  deepEqual((await first(fresh(apps), { targetURL, requestMethod: 'POST' })).data, { status: 'OK' });
});

test('every JSON answer carries the base headers', async () => {
  const client = fresh();
  for (const path of ['/api/health', '/api/state', '/api/nothing']) {
    const answer = await client.get(`${PORTAL}${path}`);
    equal(answer.header('x-content-type-options'), 'nosniff');
    equal(answer.header('referrer-policy'), 'strict-origin-when-cross-origin');
    equal(answer.header('x-frame-options'), 'DENY');
    equal(answer.header('x-dns-prefetch-control'), 'off');
    match(answer.header('permissions-policy') ?? '', /camera=\(\)/);
    equal(answer.header('pragma'), 'no-cache');
  }
});

test('safe redirection asks who it is first', async () => {
  const client = fresh();
  const ask = (uri: string) => client.json(`${PORTAL}/api/checks/safe-redirection`, { uri });
  const stranger = await ask('https://grafana.example.com/');
  equal(stranger.status, 401);
  match(stranger.header('content-type') ?? '', /^text\/plain/);
  equal((await client.get(`${PORTAL}/api/configuration`)).status, 403);
  await first(client);
  deepEqual((await ask('https://grafana.example.com/')).data, { status: 'OK', data: { ok: true } });
  deepEqual((await ask('https://evil.test/')).data, { status: 'OK', data: { ok: false } });
  equal((await client.get(`${PORTAL}/api/configuration`)).status, 200);
});

test('unknown paths and methods are JSON', async () => {
  const client = fresh();
  const unknown = await client.get(`${PORTAL}/api/nothing`, ['Accept', 'text/html']);
  equal(unknown.status, 404);
  match(unknown.header('content-type') ?? '', /^application\/json/);
  const get = await client.get(`${PORTAL}/api/logout`, ['Origin', 'https://evil.test']);
  equal(get.status, 405);
  equal(get.header('allow'), 'POST');
  ok(!('location' in get.headers));
});
