/**
 * The attacks again, as a client sends them, through the real reverse proxies with the shipped examples: what the app
 * receives is what counts, whichever of the two in front of it turned the attack away.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Backend, foldedValues, startBackend } from '../black-box/backend.ts';
import { cheapHash, eventually } from '../black-box/lintel.ts';
import { type Exchange, type ExchangeOptions, exchange, headerOf, requestBytes } from '../black-box/raw.ts';
import { missing, openScope } from '../parts.ts';
import { FRONTS, type Front } from '../proxies/fronts.ts';
import { ask, cookieLine, type Jar, signIn } from '../proxies/raw.ts';
import { type Site, startSite } from '../proxies/site.ts';
import { ATTACKS, attack, type Who } from './cases.ts';
import { APP_HOST, clientRequest, EXTRA_RULES } from './client-requests.ts';
import { judgeAll, type Target } from './run.ts';

const CLIENT = '127.0.0.2';
const DEMO = { alice: 'alice-demo-password' } as const;
const ALICE = {
  'Remote-User': 'alice',
  'Remote-Groups': 'staff',
  'Remote-Name': 'Alice Example',
  'Remote-Email': 'alice@example.com',
};
const IDENTITY = {
  alice: ALICE,
  nobody: { 'Remote-User': '', 'Remote-Groups': '', 'Remote-Name': '', 'Remote-Email': '' },
};

/** Attacks that do not end as the data say behind one proxy, and why that is all right. */
const EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  apache: {
    'HOP-02':
      'Apache takes out what Connection names, its own X-Forwarded-For too: the address is unknown then, and a rule that tests it denies',
  },
};

/** People whose display names were chosen by themselves. */
const ODD = {
  crlf: 'a\r\nRemote-User: admin',
  template: `{{env.HOME}} \${env:HOME} {http.request.host} {$HOME} $http_cookie %[src] %REQ(:path)%`,
  polish: 'Łukasz 李',
} as const;

const totals: string[] = [];
after(() => console.log(totals.join('\n')));

function behind(name: keyof typeof FRONTS): void {
  const kind = FRONTS[name];
  describe(`attacks behind ${name}`, { skip: missing(kind.part), timeout: 600_000, concurrency: 1 }, () => {
    const scope = openScope();
    let world: World;
    let passed = 0;
    let sent = 0;
    const left = new Map<string, string[]>();
    before(async () => {
      world = await startWorld(scope, name);
    });
    after(async () => {
      totals.push(`${name}: ${passed} of ${sent} attacks passed${listed(left)}`);
      await scope.close();
    });
    const counted = (title: string, body: () => Promise<void>) => {
      sent++;
      test(title, async () => {
        await body();
        passed++;
      });
    };
    for (const a of ATTACKS) {
      const wish = clientRequest(a);
      const reason = typeof wish === 'string' ? wish : EXCEPTIONS[name]?.[a.id];
      if (reason !== undefined) left.set(reason, [...(left.get(reason) ?? []), a.id]);
      if (typeof wish !== 'string' && reason === undefined) {
        counted(`${a.id} ${a.title}`, () => judgeAll(world.target, wish));
      }
    }
    for (const [title, body] of SPECIAL) counted(title, () => body(world));
  });
}

function listed(left: ReadonlyMap<string, readonly string[]>): string {
  return [...left].map(([reason, ids]) => `\n  not sent, ${ids.join(' ')}: ${reason}`).join('');
}

interface World {
  readonly front: Front;
  readonly site: Site;
  readonly backend: Backend;
  readonly target: Target;
  readonly jar: Jar;
}

async function startWorld(scope: ReturnType<typeof openScope>, name: keyof typeof FRONTS): Promise<World> {
  const kind = FRONTS[name];
  const backend = await startBackend();
  scope.after(() => backend.close());
  const started = await startSite(scope, kind.example, false);
  const site: Site = { ...started, app: { port: backend.port, taken: () => [] }, calendarPort: backend.port };
  forwardTo(backend, started.app.port, site);
  addRules(site);
  addPeople(site);
  const front = await kind.start(scope, site);
  await eventually('the added rules are in force', async () => {
    const reply = await ask(front.port, { host: APP_HOST, path: '/x/health' });
    return reply.status === 200;
  });
  const jar: Jar = new Map();
  await signIn(front.port, jar, 'alice', DEMO.alice, `https://${APP_HOST}/`);
  const target: Target = {
    host: '127.0.0.1',
    port: front.port,
    kind: 'proxy',
    backend,
    from: CLIENT,
    servername: APP_HOST,
    identity: IDENTITY,
    cookie: async (who: Who) => (who === 'alice' ? cookieLine(jar, APP_HOST) : undefined),
  };
  return { front, site, backend, target, jar };
}

/** Where Lintel itself forwards (Apache's example), it forwards to the app that keeps the bytes. */
function forwardTo(backend: Backend, app: number, site: Site): void {
  const file = join(site.dir, 'lintel.yml');
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(`127.0.0.1:${app}`, `127.0.0.1:${backend.port}`));
}

/** More rules for the app of the example, before its own. The files of the proxy stay as they are shipped. */
function addRules(site: Site): void {
  const file = join(site.dir, 'lintel.yml');
  const text = readFileSync(file, 'utf8');
  const before = '      - { paths: [/public]';
  assert.ok(text.includes(before));
  const rules = EXTRA_RULES.map((r) => `      - ${JSON.stringify(r)}\n`).join('');
  writeFileSync(file, text.replace(before, `${rules}${before}`));
}

function addPeople(site: Site): void {
  const file = join(site.dir, 'users.yml');
  const people = Object.entries(ODD).map(([name, displayname]) => {
    const account = {
      displayname,
      email: `${name}@example.com`,
      groups: ['staff'],
      password: cheapHash('odd-password'),
    };
    return `  ${name}: ${JSON.stringify(account)}\n`;
  });
  writeFileSync(file, readFileSync(file, 'utf8') + people.join(''));
}

interface Sent {
  readonly method?: string;
  readonly uri: string;
  readonly host?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

function send(w: World, r: Sent, options: ExchangeOptions = {}): Promise<Exchange> {
  w.backend.take();
  const headers = [`Host: ${r.host ?? APP_HOST}`, ...(r.headers ?? [])];
  const bytes = requestBytes({ method: r.method ?? 'GET', target: r.uri, headers, body: r.body ?? '' });
  return exchange(w.target, bytes, { servername: APP_HOST, from: CLIENT, settleMs: 60, ...options });
}

const aliceCookie = (w: World) => `Cookie: ${cookieLine(w.jar, APP_HOST)}`;

/** What takes more than one request, or looks at more than the identity. In order: the last one ends Lintel. */
const SPECIAL: readonly (readonly [title: string, body: (w: World) => Promise<void>])[] = [
  [
    'SES-18 none of Lintel’s cookies reaches the app',
    async (w) => {
      const cookie = `Cookie: theirs=1; ${cookieLine(w.jar, APP_HOST)}; __Host-lintel=x; lintel=y; last=2`;
      const done = await send(w, { uri: '/', headers: [cookie] });
      assert.equal(done.replies[0]?.status, 200);
      const [arrival] = w.backend.take();
      assert.deepEqual(
        foldedValues(arrival!, 'cookie').map((v) => v.replaceAll(' ', '')),
        ['theirs=1;last=2'],
      );
    },
  ],
  [
    'SES-19 a cookie of one app replayed at the next',
    async (w) => {
      const done = await send(w, { uri: '/', host: 'calendar.example.org', headers: [aliceCookie(w)] });
      assert.notEqual(done.replies[0]?.status, 200);
      assert.deepEqual(w.backend.take(), []);
    },
  ],
  [
    'SES-03 two session cookies',
    async (w) => {
      const jar: Jar = new Map();
      await signIn(w.front.port, jar, 'polish', 'odd-password', `https://${APP_HOST}/`);
      w.backend.take();
      const done = await send(w, { uri: '/', headers: [`${aliceCookie(w)}; ${cookieLine(jar, APP_HOST)}`] });
      assert.notEqual(done.replies[0]?.status, 200);
      assert.deepEqual(w.backend.take(), []);
    },
  ],
  [
    'LEK-01 identity headers reflected to the client',
    async (w) => {
      for (const uri of ['/', '/admin', '/public/x']) {
        const done = await send(w, { uri, headers: [aliceCookie(w)] });
        const told = done.replies[0]?.headers.filter(([n, v]) => /^remote-/i.test(n) && v !== '');
        assert.deepEqual(told, [], uri);
      }
      w.backend.take();
    },
  ],
  [
    'VAL-01 VAL-12 display names with line breaks and templates',
    async (w) => {
      for (const [who, displayname] of Object.entries(ODD)) {
        const jar: Jar = new Map();
        await signIn(w.front.port, jar, who, 'odd-password', `https://${APP_HOST}/`);
        const done = await send(w, { uri: '/', headers: [`Cookie: ${cookieLine(jar, APP_HOST)}`] });
        assert.equal(done.replies[0]?.status, 200, who);
        const [arrival] = w.backend.take();
        const names = foldedValues(arrival!, 'remote-name').map((v) => Buffer.from(v, 'latin1').toString('utf8'));
        assert.deepEqual(names, [displayname.replace('\r\n', '')]);
        assert.deepEqual(foldedValues(arrival!, 'remote-user'), [who]);
      }
    },
  ],
  [
    'SMG-13 0.CL with Expect: 100-continue',
    async (w) => {
      const { headers = [], body = '' } = attack('SMG-13');
      const wish = { method: 'POST', uri: '/', headers: [...headers, aliceCookie(w)], body };
      // The proxy may wait for the rest of it.
      const done = await send(w, wish, { timeoutMs: 4_000 });
      assert.ok(done.replies.filter((r) => r.status >= 200).length <= 1, 'one request, one answer');
      const seen = w.backend.take();
      assert.ok(seen.length <= 1 && seen.every((a) => a.method === 'POST' && a.body === body), JSON.stringify(seen));
    },
  ],
  [
    'SMG-17 GET with body',
    async (w) => {
      const { headers = [], body = '' } = attack('SMG-17');
      const done = await send(w, { uri: '/', headers: [...headers, aliceCookie(w)], body });
      assert.equal(done.replies.filter((r) => r.status >= 200).length, 1, 'one request, one answer');
      const seen = w.backend.take();
      assert.ok(seen.length <= 1 && seen.every((a) => a.target === '/'), JSON.stringify(seen.map((a) => a.raw)));
      const next = await send(w, { uri: '/next', headers: [aliceCookie(w)] });
      assert.equal(next.replies[0]?.status, 200);
      assert.deepEqual(
        w.backend.take().map((a) => a.target),
        ['/next'],
      );
    },
  ],
  [
    'FAIL-05 the app is never asked for what is refused',
    async (w) => {
      for (const headers of [[], [aliceCookie(w)]]) {
        const done = await send(w, { uri: '/admin', headers: ['Accept: text/html', ...headers] });
        assert.ok(done.replies[0] && done.replies[0].status >= 300, `${done.replies[0]?.status}`);
        assert.ok(!done.replies[0].body.includes('reached'));
        assert.deepEqual(w.backend.take(), []);
      }
    },
  ],
  [
    'FAIL-09 without Lintel nobody gets in, not even where everybody may',
    async (w) => {
      await w.site.lintel.stop('SIGKILL');
      for (const uri of ['/', '/public/x', '/admin']) {
        const done = await send(w, { uri, headers: [aliceCookie(w)] });
        assert.ok(done.replies[0] && done.replies[0].status >= 400, `${uri}: ${done.replies[0]?.status}`);
        assert.equal(headerOf(done.replies[0], 'remote-user'), undefined);
        assert.deepEqual(w.backend.take(), []);
      }
    },
  ],
];

// Most of the time is spent waiting for what must not arrive, so two at a time.
describe('behind proxies', { concurrency: 2 }, () => {
  for (const name of Object.keys(FRONTS) as (keyof typeof FRONTS)[]) behind(name);
});
