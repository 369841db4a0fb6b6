/**
 * The real programs that tests run, and the few things every such test needs: a free port, a directory, a process that
 * is ready when it says so and gone when the test is.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const ROOT = join(import.meta.dirname, '..');
export const INSTALL_COMMAND = 'scripts/install-parts.sh';
/** Begins the message of every test that is skipped because a program is absent. */
export const MISSING_PART = 'MISSING PART:';

const VENV = join(ROOT, '.cache', 'venv', 'bin');
const APPS = join(ROOT, '.cache', 'apps', 'node_modules', '.bin');
const SYSTEM = [
  ...(process.env.PATH ?? '').split(delimiter),
  '/usr/local/bin',
  '/usr/local/sbin',
  '/usr/bin',
  '/usr/sbin',
].filter((dir) => dir !== '' && dir !== VENV);

interface Place {
  readonly names: readonly string[];
  readonly dirs: readonly string[];
  readonly version: readonly string[];
  /** What runs the file, where it does not run by itself on this machine. */
  readonly by?: string;
  /** The module of Python that has to be there, where the program is its interpreter. */
  readonly module?: string;
}

const system = (version: string, ...names: string[]): Place => ({ names, dirs: SYSTEM, version: [version] });
const wheel = (name: string, version: string): Place => ({ names: [name], dirs: [VENV], version: [version] });
/** A library for the virtual environment's Python. */
const module = (name: string): Place => ({
  names: ['python3'],
  dirs: [VENV],
  version: ['-c', `import ${name}; print(${name}.__version__)`],
  module: name,
});
/** An app from npm; its program is a script, which the tests run on the Node that they run on. */
const app = (name: string): Place => ({ names: [name], dirs: [APPS], version: ['--version'], by: process.execPath });

const PLACES = {
  nginx: system('-v', 'nginx'),
  haproxy: system('-v', 'haproxy'),
  apache: system('-v', 'apache2', 'httpd'),
  /** The one Debian ships (2.6). */
  'caddy-debian': { names: ['caddy'], dirs: ['/usr/bin'], version: ['version'] },
  /** The current one. */
  caddy: wheel('caddy', 'version'),
  traefik: wheel('traefik', 'version'),
  envoy: wheel('envoy', '--version'),
  radicale: wheel('radicale', '--version'),
  /** A CalDAV client. */
  caldav: module('caldav'),
  tiddlywiki: app('tiddlywiki'),
  'node-red': app('node-red'),
  chromium: system('--version', 'chromium', 'chromium-browser', 'google-chrome'),
  wrk: system('-v', 'wrk'),
  curl: system('--version', 'curl'),
  git: system('--version', 'git'),
  python3: system('--version', 'python3'),
} as const satisfies Record<string, Place>;

export type PartName = keyof typeof PLACES;
export const PART_NAMES = Object.keys(PLACES) as PartName[];

export interface Part {
  readonly path: string;
  /** Asks the program itself, so it costs a process. */
  readonly version: string;
}

/** The program, or undefined when this machine does not have it. */
export function part(name: PartName): Part | undefined {
  const place: Place = PLACES[name];
  for (const dir of place.dirs) {
    for (const file of place.names) {
      const path = join(dir, file);
      if (isExecutable(path) && hasModule(dir, place.module)) {
        return {
          path,
          get version() {
            return askVersion(place.by === undefined ? [path] : [place.by, path], place.version);
          },
        };
      }
    }
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function hasModule(bin: string, name: string | undefined): boolean {
  if (name === undefined) return true;
  return globSync(`../lib/python3*/site-packages/${name}`, { cwd: bin }).some((dir) => existsSync(join(bin, dir)));
}

function askVersion(command: readonly string[], args: readonly string[]): string {
  const text = execFileSync('/bin/sh', ['-c', '"$@" 2>&1 || true', 'sh', ...command, ...args], { encoding: 'utf8' });
  return /\d+\.\d+(?:\.\d+)?/.exec(text)?.[0] ?? 'unknown';
}

/** The path of a program that the test was declared to need; throws where `missing` would have named it. */
export function partPath(name: PartName): string {
  const found = part(name);
  if (found === undefined) throw new Error(`${MISSING_PART} ${name}. Run ${INSTALL_COMMAND}`);
  return found.path;
}

/**
 * For `test('…', { skip: missing('nginx') }, …)`: false when all are there, else the loud reason.
 * Under LINTEL_REQUIRE_PARTS=1 the runner takes such a skip for a failure.
 */
export function missing(...names: PartName[]): string | false {
  const absent = names.filter((name) => part(name) === undefined);
  return absent.length > 0 && `${MISSING_PART} ${absent.join(', ')}. Run ${INSTALL_COMMAND}`;
}

/** For use inside a test: `if (!needs(t, 'nginx')) return;` */
export function needs(t: { skip(message?: string): void }, ...names: PartName[]): boolean {
  const reason = missing(...names);
  if (reason === false) return true;
  t.skip(reason);
  return false;
}

/** Whatever ends. A test context is one. */
export interface Scope {
  after(fn: () => unknown): void;
}

/**
 * The scope of a suite whose `before` starts things: `const scope = openScope(); after(scope.close);`
 * (`after` of node:test, called inside a `before`, would run as soon as that `before` is over.)
 */
export function openScope(): Scope & { close(): Promise<void> } {
  const undo: (() => unknown)[] = [];
  return {
    after: (fn) => undo.push(fn),
    async close() {
      for (let fn = undo.pop(); fn !== undefined; fn = undo.pop()) await fn();
    },
  };
}

/** A directory of its own, removed at the end. Short, because unix socket paths are limited to 107 bytes. */
export function tempDir(scope: Scope): string {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-'));
  scope.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

// Below the ephemeral range of Linux, so that no outgoing connection of a neighbour takes the port before its server does.
const [LOWEST, HIGHEST] = [12_000, 32_000];
/** A process takes its ports by the hundred: those behind a first one that it listens on for as long as it lives. */
const HUNDRED = 100;
const ports = freePorts();

/** A TCP port on 127.0.0.1 that nobody listens on; no test, of whatever process, is given it again. */
export async function freePort(): Promise<number> {
  return (await ports.next()).value;
}

async function* freePorts(): AsyncGenerator<number, never, void> {
  const hundreds = (HIGHEST - LOWEST) / HUNDRED;
  for (let i = process.pid; ; i++) {
    const first = LOWEST + (i % hundreds) * HUNDRED;
    const held = await listenOn(first, '127.0.0.1');
    held?.on('connection', (socket) => socket.destroy()).unref();
    for (let port = first + 1; held !== undefined && port < first + HUNDRED; port++) {
      const tried = await listenOn(port, '0.0.0.0');
      if (tried === undefined) continue;
      await new Promise((resolve) => tried.close(resolve));
      yield port;
    }
  }
}

/** undefined: it is taken. */
function listenOn(port: number, host: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host, exclusive: true }, () => resolve(server));
  });
}

export interface StartOptions {
  readonly cwd?: string;
  /** Added to a minimal environment (PATH, HOME, TMPDIR); nothing else of ours leaks in. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ready when this TCP port of 127.0.0.1 accepts, when the output matches, or when the function says so. */
  readonly ready?: number | RegExp | (() => Promise<boolean>);
  /** Milliseconds until a process that is not ready is an error; a minute unless told. One that ends is an error at once. */
  readonly within?: number;
}

export interface Running {
  readonly child: ChildProcess;
  /** Everything written so far, both streams. */
  output(): string;
  /** Ends the process and all its children; resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) signalGroup(child, 'SIGKILL');
});

/** Starts a program in a process group of its own, waits until it is ready, and ends it with the scope. */
export async function startProcess(
  scope: Scope,
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): Promise<Running> {
  const { PATH = '/usr/bin:/bin', HOME = '/', TMPDIR = '/tmp' } = process.env;
  const child = spawn(command, args, {
    cwd: options.cwd ?? ROOT,
    env: { PATH, HOME, TMPDIR, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  alive.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk));
  const gone = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      text += String(error);
      resolve();
    });
    child.once('exit', () => resolve());
  });
  const said = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const running: Running = { child, output: () => text, stop: (signal) => stop(child, gone, signal) };
  scope.after(() => running.stop());
  await waitUntilReady(running, said, `${command} ${args.join(' ')}`, options);
  return running;
}

async function stop(child: ChildProcess, gone: Promise<void>, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (!alive.has(child)) return;
  signalGroup(child, signal);
  const ended = await Promise.race([gone.then(() => true), sleep(3000, false, { ref: false })]);
  signalGroup(child, 'SIGKILL');
  if (!ended) await gone;
  // Grandchildren go a moment later. Bounded: where nobody reaps them, their remains keep the group alive for ever.
  for (let i = 0; i < 100 && signalGroup(child, 0); i++) await sleep(5);
  alive.delete(child);
}

/** False when the group is gone already, which is what was wanted. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}

/** `said`: all that it wrote has been read, which is later than its end. */
async function waitUntilReady(
  running: Running,
  said: Promise<void>,
  what: string,
  { ready, within = 60_000 }: StartOptions,
): Promise<void> {
  if (ready === undefined) return;
  const isReady =
    typeof ready === 'number'
      ? () => accepts(ready)
      : ready instanceof RegExp
        ? async () => ready.test(running.output())
        : ready;
  const end = Date.now() + within;
  while (!(await isReady())) {
    const { exitCode, signalCode } = running.child;
    if (exitCode !== null || signalCode !== null || running.child.pid === undefined) {
      await Promise.race([said, sleep(3_000, undefined, { ref: false })]);
      throw new Error(`${what} ended (${signalCode ?? exitCode}) before it was ready:\n${running.output()}`);
    }
    if (Date.now() > end) throw new Error(`${what} was not ready within ${within} ms:\n${running.output()}`);
    await sleep(25);
  }
}

/** Whether something accepts connections on the port. */
export function accepts(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
