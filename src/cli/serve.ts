import { flushCompileCache } from 'node:module';
import { parseArgs } from 'node:util';
import { parseListen } from '../config/address.ts';
import { loadConfig, type Problem } from '../config/load.ts';
import { type ConfigWatch, watchConfig } from '../config/reload.ts';
import type { ListenAddress, Settings } from '../config/settings.ts';
import { createLog, type Log } from '../ops/log.ts';
import type { Command, Io } from './command.ts';
import { problemReport } from './problems.ts';
import { lacking } from './readiness.ts';
import { logFormat, type Running, start } from './start.ts';
import { startFailure } from './start-failure.ts';
import { stopSignal } from './stop.ts';
import { openUsers, type ServedUsers } from './users-source.ts';

const HELP = `lintel serve --config FILE … [--listen ADDR …]

  Runs check endpoints, portal and proxy face until it is told to stop (SIGTERM, SIGINT).
  Changed configuration is taken up while running, and on SIGHUP; a broken one is reported and the old one kept.

  --config FILE   lintel.yml; may be given more than once, later files win
  --listen ADDR   listen here in place of the addresses in the configuration: 127.0.0.1:9091, unix:/run/lintel.sock

Example
  lintel serve --config /etc/lintel/lintel.yml
`;

export const serve: Command = {
  name: 'serve',
  summary: 'runs Lintel with a configuration',
  help: HELP,
  async run(args, io) {
    const parsed = options(args);
    if (parsed.config.length === 0) {
      io.err('lintel serve: name the configuration with --config FILE. Run "lintel serve --help" for what it takes.\n');
      return 2;
    }
    const loaded = await loadConfig(parsed.config, io.env);
    if (!loaded.ok) {
      io.err(problemReport(loaded.problems, io, 'lintel: could not start; the configuration has '));
      return 2;
    }
    const settings = withListen(loaded.settings, parsed.listen);
    if (settings === undefined) {
      io.err('lintel: --listen takes HOST:PORT or unix:/path.\n');
      return 2;
    }
    const log = createLog(settings.log.level, logFormat(settings.log.format));
    tell(log, loaded.warnings);
    tell(log, lacking(settings, parsed.config[0] ?? ''));
    return run(settings, log, parsed, io);
  },
};

interface Options {
  readonly config: readonly string[];
  readonly listen: readonly string[];
}

function options(args: readonly string[]): Options {
  const many = { type: 'string', multiple: true } as const;
  const { values } = parseArgs({ args: [...args], options: { config: many, listen: many } });
  return { config: values.config ?? [], listen: values.listen ?? [] };
}

/** The settings with the addresses of `--listen`; undefined when one of them cannot be read. */
function withListen(settings: Settings, listen: readonly string[]): Settings | undefined {
  if (listen.length === 0) return settings;
  const addresses: ListenAddress[] = [];
  for (const text of listen) {
    const address = parseListen(text);
    if (!address.ok || (address.value.kind === 'tcp' && address.value.tls !== undefined)) return undefined;
    addresses.push(address.value);
  }
  return { ...settings, listen: addresses };
}

async function run(settings: Settings, log: Log, parsed: Options, io: Io): Promise<number> {
  let watcher: ConfigWatch | undefined;
  let isHungUp = false;
  process.on('SIGHUP', () => {
    isHungUp = true; // the default action would end a server that is still starting
    watcher?.trigger();
  });
  const users = await openUsers(settings, log);
  if (!users.ok) {
    io.err(`lintel: ${users.error}\n`);
    return 2;
  }
  let running: Running;
  try {
    running = await start(settings, { users: users.value, log });
  } catch (error) {
    users.value.close();
    io.err(`lintel: could not start: ${startFailure(error, settings)}\n`);
    return 2;
  }
  const control = await offerSessions(running, parsed, io);
  const stopped = stopSignal();
  const portal = settings.portal === undefined ? {} : { portal: settings.portal.url };
  const grpc = running.grpcAddress === undefined ? {} : { grpc: running.grpcAddress };
  const metrics = running.metricsAddress ?? 'off';
  flushCompileCache(); // a server that is killed, as containers are, would leave the next start nothing
  log.write('info', 'ready', { ...portal, ...grpc, listen: running.addresses.join(' '), metrics });
  watcher = watchConfig(settings.watch, async () => {
    const files = await reload(running, log, parsed, io, users.value);
    if (files !== undefined) watcher?.follow(files);
  });
  if (isHungUp) watcher.trigger();
  await stopped;
  log.write('info', 'stopping');
  watcher.close();
  await control?.close();
  await running.close();
  return 0;
}

/** Sessions in memory belong to this process; `lintel sessions` reaches them through a socket. */
async function offerSessions({ store, log }: Running, { config }: Options, io: Io) {
  if (store.kind !== 'memory') return undefined;
  try {
    const { controlPaths, openControl } = await import('../server/control-path.ts');
    return await openControl(controlPaths(config, io.env), store);
  } catch (error) {
    log.write('warn', 'lintel sessions cannot reach this server', { detail: String(error) });
    return undefined;
  }
}

/** The files to watch from now on; undefined: nothing changed. Never rejects: whatever is wrong, the old rules stay. */
async function reload(
  running: Running,
  log: Log,
  parsed: Options,
  io: Io,
  users: ServedUsers,
): Promise<readonly string[] | undefined> {
  try {
    await users.reload();
    const loaded = await loadConfig(parsed.config, io.env);
    tell(log, loaded.ok ? loaded.warnings : loaded.problems);
    if (loaded.ok) {
      const settings = withListen(loaded.settings, parsed.listen) ?? loaded.settings;
      const ignored = await running.reload(settings);
      log.write('info', 'configuration taken up', ignored.length > 0 ? { restart_for: ignored.join(' ') } : {});
      return loaded.settings.watch;
    }
  } catch (error) {
    log.write('error', 'something went wrong here; it is a bug worth reporting', { detail: String(error) });
  }
  running.stayed();
  log.write('error', 'the configuration was not taken up; the old one stays in force');
  return undefined;
}

function tell(log: Log, problems: readonly Problem[]): void {
  for (const { severity, file, line, column, message, hint } of problems) {
    const fields = { at: `${file}:${line}:${column}`, ...(hint === undefined ? {} : { hint }) };
    log.write(severity === 'error' ? 'error' : 'warn', message, fields);
  }
}
