import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, app, Client, PASSWORD, rule, SIGNED_IN, STAFF, World } from '../../test/browser/world.ts';
import { hasTokenForm, MAX_TOKENS } from '../core/app-token.ts';
import { MemoryStore } from '../stores/memory.ts';
import { keyOf, sessionOf, tokenOf } from '../stores/values.contract.ts';

const PORTAL = 'https://auth.example.com';
const ACCOUNT = `${PORTAL}/account`;
const MINUTE = 60_000;
const APPS = [
  app('Grafana', 'https://grafana.example.com', [rule(SIGNED_IN)]),
  app('Wiki', 'https://wiki.other.test', [rule(SIGNED_IN, STAFF)]),
];

async function somebody(name = 'alice') {
  const store = new MemoryStore();
  const world = new World({ portal: PORTAL, apps: APPS, store });
  const client = new Client(world);
  await client.signIn(PORTAL, name);
  return { world, store, client };
}

const GOOD = { label: 'Phone calendar', scope: 'all', expires: '90' };

/** Posts a form whose fields may come more than once. */
function send(client: Client, path: string, fields: readonly (readonly [string, string])[]): Promise<Answer> {
  const headers = ['Content-Type', 'application/x-www-form-urlencoded', 'Origin', PORTAL];
  const body = new URLSearchParams(fields.map(([name, value]) => [name, value])).toString();
  return client.send('POST', `${ACCOUNT}${path}`, headers, body);
}

function secretOf(page: Answer): string {
  return /<code id="secret">([^<]+)<\/code>/.exec(page.body)?.[1] ?? '';
}

test('strangers sign in first, whatever they ask for', async () => {
  const client = new Client(new World({ portal: PORTAL, apps: APPS }));
  const page = await client.get(ACCOUNT);
  deepEqual([page.status, page.location], [302, `${PORTAL}/sign-in`]);
  for (const path of ['/app-passwords', '/app-passwords/revoke', '/sessions/revoke', '/sessions/revoke-all']) {
    const answer = await client.post(`${ACCOUNT}${path}`, { ...GOOD, id: 'x' });
    deepEqual([answer.status, answer.location], [303, `${PORTAL}/sign-in`], path);
    equal((await client.get(`${ACCOUNT}${path}`)).location, ACCOUNT);
  }
  deepEqual(await client.world.store.listTokens({ kind: 'all' }), []);
  const script = await client.get(ACCOUNT, ['Accept', 'application/json']);
  deepEqual([script.status, script.error, script.location], [401, 'SIGN-IN-NEEDED', undefined]);
});

test('makes an app password, shows it once, and stores its hash', async () => {
  const { world, store, client } = await somebody();
  const page = await client.post(`${ACCOUNT}/app-passwords`, GOOD);
  equal(page.status, 200);
  equal(page.header('cache-control'), 'no-store');
  const secret = secretOf(page);
  ok(hasTokenForm(secret), page.body);
  const { id, ...facts } = store.findToken(keyOf(secret)) ?? tokenOf('none');
  const expiresAt = world.now + 90 * 86_400_000;
  const expected = { user: 'alice', label: 'Phone calendar', apps: 'all', createdAt: world.now, expiresAt };
  deepEqual(facts, { ...expected, lastUsedAt: undefined, createdBy: 'self' });
  const account = await client.get(ACCOUNT);
  ok(!account.body.includes(secret) && !account.body.includes('lintel_'));
  match(account.body, /Phone calendar[\s\S]*Every app[\s\S]*just now[\s\S]*never used[\s\S]*in 90 days/);
  const { label } = facts;
  deepEqual(world.events.at(-1), {
    kind: 'token',
    what: 'added',
    user: 'alice',
    token: id,
    label,
    client: '127.0.0.1',
  });
  ok(!JSON.stringify(world.events).includes(secret));
});

test('offers the apps that the person may open, and makes one for those alone', async () => {
  const { store, client } = await somebody();
  const page = await client.get(ACCOUNT);
  match(page.body, /value="grafana"> Grafana/);
  match(page.body, /value="wiki"> Wiki/);
  const some = [
    ['label', 'Git'],
    ['scope', 'some'],
    ['app', 'wiki'],
    ['app', 'wiki'],
    ['expires', 'never'],
  ] as const;
  const made = await send(client, '/app-passwords', some);
  const token = store.findToken(keyOf(secretOf(made)));
  deepEqual([token?.apps, token?.expiresAt], [['wiki'], undefined]);
  match(made.body, /Opens: Wiki/);
  const bob = await somebody('bob');
  const offered = (await bob.client.get(ACCOUNT)).body;
  ok(offered.includes('Grafana') && !offered.includes('Wiki'));
  const refused = await send(bob.client, '/app-passwords', some);
  deepEqual([refused.status, refused.error], [400, 'FORM-INCOMPLETE']);
  deepEqual(bob.store.listTokens({ kind: 'all' }), []);
});

test('what is missing or contradicts itself is asked again, with what was typed', async () => {
  const { store, client } = await somebody();
  const cases: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
    ['It needs a name', [['scope', 'all']]],
    [
      'It needs a name',
      [
        ['label', '  '],
        ['scope', 'all'],
      ],
    ],
    [
      'It needs a name',
      [
        ['label', 'a\u202eb'],
        ['scope', 'all'],
      ],
    ],
    [
      'It needs a name',
      [
        ['label', 'x'.repeat(65)],
        ['scope', 'all'],
      ],
    ],
    ['Say what it opens', [['label', 'Phone']]],
    [
      'Say what it opens',
      [
        ['label', 'Phone'],
        ['scope', 'everything'],
      ],
    ],
    [
      'ticked some',
      [
        ['label', 'Phone'],
        ['scope', 'all'],
        ['app', 'wiki'],
      ],
    ],
    [
      'No app is ticked',
      [
        ['label', 'Phone'],
        ['scope', 'some'],
      ],
    ],
    [
      'not open to you',
      [
        ['label', 'Phone'],
        ['scope', 'some'],
        ['app', 'vault'],
      ],
    ],
    [
      'Say when it ends',
      [
        ['label', 'Phone'],
        ['scope', 'all'],
        ['expires', '99999'],
      ],
    ],
  ];
  for (const [said, fields] of cases) {
    const answer = await send(client, '/app-passwords', fields);
    deepEqual([answer.status, answer.error], [400, 'FORM-INCOMPLETE'], said);
    match(answer.body, new RegExp(said));
    match(answer.body, /role="alert"/);
  }
  const kept = await send(client, '/app-passwords', [
    ['label', '"><b>x'],
    ['scope', 'some'],
    ['app', 'nope'],
  ]);
  match(kept.body, /value="&quot;&gt;&lt;b&gt;x"/);
  deepEqual(store.listTokens({ kind: 'all' }), []);
});

test('an older sign-in takes the password again, by the one verifier, and tells nothing but that', async () => {
  const { world, store, client } = await somebody();
  world.now += 15 * MINUTE - 1;
  ok(!(await client.get(ACCOUNT)).body.includes('name="password"'));
  world.now += 1;
  match((await client.get(ACCOUNT)).body, /name="password" autocomplete="current-password" required/);
  const missing = await client.post(`${ACCOUNT}/app-passwords`, GOOD);
  deepEqual([missing.status, missing.error], [400, 'FORM-INCOMPLETE']);
  const wrong = await client.post(`${ACCOUNT}/app-passwords`, { ...GOOD, password: 'guess' });
  deepEqual([wrong.status, wrong.error], [401, 'CREDENTIALS-REFUSED']);
  ok(!wrong.body.includes('guess'));
  equal(world.events.at(-1)?.kind, 'sign-in-failed');
  deepEqual(store.listTokens({ kind: 'all' }), []);
  const made = await client.post(`${ACCOUNT}/app-passwords`, { ...GOOD, password: PASSWORD });
  equal(made.status, 200);
  equal(store.listTokens({ kind: 'all' }).length, 1);
});

test('as many as there may be: a clear word, and nothing is made', async () => {
  const { world, store, client } = await somebody();
  for (let i = 0; i < MAX_TOKENS; i += 1) store.addToken(tokenOf(`t${i}`, { createdAt: world.now }), keyOf(`t${i}`));
  const full = await client.post(`${ACCOUNT}/app-passwords`, GOOD);
  deepEqual([full.status, full.error], [409, 'APP-PASSWORDS-FULL']);
  match(full.body, /You have 100 app passwords/);
  equal(store.listTokens({ kind: 'all' }).length, MAX_TOKENS);
});

test("revokes one's own app password, and nobody else's", async () => {
  const { world, store, client } = await somebody();
  store.addToken(tokenOf('mine', { createdAt: world.now }), keyOf('mine'));
  store.addToken(tokenOf('theirs', { user: 'bob', createdAt: world.now }), keyOf('theirs'));
  for (const id of ['theirs', 'no such', '']) {
    const answer = await client.post(`${ACCOUNT}/app-passwords/revoke`, { id });
    deepEqual([answer.status, answer.location], [303, ACCOUNT]);
  }
  ok(store.findToken(keyOf('theirs')) !== undefined);
  ok(!(await client.get(ACCOUNT)).body.includes('theirs'));
  await client.post(`${ACCOUNT}/app-passwords/revoke`, { id: 'mine' });
  equal(store.findToken(keyOf('mine')), undefined);
  const told = world.events.filter((e) => e.kind === 'token').map((e) => [e.what, e.token]);
  deepEqual(told, [['revoked', 'mine']]);
});

test('lists where somebody is signed in, this browser marked, and signs out one of them', async () => {
  const { world, store, client } = await somebody();
  const linux = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
  const times = { createdAt: world.now, lastSeenAt: world.now, expiresAt: world.now + 3_600_000 };
  store.open(sessionOf('other', { ...times, userAgent: linux, address: '203.0.113.9' }), []);
  store.open(sessionOf('dead', { ...times, userAgent: 'Dead/1.0', expiresAt: world.now }), []);
  store.open(sessionOf('old', { ...times, userAgent: 'Old/1.0', epoch: 'before' }), []);
  store.open(sessionOf('bobs', { ...times, userAgent: 'Bob/1.0', user: 'bob' }), []);
  const page = await client.get(ACCOUNT);
  match(page.body, /Firefox on Linux<\/strong>\s*<small\b[^>]*>203\.0\.113\.9/);
  equal(page.body.match(/>this browser<\/span>/g)?.length, 1);
  for (const hidden of ['Dead', 'Old/', 'Bob']) ok(!page.body.includes(hidden), hidden);
  await client.post(`${ACCOUNT}/sessions/revoke`, { id: 'bobs' });
  equal(store.list({ kind: 'id', id: 'bobs' }).length, 1, "somebody else's stays");
  await client.post(`${ACCOUNT}/sessions/revoke`, { id: 'other' });
  equal(store.list({ kind: 'id', id: 'other' }).length, 0);
  equal((await client.get(ACCOUNT)).status, 200);
  const own = store.list({ kind: 'user', user: 'alice' }).find((s) => s.openFor.length > 0)?.session.id ?? '';
  const out = await client.post(`${ACCOUNT}/sessions/revoke`, { id: own });
  equal(out.location, `${PORTAL}/signed-out`);
  equal((await client.get(ACCOUNT)).location, `${PORTAL}/sign-in`);
});

test('signs out everywhere, and leaves app passwords alone', async () => {
  const { world, store, client } = await somebody();
  const elsewhere = new Client(world);
  await elsewhere.signIn(PORTAL);
  store.addToken(tokenOf('mine', { createdAt: world.now }), keyOf('mine'));
  const out = await client.post(`${ACCOUNT}/sessions/revoke-all`, {});
  deepEqual([out.status, out.location], [303, `${PORTAL}/signed-out`]);
  match(out.all('set-cookie').join('\n'), /__Host-lintel=; .*Max-Age=0/);
  for (const browser of [client, elsewhere]) equal((await browser.get(ACCOUNT)).location, `${PORTAL}/sign-in`);
  ok(store.findToken(keyOf('mine')) !== undefined);
  deepEqual(world.events.at(-1), { kind: 'sign-out', user: 'alice', client: '127.0.0.1', sessions: 2 });
});

test('a change from anywhere but this page is refused: siblings, strangers, no origin, another type', async () => {
  const { store, client } = await somebody();
  store.addToken(tokenOf('mine'), keyOf('mine'));
  const foreign = [
    ['Origin', 'https://grafana.example.com', 'Sec-Fetch-Site', 'same-site'],
    ['Origin', 'https://evil.test', 'Sec-Fetch-Site', 'cross-site'],
    ['Origin', PORTAL, 'Sec-Fetch-Site', 'same-site'],
    ['Origin', 'null'],
    [],
  ];
  for (const headers of foreign) {
    for (const path of ['/app-passwords', '/app-passwords/revoke', '/sessions/revoke', '/sessions/revoke-all']) {
      const answer = await client.post(`${ACCOUNT}${path}`, { ...GOOD, id: 'mine' }, headers);
      deepEqual([answer.status, answer.error], [403, 'ORIGIN-REFUSED'], `${path} ${headers}`);
    }
  }
  const json = await client.json(`${ACCOUNT}/app-passwords`, GOOD, ['Origin', PORTAL]);
  equal(json.error, 'REQUEST-MALFORMED');
  equal(store.listTokens({ kind: 'all' }).length, 1);
  equal((await client.get(ACCOUNT)).status, 200);
});

test('an app cookie opens no account page, and a dead store says so', async () => {
  const { world, store, client } = await somebody();
  const [summary] = store.list({ kind: 'user', user: 'alice' });
  store.attach(summary?.session.id ?? '', {
    key: keyOf('A'.repeat(43)),
    purpose: { kind: 'app', origin: 'https://grafana.example.com' },
  });
  const thief = new Client(world);
  const page = await thief.get(ACCOUNT, ['Cookie', `__Host-lintel=${'A'.repeat(43)}`]);
  equal(page.location, `${PORTAL}/sign-in`);
  store.close();
  equal((await client.get(ACCOUNT)).error, 'STORE-UNAVAILABLE');
});
