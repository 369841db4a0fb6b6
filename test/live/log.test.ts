/** The log of a running server: one JSON line for each thing that happened, and no secret in any of them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startBackend } from '../black-box/backend.ts';
import { browser, handOver } from '../black-box/hand-over.ts';
import { eventually } from '../black-box/lintel.ts';
import { ask } from '../black-box/raw.ts';
import { signIn } from '../black-box/sessions.ts';
import { openScope } from '../parts.ts';
import { base, CHECK, check, checkHeaders, type Live, type LogLine, live, PORTAL } from './server.ts';

const WIKI = 'https://wiki.example.test';
/** Outside the cookie domain, so that it is opened by hand-over. */
const SHOP = 'https://shop.example.org';
const PASSWORD = 'wonderland-7';
/** In every query string of these tests: tokens live there. */
const IN_QUERY = 'Q-8231-token';

const config = (level: string, shop: number) => `${base('sqlite:DIR/lintel.db')}
log: {level: ${level}, format: json}
apps:
  wiki:
    url: ${WIKI}
    access:
      - {paths: [/public], allow: everyone}
      - {paths: [/admin], allow: [group:admins]}
      - {paths: [/admin], deny: everyone}
      - {allow: signed_in}
  shop: {url: ${SHOP}, upstream: http://127.0.0.1:${shop}, access: [{paths: [/admin], deny: everyone}, {allow: signed_in}]}
  dead: {url: https://dead.example.test, upstream: http://127.0.0.1:1, access: [{allow: everyone}]}
`;

for (const level of ['info', 'debug']) {
  describe(`log.level: ${level}`, () => {
    const scope = openScope();
    after(scope.close);
    let at: Live;
    /** Values that must never be logged. */
    const secrets = new Set<string>([
      PASSWORD,
      IN_QUERY,
      'wrong-password',
      Buffer.from(`alice:${PASSWORD}`).toString('base64'),
    ]);
    let alice: Map<string, string>;

    before(async () => {
      const backend = await startBackend();
      scope.after(() => backend.close());
      at = await live(scope, { config: config(level, backend.port) });
    });

    /** The lines that something writes: those until a fault of known name that is provoked after it. */
    let marks = 0;
    async function lines(work: () => Promise<unknown>): Promise<LogLine[]> {
      const from = at.log().length;
      await work();
      const mark = `mark-${++marks}.unknown.test`;
      await ask(at, {
        target: CHECK,
        headers: [
          `Host: ${mark}`,
          'X-Forwarded-Method: mark',
          `X-Forwarded-Host: ${mark}`,
          'X-Forwarded-Proto: https',
          'X-Forwarded-Uri: /',
        ],
      });
      const isMark = (l: LogLine) => String(l.detail).includes('method') && l.error === 'TARGET-METHOD';
      await eventually('the mark', () => at.log(from).some(isMark));
      return at.log(from).slice(0, at.log(from).findIndex(isMark));
    }

    const gate = () => `gate=${alice.get('gate')}`;
    const query = `?access_token=${IN_QUERY}`;

    test('a sign-in, right and wrong', async () => {
      const [line, ...more] = await lines(async () => {
        alice = await signIn(at, PORTAL, 'alice', PASSWORD, { headers: ['X-Forwarded-For: 198.51.100.7'] });
        for (const value of alice.values()) secrets.add(value);
      });
      assert.deepEqual(
        [line?.message, line?.level, line?.user, line?.client],
        ['sign-in', 'info', 'alice', '198.51.100.7'],
      );
      assert.match(String(line?.session), /^[\w-]{8,}$/);
      assert.match(String(line?.time), /^\d{4}-\d\d-\d\dT/);
      assert.deepEqual(more, []);
      const failed = await lines(() => signIn(at, PORTAL, 'alice', 'wrong-password').catch(() => undefined));
      assert.deepEqual(
        failed.map((l) => [l.message, l.level, l.why]),
        [['sign-in-failed', 'info', 'refused']],
      );
      // People type passwords into the other field.
      const mixed = await lines(() => signIn(at, PORTAL, PASSWORD, 'alice').catch(() => undefined));
      assert.deepEqual(
        mixed.map((l) => l.message),
        ['sign-in-failed'],
      );
    });

    test('a challenge, a deny and a fault', async () => {
      const challenge = await lines(() => check(at, `${WIKI}/page${query}`));
      assert.deepEqual(
        challenge.map((l) => [l.message, l.level, l.user, l.url, l.how]),
        [['challenge', 'info', 'anonymous', `${WIKI}/page`, 'sign-in']],
      );
      const deny = await lines(() => check(at, `${WIKI}/admin${query}`, gate()));
      assert.deepEqual(
        deny.map((l) => [l.message, l.level, l.user, l.url, l.method]),
        [['deny', 'info', 'alice', `${WIKI}/admin`, 'GET']],
      );
      assert.match(String(deny[0]?.rule), /wiki/);
      const bad = checkHeaders(`${WIKI}/`, gate()).map((h) => h.replace('Uri: /', `Uri: /%zz${query}`));
      const fault = await lines(() => ask(at, { target: CHECK, headers: bad }));
      assert.deepEqual(
        fault.map((l) => [l.message, l.level, l.error]),
        [['fault', 'warn', 'TARGET-PATH']],
      );
      const malformed = await lines(() => ask(at, { target: `/x${query}#y`, headers: ['Host: wiki.example.test'] }));
      assert.deepEqual(
        malformed.map((l) => [l.message, l.error]),
        [['fault', 'REQUEST-MALFORMED']],
      );
    });

    test(`an allow is ${level === 'debug' ? 'one line' : 'none'}`, async () => {
      const expected = level === 'debug' ? [['allow', 'debug', 'alice']] : [];
      const seen = (all: LogLine[]) => all.map((l) => [l.message, l.level, l.user]);
      assert.deepEqual(seen(await lines(() => check(at, `${WIKI}/page${query}`, gate()))), expected);
      const basic = `Basic ${Buffer.from(`alice:${PASSWORD}`).toString('base64')}`;
      const headers = [...checkHeaders(`${WIKI}/page${query}`), `Authorization: ${basic}`];
      assert.deepEqual(seen(await lines(() => ask(at, { target: CHECK, headers }))), expected);
    });

    test('Basic with a wrong password is a failed sign-in and a challenge', async () => {
      const headers = [
        ...checkHeaders(`${WIKI}/page`),
        `Authorization: Basic ${Buffer.from('alice:wrong-password').toString('base64')}`,
      ];
      secrets.add(Buffer.from('alice:wrong-password').toString('base64'));
      const told = await lines(() => ask(at, { target: CHECK, headers }));
      assert.deepEqual(
        told.map((l) => [l.message, l.how]),
        [
          ['sign-in-failed', undefined],
          ['challenge', 'credentials'],
        ],
      );
    });

    test('the way through hand-over and proxy', async () => {
      const told = await lines(async () => {
        const cookie = await handOver(at, PORTAL, `${SHOP}/page${query}`, 'alice', PASSWORD);
        for (const pair of cookie.split('; ')) secrets.add(pair.slice(pair.indexOf('=') + 1));
        const headers = ['Host: shop.example.org', 'X-Forwarded-Proto: https', `Cookie: ${cookie}`];
        assert.equal((await ask(at, { target: `/page${query}`, headers })).body, 'reached');
        assert.equal((await ask(at, { target: `/admin${query}`, headers })).status, 403);
      });
      const seen = told.filter((l) => l.level !== 'debug').map((l) => [l.message, l.url ?? l.user]);
      assert.deepEqual(seen, [
        ['challenge', `${SHOP}/page`],
        ['sign-in', 'alice'],
        ['deny', `${SHOP}/admin`],
      ]);
      const dead = await lines(() =>
        ask(at, { target: `/${query}`, headers: ['Host: dead.example.test', 'X-Forwarded-Proto: https'] }),
      );
      assert.deepEqual(
        dead.filter((l) => l.level !== 'debug').map((l) => [l.message, l.error, l.where]),
        [['fault', 'UPSTREAM-DOWN', 'app dead']],
      );
    });

    test('what the portal refuses', async () => {
      const b = browser(at);
      b.jar.set(new URL(PORTAL).host, new Map(alice));
      const rd = (url: string) => `${PORTAL}/?rd=${encodeURIComponent(url)}`;
      const denied = await lines(() => b.go(rd(`${WIKI}/admin${query}`)));
      assert.deepEqual(
        denied.map((l) => [l.message, l.error]),
        [['fault', 'ACCESS-DENIED']],
      );
      const foreign = await lines(() => b.go(rd(`https://evil.example/${query}`)));
      assert.deepEqual(
        foreign.map((l) => [l.message, l.error]),
        [['fault', 'RETURN-REFUSED']],
      );
      const stale = await lines(() => b.go(`${SHOP}/.lintel/callback?code=${IN_QUERY}&state=x`));
      assert.deepEqual(
        stale.map((l) => [l.message, l.error]),
        [['fault', 'START-AGAIN']],
      );
    });

    test('a sign-out', async () => {
      const headers = [
        `Host: ${new URL(PORTAL).host}`,
        'X-Forwarded-Proto: https',
        `Origin: ${PORTAL}`,
        'Content-Type: application/json',
        'Content-Length: 2',
        `Cookie: __Host-lintel=${alice.get('__Host-lintel')}`,
      ];
      const told = await lines(() => ask(at, { method: 'POST', target: '/api/logout', headers, body: '{}' }));
      assert.deepEqual(
        told.map((l) => [l.message, l.level, l.user, l.sessions]),
        [['sign-out', 'info', 'alice', 1]],
      );
    });

    for (const what of ['password', 'cookie', 'query'] as const) {
      test(`no ${what} in any line, whole or encoded`, () => {
        const output = at.output();
        assert.ok(secrets.size >= 6, `${secrets.size} secrets`);
        for (const secret of secrets) {
          if ((what === 'query') !== (secret === IN_QUERY)) continue;
          if ((what === 'password') !== (secret.length < 43 && secret !== IN_QUERY)) continue;
          for (const form of [
            secret,
            encodeURIComponent(secret),
            Buffer.from(secret).toString('base64').replace(/=+$/, ''),
          ]) {
            const line = output.split('\n').find((text) => text.includes(form));
            assert.equal(line, undefined, `${secret} is in the log`);
          }
        }
      });
    }
  });
}
