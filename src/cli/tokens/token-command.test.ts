import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { keptIo } from '../../../test/cli/io.ts';
import { hasTokenForm, MAX_TOKENS } from '../../core/app-token.ts';
import { systemClock } from '../../ops/clock.ts';
import { randomKey } from '../../ops/secrets.ts';
import { controlPaths, openControl } from '../../server/control-path.ts';
import { MemoryStore } from '../../stores/memory.ts';
import { SqliteStore } from '../../stores/sqlite.ts';
import { keyOf, tokenOf } from '../../stores/values.contract.ts';
import { users } from '../users.ts';

const HASH =
  '$6$rounds=1500$anothersalt$oIc8cxlniDjeYFIcrt2yLvn1/hVqz.xP/ezOqUIHCwOrq7KY/QW5l8zprTE090weafH06.3zvTlgTsqAe4RMn1';
const DAY = 86_400_000;

function desk(t: TestContext, storage: string) {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-tokens-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const config = join(dir, 'lintel.yml');
  const apps = { radicale: { url: 'https://dav.example.com' }, wiki: { url: 'https://wiki.example.com' } };
  writeFileSync(
    config,
    JSON.stringify({ portal: 'https://auth.example.com', storage, users: 'file:./users.yml', apps }),
  );
  const account = (displayname: string, disabled = false) => ({ displayname, password: HASH, disabled });
  const accounts = { alice: account('Alice'), bob: account('Bob'), gone: account('Gone', true) };
  writeFileSync(join(dir, 'users.yml'), JSON.stringify({ users: accounts }));
  const env = { RUNTIME_DIRECTORY: join(dir, 'run') };
  const run = async (args: readonly string[], terminal = false) => {
    const io = keptIo({ env, terminal });
    const code = await users.run(['token', ...args, '--config', config], io);
    return { code, out: io.said, err: io.complained };
  };
  return { dir, config, env, run, onTerminal: (...args: string[]) => run(args, true) };
}

for (const kind of ['memory', 'sqlite'] as const) {
  const opened = async (t: TestContext) => {
    const at = desk(t, kind === 'memory' ? 'memory:' : 'sqlite:./lintel.db');
    const store =
      kind === 'memory' ? new MemoryStore() : new SqliteStore(join(at.dir, 'lintel.db'), randomKey, systemClock);
    t.after(() => store.close());
    if (kind === 'sqlite') return { at, store };
    const control = await openControl(controlPaths([at.config], at.env), store);
    t.after(() => control.close());
    return { at, store };
  };

  test(`${kind}: add stores the hash, and shows the app password once with what to do`, async (t) => {
    const { at, store } = await opened(t);
    const began = systemClock.now();
    const { code, out, err } = await at.onTerminal('add', 'alice', '--name', ' Phone calendar ', '--app', 'radicale');
    assert.deepEqual([code, err], [0, '']);
    const secret = /App password {2}(\S+)\n/.exec(out)?.[1] ?? '';
    assert.ok(hasTokenForm(secret), out);
    const token = store.findToken(keyOf(secret));
    const { id, createdAt, ...facts } = token ?? tokenOf('none');
    const expected = { user: 'alice', label: 'Phone calendar', apps: ['radicale'], createdBy: 'operator' };
    assert.deepEqual(facts, { ...expected, expiresAt: undefined, lastUsedAt: undefined });
    assert.ok(createdAt >= began);
    assert.match(out, /It opens radicale as alice, until it is revoked\./);
    assert.ok(out.includes(`lintel users token revoke ${id} --config ${at.config}\n`));
  });

  test(`${kind}: where no terminal reads it, add prints the app password and nothing else`, async (t) => {
    const { at, store } = await opened(t);
    const seen = await at.run(['add', 'bob', '--name', 'Backup', '--expires', '90d']);
    assert.match(seen.out, /^lintel_[\w-]{43}\n$/);
    assert.match(seen.err, /^It opens every app that bob may open, until \d{4}-.*Z\. Its id is [0-9a-f]{18}\.\n$/);
    const token = store.findToken(keyOf(seen.out.trim()));
    assert.deepEqual([token?.apps, token?.user], ['all', 'bob']);
    assert.equal((token?.expiresAt ?? 0) - (token?.createdAt ?? 0), 90 * DAY);
    const json = JSON.parse((await at.run(['add', 'bob', '--name', 'Git', '--app', 'wiki', '--json'])).out);
    assert.equal(store.findToken(keyOf(json.token))?.id, json.id);
    assert.deepEqual([json.user, json.label, json.apps, json.expires], ['bob', 'Git', ['wiki'], null]);
  });

  test(`${kind}: list shows them without their secrets; revoke by id and by user`, async (t) => {
    const { at, store } = await opened(t);
    const now = systemClock.now();
    store.addToken(tokenOf('id-a', { createdAt: now, apps: ['radicale', 'wiki'] }), keyOf('a'));
    store.addToken(tokenOf('id-b', { user: 'bob', createdAt: now - 1, lastUsedAt: now, label: 'Git' }), keyOf('b'));
    store.addToken(tokenOf('id-c', { createdAt: now - 2, expiresAt: now - 1, label: 'Old' }), keyOf('c'));
    const { code, out } = await at.run(['list']);
    assert.equal(code, 0);
    const [head = '', a = '', b = '', c = '', ...rest] = out.split('\n');
    assert.match(head, /^ {2}ID +USER +LABEL +APPS +CREATED +EXPIRES +LAST USED$/);
    assert.match(a, /^ {2}id-a +alice +Phone +radicale wiki +\S+ \S+Z +never +never$/);
    assert.match(b, /^ {2}id-b +bob +Git +all +\S+ \S+Z +never +\d{4}-\S+ \S+Z$/);
    assert.match(c, /^ {2}id-c +alice +Old +all +\S+ \S+Z +expired +never$/);
    assert.deepEqual(rest, [
      '',
      `To take one back: lintel users token revoke ID --config ${at.config}; or with --user NAME.`,
      '',
    ]);
    const json: { id: string }[] = JSON.parse((await at.run(['list', 'alice', '--json'])).out);
    assert.deepEqual(
      json.map((entry) => entry.id),
      ['id-a', 'id-c'],
    );
    const one = await at.run(['revoke', 'id-b']);
    assert.deepEqual([one.code, one.out], [0, '1 app password is revoked. This takes effect on the next request.\n']);
    assert.equal(store.findToken(keyOf('b')), undefined);
    const again = await at.run(['revoke', 'id-b']);
    assert.deepEqual([again.code, again.out], [1, 'No app password matched; nothing changed.\n']);
    assert.deepEqual((await at.run(['revoke', '--user', 'alice', '--json'])).out, '{"revoked":2}\n');
    assert.deepEqual(await at.run(['list', 'alice']), { code: 1, out: 'alice has no app password.\n', err: '' });
    assert.deepEqual(await at.run(['list']), { code: 0, out: 'Nobody has an app password.\n', err: '' });
  });

  test(`${kind}: an account that holds as many as it may is told so`, async (t) => {
    const { at, store } = await opened(t);
    const createdAt = systemClock.now();
    for (let i = 0; i < MAX_TOKENS; i += 1) store.addToken(tokenOf(`id-${i}`, { createdAt }), keyOf(`t${i}`));
    const { code, out, err } = await at.run(['add', 'alice', '--name', 'One more']);
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /"alice" has 100 app passwords, and no account may have more\. Revoke some first\./);
  });
}

test('nothing is made for an account or an app that is not there, a disabled account, or a garbled end', async (t) => {
  const at = desk(t, 'sqlite:./lintel.db');
  const store = new SqliteStore(join(at.dir, 'lintel.db'), randomKey, systemClock);
  t.after(() => store.close());
  const cases = [
    [['alcie', '--name', 'x'], 1, /no account "alcie" in .*users\.yml\. Did you mean "alice"\?/],
    [['Alice', '--name', 'x'], 1, /no account "Alice".*Did you mean "alice"\?/],
    [['gone', '--name', 'x'], 1, /"gone" is disabled\. "lintel users enable gone"/],
    [['alice', '--name', 'x', '--app', 'radicle'], 2, /there is no app "radicle"\. Did you mean "radicale"\?/],
    [['alice', '--name', 'x', '--app', ''], 2, /there is no app ""\./],
    [['alice', '--name', 'x', '--expires', 'soon'], 2, /--expires soon is not a duration: write 90d, 12h or never\./],
    [['alice', '--name', 'x', '--expires', '0'], 2, /--expires 0 is not a duration/],
    [['alice', '--name', ' '], 2, /--name takes 1 to 64 characters on one line\./],
    [['alice', '--name', 'a\u001b[2Jb'], 2, /--name takes 1 to 64 characters/],
  ] as const;
  for (const [args, code, said] of cases) {
    const seen = await at.run(['add', ...args]);
    assert.deepEqual([seen.code, seen.out], [code, ''], args.join(' '));
    assert.match(seen.err, said);
  }
  assert.deepEqual(store.listTokens({ kind: 'all' }), []);
  for (const args of [
    ['list', 'alcie'],
    ['revoke', '--user', 'alcie'],
  ]) {
    const seen = await at.run(args);
    assert.deepEqual([seen.code, seen.out], [1, '']);
    assert.match(seen.err, /Did you mean "alice"\?/);
  }
});

test('what is not said clearly is a usage error', async (t) => {
  const at = desk(t, 'memory:');
  const unclear = [
    [],
    ['revok', 'x'],
    ['add', '--name', 'x'],
    ['add', 'alice'],
    ['add', 'alice', 'bob', '--name', 'x'],
    ['add', 'alice', '--name', 'x', '--user', 'bob'],
    ['list', '--app', 'wiki'],
    ['revoke'],
    ['revoke', 'id', '--user', 'alice'],
  ];
  for (const args of unclear) {
    const { code, err } = await at.run(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(err, /Run "lintel users --help"/);
  }
  await assert.rejects(at.run(['list', '--usr', 'x']), { code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' });
});

test('a server that does not run, and a database that is not there yet', async (t) => {
  assert.match((await desk(t, 'memory:').run(['list'])).err, /No running Lintel answers for this configuration/);
  const none = desk(t, 'sqlite:./lintel.db');
  assert.deepEqual(await none.run(['list']), { code: 0, out: 'Nobody has an app password.\n', err: '' });
  const add = await none.run(['add', 'alice', '--name', 'x']);
  assert.deepEqual([add.code, add.out], [1, '']);
  assert.match(add.err, /lintel\.db is not there yet: start Lintel once/);
  assert.equal(existsSync(join(none.dir, 'lintel.db')), false, 'asking made no file');
});
