/** A real `lintel serve` in a process of its own, with files of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { argon2Sync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../parts.ts';
import { type Address, ask } from './raw.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
export const LINTEL = join(ROOT, 'bin', 'lintel');

export interface Account {
  readonly password: string;
  readonly displayname: string;
  readonly email?: string;
  readonly groups?: readonly string[];
  readonly disabled?: boolean;
  readonly attributes?: object;
}

export interface Running extends Address {
  readonly dir: string;
  readonly config: string;
  readonly users: string;
  readonly database: string;
  readonly process: ChildProcess;
  /** Everything it wrote so far, both streams. */
  output(): string;
  stop(): Promise<void>;
}

export interface ServeOptions {
  /** lintel.yml as an object (JSON is YAML) or as text; `DIR` in text stands for the temporary folder, `PORT` for the port. */
  readonly config: object | string;
  readonly users: Readonly<Record<string, Account>>;
  /** Host header that answers /api/health. */
  readonly healthHost: string;
  /** Listens where the configuration says; one of the addresses must be 127.0.0.1:PORT. */
  readonly ownListen?: boolean;
}

/** Starts the server and returns once it answers /api/health. Rejects with its output when it exits instead. */
export async function serve(options: ServeOptions): Promise<Running> {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-test-'));
  const port = await freePort();
  const config = join(dir, 'lintel.yml');
  const users = join(dir, 'users.yml');
  const text = typeof options.config === 'string' ? options.config : JSON.stringify(options.config, undefined, 1);
  writeFileSync(config, text.replaceAll('DIR', dir).replaceAll('PORT', String(port)));
  writeFileSync(users, usersFile(options.users));
  const listen = options.ownListen === true ? [] : ['--listen', `127.0.0.1:${port}`];
  const child = spawn(LINTEL, ['serve', '--config', config, ...listen], {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', NODE_COMPILE_CACHE: join(tmpdir(), 'lintel-test-compile-cache') },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk.toString()));
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    await Promise.race([exited, new Promise((r) => setTimeout(r, 3_000).unref())]);
    child.kill('SIGKILL');
    await exited;
    rmSync(dir, { recursive: true, force: true });
  };
  const running: Running = {
    host: '127.0.0.1',
    port,
    dir,
    config,
    users,
    database: join(dir, 'lintel.db'),
    process: child,
    output: () => output,
    stop,
  };
  await healthy(running, options.healthHost, () => child.exitCode !== null || child.signalCode !== null, stop);
  return running;
}

async function healthy(at: Running, host: string, isOver: () => boolean, stop: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    if (isOver() || Date.now() > deadline) {
      await stop();
      throw new Error(`lintel serve did not become healthy:\n${at.output()}`);
    }
    const up = await ask(at, { target: '/api/health', headers: [`Host: ${host}`, 'Connection: close'] }).then(
      (r) => r.status === 200,
      () => false,
    );
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

/** users.yml in Authelia's format. Hashes are cheap: these tests are not about their cost. */
export function usersFile(accounts: Readonly<Record<string, Account>>): string {
  const users = Object.entries(accounts).map(([name, a]) => [name, { ...a, password: cheapHash(a.password) }]);
  return `${JSON.stringify({ users: Object.fromEntries(users) }, undefined, 1)}\n`;
}

const hashes = new Map<string, string>();
/** argon2id at its lowest cost; one password keeps one hash, so that rewriting the file does not look like a new password. */
export function cheapHash(password: string): string {
  const known = hashes.get(password);
  if (known !== undefined) return known;
  const nonce = randomBytes(16);
  const key = argon2Sync('argon2id', {
    message: password,
    nonce,
    parallelism: 1,
    tagLength: 32,
    memory: 256,
    passes: 1,
  });
  const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');
  const made = `$argon2id$v=19$m=256,t=1,p=1$${b64(nonce)}$${b64(key)}`;
  hashes.set(password, made);
  return made;
}

/**
 * Polls until `check` holds; fails with `what` after `timeoutMs`. The one way in which tests wait for what must happen: a
 * sleep says only how quick the machine is. Often at first, so that it costs a quiet machine nothing.
 */
export async function eventually(
  what: string | (() => string),
  check: () => Promise<boolean> | boolean,
  timeoutMs = 10_000,
): Promise<void> {
  const began = performance.now();
  for (;;) {
    // Whatever the time says, the last look comes after the last rest.
    const elapsed = performance.now() - began;
    if (await check()) return;
    if (elapsed > timeoutMs)
      throw new Error(`did not happen within ${timeoutMs} ms: ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(30, 2 + elapsed / 20)));
  }
}
