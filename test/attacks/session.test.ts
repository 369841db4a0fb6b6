/**
 * Sessions. A stolen, tossed, replayed or forgotten session: the attacker plants a second cookie of the same name from a
 * sibling host, replays one after its sign-out, keeps one alive by polling, or runs an app that sees everybody's cookie
 * and tries it at the next app.
 *
 * RFC 6265 §8.5 and §8.6 (no isolation between siblings), Authelia GHSA-x883-2vmg-xwf7 (a group change came late),
 * CVE-2021-35472 (a cache mixed people up), oauth2-proxy #2163 (state cookies without end), CVE-2024-21492 (sign-out in
 * the browser only). Hence: opaque tokens stored as hashes, read for each request; a cookie for one origin; no growth.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { browser } from '../black-box/hand-over.ts';
import { eventually, usersFile } from '../black-box/lintel.ts';
import { ask, type Reply, valuesOf } from '../black-box/raw.ts';
import { cookiesSet, keyOf, plant, signIn } from '../black-box/sessions.ts';
import { GATE_COOKIE, gate, type Installation, PASSWORD, PORTAL, USERS } from './fixture.ts';
import { runClass } from './run.ts';

async function check(
  i: Installation,
  cookie: string | undefined,
  uri = '/',
  host = 'app.example.test',
): Promise<Reply> {
  const headers = [`Host: ${host}`, 'X-Forwarded-Proto: https', 'Accept: text/html', 'X-Forwarded-For: 198.51.100.7'];
  return ask(i.at, {
    target: `/api/authz/ext-authz/${uri}`,
    headers: cookie ? [...headers, `Cookie: ${cookie}`] : headers,
  });
}

async function freshCookie(
  i: Installation,
  who = 'alice',
): Promise<{ header: string; all: Map<string, string>; token: string }> {
  const all = await signIn(i.at, PORTAL, who, PASSWORD);
  const token = all.get(GATE_COOKIE) ?? '';
  return { header: `${GATE_COOKIE}=${token}`, all, token };
}

const isChallenge = (r: Reply) => r.status === 302 || r.status === 303 || r.status === 401;
const userOf = (r: Reply) => valuesOf(r, 'remote-user').join();

/** A server of its own, for tests that change its files. */
async function alone(body: (i: Installation) => Promise<void>): Promise<void> {
  const i = await gate();
  try {
    await body(i);
  } finally {
    await i.stop();
  }
}

runClass('session', (s) => {
  s.attack('SES-03', async () => {
    const i = await s.gate();
    const alice = await freshCookie(i);
    const attacker = await freshCookie(i, 'bob');
    for (const cookie of [`${attacker.header}; ${alice.header}`, `${alice.header}; ${attacker.header}`]) {
      const reply = await check(i, cookie);
      assert.ok(isChallenge(reply), `${reply.status} as ${userOf(reply)}`);
    }
    // The same session twice is nobody's attack, and rubbish beside it cannot lock its owner out.
    assert.equal((await check(i, `${alice.header}; ${alice.header}`)).status, 200);
    const two = [
      'Host: app.example.test',
      'X-Forwarded-Proto: https',
      `Cookie: ${attacker.header}`,
      `Cookie: ${alice.header}`,
    ];
    assert.ok(isChallenge(await ask(i.at, { target: '/api/authz/ext-authz//', headers: two })));
  });

  s.attack('SES-06', async () => {
    const i = await s.gate();
    const tokens = new Set<string>();
    for (let n = 0; n < 40; n++) for (const token of (await freshCookie(i)).all.values()) tokens.add(token);
    assert.ok(tokens.size >= 80, `${tokens.size} different tokens of 40 sign-ins`);
    for (const token of tokens) assert.match(token, /^[A-Za-z0-9_-]{43}$/, '256 bits');
    // Every position takes many values: no counter, no time stamp inside.
    for (let at = 0; at < 42; at++) {
      const seen = new Set([...tokens].map((t) => t[at]));
      assert.ok(seen.size > 15, `position ${at} has ${seen.size} values`);
    }
    const files = ['', '-wal'].map((suffix) => readFileSync(`${i.at.database}${suffix}`).toString('latin1')).join('');
    const [some = ''] = tokens;
    assert.ok(
      files.includes(keyOf(some)) || files.includes(Buffer.from(keyOf(some), 'base64url').toString('latin1')),
      'stored as a hash',
    );
    for (const token of tokens) assert.ok(!files.includes(token), 'stored as it is');
  });

  s.attack('SES-07', async () => {
    const i = await s.gate();
    const { all, header } = await freshCookie(i);
    assert.equal((await check(i, header)).status, 200);
    const cookie = [...all].map(([n, v]) => `${n}=${v}`).join('; ');
    const headers = [
      'Host: auth.example.test',
      'Content-Type: application/json',
      'Content-Length: 2',
      `Cookie: ${cookie}`,
    ];
    const out = await ask(i.at, { method: 'POST', target: '/api/logout', headers, body: '{}' });
    assert.equal(out.status, 200, out.body);
    assert.ok(isChallenge(await check(i, header)), 'the gate cookie still opens');
    const state = await ask(i.at, { target: '/api/state', headers: ['Host: auth.example.test', `Cookie: ${cookie}`] });
    assert.equal(JSON.parse(state.body).data.authentication_level, 0);
  });

  s.attack('SES-09', () =>
    alone(async (i) => {
      const bob = await freshCookie(i, 'bob');
      assert.equal((await check(i, bob.header, '/admin')).status, 200);
      writeFileSync(i.at.users, usersFile({ ...USERS, bob: { ...USERS.bob!, groups: ['staff'] } }));
      await eventually('bob is no admin any more', async () => (await check(i, bob.header, '/admin')).status === 403);
      assert.equal((await check(i, bob.header)).status, 200, 'he is still signed in');
    }),
  );

  s.attack('SES-10', () =>
    alone(async (i) => {
      const alice = await freshCookie(i);
      writeFileSync(i.at.users, usersFile({ ...USERS, alice: { ...USERS.alice!, password: 'another' } }));
      await eventually('the old session is over', async () => isChallenge(await check(i, alice.header)));
    }),
  );

  s.attack('SES-12', () =>
    alone(async (i) => {
      // The file says that she may not sign in any more, as a provider's invalid_grant does.
      const alice = await freshCookie(i);
      writeFileSync(i.at.users, usersFile({ ...USERS, alice: { ...USERS.alice!, disabled: true } }));
      await eventually('the session is over', async () => isChallenge(await check(i, alice.header)));
    }),
  );

  // An account is disabled because its session was stolen, and enabled again when its owner is back.
  s.extra('a session that a disabled or removed account has lost does not come back with it', () =>
    alone(async (i) => {
      const sessions = async () => (await i.store.list({ kind: 'user', user: 'alice' })).length;
      const { alice, ...others } = USERS;
      for (const meanwhile of [{ ...others, alice: { ...alice!, disabled: true } }, others]) {
        const stolen = await freshCookie(i);
        const bobs = await freshCookie(i, 'bob');
        assert.equal((await check(i, stolen.header)).status, 200);
        writeFileSync(i.at.users, usersFile(meanwhile));
        await eventually('the session is over', async () => isChallenge(await check(i, stolen.header)));
        await eventually('nothing of it is left', async () => (await sessions()) === 0);
        const displayname = `Bob ${randomUUID()}`;
        writeFileSync(i.at.users, usersFile({ ...USERS, bob: { ...USERS.bob!, displayname } }));
        const isRead = async () => valuesOf(await check(i, bobs.header), 'remote-name').join() === displayname;
        await eventually('the account is back', isRead);
        assert.ok(isChallenge(await check(i, stolen.header)), 'the thief is back');
        assert.equal((await check(i, bobs.header)).status, 200, 'others stay signed in');
        await i.store.revoke({ kind: 'all' });
      }
    }),
  );

  s.attack('SES-13', () =>
    alone(async (i) => {
      const alice = await freshCookie(i);
      assert.equal((await check(i, alice.header)).status, 200);
      const text = readFileSync(i.at.config, 'utf8').replaceAll('"signed_in"', '["group:admins"]');
      writeFileSync(i.at.config, text);
      await eventually('the app is closed to her', async () => (await check(i, alice.header)).status === 403);
    }),
  );

  s.attack('SES-14', async () => {
    const i = await s.gate();
    await Promise.all(
      ['alice', 'bob', 'alice', 'bob'].map(async (who) => {
        for (let n = 0; n < 12; n++) {
          const { header } = await freshCookie(i, who);
          const replies = await Promise.all([check(i, header), check(i, header), check(i, header)]);
          assert.deepEqual(replies.map(userOf), [who, who, who]);
        }
      }),
    );
  });

  s.attack('SES-16', async () => {
    const i = await s.gate();
    for (let n = 0; n < 200; n++) {
      const reply = await check(i, undefined, `/poll/${n}`);
      assert.deepEqual(valuesOf(reply, 'set-cookie'), []);
    }
    // Hand-overs that are begun and never finished: the browser holds five at most.
    const p = await s.proxy();
    const b = browser(p.at);
    for (let n = 0; n < 20; n++)
      await b.go(`http://app.example.test/.lintel/start?rd=${encodeURIComponent(`/tab/${n}`)}`);
    const held = b.jar.get('app.example.test')?.size ?? 0;
    assert.ok(held >= 1 && held <= 5, `${held} cookies after 20 tabs`);
  });

  s.attack('SES-18', async () => {
    const target = await s.target('proxy');
    const cookie = await target.cookie('alice');
    target.backend?.take();
    const line = `theirs=1; ${cookie}; __Host-lintel=x; lintel=x; LINTEL=x; __Host-lintel-start-x=y; lintel-loop=z; last=2`;
    const headers = ['Host: app.example.test', `Cookie: ${line}`, `Cookie: ${cookie}`];
    assert.equal((await ask(target, { target: '/', headers }, { from: '127.0.0.2' })).status, 200);
    const seen = target.backend
      ?.take()[0]
      ?.headers.filter(([n]) => n.toLowerCase() === 'cookie')
      .map(([, v]) => v.replaceAll(' ', ''));
    assert.deepEqual(seen, ['theirs=1;last=2']);
  });

  s.attack('SES-19', async () => {
    const p = await s.proxy();
    const cookie = await p.cookie('bob');
    const at = (host: string) =>
      ask(
        p.at,
        { target: '/', headers: [`Host: ${host}`, 'Accept: text/html', `Cookie: ${cookie}`] },
        { from: '127.0.0.2' },
      );
    assert.equal((await at('app.example.test')).status, 200, 'it opens the app it is for');
    p.backend?.take();
    const other = await at('admin.example.test');
    assert.ok(isChallenge(other), `${other.status}`);
    assert.deepEqual(p.backend?.take(), []);
    // Nor does it open the portal: pages and changing calls take the portal's own cookie only.
    const token = /=([^;]+)/.exec(cookie ?? '')?.[1];
    const headers = ['Host: auth.example.test', `Cookie: __Host-lintel=${token}`];
    const state = await ask(p.at, { target: '/api/state', headers });
    assert.equal(JSON.parse(state.body).data.authentication_level, 0);
  });

  s.attack('SES-20', async () => {
    const i = await s.gate();
    const { all, header } = await freshCookie(i);
    const cookie = `Cookie: ${[...all].map(([n, v]) => `${n}=${v}`).join('; ')}`;
    const foreign = ['Host: auth.example.test', 'Origin: https://evil.test', cookie];
    const sibling = [
      'Host: auth.example.test',
      'Origin: https://app.example.test',
      'Sec-Fetch-Site: same-site',
      cookie,
    ];
    const body = ['Content-Type: application/json', 'Content-Length: 2'];
    const form = ['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 0'];
    for (const h of [foreign, sibling]) {
      for (const target of ['/api/logout', '/sign-out']) {
        const get = await ask(i.at, { target, headers: h });
        assert.deepEqual([...cookiesSet(get)], [], target);
        if (target === '/api/logout') assert.equal(get.status, 405);
      }
      assert.equal(
        (await ask(i.at, { method: 'POST', target: '/api/logout', headers: [...h, ...body], body: '{}' })).status,
        403,
      );
      assert.equal((await ask(i.at, { method: 'POST', target: '/sign-out', headers: [...h, ...form] })).status, 403);
    }
    assert.equal((await check(i, header)).status, 200, 'she is still signed in');
  });

  s.attack('SES-21', async () => {
    const i = await s.gate();
    const { token } = await freshCookie(i);
    const now = Date.now();
    const seen = { createdAt: now - 13 * 3_600_000, lastSeenAt: now - 1_000 };
    const over = await plant(i.store, token, { ...seen, expiresAt: now - 500 });
    assert.ok(isChallenge(await check(i, `${GATE_COOKIE}=${over}`, '/api/poll')), 'the absolute end, however busy');
    const ending = await plant(i.store, token, { ...seen, expiresAt: now + 60_000 });
    assert.equal((await check(i, `${GATE_COOKIE}=${ending}`, '/api/poll')).status, 200);
    assert.equal((await i.store.find(keyOf(ending)))?.session.expiresAt, now + 60_000, 'polling moved the end');
    const idle = await plant(i.store, token, {
      createdAt: now - 7_200_000,
      lastSeenAt: now - 7_200_000,
      idleMs: 3_600_000,
    });
    assert.ok(isChallenge(await check(i, `${GATE_COOKIE}=${idle}`)), 'idle');
  });
});
