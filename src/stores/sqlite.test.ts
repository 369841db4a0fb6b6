import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import type { Clock } from '../core/ports.ts';
import { systemClock } from '../ops/clock.ts';
import { randomKey } from '../ops/secrets.ts';
import { SqliteStore } from './sqlite.ts';
import { MIGRATIONS } from './sqlite-schema.ts';
import { FIND, OVER } from './sqlite-statements.ts';
import { FIND_TOKEN, TOKENS_OVER } from './sqlite-tokens.ts';
import { storeContract } from './store.contract.ts';
import { appSecret, keyOf, ORIGIN, portalSecret, sessionOf, T0, tokenOf } from './values.contract.ts';

/** The first lines of a program of its own. */
const IMPORTS = `const { SqliteStore } = await import(${JSON.stringify(join(import.meta.dirname, 'sqlite.ts'))});
    const { systemClock } = await import(${JSON.stringify(join(import.meta.dirname, '../ops/clock.ts'))});
    const { randomKey } = await import(${JSON.stringify(join(import.meta.dirname, '../ops/secrets.ts'))});`;

function directory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-store-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function opened(t: TestContext, path: string, clock: Pick<Clock, 'monotonic'> = systemClock): SqliteStore {
  const store = new SqliteStore(path, randomKey, clock);
  t.after(() => store.close());
  return store;
}

/** By this clock every look at the index is an old one. */
function hasty(): Pick<Clock, 'monotonic'> {
  let now = 0;
  return { monotonic: () => ++now };
}

storeContract('sqlite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-store-'));
  const all: SqliteStore[] = [];
  const open = async () => {
    const store = new SqliteStore(join(dir, 'lintel.db'), randomKey, systemClock);
    all.push(store);
    return store;
  };
  const dispose = async () => {
    for (const store of all) store.close();
    rmSync(dir, { recursive: true });
  };
  return { store: await open(), another: open, dispose };
});

test('makes file and directory for the owner alone', (t) => {
  const path = join(directory(t), 'deep', 'er', 'lintel.db');
  const before = process.umask(0);
  t.after(() => process.umask(before));
  const store = opened(t, path);
  store.open(sessionOf('s1'), [portalSecret('p')]);
  const mode = (suffix: string) => (statSync(path + suffix).mode & 0o777).toString(8);
  assert.deepEqual(
    [mode(''), mode('-wal'), mode('-shm'), (statSync(dirname(path)).mode & 0o777).toString(8)],
    ['600', '600', '600', '700'],
  );
});

test('keeps sessions over a close and leaves one file', (t) => {
  const path = join(directory(t), 'lintel.db');
  const first = new SqliteStore(path, randomKey, systemClock);
  first.open(sessionOf('s1'), [portalSecret('p')]);
  first.close();
  assert.equal(existsSync(`${path}-wal`), false);
  assert.equal(opened(t, path).find(keyOf('p'))?.session.id, 's1');
});

test('find is two searches by key, and sweeping walks an index', (t) => {
  const path = join(directory(t), 'lintel.db');
  opened(t, path);
  const db = new DatabaseSync(path);
  t.after(() => db.close());
  const plan = (sql: string) =>
    db
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => row.detail);
  assert.deepEqual(plan(FIND), ['SEARCH k USING PRIMARY KEY (key=?)', 'SEARCH s USING INTEGER PRIMARY KEY (rowid=?)']);
  assert.deepEqual(plan(OVER), ['SEARCH sessions USING COVERING INDEX sessions_by_end (<expr><?)']);
  assert.deepEqual(plan(FIND_TOKEN), ['SEARCH tokens USING PRIMARY KEY (key=?)']);
  assert.deepEqual(plan(TOKENS_OVER), ['SEARCH tokens USING COVERING INDEX tokens_by_end (expires_at<?)']);
});

test('what another process took away and acknowledged is gone', async (t) => {
  const path = join(directory(t), 'lintel.db');
  const [server, command] = [opened(t, path), opened(t, path)];
  for (let i = 0; i < 50; i++) {
    await command.open(sessionOf(`a${i}`), [portalSecret(`a${i}`)]);
    assert.equal(server.find(keyOf(`a${i}`))?.session.id, `a${i}`);
    await command.open(sessionOf(`b${i}`), [portalSecret(`b${i}`)], `a${i}`);
    assert.equal(server.find(keyOf(`a${i}`)), undefined);
    assert.equal(server.find(keyOf(`b${i}`))?.session.id, `b${i}`);
    await command.revoke({ kind: 'id', id: `b${i}` });
    assert.equal(server.find(keyOf(`b${i}`)), undefined);
    await command.addToken(tokenOf(`t${i}`), keyOf(`t${i}`));
    assert.equal(server.findToken(keyOf(`t${i}`))?.id, `t${i}`);
    await command.revokeTokens({ kind: 'id', id: `t${i}` });
    assert.equal(server.findToken(keyOf(`t${i}`)), undefined);
  }
});

test('one look at the index speaks for a millisecond, and for nothing that this process wrote', async (t) => {
  const path = join(directory(t), 'lintel.db');
  let now = 0;
  const store = opened(t, path, { monotonic: () => now });
  const db = new DatabaseSync(path);
  t.after(() => db.close());
  await store.open(sessionOf('s1'), [portalSecret('p')]);
  assert.equal(store.find(keyOf('p'))?.session.lastSeenAt, T0);
  store.touch('s1', T0 + 1);
  assert.equal(store.find(keyOf('p'))?.session.lastSeenAt, T0 + 1);
  db.exec('DELETE FROM sessions');
  now = 0.9;
  assert.equal(store.find(keyOf('p'))?.session.id, 's1');
  now = 1;
  assert.equal(store.find(keyOf('p')), undefined);
  await store.open(sessionOf('s1'), [portalSecret('p')]);
  assert.equal(store.find(keyOf('p'))?.session.id, 's1');
  const revoked = store.revoke({ kind: 'id', id: 's1' });
  assert.equal(store.find(keyOf('p')), undefined);
  setTimeout(() => {
    now = 9;
  }, 5);
  assert.equal(await revoked, 1);
});

test('a garbled row is an absent row', (t) => {
  const path = join(directory(t), 'lintel.db');
  const store = opened(t, path, hasty());
  const db = new DatabaseSync(path);
  t.after(() => db.close());
  const garble = [
    'UPDATE sessions SET level = 3',
    'UPDATE sessions SET created_at = -1',
    'UPDATE sessions SET expires_at = 9223372036854775807',
    'UPDATE secrets SET kind = 9',
    'UPDATE secrets SET session = 999999',
  ];
  db.exec('PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF');
  for (const sql of garble) {
    store.open(sessionOf('s1'), [portalSecret('p')]);
    assert.equal(store.find(keyOf('p'))?.session.id, 's1');
    db.exec(sql);
    assert.equal(store.find(keyOf('p')), undefined, sql);
    db.exec('DELETE FROM secrets; DELETE FROM sessions');
  }
});

test('a routing that cannot be read is an absent row, never "no routing"', (t) => {
  const path = join(directory(t), 'lintel.db');
  const store = opened(t, path, hasty());
  const db = new DatabaseSync(path);
  t.after(() => db.close());
  const routing = { backend: 'http://10.0.0.7', hostHeader: undefined, userAttributes: undefined };
  const garbled = [
    '',
    '{',
    'null',
    '"http://10.0.0.7"',
    '[]',
    '{"backend":7}',
    '{"backend":null}',
    '{"hostHeader":[]}',
    '{"userAttributes":[]}',
    '{"upstream":"http://10.0.0.7"}',
  ];
  for (const text of garbled) {
    store.open(sessionOf('s1'), [{ ...appSecret('a'), routing }]);
    assert.deepEqual(store.find(keyOf('a'))?.routing, routing);
    db.prepare('UPDATE secrets SET routing = ?').run(text);
    assert.equal(store.find(keyOf('a')), undefined, text);
    store.revoke({ kind: 'all' });
  }
});

test('a garbled app password is an absent one, never one for all apps or for ever', (t) => {
  const path = join(directory(t), 'lintel.db');
  const store = opened(t, path, hasty());
  const db = new DatabaseSync(path);
  t.after(() => db.close());
  const garble = [
    "apps = ''",
    "apps = 'all'",
    "apps = 'null'",
    "apps = '{}'",
    `apps = '["dav", null]'`,
    'expires_at = -1',
    'expires_at = 9223372036854775807',
    'used_at = -1',
    'created_by = 3',
  ];
  for (const set of garble) {
    store.addToken(tokenOf('t1', { apps: ['dav'], expiresAt: T0 + 1 }), keyOf('t'));
    assert.equal(store.findToken(keyOf('t'))?.id, 't1');
    db.exec(`UPDATE tokens SET ${set}`);
    assert.equal(store.findToken(keyOf('t')), undefined, set);
    db.exec('DELETE FROM tokens');
  }
});

test('a database of the first release is brought forward with its sessions', (t) => {
  const path = join(directory(t), 'lintel.db');
  const old = new DatabaseSync(path);
  old.exec(`PRAGMA journal_mode = WAL; ${MIGRATIONS[0]}
    PRAGMA application_id = ${0x4c6e746c}; PRAGMA user_version = 1;
    INSERT INTO sessions VALUES (1, 's1', 'alice', 1, 'e1', ${T0}, ${T0}, ${T0 + 9}, NULL, '', '');
    INSERT INTO secrets VALUES ('${keyOf('a')}', 1, 2, '${ORIGIN}', 0)`);
  old.close();
  const store = opened(t, path);
  const found = store.find(keyOf('a'));
  assert.deepEqual([found?.session.id, found?.purpose, found?.routing], ['s1', appSecret('a').purpose, undefined]);
  assert.equal(store.addToken(tokenOf('t1'), keyOf('t')), true);
});

test('an orphaned secret never comes to point at a later session', (t) => {
  const path = join(directory(t), 'lintel.db');
  const store = opened(t, path);
  store.open(sessionOf('s1'), [portalSecret('p')]);
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  db.exec('DELETE FROM sessions');
  db.close();
  store.open(sessionOf('s2', { user: 'mallory' }), [portalSecret('q')]);
  assert.equal(store.find(keyOf('p')), undefined);
});

test('another process revokes, and the next find knows', async (t) => {
  const path = join(directory(t), 'lintel.db');
  const store = opened(t, path);
  store.open(sessionOf('s1'), [portalSecret('p')]);
  assert.equal(store.find(keyOf('p'))?.session.id, 's1');
  const script = `${IMPORTS}
    const store = new SqliteStore(${JSON.stringify(path)}, randomKey, systemClock);
    process.stdout.write(String(await store.revoke({ kind: 'all' })));
    process.stdin.once('data', () => store.close()); `;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script]);
  t.after(() => child.kill());
  const [count] = await once(child.stdout, 'data');
  assert.equal(store.find(keyOf('p')), undefined, 'while the other process still runs');
  assert.equal(String(count), '1');
  child.stdin.end('x');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('while another process writes, find answers, sign-in waits its turn, touch fails at once', async (t) => {
  const path = join(directory(t), 'lintel.db');
  const store = opened(t, path);
  store.open(sessionOf('s1'), [portalSecret('p')]);
  const other = new DatabaseSync(path);
  t.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  assert.equal(store.find(keyOf('p'))?.session.id, 's1');
  assert.throws(() => store.touch('s1', T0 + 1), /lintel\.db is locked by another process/);
  const waiting = store.open(sessionOf('s2'), [portalSecret('q')]);
  assert.ok(waiting instanceof Promise);
  assert.equal(store.find(keyOf('q')), undefined);
  setTimeout(() => other.exec('COMMIT'), 30);
  await waiting;
  assert.equal(store.find(keyOf('q'))?.session.id, 's2');
});

test('processes that start at once on no file at all agree', async (t) => {
  const path = join(directory(t), 'lintel.db');
  const script = `${IMPORTS}
    const store = new SqliteStore(${JSON.stringify(path)}, randomKey, systemClock);
    const key = await store.installationKey('k', () => randomKey(32));
    process.stdout.write(Buffer.from(key).toString('hex')); store.close();`;
  const keys = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script]);
      const [out, err] = await Promise.all([child.stdout.toArray(), child.stderr.toArray()]);
      return Buffer.concat(out).toString() || Buffer.concat(err).toString();
    }),
  );
  assert.match(keys[0]!, /^[0-9a-f]{64}$/);
  assert.deepEqual(new Set(keys).size, 1, keys.join('\n'));
});

test('what cannot be opened is named, with what to do', (t) => {
  const dir = directory(t);
  const text = join(dir, 'notes.txt');
  writeFileSync(text, 'These are not the tables you are looking for. '.repeat(99));
  assert.throws(
    () => new SqliteStore(text, randomKey, systemClock),
    /notes\.txt is not a SQLite database: name another file/,
  );
  assert.throws(
    () => new SqliteStore(join(text, 'lintel.db'), randomKey, systemClock),
    /The directory .*notes\.txt of the session database cannot be created: EEXIST/,
  );
  mkdirSync(join(dir, 'folder.db'));
  assert.throws(() => new SqliteStore(join(dir, 'folder.db'), randomKey, systemClock), /folder\.db cannot be opened/);
  const foreign = new DatabaseSync(join(dir, 'other.db'));
  foreign.exec('CREATE TABLE sessions (x)');
  foreign.close();
  assert.throws(
    () => new SqliteStore(join(dir, 'other.db'), randomKey, systemClock),
    /other\.db belongs to another program/,
  );
});

test('a newer schema is refused, and left alone', (t) => {
  const path = join(directory(t), 'lintel.db');
  new SqliteStore(path, randomKey, systemClock).close();
  const db = new DatabaseSync(path);
  t.after(() => db.close());
  db.exec('PRAGMA user_version = 99');
  assert.throws(
    () => new SqliteStore(path, randomKey, systemClock),
    /made by a newer Lintel: its schema is version 99, .* up to 2/,
  );
  assert.equal(db.prepare('PRAGMA user_version').get()?.user_version, 99);
});

test('a damaged file throws, and says so', async (t) => {
  const path = join(directory(t), 'lintel.db');
  const first = new SqliteStore(path, randomKey, systemClock);
  for (let i = 0; i < 100; i += 1) await first.open(sessionOf(`s${i}`), [portalSecret(`p${i}`)]);
  first.close();
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(statSync(path).size - 4096, 0x5a), 0, null, 4096);
  closeSync(file);
  assert.throws(() => opened(t, path).find(keyOf('p7')), /lintel\.db is damaged: restore it, or move it away/);
});

test('a file moved away is a failing ping', (t) => {
  const path = join(directory(t), 'lintel.db');
  const store = opened(t, path);
  store.ping();
  renameSync(path, `${path}.away`);
  assert.throws(() => store.ping(), /was moved or replaced: restart Lintel/);
});
