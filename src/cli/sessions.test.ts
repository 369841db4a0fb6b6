import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { keptIo } from '../../test/cli/io.ts';
import type { SessionStore } from '../core/ports.ts';
import { systemClock } from '../ops/clock.ts';
import { randomKey } from '../ops/secrets.ts';
import { controlPaths, openControl } from '../server/control-path.ts';
import { MemoryStore } from '../stores/memory.ts';
import { SqliteStore } from '../stores/sqlite.ts';
import { appSecret, keyOf, portalSecret, sessionOf } from '../stores/values.contract.ts';
import { sessions } from './sessions.ts';

const NOW = systemClock.now();
const HOUR = 3_600_000;

interface Desk {
  readonly dir: string;
  readonly config: string;
  readonly env: Readonly<Record<string, string>>;
  run(...args: string[]): Promise<{ code: number; out: string; err: string }>;
}

function desk(t: TestContext, storage: string): Desk {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-sessions-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const config = join(dir, 'lintel.yml');
  const settings = {
    portal: 'https://auth.example.com',
    storage,
    domains: [{ domain: 'example.org', cookie: 'gate', portal: 'https://auth.example.org' }],
    apps: {
      wiki: { url: 'https://wiki.example.com', access: [{ allow: 'signed_in' }] },
      team: { url: 'https://*.team.example.com:8443', access: [{ allow: 'signed_in' }] },
      whole: { url: 'https://login.corp.example', domain: 'corp.example', access: [{ allow: 'signed_in' }] },
      shared: { url: 'https://shared.example.org', access: [{ allow: 'signed_in' }] },
    },
  };
  writeFileSync(config, JSON.stringify(settings));
  const env = { RUNTIME_DIRECTORY: join(dir, 'run') };
  return {
    dir,
    config,
    env,
    async run(...args) {
      const io = keptIo({ env });
      const code = await sessions.run([...args, '--config', config], io);
      assert.equal(stripVTControlCharacters(io.said), io.said);
      return { code, out: io.said, err: io.complained };
    },
  };
}

test('what is wrong with the configuration is told with what to do, and with nothing that moves the cursor', async (t) => {
  const at = desk(t, 'memory:');
  writeFileSync(at.config, '"storge\\e[2J": x\nportal: nowhere\n');
  const { code, err } = await at.run('list');
  assert.equal(code, 2);
  assert.equal(stripVTControlCharacters(err), err);
  assert.match(
    err,
    /lintel\.yml:2:9 error\n {2}\S.*\n {2}\S.*\n\nlintel sessions: the configuration has 2 errors\.\n$/,
  );
});

function fill(store: SessionStore): void {
  const times = { createdAt: NOW - HOUR, lastSeenAt: NOW - 1000, expiresAt: NOW + HOUR };
  store.open(sessionOf('id-alice', times), [
    portalSecret('alice'),
    appSecret('alice wiki', 'https://wiki.example.com'),
    appSecret('alice red', 'https://red.team.example.com:8443'),
    appSecret('alice blue', 'https://blue.team.example.com:8443'),
    appSecret('alice odd', 'https://red.team.example.com'),
    { key: keyOf('alice whole'), purpose: { kind: 'gate', domain: 'corp.example' } },
  ]);
  store.open(sessionOf('id-bob', { ...times, createdAt: NOW, user: 'bob', level: 'two_factor' }), [
    portalSecret('bob'),
  ]);
  store.open(sessionOf('id-old', { ...times, expiresAt: NOW - 1 }), [portalSecret('old')]);
}

for (const kind of ['memory', 'sqlite'] as const) {
  const opened = async (t: TestContext) => {
    const at = desk(t, kind === 'memory' ? 'memory:' : 'sqlite:./lintel.db');
    const store =
      kind === 'memory' ? new MemoryStore() : new SqliteStore(join(at.dir, 'lintel.db'), randomKey, systemClock);
    t.after(() => store.close());
    fill(store);
    if (kind === 'sqlite') return { at, store };
    const control = await openControl(controlPaths([at.config], at.env), store);
    t.after(() => control.close());
    return { at, store };
  };

  test(`${kind}: list shows who is signed in, newest first, and what is open for them`, async (t) => {
    const { at } = await opened(t);
    const { code, out } = await at.run('list');
    const [head, bob, alice, ...rest] = out.split('\n');
    assert.equal(code, 0);
    assert.match(head!, /^ {2}ID +USER +LEVEL +SINCE +LAST SEEN +EXPIRES +OPEN FOR$/);
    assert.match(bob!, /^ {2}id-bob +bob +two_factor +(\d{4}-\d\d-\d\d \d\d:\d\dZ +){3}https:\/\/auth\.example\.com$/);
    assert.match(alice!, /^ {2}id-alice +alice +one_factor .* https:\/\/wiki\.example\.com$/);
    assert.deepEqual(rest, [
      '',
      `To sign somebody out: lintel sessions revoke --id ID --config ${at.config}; or with --user NAME.`,
      '',
    ]);
    const json = JSON.parse((await at.run('list', '--json', '--user', 'alice')).out);
    assert.equal(json.length, 1);
    assert.deepEqual([json[0].id, json[0].expires], ['id-alice', new Date(NOW + HOUR).toISOString()]);
    const nobody = await at.run('list', '--user', 'carol');
    assert.deepEqual([nobody.code, nobody.out], [1, 'carol is not signed in.\n']);
  });

  test(`${kind}: revoke by user, id and all; 1 when nothing matched`, async (t) => {
    const { at, store } = await opened(t);
    const user = await at.run('revoke', '--user', 'bob');
    assert.deepEqual([user.code, user.out], [0, '1 session is revoked. This takes effect on the next request.\n']);
    assert.equal(await store.find(keyOf('bob')), undefined);
    assert.deepEqual((await at.run('revoke', '--user', 'bob')).code, 1);
    const id = await at.run('revoke', '--id', 'id-old', '--json');
    assert.deepEqual([id.code, id.out], [0, '{"revoked":1}\n']);
    assert.equal((await store.find(keyOf('alice')))?.session.id, 'id-alice');
    assert.match((await at.run('revoke', '--all')).out, /^1 session is revoked/);
    assert.equal(await store.find(keyOf('alice')), undefined);
  });

  test(`${kind}: revoke --app closes that app alone, on each host of a wildcard`, async (t) => {
    const { at, store } = await opened(t);
    const team = await at.run('revoke', '--app', 'team');
    assert.deepEqual(
      [team.code, team.out],
      [0, '2 cookies of team are revoked. This takes effect on the next request.\n'],
    );
    const left = ['alice', 'alice wiki', 'alice red', 'alice blue', 'alice odd'].filter((t) => store.find(keyOf(t)));
    assert.deepEqual(left, ['alice', 'alice wiki', 'alice odd']);
    assert.match((await at.run('revoke', '--app', 'whole')).out, /^1 cookie of whole is revoked/);
    assert.equal(await store.find(keyOf('alice whole')), undefined);
    const shared = await at.run('revoke', '--app', 'shared');
    assert.equal(shared.code, 1);
    assert.match(shared.err, /also opens with the cookie that apps of example\.org share/);
    const unknown = await at.run('revoke', '--app', 'wikki');
    assert.deepEqual(
      [unknown.code, unknown.err],
      [2, 'lintel sessions: there is no app "wikki". Did you mean "wiki"?\n'],
    );
  });
}

test('what a browser calls itself moves no cursor, not even as JSON on a terminal', async (t) => {
  const at = desk(t, 'sqlite:./lintel.db');
  const store = new SqliteStore(join(at.dir, 'lintel.db'), randomKey, systemClock);
  t.after(() => store.close());
  const userAgent = '\u009b2J\u202egnihton';
  const times = { createdAt: NOW, lastSeenAt: NOW, expiresAt: NOW + HOUR };
  store.open(sessionOf('id-odd', { ...times, userAgent }), [portalSecret('odd')]);
  const { out } = await at.run('list', '--json');
  assert.doesNotMatch(out, /[\u007f-\u009f\u202e]/);
  assert.equal(JSON.parse(out)[0].userAgent, userAgent);
});

test('what is not said clearly is a usage error', async (t) => {
  const at = desk(t, 'memory:');
  for (const args of [
    [],
    ['drop'],
    ['revoke'],
    ['revoke', '--all', '--user', 'a'],
    ['list', '--id', 'x'],
    ['list', 'all'],
  ]) {
    const { code, err } = await at.run(...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(err, /Run "lintel sessions --help"/);
  }
  await assert.rejects(at.run('list', '--usr', 'x'), { code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' });
});

test('a server that does not run, a file that is not there, a file that is broken', async (t) => {
  const memory = await desk(t, 'memory:').run('list');
  assert.equal(memory.code, 1);
  assert.match(memory.err, /No running Lintel answers for this configuration/);
  const none = desk(t, 'sqlite:./lintel.db');
  assert.deepEqual(await none.run('list'), { code: 0, out: 'Nobody is signed in.\n', err: '' });
  assert.equal((await none.run('revoke', '--all')).code, 1);
  assert.equal(existsSync(join(none.dir, 'lintel.db')), false, 'asking made no file');
  writeFileSync(join(none.dir, 'lintel.db'), 'not a database '.repeat(99));
  const broken = await none.run('list');
  assert.equal(broken.code, 1);
  assert.match(broken.err, /lintel\.db is not a SQLite database/);
});

test('revoke of somebody who has no account says whom it may have meant; a session without account is revoked', async (t) => {
  const at = desk(t, 'sqlite:./lintel.db');
  const store = new SqliteStore(join(at.dir, 'lintel.db'), randomKey, systemClock);
  t.after(() => store.close());
  fill(store);
  const hash = '$argon2id$v=19$m=256,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  const users = { users: { alice: { password: hash, displayname: 'Alice' } } };
  writeFileSync(join(at.dir, 'users.yml'), JSON.stringify(users));
  const settings = JSON.parse(readFileSync(at.config, 'utf8'));
  writeFileSync(at.config, JSON.stringify({ ...settings, users: 'file:./users.yml' }));
  const slip = await at.run('revoke', '--user', 'alcie');
  assert.deepEqual([slip.code, slip.out], [1, 'No session matched; nothing changed.\n']);
  assert.match(slip.err, /^lintel sessions: there is no account "alcie" in .*users\.yml\. Did you mean "alice"\?\n$/);
  assert.equal((await at.run('revoke', '--user', 'bob')).code, 0);
  assert.equal((await at.run('revoke', '--user', 'alice')).err, '');
});
