/** Configuration and accounts change under load: no request fails, the new rules are in force, a broken file changes nothing. */
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { startBackend } from '../black-box/backend.ts';
import { type Account, eventually, usersFile } from '../black-box/lintel.ts';
import { ask, type Reply } from '../black-box/raw.ts';
import { signIn } from '../black-box/sessions.ts';
import { missing, openScope, tempDir } from '../parts.ts';
import { NO_ERRORS, probe, sleep, wrk } from './load.ts';
import { base, CHECK, check, checkHeaders, configure, type Live, type LogLine, live, PORTAL, USERS } from './server.ts';

const PAGE = 'https://wiki.example.test/page';

const allowed = `${base('sqlite:DIR/lintel.db')}
apps:
  wiki:
    url: https://wiki.example.test
    access:
      - {paths: [/staff], allow: [group:writers]}
      - {paths: [/staff], deny: everyone}
      - {allow: signed_in}
`;
const denied = allowed.replace(
  '- {allow: signed_in}',
  '- {paths: [/page], deny: everyone}\n      - {allow: signed_in}',
);

describe('a change while it runs', () => {
  const scope = openScope();
  after(scope.close);
  let at: Live;
  let alice: string;
  /** 1 or 0, as whoever watches over Lintel scrapes it. */
  const inForce = async (what: 'config' | 'users') => {
    const { body } = await ask(at.ops, { target: '/metrics', headers: ['Host: metrics', 'Connection: close'] });
    return new RegExp(`^lintel_${what}_last_reload_successful (\\d)$`, 'm').exec(body)?.[1];
  };
  const status = async (url: string, cookie?: string) => (await check(at, url, cookie)).status;

  before(async () => {
    // The file has a second name elsewhere: a change made there is one that no watch can see.
    const dir = tempDir(scope);
    mkdirSync(join(dir, 'elsewhere'));
    writeFileSync(join(dir, 'elsewhere', 'same-file'), '');
    linkSync(join(dir, 'elsewhere', 'same-file'), join(dir, 'lintel.yml'));
    at = await live(scope, { dir, config: allowed });
    alice = `gate=${(await signIn(at, PORTAL, 'alice', 'wonderland-7')).get('gate')}`;
    assert.equal(await status(PAGE, alice), 200);
  });

  /** Changes something under load: a page that alice may open is closed to her, at once and once, and no request fails. */
  async function closesUnderLoad(t: TestContext, page: string, change: () => void): Promise<void> {
    const headers = checkHeaders(page, alice);
    const weight = wrk(t, at, CHECK, headers);
    const prober = probe(t, at, CHECK, headers);
    await prober.more(100);
    await weight.seen(200, 101);
    const changed = performance.now();
    change();
    await eventually('the change is in force', () => prober.answers.some((a) => a.status === 403));
    await prober.more(100);
    await weight.seen(403, 101);
    const report = await weight.lift();
    const answers = await prober.stop();
    const turned = answers.find((a) => a.status === 403)?.ended ?? 0;
    t.diagnostic(`in force after ${Math.round(turned - changed)} ms; wrk ${JSON.stringify([...report.statuses])}`);
    assert.deepEqual(report.errors, NO_ERRORS, report.text);
    assert.deepEqual([...report.statuses.keys()].sort(), [200, 403], report.text);
    for (const [code, times] of report.statuses) assert.ok(times > 100, `${code} ${times} times`);
    for (const a of answers) {
      if (a.ended < changed) assert.equal(a.status, 200);
      else if (a.began > turned) assert.equal(a.status, 403, 'old rules after new ones');
      else assert.ok(a.status === 200 || a.status === 403, `answered ${a.status}`);
    }
    assert.equal(await status(page, alice), 403);
  }

  let generation = 0;
  /** The rules of the start again, and certainly those: an app of their own tells them from the ones before. */
  async function backToAllowed(): Promise<void> {
    const url = `https://generation-${++generation}.example.test`;
    configure(at, `${allowed}  generation: {url: ${url}, access: [{allow: everyone}]}\n`);
    await eventually('the rules of the start are back', async () => (await status(`${url}/`)) === 200);
    assert.equal(await status(PAGE, alice), 200);
  }

  test('lintel.yml written in place', { skip: missing('wrk') }, async (t) => {
    await closesUnderLoad(t, PAGE, () => configure(at, denied));
    await backToAllowed();
  });

  test('SIGHUP', { skip: missing('wrk') }, async (t) => {
    // A look at what came before may be under way still, and see this too.
    for (let i = 0; i < 3; i++) {
      if (i > 0) await backToAllowed();
      writeFileSync(join(at.dir, 'elsewhere', 'same-file'), denied.replaceAll('DIR', at.dir));
      await sleep(700);
      if ((await status(PAGE, alice)) === 200) break;
    }
    assert.equal(await status(PAGE, alice), 200, 'the change was seen without a signal: this test shows nothing');
    await closesUnderLoad(t, PAGE, () => at.process.kill('SIGHUP'));
    await backToAllowed();
  });

  test('a new file renamed over the old one', { skip: missing('wrk') }, async (t) => {
    await closesUnderLoad(t, PAGE, () => {
      writeFileSync(join(at.dir, '.lintel.yml.new'), denied.replaceAll('DIR', at.dir));
      renameSync(join(at.dir, '.lintel.yml.new'), at.config);
    });
    await backToAllowed();
  });

  test('a broken file keeps the old rules and is named by line and column', async () => {
    for (const { text, at: place, says } of [
      { text: `${allowed}sessions: {idle: 1h}\n`, at: ':17:1', says: /sessions/ },
      { text: denied.replace('deny: everyone', 'deny: everybody'), at: ':15:33', says: /everybody/ },
      { text: `${denied}  - not yaml: [`, at: ':', says: /./ },
    ]) {
      const before = at.log().length;
      configure(at, text);
      // What it says of half the file, had it looked that early, does not count.
      const named = (l: LogLine) => String(l.at).startsWith(`${at.config}${place}`) && says.test(l.message);
      await eventually('the place', () => at.log(before).some(named));
      await eventually('the refusal', () => at.log(before).some((l) => /old one stays/.test(l.message)));
      const told = at.log(before);
      const line = told.find(named);
      assert.ok(line !== undefined && line.level === 'error', JSON.stringify(told));
      assert.match(String(line.at), /:\d+:\d+$/);
      assert.equal(await status(PAGE, alice), 200);
    }
    await eventually('the number', async () => (await inForce('config')) === '0');
    rmSync(at.config);
    const before = at.log().length;
    await eventually('the refusal', () => at.log(before).some((l) => /old one stays/.test(l.message)));
    assert.equal(await status(PAGE, alice), 200);
    configure(at, denied);
    await eventually('the mended file', async () => (await status(PAGE, alice)) === 403);
    await backToAllowed();
    await eventually('the number', async () => (await inForce('config')) === '1');
    assert.equal(await inForce('users'), '1');
  });

  test('what the new configuration warns about is told, its warnings as warnings', async () => {
    const before = at.log().length;
    configure(at, allowed.replace('- {allow: signed_in}', '- {allow: signed_in}\n      - {allow: [user:alice]}'));
    const shadowed = (from: number) => at.log(from).find((l) => /never applies/.test(l.message));
    await eventually('the warning', () => shadowed(before) !== undefined);
    const told = shadowed(before);
    assert.equal(told?.level, 'warn', JSON.stringify(at.log(before)));
    assert.match(String(told?.at), /lintel\.yml:17:\d+$/);
    configure(
      at,
      `${allowed}sessions: {}\n`.replace('- {allow: signed_in}', '- {allow: signed_in}\n      - {allow: [user:alice]}'),
    );
    const mark = at.log().length;
    await eventually('the refusal', () => at.log(mark).some((l) => /old one stays/.test(l.message)));
    await eventually('the warning', () => shadowed(mark) !== undefined);
    assert.equal(shadowed(mark)?.level, 'warn');
    await backToAllowed();
  });

  test('keys that need a restart are named, by the names they have in the file, until it happens', async () => {
    for (const round of [1, 2]) {
      const before = at.log().length;
      configure(at, `${allowed}upstream_timeout: ${round + 60}s\nbasic_cache: off\n`);
      const named = (l: LogLine) => l.restart_for === 'upstream_timeout basic_cache';
      await eventually('the names', () => at.log(before).some(named));
    }
    await backToAllowed();
  });

  test('a file named by the new configuration is followed from then on', async () => {
    const rule = join(at.dir, 'elsewhere', 'who');
    writeFileSync(rule, 'bob');
    configure(at, allowed.replace('{allow: signed_in}', `{allow: ['user:\${file:${rule}}']}`));
    await eventually('bob only', async () => (await status(PAGE, alice)) === 403);
    writeFileSync(rule, 'alice');
    await eventually('alice only', async () => (await status(PAGE, alice)) === 200);
    await backToAllowed();
  });

  test('an app comes and goes, behind a proxy and behind Lintel itself', async (t) => {
    const backend = await startBackend();
    t.after(() => backend.close());
    const asked = (host: string) => check(at, `https://${host}/`, alice);
    const direct = (): Promise<Reply> =>
      ask(at, {
        target: '/',
        headers: ['Host: shop.example.test', 'X-Forwarded-Proto: https', 'X-Forwarded-For: 198.51.100.7'],
      });
    assert.equal((await asked('news.example.test')).status, 403);
    assert.equal((await direct()).status, 404);
    configure(
      at,
      `${allowed}  news: {url: https://news.example.test, access: [{allow: everyone}]}\n` +
        `  shop: {url: https://shop.example.test, upstream: http://127.0.0.1:${backend.port}, access: [{allow: everyone}]}\n`,
    );
    await eventually('the new app', async () => (await asked('news.example.test')).status === 200);
    const reply = await direct();
    assert.deepEqual([reply.status, reply.body], [200, 'reached']);
    configure(at, allowed);
    await eventually('the app is gone', async () => (await asked('news.example.test')).status === 403);
    assert.equal((await direct()).status, 404);
    assert.equal(await status(PAGE, alice), 200, 'the session of before all these changes');
  });

  test('a hundred signals in a second, under load', { skip: missing('wrk') }, async (t) => {
    const weight = wrk(t, at, CHECK, checkHeaders(PAGE, alice));
    await weight.seen(200);
    for (let i = 0; i < 100; i++) {
      at.process.kill('SIGHUP');
      await sleep(10);
    }
    const { errors, statuses, text } = await weight.lift();
    assert.deepEqual(errors, NO_ERRORS, text);
    assert.deepEqual([...statuses.keys()], [200], text);
  });

  describe('the users file', () => {
    const people = (change: Readonly<Record<string, Account | undefined>>) => {
      const all = { ...USERS, ...change };
      const left = Object.entries(all).flatMap(([name, account]) => (account === undefined ? [] : [[name, account]]));
      return usersFile(Object.fromEntries(left) as Record<string, Account>);
    };
    const { alice: first, bob } = USERS as Record<'alice' | 'bob', Account>;
    const STAFF = 'https://wiki.example.test/staff';

    test('a group taken away under load: the next request is denied', { skip: missing('wrk') }, async (t) => {
      await closesUnderLoad(t, STAFF, () => {
        writeFileSync(at.users, people({ alice: { ...first, groups: ['staff'] } }));
      });
      assert.equal(await status(PAGE, alice), 200, 'still signed in');
      writeFileSync(at.users, people({}));
      await eventually('the group is back', async () => (await status(STAFF, alice)) === 200);
    });

    test('a broken users file keeps everybody, and is named by line and column', async () => {
      const before = at.log().length;
      writeFileSync(at.users, people({}).replace('"displayname"', '"displayname" "'));
      const isPlaced = (l: LogLine) => l.level === 'error' && /users\.yml:\d+:\d+$/.test(String(l.at));
      await eventually('the report', () => at.log(before).some(isPlaced));
      assert.equal(await status(STAFF, alice), 200);
      await eventually('the number', async () => (await inForce('users')) === '0');
      writeFileSync(at.users, people({ carol: { password: 'fresh-1', displayname: 'Carol' } }));
      await eventually('carol signs in', () =>
        signIn(at, PORTAL, 'carol', 'fresh-1').then(
          () => true,
          () => false,
        ),
      );
      assert.equal(await status(STAFF, alice), 200);
    });

    test('another password ends the sessions, and the old one opens nothing', async () => {
      const cookie = `gate=${(await signIn(at, PORTAL, 'bob', 'builder-secret')).get('gate')}`;
      assert.equal(await status(PAGE, cookie), 200);
      writeFileSync(at.users, people({ bob: { ...(bob as Account), password: 'another-one' } }));
      await eventually('the session is dead', async () => (await status(PAGE, cookie)) === 302);
      await assert.rejects(signIn(at, PORTAL, 'bob', 'builder-secret'), /401/);
      const fresh = `gate=${(await signIn(at, PORTAL, 'bob', 'another-one')).get('gate')}`;
      assert.equal(await status(PAGE, fresh), 200);
      assert.equal(await status(PAGE, alice), 200, 'nobody else is affected');
      // Back to the old password: what was opened before the change stays dead or comes back alive, but never as another person.
      writeFileSync(at.users, people({}));
      await eventually('the newer session is dead', async () => (await status(PAGE, fresh)) === 302);
    });

    test('an account that is deleted, or disabled, is nobody at once', async () => {
      for (const gone of [undefined, { ...(bob as Account), disabled: true }]) {
        const cookie = `gate=${(await signIn(at, PORTAL, 'bob', 'builder-secret')).get('gate')}`;
        assert.equal(await status(PAGE, cookie), 200);
        writeFileSync(at.users, people({ bob: gone }));
        await eventually('the session is dead', async () => (await status(PAGE, cookie)) === 302);
        await assert.rejects(signIn(at, PORTAL, 'bob', 'builder-secret'), /401/);
        writeFileSync(at.users, people({}));
        await eventually('bob is back', () =>
          signIn(at, PORTAL, 'bob', 'builder-secret').then(
            () => true,
            () => false,
          ),
        );
      }
      assert.equal(await status(PAGE, alice), 200);
    });
  });
});
