/**
 * Signing in. Whoever guesses wants to know which names exist, wants each spelling of a name to have its own tries, wants
 * the limit to count an address of their choice, wants an empty secret or an empty form to be enough, and wants to sign a
 * victim in as somebody else. Published again and again for portals of this field; see the links in cases.json.
 */
import assert from 'node:assert/strict';
import { basic } from '../black-box/app-passwords.ts';
import { ask, type Reply, valuesOf } from '../black-box/raw.ts';
import { cookiesSet } from '../black-box/sessions.ts';
import { gate, type Installation, PASSWORD, PORTAL, USERS } from './fixture.ts';
import { runClass } from './run.ts';

const HOST = ['Host: auth.example.test', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: auth.example.test'];
const XFF = 'X-Forwarded-For: 198.51.100.7';

function post(
  i: Installation,
  target: string,
  type: string,
  body: string,
  more: readonly string[] = [XFF],
  from?: string,
) {
  const bytes = Buffer.from(body).toString('latin1');
  const headers = [...HOST, `Content-Type: ${type}`, `Content-Length: ${bytes.length}`, ...more];
  return ask(i.at, { method: 'POST', target, headers, body: bytes }, from === undefined ? {} : { from });
}

const api = (i: Installation, username: string, password: string, more?: readonly string[], from?: string) =>
  post(i, '/api/firstfactor', 'application/json', JSON.stringify({ username, password }), more, from);

const form = (i: Installation, username: string, password: string) =>
  post(i, '/sign-in', 'application/x-www-form-urlencoded', new URLSearchParams({ username, password }).toString(), [
    XFF,
    `Origin: ${PORTAL}`,
  ]);

const viaBasic = (i: Installation, username: string, password: string) =>
  ask(i.at, {
    target: '/api/authz/forward-auth',
    headers: [
      ...['Host: auth.internal', 'X-Forwarded-Method: GET', 'X-Forwarded-Proto: https', XFF],
      ...['X-Forwarded-Host: app.example.test', 'X-Forwarded-Uri: /', basic(username, password)],
    ],
  });

/** All that an attacker can compare, without the name that they typed themselves. */
function seen(reply: Reply, typed: string): string {
  const headers = reply.headers.filter(([n]) => !/^(?:date|content-length)$/i.test(n));
  return JSON.stringify([reply.status, headers, reply.body.replaceAll(typed, 'NAME')]);
}

function isSignedIn(reply: Reply): boolean {
  return [...cookiesSet(reply).keys()].some((name) => /lintel/i.test(name));
}

async function alone(options: Parameters<typeof gate>[0], body: (i: Installation) => Promise<void>): Promise<void> {
  const i = await gate(options);
  try {
    await body(i);
  } finally {
    await i.stop();
  }
}

/** Nobody is shut out after some tries: these attacks are about single answers. */
const PATIENT = { throttle: { max_retries: 1000, find_time: '2m', ban_time: '5m' } };

const DOORS = { api, form, viaBasic } as const;

runClass('portal-auth', (s) => {
  s.attack('LOG-03', () =>
    alone(
      { config: PATIENT, users: { ...USERS, carol: { password: PASSWORD, displayname: 'Carol', disabled: true } } },
      async (i) => {
        for (const [door, tried] of Object.entries(DOORS)) {
          const wrong = seen(await tried(i, 'alice', 'wrong'), 'alice');
          assert.match(wrong, /^\[401/);
          assert.equal(seen(await tried(i, 'nosuch', 'wrong'), 'nosuch'), wrong, `${door}: an unknown name`);
          assert.equal(seen(await tried(i, 'carol', 'wrong'), 'carol'), wrong, `${door}: a disabled account`);
          assert.equal(seen(await tried(i, 'carol', PASSWORD), 'carol'), wrong, `${door}: its right password`);
        }
      },
    ),
  );

  for (const id of ['LOG-04', 'LOG-24']) {
    s.attack(id, async () => {
      const i = await s.gate();
      for (const name of ['nosuch', 'alice', '', ' ']) {
        for (const tried of Object.values(DOORS)) {
          const reply = await tried(i, name, '');
          assert.equal(reply.status, 401, name);
          assert.ok(!isSignedIn(reply));
        }
      }
    });
  }

  s.attack('LOG-05', () =>
    alone(
      {
        config: {
          users: { file: 'DIR/users.yml', search_email: true, case_insensitive: true },
          throttle: { max_retries: 3, find_time: '2m', ban_time: '5m' },
        },
      },
      async (i) => {
        await api(i, 'alice', 'bad');
        await form(i, 'ALICE', 'bad');
        await viaBasic(i, 'alice@example.test', 'bad');
        for (const tried of Object.values(DOORS)) assert.ok(!isSignedIn(await tried(i, 'alice', PASSWORD)));
        assert.notEqual((await viaBasic(i, 'alice', PASSWORD)).status, 200);
      },
    ),
  );

  s.attack('LOG-10', () =>
    alone({ config: { throttle: { max_retries: 3, find_time: '2m', ban_time: '5m' } } }, async (i) => {
      // 127.0.0.2 is no proxy of ours: what it says about its address counts for nothing.
      const guess = (n: number, name: string, password: string) =>
        api(i, name, password, [`X-Forwarded-For: 198.51.100.${n}`], '127.0.0.2');
      let last = 0;
      for (let n = 1; n <= 60 && last !== 429; n++) last = (await guess(n, `nosuch${n}`, 'bad')).status;
      assert.equal(last, 429, 'the connection itself is what is counted');
      assert.equal((await guess(200, 'bob', PASSWORD)).status, 429);
      assert.equal((await api(i, 'bob', PASSWORD)).status, 200, 'nobody else is shut out');
    }),
  );

  s.attack('LOG-12', async () => {
    const i = await s.gate();
    for (const target of [
      ...['/sign-in', '/api/firstfactor', '/sign-out', '/account/app-passwords', '/account/sessions/revoke-all'],
      ...['/api/checks/safe-redirection', '/second-factor', '/'],
    ]) {
      const headers = [...HOST, XFF, `Origin: ${PORTAL}`, 'Content-Length: 0'];
      const reply = await ask(i.at, { method: 'POST', target, headers });
      assert.ok(reply.status >= 400, `${target}: ${reply.status}`);
      assert.ok(!isSignedIn(reply), target);
    }
  });

  s.attack('LOG-26', () =>
    alone({ config: PATIENT }, async (i) => {
      for (const name of ['аlice', 'alice\u200b', 'ALICE', 'alıce', 'alice\u0000', 'álice', 'alice@example.test']) {
        for (const tried of Object.values(DOORS)) {
          const reply = await tried(i, name, PASSWORD);
          assert.ok(!isSignedIn(reply) && reply.status >= 400, JSON.stringify(name));
        }
      }
      assert.equal((await api(i, 'alice', PASSWORD)).status, 200);
    }),
  );

  s.attack('LOG-28', () =>
    alone({ config: PATIENT }, async (i) => {
      const started = performance.now();
      for (const size of [60_000, 1 << 20]) {
        for (const tried of [api, form]) {
          const reply = await tried(i, 'alice', 'x'.repeat(size)).catch(() => undefined);
          assert.ok(reply === undefined || (reply.status >= 400 && reply.status < 500), `${reply?.status}`);
        }
      }
      // Each of the four waits ten seconds for an answer.
      assert.ok(performance.now() - started < 9_000);
      assert.equal((await api(i, 'alice', PASSWORD)).status, 200);
    }),
  );

  s.attack('LOG-29', async () => {
    const i = await s.gate();
    const json = JSON.stringify({ username: 'bob', password: PASSWORD });
    const fields = new URLSearchParams({ username: 'bob', password: PASSWORD }).toString();
    const foreign = [
      ['Origin: https://evil.test'],
      ['Origin: null'],
      ['Origin: https://app.example.test', 'Sec-Fetch-Site: same-site'],
      ['Sec-Fetch-Site: cross-site'],
      [`Origin: ${PORTAL}`, 'Sec-Fetch-Site: cross-site'],
      [`Origin: ${PORTAL}`, `Origin: ${PORTAL}`],
    ];
    for (const more of foreign) {
      for (const [target, type, body] of [
        ['/api/firstfactor', 'text/plain', json],
        ['/api/firstfactor', 'application/json', json],
        ['/sign-in', 'application/x-www-form-urlencoded', fields],
      ] as const) {
        const reply = await post(i, target, type, body, [XFF, ...more]);
        assert.ok(reply.status >= 400 && reply.status < 500 && !isSignedIn(reply), `${target} ${more}`);
      }
    }
    const silent = await post(i, '/sign-in', 'application/x-www-form-urlencoded', fields);
    assert.ok(silent.status === 403 && !isSignedIn(silent), 'a form that says nothing about where it stood');
    const plain = await post(i, '/api/firstfactor', 'text/plain', json);
    assert.ok(plain.status === 401 && !isSignedIn(plain));
  });

  s.attack('LOG-30', async () => {
    const i = await s.gate();
    for (const target of ['/setup', '/setup/', '/install', '/initial-setup', '/if/flow/initial-setup/', '/api/setup']) {
      for (const method of ['GET', 'POST']) {
        const headers = [...HOST, XFF, `Origin: ${PORTAL}`, 'Content-Length: 0'];
        assert.equal((await ask(i.at, { method, target, headers })).status, 404, target);
      }
    }
    assert.deepEqual(valuesOf(await ask(i.at, { target: '/setup', headers: [...HOST, XFF] }), 'set-cookie'), []);
  });
});
