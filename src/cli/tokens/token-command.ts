import { loadConfig } from '../../config/load.ts';
import type { Settings } from '../../config/settings.ts';
import { type AppToken, isCurrent, MAX_TOKENS, tokenSecret } from '../../core/app-token.ts';
import { systemClock } from '../../ops/clock.ts';
import { systemSecrets } from '../../ops/secrets.ts';
import type { ControlledStore } from '../../server/control.ts';
import type { Io } from '../command.ts';
import { problemReport } from '../problems.ts';
import { withStore } from '../reach-store.ts';
import { columns, inkFor, minute, patiently, printable, stamp, toType } from '../terminal.ts';
import { readTokenOptions, type TokenOptions } from './options.ts';
import { noAccount, type Refusal, wanted } from './wanted.ts';

/** `lintel users token …`: app passwords for clients without a browser. */
export async function tokenCommand(args: readonly string[], io: Io): Promise<number> {
  const read = readTokenOptions(args);
  if (!read.ok) return refuse(io, { said: `${read.error} Run "lintel users --help" for what it takes.`, code: 2 });
  const options = read.value;
  const loaded = await loadConfig(options.config, io.env);
  if (!loaded.ok) {
    io.err(problemReport(loaded.problems, io, 'lintel users: the configuration has '));
    return 2;
  }
  const { settings } = loaded;
  const work = (store: ControlledStore) => ACTIONS[options.action](store, options, settings, io);
  return patiently(io, 'Asking the store', withStore('users', settings, options.config, io, work));
}

type Action = (store: ControlledStore, options: TokenOptions, settings: Settings, io: Io) => Promise<number>;

const ACTIONS: Readonly<Record<TokenOptions['action'], Action>> = { add, list, revoke };

function refuse(io: Io, { said, code }: Refusal): number {
  io.err(`lintel users: ${said}\n`);
  return code;
}

async function add(store: ControlledStore, options: TokenOptions, settings: Settings, io: Io): Promise<number> {
  const want = await wanted(options, settings, systemClock.now());
  if (!want.ok) return refuse(io, want.error);
  const token: AppToken = { id: systemSecrets.id(), ...want.value };
  const secret = tokenSecret(systemSecrets.token());
  if (!(await store.addToken(token, systemSecrets.hash(secret)))) {
    const said = `"${printable(token.user)}" has ${MAX_TOKENS} app passwords, and no account may have more. Revoke some first.`;
    return refuse(io, { said, code: 1 });
  }
  if (options.json) io.out(`${JSON.stringify({ token: secret, ...machine(token) }, undefined, 2)}\n`);
  else if (io.terminal === true) io.out(told(token, secret, options.config, io));
  else {
    // `lintel users token add … > file`: the secret alone, as a file of a client wants it.
    io.out(`${secret}\n`);
    io.err(remarks(token));
  }
  return 0;
}

function told(token: AppToken, secret: string, config: readonly string[], io: Io): string {
  const ink = inkFor(io);
  const curl = `curl --oauth2-bearer ${secret} https://…`;
  return `${ink.strong(printable(token.user))} has a new app password, "${printable(token.label)}".

  App password  ${ink.accent(secret)}

It is shown this once; only its hash is kept.
${remarks(token)}Clients give it in place of the password of ${printable(token.user)}, or as a Bearer: ${ink.quiet(curl)}
To take it back: ${ink.accent(toType(io, `users token revoke ${token.id}`, 'config', config))}
`;
}

function remarks({ id, user, apps, expiresAt }: AppToken): string {
  const whose = printable(user);
  const what = apps === 'all' ? `every app that ${whose} may open` : `${apps.map(printable).join(', ')} as ${whose}`;
  const until = expiresAt === undefined ? 'until it is revoked' : `until ${minute(expiresAt)}`;
  return `It opens ${what}, ${until}. Its id is ${id}.\n`;
}

function machine(t: AppToken) {
  const { id, user, label, apps, createdBy } = t;
  const when = (ms: number | undefined) => (ms === undefined ? null : stamp(ms));
  const times = { created: stamp(t.createdAt), expires: when(t.expiresAt), lastUsed: when(t.lastUsedAt) };
  return { id, user, label, apps, ...times, createdBy };
}

async function list(store: ControlledStore, options: TokenOptions, settings: Settings, io: Io): Promise<number> {
  const { word: user, json } = options;
  const found = await store.listTokens(user === undefined ? { kind: 'all' } : { kind: 'user', user });
  if (json) io.out(`${JSON.stringify(found.map(machine), undefined, 2)}\n`);
  if (found.length > 0) {
    if (!json) io.out(table(found, options.config, io));
    return 0;
  }
  if (user === undefined) {
    if (!json) io.out('Nobody has an app password.\n');
    return 0;
  }
  const unknown = await noAccount(user, settings);
  if (unknown !== undefined) return refuse(io, unknown);
  if (!json) io.out(`${printable(user)} has no app password.\n`);
  return 1;
}

function table(found: readonly AppToken[], config: readonly string[], io: Io): string {
  const ink = inkFor(io);
  const now = systemClock.now();
  const head = ['ID', 'USER', 'LABEL', 'APPS', 'CREATED', 'EXPIRES', 'LAST USED'].map((text) => ink.quiet(text));
  const rows = found.map((t) => [
    t.id,
    ink.strong(printable(t.user)),
    printable(t.label),
    t.apps === 'all' ? 'all' : t.apps.map(printable).join(' '),
    minute(t.createdAt),
    t.expiresAt === undefined ? 'never' : isCurrent(t, now) ? minute(t.expiresAt) : ink.care('expired'),
    t.lastUsedAt === undefined ? 'never' : minute(t.lastUsedAt),
  ]);
  const next = ink.accent(toType(io, 'users token revoke ID', 'config', config));
  return `${columns([head, ...rows])}\nTo take one back: ${next}; or with --user NAME.\n`;
}

async function revoke(store: ControlledStore, options: TokenOptions, settings: Settings, io: Io): Promise<number> {
  const { word: id, user, json } = options;
  const revoked = await store.revokeTokens(user === undefined ? { kind: 'id', id: id ?? '' } : { kind: 'user', user });
  if (json) io.out(`${JSON.stringify({ revoked })}\n`);
  if (revoked === 0) {
    const unknown = user === undefined ? undefined : await noAccount(user, settings);
    if (unknown !== undefined) return refuse(io, unknown);
    if (!json) io.out('No app password matched; nothing changed.\n');
    return 1;
  }
  const what = revoked === 1 ? '1 app password is' : `${revoked} app passwords are`;
  if (!json) io.out(`${what} revoked. This takes effect on the next request.\n`);
  return 0;
}
