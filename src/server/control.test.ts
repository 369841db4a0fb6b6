import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { MemoryStore } from '../stores/memory.ts';
import { appSecret, keyOf, ORIGIN, portalSecret, sessionOf, tokenOf } from '../stores/values.contract.ts';
import { serveControl } from './control.ts';
import { controlClient } from './control-client.ts';
import { controlPaths, findControl, openControl } from './control-path.ts';

function directory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-control-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function served(t: TestContext) {
  const store = new MemoryStore();
  const path = join(directory(t), 'c.sock');
  const control = await serveControl({ path, store });
  t.after(() => control.close());
  return { store, path, client: controlClient(path) };
}

/** What the server says to these bytes, until it closes. */
function say(path: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.end(text));
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

test('lists and revokes the sessions of another process', async (t) => {
  const { store, client } = await served(t);
  const zoe = sessionOf('s2', { user: 'Zoë "Z"\n', idleMs: undefined, createdAt: 1, level: 'two_factor' });
  store.open(sessionOf('s1'), [portalSecret('p'), appSecret('a')]);
  store.open(zoe, [portalSecret('q')]);
  assert.deepEqual(await client.list({ kind: 'all' }), store.list({ kind: 'all' }));
  assert.deepEqual((await client.list({ kind: 'user', user: zoe.user }))[0]?.session, { ...zoe });
  assert.equal(await client.revoke({ kind: 'origin', origin: ORIGIN }), 1);
  assert.equal(store.find(keyOf('a')), undefined);
  assert.equal(await client.revoke({ kind: 'id', id: 'nobody' }), 0);
  assert.equal(await client.revoke({ kind: 'user', user: 'alice' }), 1);
  assert.equal(store.find(keyOf('p')), undefined);
});

test('adds, lists and revokes the app passwords of another process', async (t) => {
  const { store, client } = await served(t);
  const zoe = tokenOf('t1', { user: 'Zoë "Z"\n', apps: ['dav'], expiresAt: 7, lastUsedAt: 8, createdBy: 'operator' });
  assert.equal(await client.addToken(zoe, keyOf('one')), true);
  assert.equal(await client.addToken(tokenOf('t2'), keyOf('two')), true);
  assert.deepEqual(store.findToken(keyOf('one')), zoe);
  assert.deepEqual(store.findToken(keyOf('two')), tokenOf('t2'));
  assert.deepEqual(await client.listTokens({ kind: 'all' }), store.listTokens({ kind: 'all' }));
  assert.deepEqual(await client.listTokens({ kind: 'user', user: zoe.user }), [zoe]);
  await assert.rejects(client.addToken(tokenOf('t2'), keyOf('three')), /holds this app password already/);
  for (let i = 0; i < 99; i += 1) store.addToken(tokenOf(`a${i}`), keyOf(`a${i}`));
  assert.equal(await client.addToken(tokenOf('more'), keyOf('more')), false);
  assert.equal(await client.revokeTokens({ kind: 'id', id: 't1' }), 1);
  assert.equal(store.findToken(keyOf('one')), undefined);
  assert.equal(await client.revokeTokens({ kind: 'user', user: 'alice' }), 100);
});

test('says what the store says when it fails', async (t) => {
  const { store, client } = await served(t);
  store.close();
  await assert.rejects(client.list({ kind: 'all' }), /refused: The memory store is closed/);
});

test('the socket is for the owner alone, and gone after close', async (t) => {
  const path = join(directory(t), 'c.sock');
  const before = process.umask(0);
  const control = await serveControl({ path, store: new MemoryStore() });
  assert.equal(process.umask(before), 0, 'the umask is as it was');
  assert.equal(lstatSync(path).mode & 0o777, 0o600);
  await control.close();
  assert.equal(existsSync(path), false);
  await assert.rejects(controlClient(path).list({ kind: 'all' }), /did not answer: .*ENOENT/);
});

test('replaces a socket that a killed server left, and never one that answers', async (t) => {
  const path = join(directory(t), 'c.sock');
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  assert.equal(spawnSync(process.execPath, ['-e', script]).signal, 'SIGKILL');
  assert.ok(lstatSync(path).isSocket());
  const control = await serveControl({ path, store: new MemoryStore() });
  t.after(() => control.close());
  assert.deepEqual(await controlClient(path).list({ kind: 'all' }), []);
  await assert.rejects(serveControl({ path, store: new MemoryStore() }), /Another Lintel with this configuration/);
});

/** Every left-out or garbled fact of an app password is a refusal: none of them reads as "all apps" or "no end". */
const addings = [
  { apps: undefined },
  { apps: null },
  { apps: ['dav', 7] },
  { expiresAt: undefined },
  { expiresAt: '2030' },
  { lastUsedAt: undefined },
  { createdBy: 'nobody' },
  { user: undefined },
  { key: 'short' },
].map((over) => {
  const { key, ...token } = { ...tokenOf('t1'), expiresAt: null, lastUsedAt: null, key: keyOf('t'), ...over };
  return `${JSON.stringify({ do: 'add-token', token, key })}\n`;
});

test('malformed, oversized and unfinished questions end in an answer or a closed socket, and the next is served', async (t) => {
  const { path, client } = await served(t);
  const bad = [
    'hello\n',
    '{"do":"open","filter":{"kind":"all"}}\n',
    '{"do":"revoke"}\n',
    '{"do":"revoke","filter":{"kind":"user"}}\n',
    '{"do":"revoke","filter":{"kind":"everything"}}\n',
    'null\n',
    '{"do":"revoke-tokens","filter":{"kind":"origin","origin":"https://a"}}\n',
    '{"do":"list-tokens"}\n',
    '{"do":"add-token"}\n',
    ...addings,
    `${'x'.repeat(100_000)}\n`,
    'x'.repeat(100_000),
  ];
  for (const text of bad) assert.equal(await say(path, text).catch(() => MALFORMED), MALFORMED, text.slice(0, 60));
  assert.equal(await say(path, '{"do":"list"'), '');
  assert.deepEqual(await client.list({ kind: 'all' }), []);
});

const MALFORMED = '{"ok":false,"error":"the question is malformed"}\n';

test('server and client find each other by the configuration files', async (t) => {
  const dir = directory(t);
  const config = join(dir, 'lintel.yml');
  writeFileSync(config, '');
  symlinkSync(config, join(dir, 'link.yml'));
  const env = { RUNTIME_DIRECTORY: join(dir, 'run') };
  const paths = controlPaths([config], env);
  assert.deepEqual(controlPaths([join(dir, 'link.yml')], env), paths);
  assert.notDeepEqual(controlPaths([config, config], env), paths);
  assert.ok(paths.every((p) => Buffer.byteLength(p.replace(dir, '')) < 60));
  assert.equal(await findControl(paths), undefined);
  const control = await openControl(paths, new MemoryStore());
  t.after(() => control.close());
  assert.equal(control.path, paths[0]);
  assert.equal(lstatSync(join(dir, 'run')).mode & 0o777, 0o700);
  assert.equal(
    await findControl(controlPaths([config], { RUNTIME_DIRECTORY: `${join(dir, 'other')}:${join(dir, 'run')}` })),
    paths[0],
  );
});

test('a directory that others may write, or a link to one, is not used', async (t) => {
  const dir = directory(t);
  const open = join(dir, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  symlinkSync(dir, join(dir, 'link'));
  const paths = [join(open, 'c.sock'), join(dir, 'link', 'c.sock'), join(dir, 'c.sock')];
  const control = await openControl(paths, new MemoryStore());
  t.after(() => control.close());
  assert.equal(control.path, join(dir, 'c.sock'));
  assert.equal(await findControl(paths), join(dir, 'c.sock'));
  const trap = await serveControl({ path: join(open, 'c.sock'), store: new MemoryStore() });
  t.after(() => trap.close());
  assert.equal(await findControl(paths), join(dir, 'c.sock'));
  await assert.rejects(
    openControl(paths.slice(0, 2), new MemoryStore()),
    /No private directory for the control socket/,
  );
});
