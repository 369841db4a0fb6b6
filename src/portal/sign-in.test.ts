import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
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
import { MemoryStore } from '../stores/memory.ts';

const PORTAL = 'https://auth.example.com';
const APPS = [
  app('Grafana', 'https://grafana.example.com', [rule(SIGNED_IN)]),
  app('Wiki', 'https://wiki.other.test', [rule(SIGNED_IN, STAFF)]),
  app('Vault', 'https://vault.other.test', [rule(TWO_FACTOR)]),
  app('Open', 'https://open.other.test', [rule({ kind: 'everyone' })]),
];
const EXAMPLE = { domain: 'example.com', cookie: 'lintel_gate', portal: portalAt(PORTAL) };

function shared(): { world: World; client: Client } {
  const world = new World({ portal: PORTAL, apps: APPS, domains: [EXAMPLE] });
  return { world, client: new Client(world) };
}

function apart(): { world: World; client: Client } {
  const world = new World({ portal: PORTAL, apps: APPS });
  return { world, client: new Client(world) };
}

async function stored(world: World): Promise<number> {
  return (await world.store.list({ kind: 'all' })).length;
}

test('a stranger gets the form, with where they are going first, and nothing is stored', async () => {
  const { world, client } = shared();
  const page = await client.get(`${PORTAL}/?rd=https%3A%2F%2Fgrafana.example.com%2Fd%3Fa%3D1%26b%3D%2525&rm=GET`);
  equal(page.status, 200);
  match(page.body, /to open <strong>Grafana<\/strong><span class="where">grafana\.example\.com/);
  equal(page.field('rd'), 'https://grafana.example.com/d?a=1&b=%25');
  match(page.body, /autocomplete="username"/);
  match(page.body, /autocomplete="current-password"/);
  equal(page.all('set-cookie').length, 0);
  equal(await stored(world), 0);
  equal(page.header('cache-control'), 'no-store');
  equal(page.header('referrer-policy'), 'same-origin');
  match(page.header('content-security-policy') ?? '', /form-action 'self' https:\/\/grafana\.example\.com;/);
  ok(!/unsafe|<script>|style="|onclick/.test(page.body + page.header('content-security-policy')));
});

test('sign-in returns to the exact bytes with both cookies, and the session replaces the one before', async () => {
  const { world, client } = shared();
  const rd = 'https://grafana.example.com/a%2Fb/%E2%82%AC?x=%2f+%25&y=a;b&z';
  const answer = await client.signIn(PORTAL, 'alice', { rd, rm: 'GET' });
  equal(answer.status, 303);
  equal(answer.location, rd);
  equal(answer.header('referrer-policy'), 'no-referrer');
  const [portal = '', gate = ''] = answer.all('set-cookie');
  match(portal, /^__Host-lintel=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=43200; Secure$/);
  match(gate, /^lintel_gate=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Domain=example\.com; Max-Age=43200; Secure$/);
  notEqual(portal.slice(14, 57), gate.slice(12, 55));
  const before = (await world.store.list({ kind: 'all' }))[0]?.session.id;
  await client.signIn(PORTAL);
  const after = await world.store.list({ kind: 'all' });
  equal(after.length, 1);
  notEqual(after[0]?.session.id, before);
});

test('remembered: the absolute end moves out and there is no idle end', async () => {
  const { world, client } = shared();
  const answer = await client.signIn(PORTAL, 'alice', { remember: '1' });
  match(answer.header('set-cookie') ?? '', /Max-Age=2592000/);
  const [summary] = await world.store.list({ kind: 'all' });
  equal(summary?.session.idleMs, undefined);
  equal(summary?.session.expiresAt, world.now + 2_592_000_000);
});

test('a wrong password: 401, the name kept and escaped, an alert that takes the focus, no cookie, nothing stored', async () => {
  const { world, client } = shared();
  const answer = await client.post(`${PORTAL}/sign-in`, {
    username: '"><b>al',
    password: 'no',
    rd: 'https://grafana.example.com/',
  });
  equal(answer.status, 401);
  match(answer.body, /role="alert" tabindex="-1" autofocus/);
  match(answer.body, /value="&quot;&gt;&lt;b&gt;al"/);
  equal(answer.field('rd'), 'https://grafana.example.com/');
  ok(!answer.body.includes('value="no"'));
  equal(answer.all('set-cookie').length, 0);
  equal(await stored(world), 0);
  deepEqual(
    world.events.map((e) => e.kind),
    ['sign-in-failed'],
  );
});

test('throttled and busy say how long to wait', async () => {
  const { client } = shared();
  const slow = await client.signIn(PORTAL, 'hasty', { rd: 'https://grafana.example.com/' });
  equal(slow.status, 429);
  equal(slow.header('retry-after'), '290');
  equal(slow.error, 'THROTTLED');
  match(slow.body, /Wait 5 minutes/);
  match(slow.body, /href="\/sign-in\?rd=https%3A%2F%2Fgrafana/);
  const busy = await client.signIn(PORTAL, 'crowd');
  equal(busy.header('retry-after'), '3');
  match(busy.body, /Wait 3 seconds/);
  equal((await client.signIn(PORTAL, 'nofile')).status, 503);
});

test('a form that another site sends changes nothing', async () => {
  const { world, client } = shared();
  const fields = { username: 'alice', password: PASSWORD };
  const refused: readonly (readonly string[])[] = [
    ['Origin', 'https://evil.test'],
    ['Origin', 'https://grafana.example.com', 'Sec-Fetch-Site', 'same-site'],
    ['Origin', PORTAL, 'Sec-Fetch-Site', 'same-site'],
    ['Origin', PORTAL, 'Sec-Fetch-Site', 'cross-site'],
    ['Origin', PORTAL, 'Origin', 'https://evil.test'],
    ['Origin', 'null'],
    ['Sec-Fetch-Site', 'none'],
    ['Sec-Fetch-Mode', 'navigate'],
    [],
  ];
  for (const headers of refused) {
    const answer = await client.post(`${PORTAL}/sign-in`, fields, headers);
    equal(answer.status, 403, headers.join(' '));
    equal(answer.error, 'ORIGIN-REFUSED');
  }
  equal(await stored(world), 0);
  equal((await client.post(`${PORTAL}/sign-in`, fields, ['Sec-Fetch-Site', 'same-origin'])).status, 303);
  for (const headers of refused) equal((await client.post(`${PORTAL}/sign-out`, {}, headers)).status, 403);
  equal(await stored(world), 1);
});

test('an address that is none of ours is never redirected to', async () => {
  const { client } = shared();
  const bad = [
    '//evil.test/',
    '/\\evil.test/',
    '\\\\evil.test/',
    'https:///evil.test/',
    'https:evil.test',
    'javascript:alert(1)',
    'http://grafana.example.com@evil.test/',
    'https://evil.test\\@grafana.example.com/',
    'https://grafana.example.com.evil.test/',
    'https://evilexample.com/',
    'https://example.com:443@evil.test/',
    '\thttps://evil.test/',
    'ht\ntps://evil.test/',
    '/%09/evil.test',
    'javascript://grafana.example.com/%0aalert(1)',
    'https://\u24d4vil.test/',
    'https://grafana.example.com%00.evil.test/',
    'https://grafana.example.com%2f@evil.test/',
    'http://grafana.example.com/',
    'https://grafana.example.com:8443/',
    'wss://grafana.example.com/',
  ];
  for (const rd of bad) {
    const stranger = await client.get(`${PORTAL}/?rd=${encodeURIComponent(rd)}`);
    equal(stranger.status, 400, rd);
    equal(stranger.error, 'RETURN-REFUSED');
    ok(!/href="[^"]*evil/.test(stranger.body), rd);
  }
  for (const rd of bad) {
    const answer = await client.signIn(PORTAL, 'alice', { rd });
    equal(answer.location, `${PORTAL}/`, rd);
    equal((await client.get(`${PORTAL}/?rd=${encodeURIComponent(rd)}`)).status, 400, rd);
    equal((await client.post(`${PORTAL}/sign-out`, { rd })).location, `${PORTAL}/signed-out`, rd);
  }
  const own = await client.signIn(PORTAL, 'alice', { rd: `${PORTAL}/?rd=${PORTAL}` });
  equal(own.location, `${PORTAL}/`);
});

test('the portal asks policy: denied and two-factor people stay, and see why', async () => {
  const { world, client } = apart();
  const denied = await client.signIn(PORTAL, 'bob', { rd: 'https://wiki.other.test/x' });
  equal(denied.status, 403);
  equal(denied.error, 'ACCESS-DENIED');
  match(denied.body, /signed in as <strong>bob<\/strong>/);
  ok(!denied.body.includes('staff'));
  match(denied.body, /switch=1">Switch account/);
  equal(denied.all('set-cookie').length, 1);
  const level = await client.get(`${PORTAL}/?rd=https%3A%2F%2Fvault.other.test%2F`);
  equal(level.status, 403);
  equal(level.error, 'LEVEL-UNAVAILABLE');
  const other = await client.get(`${PORTAL}/sign-in?rd=https%3A%2F%2Fwiki.other.test%2Fx&switch=1`);
  equal(other.status, 200);
  equal((await client.signIn(PORTAL, 'alice', { rd: other.field('rd') ?? '' })).status, 303);
  equal(await stored(world), 1);
});

test('the launcher lists what the person may open, and no more', async () => {
  const { client } = apart();
  await client.signIn(PORTAL, 'bob');
  const page = await client.get(`${PORTAL}/`);
  equal(page.status, 200);
  match(page.body, /href="https:\/\/grafana\.example\.com\/"/);
  match(page.body, /href="https:\/\/open\.other\.test\/"/);
  ok(!page.body.includes('wiki.other.test') && !page.body.includes('vault.other.test'));
});

test('the third return of one address within 30 s is a loop page; another address or a later time is not', async () => {
  const { world, client } = shared();
  await client.signIn(PORTAL);
  const url = `${PORTAL}/?rd=https%3A%2F%2Fgrafana.example.com%2F`;
  equal((await client.get(url)).status, 302);
  equal((await client.get(url)).status, 302);
  const third = await client.get(url);
  equal(third.status, 400);
  equal(third.error, 'LOOP');
  equal((await client.get(`${url}other`)).status, 302);
  world.now += 31_000;
  equal((await client.get(url)).status, 302);
});

test('signing in again and again is no loop, and signing out forgets the count', async () => {
  const { world, client } = apart();
  for (let i = 0; i < 4; i++) {
    const start = await client.get('https://grafana.example.com/.lintel/start?rd=%2F');
    const form = await client.get(start.location ?? '');
    match(form.body, /name="password"/);
    const fields = { rd: form.field('rd') ?? '', state: form.field('state') ?? '' };
    equal((await client.follow(await client.signIn(PORTAL, 'alice', fields))).location, 'https://grafana.example.com/');
    await client.follow(await client.get(`${PORTAL}/?rd=https%3A%2F%2Fgrafana.example.com%2F`));
    await client.post(`${PORTAL}/sign-out`, {});
  }
  equal(world.events.filter((e) => e.kind === 'fault').length, 0);
});

test('where everybody goes by default is reached after sign-in, and the form may lead there', async () => {
  const world = new World({ portal: PORTAL, apps: APPS, defaultRedirect: 'https://home.example.com:8443/start' });
  const client = new Client(world);
  const form = await client.get(`${PORTAL}/`);
  match(form.header('content-security-policy') ?? '', /form-action 'self' https:\/\/home\.example\.com:8443;/);
  equal((await client.signIn(PORTAL)).location, 'https://home.example.com:8443/start');
});

test('a forged loop cookie counts nothing', async () => {
  const { world, client } = shared();
  await client.signIn(PORTAL);
  const href = 'https://grafana.example.com/';
  const hash = createHash('sha256').update(href).digest('base64url').slice(0, 16);
  const forged = `__Host-lintel-loop=${hash}:9:${world.now / 1000}.${'A'.repeat(43)}`;
  equal((await client.get(`${PORTAL}/?rd=${encodeURIComponent(href)}`, ['Cookie', forged])).status, 302);
});

test('text beyond ASCII in the address comes back as the bytes a browser sends', async () => {
  const { client } = shared();
  const answer = await client.signIn(PORTAL, 'alice', { rd: 'https://grafana.example.com/?q=\u00e9\u20ac' });
  equal(answer.location, 'https://grafana.example.com/?q=%C3%A9%E2%82%AC');
});

test('nobody is sent from portal to portal, even where a rule names its host', async () => {
  const everywhere = { ...rule(SIGNED_IN), hosts: [{ kind: 'wildcard', suffix: '.example.com' }] } as const;
  const client = new Client(new World({ portal: PORTAL, apps: APPS, domains: [EXAMPLE], rules: [everywhere] }));
  equal(
    (await client.signIn(PORTAL, 'alice', { rd: 'https://other.example.com/x' })).location,
    'https://other.example.com/x',
  );
  equal((await client.signIn(PORTAL, 'alice', { rd: 'https://AUTH.example.com/x' })).location, `${PORTAL}/`);
});

test('a lost gate cookie is given anew instead of a loop', async () => {
  const { client } = shared();
  await client.signIn(PORTAL);
  client.jar.delete('lintel_gate|example.com');
  const back = await client.get(`${PORTAL}/?rd=https%3A%2F%2Fgrafana.example.com%2F`);
  equal(back.location, 'https://grafana.example.com/');
  ok(client.jar.has('lintel_gate|example.com'));
  const again = await client.get(`${PORTAL}/?rd=https%3A%2F%2Fgrafana.example.com%2F2`);
  ok(!again.all('set-cookie').some((c) => c.startsWith('lintel_gate')), 'and only when it is lost');
});

test('a gate cookie opens no page of the portal', async () => {
  const { client } = shared();
  await client.signIn(PORTAL);
  const gate = client.jar.get('lintel_gate|example.com')?.value;
  const thief = new Client(client.world);
  const page = await thief.get(`${PORTAL}/`, ['Cookie', `__Host-lintel=${gate}`]);
  match(page.body, /name="password"/);
});

test('two portal cookies of different people are nobody', async () => {
  const { world, client } = shared();
  await client.signIn(PORTAL, 'alice');
  const other = new Client(world);
  await other.signIn(PORTAL, 'bob');
  const page = await other.get(`${PORTAL}/`, ['Cookie', client.cookieLine('auth.example.com')]);
  match(page.body, /name="password"/);
});

test('sign-out asks on GET, acts on POST, ends the session and clears the cookies', async () => {
  const { world, client } = shared();
  await client.signIn(PORTAL);
  const ask = await client.get(`${PORTAL}/sign-out`);
  match(ask.body, /<form method="post" action="\/sign-out">/);
  equal(await stored(world), 1);
  const done = await client.post(`${PORTAL}/sign-out`, {});
  equal(done.location, `${PORTAL}/signed-out`);
  equal(await stored(world), 0);
  equal(client.cookieLine('auth.example.com'), '');
  match((await client.get(`${PORTAL}/signed-out`)).body, /signed out/);
  equal(
    (await client.post(`${PORTAL}/sign-out`, { rd: 'https://grafana.example.com/bye' })).location,
    'https://grafana.example.com/bye',
  );
});

test('sessions end at the idle and the absolute end, and with a changed password', async () => {
  const { world, client } = shared();
  const signedIn = async () => (await client.get(`${PORTAL}/`)).body.includes('class="apps"');
  await client.signIn(PORTAL);
  ok(await signedIn());
  world.now += 3_600_000;
  ok(!(await signedIn()));
  await client.signIn(PORTAL);
  for (let i = 0; i < 23; i++) {
    world.now += 1_800_000;
    ok(await signedIn(), 'visits keep it alive');
  }
  world.now += 1_800_000;
  ok(!(await signedIn()), 'twelve hours are the end');
  await client.signIn(PORTAL);
  world.people.set('alice', { ...world.people.get('alice')!, epoch: 'e2' });
  ok(!(await signedIn()));
});

/** A store whose disk is full, or which is gone. */
class Broken extends MemoryStore {
  writes = false;
  reads = false;
  override open(...args: Parameters<MemoryStore['open']>): void {
    if (this.writes) throw new Error('SQLITE_FULL');
    super.open(...args);
  }
  override find(...args: Parameters<MemoryStore['find']>) {
    if (this.reads) throw new Error('SQLITE_IOERR');
    return super.find(...args);
  }
}

test('a store that cannot write or read is said with an id, and gives no cookie', async () => {
  const store = new Broken();
  const world = new World({ portal: PORTAL, apps: APPS, store });
  const client = new Client(world);
  store.writes = true;
  const full = await client.signIn(PORTAL);
  equal(full.status, 507);
  equal(full.error, 'STORE-WRITE');
  equal(full.all('set-cookie').length, 0);
  ok(!full.body.includes('SQLITE'));
  store.writes = false;
  await client.signIn(PORTAL);
  store.reads = true;
  const gone = await client.get(`${PORTAL}/`);
  equal(gone.status, 503);
  equal(gone.error, 'STORE-UNAVAILABLE');
  equal((await client.post(`${PORTAL}/sign-out`, {})).status, 503);
});

test('pages: unknown paths, methods, error ids, files', async () => {
  const { client } = shared();
  equal((await client.get(`${PORTAL}/nothing`)).status, 404);
  const put = await client.send('PUT', `${PORTAL}/sign-in`, [], '');
  equal(put.status, 405);
  equal(put.header('allow'), 'GET, HEAD, POST');
  equal((await client.send('HEAD', `${PORTAL}/`, [], '')).status, 200);
  equal((await client.get(`${PORTAL}/error/LOOP`)).status, 200);
  equal((await client.get(`${PORTAL}/error/constructor`)).status, 404);
  const page = await client.get(`${PORTAL}/help`);
  for (const [, path = ''] of page.body.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)) {
    const file = await client.get(PORTAL + path);
    equal(file.status, 200, path);
    match(file.header('cache-control') ?? '', /immutable/);
  }
  equal((await client.get(`${PORTAL}/assets/portal.css`)).status, 404);
});

test('a script that opens a page gets 401 as JSON', async () => {
  const { client } = shared();
  for (const headers of [
    ['Accept', 'application/json'],
    ['X-Requested-With', 'XMLHttpRequest'],
    ['Sec-Fetch-Mode', 'cors'],
  ]) {
    const answer = await client.get(`${PORTAL}/`, headers);
    equal(answer.status, 401);
    match(answer.header('content-type') ?? '', /^application\/json/);
    equal(answer.location, undefined);
  }
});

test('a portal below a path keeps to it', async () => {
  const world = new World({ portal: 'https://example.com/auth', apps: APPS });
  const client = new Client(world);
  const page = await client.get('https://example.com/auth/');
  match(page.body, /action="\/auth\/sign-in"/);
  match(page.body, /href="\/auth\/assets\//);
  equal((await client.signIn('https://example.com/auth')).location, 'https://example.com/auth/');
});
