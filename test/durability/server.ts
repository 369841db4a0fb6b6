/** A `lintel serve` whose own process can be killed, and started again on what it left. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, ROOT, usersFile } from '../black-box/lintel.ts';
import { type Address, ask, type Reply, valuesOf } from '../black-box/raw.ts';
import { freePort } from '../parts.ts';

const PORTAL = 'auth.example.test';
const APP = 'app.example.test';
export const PASSWORD = 'correct horse';

export interface Site {
  readonly dir: string;
  /** Folder of lintel.db. */
  readonly data: string;
  readonly config: string;
  readonly port: number;
  readonly metricsPort: number;
}

export interface Server extends Address {
  /** Of the server itself, not of a launcher. */
  readonly process: ChildProcess;
  readonly site: Site;
  output(): string;
  /** Ends it with the signal and resolves when it is gone. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
}

/** Configuration, one account and free ports. */
export async function makeSite(dir: string, storage: 'sqlite' | 'memory'): Promise<Site> {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const data = join(dir, 'data');
  mkdirSync(data);
  const config = join(dir, 'lintel.yml');
  const settings = {
    listen: [`127.0.0.1:${port}`],
    metrics: `127.0.0.1:${metricsPort}`,
    trusted_proxies: ['127.0.0.1'],
    portal: `https://${PORTAL}`,
    storage: storage === 'memory' ? 'memory:' : `sqlite:${join(data, 'lintel.db')}`,
    users: `file:${join(dir, 'users.yml')}`,
    log: { level: 'info', format: 'json' },
    session: { idle: '1h', lifetime: '12h', remember_me: '30d' },
    domains: [{ domain: 'example.test', portal: `https://${PORTAL}`, cookie: 'gate' }],
    apps: { app: { url: `https://${APP}`, access: [{ allow: 'signed_in' }] } },
  };
  writeFileSync(config, JSON.stringify(settings, undefined, 1));
  writeFileSync(join(dir, 'users.yml'), usersFile({ alice: { password: PASSWORD, displayname: 'Alice' } }));
  return { dir, data, config, port, metricsPort };
}

/** Starts the server, by way of `wrapper` when given (a command that runs the rest of its arguments). */
export async function startServer(site: Site, wrapper: readonly string[] = []): Promise<Server> {
  const [command = '', ...args] = [...wrapper, process.execPath, join(ROOT, 'src', 'main.ts')];
  const child = spawn(command, [...args, 'serve', '--config', site.config], {
    cwd: site.dir,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', RUNTIME_DIRECTORY: join(site.dir, 'run') },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  // By then all that it wrote has been read.
  const gone = once(child, 'close');
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    child.kill(signal);
    await gone;
  };
  const server: Server = { host: '127.0.0.1', port: site.port, process: child, site, output: () => output, end };
  for (const began = performance.now(); performance.now() - began < 60_000; await delay(40)) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    if (await isHealthy(server)) return server;
  }
  await end('SIGKILL');
  throw new Error(`lintel serve did not become healthy:\n${output}`);
}

function isHealthy(server: Address): Promise<boolean> {
  return ask(server, { target: '/api/health', headers: [`Host: ${PORTAL}`, 'Connection: close'] }).then(
    (reply) => reply.status === 200,
    () => false,
  );
}

/** POST /api/firstfactor as the portal's own page sends it. */
export function signIn(server: Address): Promise<Reply> {
  const body = JSON.stringify({ username: 'alice', password: PASSWORD });
  const headers = ['Content-Type: application/json', `Content-Length: ${body.length}`, `Origin: https://${PORTAL}`];
  return ask(server, { method: 'POST', target: '/api/firstfactor', headers: [...forwarded(PORTAL), ...headers], body });
}

/** The value of the cookie that opens the apps of the domain; undefined when the answer is no sign-in. */
export function gateCookie(reply: Reply): string | undefined {
  const line = valuesOf(reply, 'set-cookie').find((text) => text.startsWith('gate='));
  return reply.status === 200 ? line?.slice('gate='.length).split(';', 1)[0] : undefined;
}

/** Asks the gate about the app with this cookie: 200 for somebody signed in, 401 or 302 for nobody. */
export function check(server: Address, cookie: string): Promise<number> {
  return checkWith(server, `Cookie: gate=${cookie}`);
}

/** The same with credentials of another kind. */
export async function checkWith(server: Address, credentials: string): Promise<number> {
  const uri = ['X-Forwarded-Method: GET', 'X-Forwarded-Uri: /', credentials];
  const request = { target: '/api/authz/forward-auth', headers: [...forwarded(APP), ...uri] };
  return (await ask(server, request)).status;
}

function forwarded(host: string): string[] {
  return [`Host: ${host}`, 'Connection: close', 'X-Forwarded-Proto: https', `X-Forwarded-Host: ${host}`];
}

/** Waits until the server has written this. An answer may be read before the line that was written before it. */
export function logged(server: Server, text: RegExp): Promise<void> {
  return eventually(`the log says ${text}`, () => text.test(server.output()));
}

/** Makes every session look unused for two minutes, so that its next request has to touch it: that is due once a minute. */
export function leaveUnused(site: Site): void {
  const db = new DatabaseSync(join(site.data, 'lintel.db'), { timeout: 10_000 });
  const { changes } = db.prepare('UPDATE sessions SET seen_at = seen_at - 120000').run();
  db.close();
  assert.ok(Number(changes) > 0);
}

/** The value of a counter on the metrics listener, its labels summed. */
export async function metric(site: Site, name: string): Promise<number> {
  const request = { target: '/metrics', headers: ['Host: localhost', 'Connection: close'] };
  const { body } = await ask({ host: '127.0.0.1', port: site.metricsPort }, request);
  const lines = body.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

export type Later = ReturnType<typeof undoing>;

/** Runs what was added last first, each whatever became of the others: the server ends before its disk goes. */
export function undoing(t: TestContext): (undo: () => unknown) => void {
  const all: (() => unknown)[] = [];
  t.after(async () => {
    for (const undo of all.reverse()) {
      try {
        await undo();
      } catch (error) {
        t.diagnostic(String(error));
      }
    }
  });
  return (undo) => all.push(undo);
}

/** Whether this process may give a folder a small disk of its own. */
export function mountable(): boolean {
  return spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', tmpdir()]).status === 0;
}

/** Writes until the file system has no byte left. */
export function fill(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (const size of [65_536, 4_096, 1]) writeAsMuchAsFits(file, Buffer.alloc(size));
  } finally {
    closeSync(file);
  }
}

function writeAsMuchAsFits(file: number, bytes: Buffer): void {
  try {
    for (;;) writeSync(file, bytes);
  } catch (error) {
    assert.match(String(error), /ENOSPC/);
  }
}
