import { parseArgs } from 'node:util';
import { loadConfig } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { suggest } from '../config/suggest.ts';
import type { App } from '../core/app.ts';
import { urlOrigin } from '../core/policy/compile.ts';
import { hostCovers } from '../core/policy/match.ts';
import type { SessionFilter, SessionSummary } from '../core/ports.ts';
import { isAlive } from '../core/session.ts';
import { isWithin, parseAuthority } from '../core/text/host.ts';
import { systemClock } from '../ops/clock.ts';
import type { ControlledStore } from '../server/control.ts';
import type { Command, Io } from './command.ts';
import { problemReport } from './problems.ts';
import { withStore } from './reach-store.ts';
import { columns, inkFor, minute, patiently, printable, printableJson, stamp, toType } from './terminal.ts';
import { noAccount } from './tokens/wanted.ts';

const HELP = `lintel sessions list   --config FILE … [--user NAME] [--json]
lintel sessions revoke --config FILE … (--user NAME | --id ID | --app NAME | --all) [--json]

  Shows who is signed in, and signs people out. A revocation takes effect on the next request.

  --config FILE   the configuration of the server; give the same files in the same order
  --user NAME     every session of this account
  --id ID         one session, by the id that list shows
  --app NAME      what opens this app alone; whoever is signed in at the portal gets in again without a password
  --all           everybody
  --json          for machines

  Sessions in memory belong to the running server: run this as the same account, on the same machine.
  The exit code is 1 when nothing matched.

Example
  lintel sessions revoke --user alice --config /etc/lintel/lintel.yml
`;

export const sessions: Command = {
  name: 'sessions',
  summary: 'shows who is signed in, and signs people out',
  help: HELP,
  async run(args, io) {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    const [action, stray] = positionals;
    const said = stray === undefined ? wrong(action, values) : `"${printable(stray)}" is one word too many.`;
    if (said !== undefined) {
      io.err(`lintel sessions: ${said} Run "lintel sessions --help" for what it takes.\n`);
      return 2;
    }
    const files = values.config ?? [];
    const loaded = await loadConfig(files, io.env);
    if (!loaded.ok) {
      io.err(problemReport(loaded.problems, io, 'lintel sessions: the configuration has '));
      return 2;
    }
    return withStore('sessions', loaded.settings, files, io, (store) =>
      action === 'list' ? list(store, values, io) : revoke(store, loaded.settings, values, io),
    );
  },
};

const EFFECT = 'This takes effect on the next request.';

const OPTIONS = {
  config: { type: 'string', multiple: true },
  user: { type: 'string' },
  id: { type: 'string' },
  app: { type: 'string' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

interface Options {
  readonly config?: string[];
  readonly user?: string;
  readonly id?: string;
  readonly app?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

function wrong(action: string | undefined, o: Options): string | undefined {
  if (action !== 'list' && action !== 'revoke') return 'say list or revoke.';
  if (o.config === undefined) return 'name the configuration with --config FILE.';
  const chosen = [o.user, o.id, o.app, o.all].filter((value) => value !== undefined).length;
  if (action === 'revoke') return chosen === 1 ? undefined : 'say whose: one of --user, --id, --app and --all.';
  return (o.id ?? o.app ?? o.all) === undefined ? undefined : 'list takes --user only.';
}

async function list(store: ControlledStore, { config, user, json }: Options, io: Io): Promise<number> {
  const now = systemClock.now();
  const all = await store.list(user === undefined ? { kind: 'all' } : { kind: 'user', user });
  const found = all.filter((s) => isAlive(s.session, now));
  const code = found.length === 0 && user !== undefined ? 1 : 0;
  if (json === true) io.out(printableJson(found.map(machine)));
  else if (found.length === 0) io.out(`${user === undefined ? 'Nobody is' : `${printable(user)} is not`} signed in.\n`);
  else io.out(table(found, config, io));
  return code;
}

function table(found: readonly SessionSummary[], config: readonly string[] | undefined, io: Io): string {
  const ink = inkFor(io);
  const head = ['ID', 'USER', 'LEVEL', 'SINCE', 'LAST SEEN', 'EXPIRES', 'OPEN FOR'].map((text) => ink.quiet(text));
  const rows = found.map(({ session: s, openFor }) => {
    const times = [s.createdAt, s.lastSeenAt, s.expiresAt].map(minute);
    return [s.id, ink.strong(printable(s.user)), s.level, ...times, openFor.map(printable).join(' ')];
  });
  const next = toType(io, 'sessions revoke --id ID', 'config', config);
  return `${columns([head, ...rows])}\nTo sign somebody out: ${ink.accent(next)}; or with --user NAME.\n`;
}

function machine({ session: s, openFor }: SessionSummary) {
  const { id, user, level, address, userAgent } = s;
  const times = { since: stamp(s.createdAt), lastSeen: stamp(s.lastSeenAt), expires: stamp(s.expiresAt) };
  const idleEnds = s.idleMs === undefined ? null : stamp(s.lastSeenAt + s.idleMs);
  return { id, user, level, ...times, idleEnds, openFor, address, userAgent };
}

async function revoke(store: ControlledStore, settings: Settings, options: Options, io: Io): Promise<number> {
  if (options.app !== undefined) return revokeApp(store, settings, options.app, options.json === true, io);
  const filter = filterOf(options);
  const revoked = await store.revoke(filter);
  if (revoked === 0 && options.user !== undefined) await tellUnknown(options.user, settings, io);
  if (options.json === true) io.out(`${JSON.stringify({ revoked })}\n`);
  else if (revoked === 0) io.out('No session matched; nothing changed.\n');
  else io.out(`${count(revoked, 'session', 'sessions')} revoked. ${EFFECT}\n`);
  return revoked === 0 ? 1 : 0;
}

/** A session may outlive its account, so this is told only where none was found. */
async function tellUnknown(user: string, settings: Settings, io: Io): Promise<void> {
  const unknown =
    settings.users === undefined ? undefined : await patiently(io, 'Reading accounts', noAccount(user, settings));
  if (unknown !== undefined) io.err(`lintel sessions: ${unknown.said}\n`);
}

function filterOf({ user, id }: Options): SessionFilter {
  if (user !== undefined) return { kind: 'user', user };
  return id === undefined ? { kind: 'all' } : { kind: 'id', id };
}

async function revokeApp(
  store: ControlledStore,
  settings: Settings,
  name: string,
  json: boolean,
  io: Io,
): Promise<number> {
  const app = settings.apps.find((a) => a.name === name);
  if (app === undefined) {
    const near = suggest(
      name,
      settings.apps.map((a) => a.name),
    );
    io.err(
      `lintel sessions: there is no app "${printable(name)}".${near === undefined ? '' : ` Did you mean "${near}"?`}\n`,
    );
    return 2;
  }
  const bound = (await store.list({ kind: 'all' })).flatMap((s) => s.openFor);
  let revoked = 0;
  for (const origin of new Set(bound))
    if (isOriginOf(app, origin)) revoked += await store.revoke({ kind: 'origin', origin });
  if (app.domain !== undefined) revoked += await store.revoke({ kind: 'domain', domain: app.domain.domain });
  const shared = sharedDomain(settings, app);
  if (shared !== undefined) {
    io.err(`${name} also opens with the cookie that apps of ${shared} share: use --user or --all to close that.\n`);
  }
  if (json) io.out(`${JSON.stringify({ revoked })}\n`);
  else if (revoked === 0) io.out(`Nobody holds a cookie of ${name}; nothing changed.\n`);
  else io.out(`${count(revoked, `cookie of ${name}`, `cookies of ${name}`)} revoked. ${EFFECT}\n`);
  return revoked === 0 ? 1 : 0;
}

/** Secrets of an app are bound to origins; a wildcard app has one for each host that people opened. */
function isOriginOf(app: App, origin: string): boolean {
  const authority = parseAuthority(origin.slice(origin.indexOf('://') + 3));
  if (authority === undefined) return false;
  return app.urls.some((u) => hostCovers(u.host, authority.host) && urlOrigin(u, authority.host) === origin);
}

function sharedDomain(settings: Settings, app: App): string | undefined {
  const hosts = app.urls.map(({ host }) =>
    host.kind === 'exact' ? host.host : 'suffix' in host ? host.suffix.slice(1) : '',
  );
  return settings.domains.find(({ domain }) => hosts.some((host) => isWithin(host, domain)))?.domain;
}

function count(n: number, one: string, many: string): string {
  return n === 1 ? `1 ${one} is` : `${n} ${many} are`;
}
