import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../ops/clock.ts';
import { randomKey } from '../ops/secrets.ts';
import { KeyFileError } from './key-file.ts';
import { SqliteStore } from './sqlite.ts';

const KEY = Buffer.from('a key of an installation, 32 b..');
const LONG = Buffer.from('another key, as long as those that sign assertions are, or longer than that');

function databaseIn(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-keys-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, 'lintel.db');
}

function opened(t: TestContext, path: string): SqliteStore {
  const store = new SqliteStore(path, randomKey, systemClock);
  t.after(() => store.close());
  return store;
}

function raw(t: TestContext, path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  t.after(() => db.isOpen && db.close());
  return db;
}

const KEYS = { one: KEY, two: LONG };

/** A database with these keys, closed. */
async function filled(path: string, ...names: readonly (keyof typeof KEYS)[]): Promise<void> {
  const store = new SqliteStore(path, randomKey, systemClock);
  for (const name of names) await store.installationKey(name, () => KEYS[name]);
  store.close();
}

function never(): Uint8Array {
  return assert.fail('a new key was made');
}

/** Every file beside the database, but for the one that holds the key to it. */
function bytesOf(path: string): Buffer {
  const files = ['', '-wal', '-shm', '-journal'].map((suffix) => path + suffix).filter((file) => existsSync(file));
  return Buffer.concat(files.map((file) => readFileSync(file)));
}

test('no key can be read in the database, its log or its index, nor the key to them', async (t) => {
  const path = databaseIn(t);
  const store = opened(t, path);
  await store.installationKey('one', () => KEY);
  await store.installationKey('two', () => LONG);
  assert.ok(existsSync(`${path}-wal`));
  const secret = Buffer.from(readFileSync(`${path}.key`, 'latin1').trim(), 'base64url');
  assert.equal(secret.length, 32);
  assert.equal((statSync(`${path}.key`).mode & 0o777).toString(8), '600');
  for (const when of ['open', 'closed']) {
    const bytes = bytesOf(path);
    assert.ok(bytes.includes('installation_keys'), 'these are the files');
    for (const part of [KEY, LONG, LONG.subarray(20, 36), secret, Buffer.from(secret.toString('base64url'))]) {
      assert.equal(bytes.includes(part), false, `${part} while ${when}`);
    }
    if (when === 'open') store.close();
  }
  const again = opened(t, path);
  assert.deepEqual(Buffer.from(await again.installationKey('one', never)), KEY);
  assert.deepEqual(Buffer.from(await again.installationKey('two', never)), LONG);
});

test('one key, encrypted twice, looks different', async (t) => {
  const path = databaseIn(t);
  const store = opened(t, path);
  await store.installationKey('one', () => KEY);
  await store.installationKey('two', () => KEY);
  const [one, two] = raw(t, path).prepare('SELECT value FROM installation_keys').all();
  assert.notDeepEqual(one?.value, two?.value);
});

test('a key of the first builds is encrypted where it stands when it is read, and leaves no trace', async (t) => {
  const path = databaseIn(t);
  new SqliteStore(path, randomKey, systemClock).close();
  const before = raw(t, path);
  before.prepare('INSERT INTO installation_keys VALUES (?, ?)').run('portal', KEY);
  before.close();
  await filled(path, 'two');
  assert.ok(bytesOf(path).includes(KEY));
  const store = opened(t, path);
  assert.equal(store.checkInstallationKeys(), undefined);
  assert.deepEqual(Buffer.from(await store.installationKey('portal', never)), KEY);
  assert.equal(bytesOf(path).includes(KEY), false, 'while it runs');
  assert.deepEqual(Buffer.from(await store.installationKey('portal', never)), KEY);
  store.close();
  assert.equal(bytesOf(path).includes(KEY), false);
});

test('a row that was damaged is an error, is not replaced, and costs no other key', async (t) => {
  const path = databaseIn(t);
  await filled(path, 'one', 'two');
  const db = raw(t, path);
  const { value } = db.prepare("SELECT value FROM installation_keys WHERE name = 'one'").get() ?? {};
  assert.ok(value instanceof Uint8Array);
  const damaged = [
    ...[0, 11, 12, 30, value.length - 1].map((i) => value.with(i, (value[i] ?? 0) ^ 1)),
    value.subarray(0, -1),
    value.subarray(0, 43),
    value.subarray(0, 12),
    Buffer.concat([value, value]),
    new Uint8Array(0),
  ];
  for (const bytes of damaged) {
    db.prepare("UPDATE installation_keys SET value = ? WHERE name = 'one'").run(bytes);
    const store = new SqliteStore(path, randomKey, systemClock);
    assert.equal(store.checkInstallationKeys(), undefined);
    await assert.rejects(
      async () => store.installationKey('one', never),
      /The key "one" in the session database .*lintel\.db cannot be opened with/,
    );
    assert.deepEqual(Buffer.from(await store.installationKey('two', never)), LONG);
    store.close();
    const kept = db.prepare("SELECT value FROM installation_keys WHERE name = 'one'").get();
    assert.deepEqual(kept?.value, new Uint8Array(bytes));
  }
});

test('a key speaks for its own name: rows that were swapped or renamed are refused', async (t) => {
  const path = databaseIn(t);
  await filled(path, 'one', 'two');
  const db = raw(t, path);
  db.exec("UPDATE installation_keys SET name = 'x' WHERE name = 'one'");
  db.exec("UPDATE installation_keys SET name = 'one' WHERE name = 'two'");
  db.exec("UPDATE installation_keys SET name = 'two' WHERE name = 'x'");
  const store = opened(t, path);
  for (const name of ['one', 'two']) await assert.rejects(async () => store.installationKey(name, never), KeyFileError);
  assert.match(store.checkInstallationKeys() ?? '', /None of the keys in the session database/);
});

test('without its key file a database is refused with what to do, and nothing new is made', async (t) => {
  const path = databaseIn(t);
  await filled(path, 'one', 'two');
  rmSync(`${path}.key`);
  const store = opened(t, path);
  const words =
    /are encrypted, and .*lintel\.db\.key, which opens them, is missing\. Put that file back from your backup\./;
  assert.match(store.checkInstallationKeys() ?? '', words);
  await assert.rejects(async () => store.installationKey('one', never), words);
  await assert.rejects(async () => store.installationKey('three', () => KEY), words);
  assert.equal(existsSync(`${path}.key`), false);
  const names = raw(t, path).prepare('SELECT name FROM installation_keys').all();
  assert.deepEqual(
    names.map((row) => row.name),
    ['one', 'two'],
  );
  assert.equal(await store.revoke({ kind: 'all' }), 0, 'people can still be signed out');
});

test('the key file of another database opens nothing and gets no key of its own', async (t) => {
  const [path, other] = [databaseIn(t), databaseIn(t)];
  await filled(path, 'one', 'two');
  await filled(other, 'one');
  writeFileSync(`${path}.key`, readFileSync(`${other}.key`));
  const store = opened(t, path);
  const words = /can be opened with .*lintel\.db\.key: the file belongs to another database, or the row was changed/;
  assert.match(store.checkInstallationKeys() ?? '', words);
  await assert.rejects(async () => store.installationKey('three', () => KEY), words);
});

test('a file that is no key file is refused, and left as it is', async (t) => {
  const path = databaseIn(t);
  const contents = ['', '\n', 'x'.repeat(42), `${'x'.repeat(44)}\n`, `${'x'.repeat(42)}=\n`, `\n${'x'.repeat(43)}`];
  for (const text of contents) {
    writeFileSync(`${path}.key`, text, { mode: 0o600 });
    const store = new SqliteStore(path, randomKey, systemClock);
    await assert.rejects(async () => store.installationKey('one', () => KEY), /is not the key file that Lintel made/);
    store.close();
    assert.equal(readFileSync(`${path}.key`, 'latin1'), text);
  }
  rmSync(`${path}.key`);
  mkdirSync(`${path}.key`);
  const store = opened(t, path);
  await assert.rejects(async () => store.installationKey('one', () => KEY), /is not the key file that Lintel made/);
});

test('a key file that every account may read is refused; rights of the group are let pass', async (t) => {
  const path = databaseIn(t);
  await filled(path, 'one', 'two');
  for (const mode of [0o644, 0o604, 0o602]) {
    chmodSync(`${path}.key`, mode);
    const store = new SqliteStore(path, randomKey, systemClock);
    assert.match(store.checkInstallationKeys() ?? '', new RegExp(`mode ${mode.toString(8)}\\)\\. Run: chmod 600 `));
    await assert.rejects(async () => store.installationKey('one', never), KeyFileError);
    store.close();
  }
  chmodSync(`${path}.key`, 0o660);
  assert.deepEqual(Buffer.from(await opened(t, path).installationKey('one', never)), KEY);
});

test('a store that has read the key file goes on without it', async (t) => {
  const path = databaseIn(t);
  const store = opened(t, path);
  await store.installationKey('one', () => KEY);
  rmSync(`${path}.key`);
  assert.deepEqual(Buffer.from(await store.installationKey('one', never)), KEY);
  assert.deepEqual(Buffer.from(await store.installationKey('two', () => LONG)), LONG);
});

test('a database that is reached by a link has its key where the database is', async (t) => {
  const path = databaseIn(t);
  const link = join(databaseIn(t), '..', 'link.db');
  await filled(path, 'one', 'two');
  symlinkSync(path, link);
  assert.deepEqual(Buffer.from(await opened(t, link).installationKey('one', never)), KEY);
  assert.equal(existsSync(`${link}.key`), false);
});

test('processes that start at once end with one key file, and nothing else is left', async (t) => {
  const path = databaseIn(t);
  const script = `const { SqliteStore } = await import(${JSON.stringify(join(import.meta.dirname, 'sqlite.ts'))});
    const { systemClock } = await import(${JSON.stringify(join(import.meta.dirname, '../ops/clock.ts'))});
    const { randomKey } = await import(${JSON.stringify(join(import.meta.dirname, '../ops/secrets.ts'))});
    const store = new SqliteStore(${JSON.stringify(path)}, randomKey, systemClock);
    process.stdout.write('open');
    await new Promise((go) => process.stdin.once('data', go));
    await store.installationKey('own ' + process.pid, () => randomKey(32));
    const key = await store.installationKey('one', () => randomKey(32));
    store.close();
    console.log(Buffer.from(key).toString('hex'));
    process.exit();`;
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  await Promise.all(children.map((child) => new Promise((open) => child.stdout.once('data', open))));
  for (const child of children) child.stdin.end('go');
  const said = await Promise.all(children.map((child) => child.stdout.toArray()));
  const keys = said.map((out) => Buffer.concat(out).toString().replace('open', '').trim());
  assert.match(keys[0] ?? '', /^[0-9a-f]{64}$/);
  assert.equal(new Set(keys).size, 1, keys.join('\n'));
  assert.deepEqual(readdirSync(join(path, '..')).sort(), ['lintel.db', 'lintel.db.key']);
  const store = opened(t, path);
  for (const child of children) await store.installationKey(`own ${child.pid}`, never);
});

test('what is too short to be a key is not kept', async (t) => {
  const store = opened(t, databaseIn(t));
  await assert.rejects(
    async () => store.installationKey('one', () => new Uint8Array(15)),
    /an installation key of 15 bytes/,
  );
});

test('a key file that finds no room is whole or not there, and leaves nothing behind', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-key-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'lintel.db'), '');
  const program = `
    import { KeyFile } from ${JSON.stringify(new URL('./key-file.ts', import.meta.url).href)};
    try { new KeyFile(process.argv[1]).readOrMake((n) => new Uint8Array(n).fill(7)); } catch (error) { console.log(error.name); }
  `;
  const node = [process.execPath, '--input-type=module', '-e', program, join(dir, 'lintel.db')];
  const { stdout } = spawnSync('prlimit', ['--fsize=10:', ...node], { encoding: 'utf8' });
  assert.deepEqual([stdout, readdirSync(dir)], ['KeyFileError\n', ['lintel.db']]);
});
