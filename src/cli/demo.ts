import { createServer } from 'node:net';
import { parseArgs } from 'node:util';
import { createLog } from '../ops/log.ts';
import type { Command, Io } from './command.ts';
import { type Running, start } from './start.ts';
import { stopSignal } from './stop.ts';
import { columns, inkFor, patiently } from './terminal.ts';
import { startWhoami, type WhoamiApp } from './whoami/app.ts';
import { APP_HOST, AS_YAML, demoSettings, originAt, PORTAL_HOST } from './whoami/demo-settings.ts';
import { inventPeople, type Person, sourceOf } from './whoami/people.ts';

const USUAL_PORT = 9080;

const HELP = `lintel demo [--port N]

  Starts a sign-in portal, and behind Lintel's own proxy an app that shows the headers it gets, on addresses of this
  machine (*.localhost). Two people can sign in; their passwords are new each time. All data are in memory:
  there is nothing to write, and nothing is left behind. Ctrl-C stops it.

  --port N   listen on this port of the loopback interface; otherwise ${USUAL_PORT}, or a free one when that is taken

Example
  lintel demo --port 8000

It runs as if this were its configuration
${AS_YAML}`;

export const demo: Command = {
  name: 'demo',
  summary: 'shows it all on this machine, with an app that shows the headers it gets',
  help: HELP,
  async run(args, io) {
    const { values } = parseArgs({ args: [...args], options: { port: { type: 'string' } } });
    const port = await choosePort(values.port, io);
    if (port === undefined) return 2;
    const people = inventPeople();
    const stage = await patiently(io, 'Starting', raise(port, people));
    const stopped = stopSignal();
    io.out(program(port, people, io));
    await stopped;
    await stage.close();
    io.out('\nStopped. Nothing is left behind.\n');
    return 0;
  },
};

async function choosePort(wanted: string | undefined, io: Io): Promise<number | undefined> {
  if (wanted === undefined) return (await freePort('127.0.0.1', USUAL_PORT)) ?? (await freePort('127.0.0.1', 0));
  const port = /^\d{1,5}$/.test(wanted) ? Number(wanted) : Number.NaN;
  if (!(port <= 65535)) {
    io.err(`lintel demo: --port takes a number up to 65535, not "${wanted}".\n`);
    return undefined;
  }
  const free = await freePort('127.0.0.1', port);
  if (free === undefined)
    io.err(`lintel demo: port ${port} cannot be had; something else uses it, or it is reserved.\n`);
  return free;
}

/** The port that listening there gives, or undefined. */
function freePort(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(undefined));
    probe.listen(port, host, () => {
      const bound = probe.address();
      probe.close(() => resolve(bound !== null && typeof bound === 'object' ? bound.port : undefined));
    });
  });
}

/** Starts app and Lintel; resolves when a request has gone all the way through. */
async function raise(port: number, people: readonly Person[]): Promise<{ close(): Promise<void> }> {
  const app = await startWhoami({ origin: originAt(APP_HOST, port), portal: originAt(PORTAL_HOST, port) });
  const hosts = (await freePort('::1', port)) === undefined ? ['127.0.0.1'] : ['127.0.0.1', '::1'];
  const settings = demoSettings({ port, upstream: app.address, hosts });
  const log = createLog(settings.log.level, 'text');
  let running: Running | undefined;
  try {
    running = await start(settings, { users: sourceOf(people), log });
    await provePassage(port);
  } catch (error) {
    await closeBoth(app, running);
    throw error;
  }
  return { close: () => closeBoth(app, running) };
}

async function provePassage(port: number): Promise<void> {
  const { get } = await import('node:http');
  const status = await new Promise<number>((resolve, reject) => {
    const headers = { Host: port === 80 ? APP_HOST : `${APP_HOST}:${port}` };
    const request = get(
      { host: '127.0.0.1', port, path: '/public', headers, agent: false, timeout: 5_000 },
      (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode ?? 0));
      },
    );
    request.once('timeout', () => request.destroy(new Error('no answer within five seconds')));
    request.once('error', reject);
  });
  if (status !== 200) throw new Error(`the first request through Lintel was answered ${status}`);
}

async function closeBoth(app: WhoamiApp, running: Running | undefined): Promise<void> {
  await running?.close();
  await app.close();
}

function program(port: number, people: readonly Person[], io: Io): string {
  const ink = inkFor(io);
  const app = originAt(APP_HOST, port);
  const rows = people.map(({ user, password }) => [
    user.name,
    ink.strong(password),
    ink.quiet(user.groups.length === 0 ? 'in no group' : `in the group ${user.groups.join(', ')}`),
  ]);
  const addresses = [
    ['the app', ink.accent(`${app}/`)],
    ['the portal', ink.accent(`${originAt(PORTAL_HOST, port)}/`)],
  ];
  return `The demo is ready.

${columns(addresses)}
Sign in as one of them, with a password that is good until this ends
${columns(rows)}
Try
  1. Open the app and sign in as alice: it greets her, and shows the headers it was told so in.
  2. Open ${ink.accent(`${app}/admin`)} as bob: the page says why not.
  3. Try to fool it; the name you send does not arrive:
     ${ink.accent(`curl -H 'Remote-User: admin' ${app}/public`)}
  4. The same with a password of your own; you are bob, whatever you claim:
     ${ink.accent(`curl -u bob:${people[1]?.password ?? ''} -H 'Remote-User: admin' -H 'Remote_User: admin' ${app}/`)}

${ink.quiet('Ctrl-C stops it.')}
`;
}
