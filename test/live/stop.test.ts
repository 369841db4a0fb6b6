/** Signals at the start and at the end: what is under way is finished, nothing else is waited for, all is left in order. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { argon2Sync, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, test } from 'node:test';
import { eventually, LINTEL, usersFile } from '../black-box/lintel.ts';
import { ask } from '../black-box/raw.ts';
import { signIn } from '../black-box/sessions.ts';
import { accepts, missing, type Scope, tempDir } from '../parts.ts';
import { type Answered, probe, sleep, wrk } from './load.ts';
import { base, CHECK, checkHeaders, type Live, live, PORTAL, USERS } from './server.ts';

const PAGE = 'https://wiki.example.test/page';
const apps = (port = 1) => `apps:
  wiki: {url: https://wiki.example.test, access: [{allow: signed_in}]}
  shop: {url: https://shop.example.test, upstream: http://127.0.0.1:${port}, access: [{allow: everyone}]}
`;
const SHOP = ['Host: shop.example.test', 'X-Forwarded-Proto: https', 'X-Forwarded-For: 198.51.100.7'];

/** After that, what is still under way is cut (src/cli/start.ts): whatever ends well before was not waited for in vain. */
const GRACE_MS = 10_000;

/** For so long a connection is kept for a request that may be on its way (src/server/listener.ts). */
const LAST_CALL_MS = 250;

/** Milliseconds from SIGTERM to the end, which is a good one. */
async function terminated(at: Live): Promise<number> {
  const began = performance.now();
  at.process.kill('SIGTERM');
  assert.deepEqual(await at.exited, { code: 0, signal: null }, at.output());
  return performance.now() - began;
}

/** One file, whole, with nothing beside it that waits to be written back. */
function cleanDatabase(at: Live): DatabaseSync {
  // No WAL is left to be read back; the file with the key of the keys is there once a key was needed.
  const files = readdirSync(at.dir).filter((name) => name.startsWith('lintel.db') && !name.endsWith('.key'));
  assert.deepEqual(files, ['lintel.db']);
  const database = new DatabaseSync(at.database, { readOnly: true });
  assert.equal(database.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok');
  return database;
}

/** An app whose answers the test gives by hand. */
async function app(scope: Scope): Promise<{ readonly port: number; readonly arrived: Promise<ServerResponse> }> {
  const { promise: arrived, resolve } = Promise.withResolvers<ServerResponse>();
  const server = createServer((_, res) => resolve(res));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  scope.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, arrived };
}

describe('a server that is told to stop', { concurrency: true }, () => {
  test('under load: every request that reached it is answered', { skip: missing('wrk') }, async (t) => {
    const at = await live(t, { config: base('sqlite:DIR/lintel.db') + apps() });
    const alice = `gate=${(await signIn(at, PORTAL, 'alice', 'wonderland-7')).get('gate')}`;
    const headers = checkHeaders(PAGE, alice);
    const weight = wrk(t, at, CHECK, headers);
    const prober = probe(t, at, CHECK, headers);
    await prober.more(100);
    await weight.seen(200);
    const took = await terminated(at);
    const answers = await prober.stop();
    const report = await weight.lift();
    t.diagnostic(`gone after ${Math.round(took)} ms; wrk ${JSON.stringify([[...report.statuses], report.errors])}`);
    assert.ok(took < GRACE_MS / 2, `${took} ms`);
    assert.deepEqual([...report.statuses.keys()], [200], report.text);
    // Whoever says nothing for so long on an open connection, since the machine stands still, may find it closed.
    const isIdle = (a: Answered) => a.ended - a.free >= LAST_CALL_MS;
    const said = answers.filter((a) => a.status === 200 || a.failure === 'ECONNREFUSED' || !isIdle(a));
    assert.deepEqual([...new Set(said.map((a) => a.failure ?? a.status))], [200, 'ECONNREFUSED']);
    // What wrk calls write errors are connections refused, once nobody listens any more.
    const { read, timeout } = report.errors;
    assert.ok(timeout === 0 && (read === 0 || answers.some(isIdle)), report.text);
    cleanDatabase(at).close();
  });

  test('a slow app and a sign-in under way are waited for', async (t) => {
    const slow = await app(t);
    const text = usersFile(USERS).replace(/"\$argon2id[^"]*"/, JSON.stringify(costly('wonderland-7')));
    const at = await live(t, { config: base('sqlite:DIR/lintel.db') + apps(slow.port), users: text });
    const page = ask(at, { target: '/', headers: SHOP }, { timeoutMs: 30_000 });
    const answer = await slow.arrived;
    const opened = signIn(at, PORTAL, 'alice', 'wonderland-7');
    // Connections are taken in their order: what answers this has the sign-in before it.
    await ask(at, { target: '/api/health', headers: ['Host: auth.example.test', 'Connection: close'] });
    await sleep(150); // so that the password is being checked, if not yet to be read
    const ended = terminated(at);
    await eventually('no new connection is taken', async () => !(await accepts(at.port)));
    await sleep(400);
    assert.equal(at.process.exitCode, null, 'it did not wait');
    answer.end('at last');
    assert.equal((await page).body, 'at last');
    assert.match((await opened).get('gate') ?? '', /^[\w-]{43}$/);
    const took = await ended;
    t.diagnostic(`gone after ${Math.round(took)} ms`);
    assert.ok(took < GRACE_MS - 2_000, `${took} ms`);
    const database = cleanDatabase(at);
    assert.equal(database.prepare('SELECT count(*) AS n FROM sessions').get()?.n, 1, 'the session is on disk');
    database.close();
  });

  test('connections that ask for nothing hold nothing up', async (t) => {
    const at = await live(t, { config: base('sqlite:DIR/lintel.db') + apps() });
    const health = 'GET /api/health HTTP/1.1\r\nHost: auth.example.test\r\n\r\n';
    const sockets = ['', 'GET /api/health HTTP/1.1\r\nHost: auth', health].map((bytes) => {
      const socket = connect(at.port, at.host);
      t.after(() => socket.destroy());
      socket.write(bytes);
      return socket.resume();
    });
    const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    let received = '';
    sockets.at(-1)?.on('data', (chunk) => (received += chunk));
    // Connections are taken in their order: the server has all three.
    await eventually('the last one is answered', () => received.startsWith('HTTP/1.1 200'));
    const took = await terminated(at);
    t.diagnostic(`gone after ${Math.round(took)} ms`);
    assert.ok(took < GRACE_MS / 2, `${took} ms`);
    await Promise.all(closed);
    cleanDatabase(at).close();
  });

  test('an answer without end is cut in time, and a second signal cuts nothing short', async (t) => {
    const endless = await app(t);
    const at = await live(t, { config: base('sqlite:DIR/lintel.db') + apps(endless.port) });
    const stream = ask(at, { target: '/', headers: SHOP }, { timeoutMs: 40_000 });
    stream.catch(() => undefined);
    const answer = await endless.arrived;
    const ticks = setInterval(() => answer.write('tick\n'), 100);
    t.after(() => clearInterval(ticks));
    const ended = terminated(at);
    await sleep(500);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) at.process.kill(signal);
    await sleep(1_500);
    assert.equal(at.process.exitCode, null, 'it did not wait');
    const took = await ended;
    t.diagnostic(`gone after ${Math.round(took)} ms`);
    assert.ok(took > GRACE_MS - 1_000 && took < 2 * GRACE_MS, `${took} ms`);
    await assert.rejects(stream);
    cleanDatabase(at).close();
  });

  test('a hang-up while it starts is no end', { skip: process.platform !== 'linux' && 'needs /proc' }, async (t) => {
    // It cannot start before the lock on its database is gone, so the signal certainly comes while it starts.
    const dir = tempDir(t);
    const lock = new DatabaseSync(join(dir, 'lintel.db'));
    lock.exec('BEGIN EXCLUSIVE');
    writeFileSync(join(dir, 'lintel.yml'), base('sqlite:DIR/lintel.db').replaceAll('DIR', dir));
    writeFileSync(join(dir, 'users.yml'), usersFile(USERS));
    const child = spawn(LINTEL, ['serve', '--config', join(dir, 'lintel.yml')], { cwd: dir });
    t.after(() => child.kill('SIGTERM'));
    let output = '';
    child.stderr.on('data', (chunk) => (output += chunk));
    await eventually('the database is open', () => hasOpen(child.pid ?? 0, join(dir, 'lintel.db')), 60_000);
    child.kill('SIGHUP');
    await sleep(300);
    lock.exec('ROLLBACK');
    lock.close();
    await eventually('it runs', () => /"message":"ready"/.test(output) || child.exitCode !== null);
    assert.match(output, /"message":"ready"/);
    await eventually('the signal is heeded', () => /configuration taken up/.test(output));
  });
});

/** Takes about half a second to check. */
function costly(password: string): string {
  const nonce = randomBytes(16);
  const cost = { parallelism: 1, tagLength: 32, memory: 65_536, passes: 8 };
  const key = argon2Sync('argon2id', { message: password, nonce, ...cost });
  const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=65536,t=8,p=1$${b64(nonce)}$${b64(key)}`;
}

/** Whether the process, or the one it launched, has the file open. */
function hasOpen(pid: number, path: string): boolean {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return [pid, ...children].some((p) =>
      readdirSync(`/proc/${p}/fd`).some((fd) => readlinkSync(`/proc/${p}/fd/${fd}`) === path),
    );
  } catch {
    return false; // a process or descriptor that has just gone
  }
}
