/** A real `lintel serve`, and what these tests do to it while it runs: change its files, signal it, put load on it. */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Account, LINTEL, type Running as Served, usersFile } from '../black-box/lintel.ts';
import { type Address, ask, type Reply } from '../black-box/raw.ts';
import { type Scope, startProcess, tempDir } from '../parts.ts';

/** One line of the log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface Live extends Served {
  /** Where /metrics and its neighbours are. */
  readonly ops: Address;
  readonly env: Readonly<Record<string, string>>;
  /** Every line so far, or from the nth on. */
  log(from?: number): LogLine[];
  /** Resolves when the process is gone. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

export const USERS: Readonly<Record<string, Account>> = {
  alice: { password: 'wonderland-7', displayname: 'Alice', email: 'alice@example.test', groups: ['staff', 'writers'] },
  bob: { password: 'builder-secret', displayname: 'Bob', groups: ['staff'] },
};

export const PORTAL = 'https://auth.example.test';

/** Everything of a configuration but its apps. One shared cookie, so that one sign-in serves every check. */
export const base = (storage: string) => `listen: [127.0.0.1:0]
trusted_proxies: [127.0.0.1]
portal: ${PORTAL}
storage: ${storage}
users: file:DIR/users.yml
metrics: 127.0.0.1:0
domains: [{domain: example.test, cookie: gate}]
throttle: {max_retries: 0}
`;

export interface LiveOptions {
  /** lintel.yml; DIR stands for the temporary directory. Port 0 is fine: the ready line tells. */
  readonly config: string;
  /** Accounts, or the text of users.yml. */
  readonly users?: Readonly<Record<string, Account>> | string;
  /** The directory, where somebody made it already. */
  readonly dir?: string;
  /** A command that runs the rest of its arguments, without a process in between. */
  readonly wrapper?: readonly string[];
}

/** Starts it and returns once it says that it is ready. */
export async function live(scope: Scope, options: LiveOptions): Promise<Live> {
  const dir = options.dir ?? tempDir(scope);
  const config = join(dir, 'lintel.yml');
  const users = join(dir, 'users.yml');
  writeFileSync(config, options.config.replaceAll('DIR', dir));
  const accounts = options.users ?? USERS;
  writeFileSync(users, typeof accounts === 'string' ? accounts : usersFile(accounts));
  // The control socket stays inside the test, whatever account runs it.
  const env = {
    NO_COLOR: '1',
    RUNTIME_DIRECTORY: dir,
    NODE_COMPILE_CACHE: join(tmpdir(), 'lintel-test-compile-cache'),
  };
  const ready = /"listen":"([^"]*)","metrics":"([^"]*)","message":"ready"/;
  const [command = '', ...args] = [...(options.wrapper ?? []), LINTEL, 'serve', '--config', config];
  const { child, output } = await startProcess(scope, command, args, { cwd: dir, env, ready });
  const [, listen = '', metrics = ''] = ready.exec(output()) ?? [];
  const exited = new Promise<Awaited<Live['exited']>>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return {
    ...addressOf(listen.split(' ').find((a) => !a.startsWith('unix:')) ?? ''),
    ops: addressOf(metrics),
    dir,
    config,
    users,
    env,
    database: join(dir, 'lintel.db'),
    process: child,
    output,
    log: (from = 0) => logLines(output()).slice(from),
    exited,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

function addressOf(text: string): Address {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

/** Every line: a log that has anything but one JSON object a line is broken. */
function logLines(output: string): LogLine[] {
  const lines = output.slice(0, output.lastIndexOf('\n') + 1).split('\n');
  return lines.flatMap((text) => (text === '' ? [] : [JSON.parse(text)]));
}

/** The lines of a check request as a proxy that speaks forward-auth sends it. */
export function checkHeaders(url: string, cookie?: string): string[] {
  const { host, pathname, search } = new URL(url);
  return [
    'Host: lintel.internal',
    'X-Forwarded-Method: GET',
    'X-Forwarded-Proto: https',
    `X-Forwarded-Host: ${host}`,
    `X-Forwarded-Uri: ${pathname}${search}`,
    'X-Forwarded-For: 198.51.100.7',
    'Accept: text/html',
    ...(cookie === undefined ? [] : [`Cookie: ${cookie}`]),
  ];
}

export const CHECK = '/api/authz/forward-auth';

/** Asks whether a request may pass, on a connection of its own. */
export function check(at: Address, url: string, cookie?: string): Promise<Reply> {
  return ask(at, { target: CHECK, headers: [...checkHeaders(url, cookie), 'Connection: close'] });
}

/** Puts a new text in the place of lintel.yml as `cat >` does. */
export function configure(at: Live, text: string): void {
  writeFileSync(at.config, text.replaceAll('DIR', at.dir));
}
