import { parseArgs } from 'node:util';
import { oneOf, suggest } from '../config/suggest.ts';
import { changeAccount } from './accounts/change.ts';
import { hashCommand } from './accounts/hash-command.ts';
import { listAccounts } from './accounts/list.ts';
import type { AccountAction, AccountOptions } from './accounts/options.ts';
import { findUserFile } from './accounts/user-file.ts';
import type { Command, Io } from './command.ts';
import { printable } from './terminal.ts';
import { tokenCommand } from './tokens/token-command.ts';

const HELP = `lintel users list         --config FILE … [--json]
lintel users add NAME     --config FILE … [--display-name TEXT] [--email ADDRESS …] [--group GROUP …] [--attribute KEY=VALUE …] [--password-stdin]
lintel users set NAME     --config FILE … [--display-name TEXT] [--email ADDRESS …] [--group GROUP …] [--attribute KEY=VALUE …]
lintel users passwd NAME  --config FILE … [--password-stdin]
lintel users disable NAME · enable NAME   --config FILE …
lintel users hash [PASSWORD] [--verify HASH]
lintel users token add USER --name LABEL  --config FILE … [--app NAME …] [--expires 90d] [--json]
lintel users token list [USER]            --config FILE … [--json]
lintel users token revoke (ID | --user USER)  --config FILE … [--json]

  Changes the user file and leaves its comments and order alone. A running Lintel picks changes up by itself.
  A changed password, or a disabled account, ends the sessions of that account on their next request.

  --config FILE       the configuration, whose users: names the user file
  --file PATH         the user file itself, without a configuration
  --display-name TEXT what people call this person; add takes the name when it is not given
  --email ADDRESS     may be given more than once, the first is the primary one; "" for none
  --group GROUP       may be given more than once; set replaces all groups, "" for none
  --attribute KEY=VALUE
                      may be given more than once; VALUE is JSON or a text, "KEY=" takes the attribute away
  --password-stdin    takes the password from standard input; else add and passwd make one and show it once
  --verify HASH       hash: tells whether the password belongs to this hash; the exit code is 1 when not
  --name LABEL        token add: what the app password is for, such as "Phone calendar"
  --app NAME          token add: an app it opens; may be given more than once; not given: every app that USER may open
  --expires DURATION  token add: when it ends, such as 90d or 12h; not given: when it is revoked
  --user USER         token revoke: every app password of this account
  --json              for machines

  App passwords are for clients without a browser: they stand in for the password of USER, or go as a Bearer, and can be
  taken back one by one. token add shows the new one once; where the output is no terminal, it prints nothing else.
  Without PASSWORD, hash reads standard input: words on a command line can be seen by everybody on the machine.

Examples
  lintel users add alice --display-name "Alice Adams" --group admins --config /etc/lintel/lintel.yml
  lintel users token add alice --name "Phone calendar" --app radicale --config /etc/lintel/lintel.yml
`;

export const users: Command = {
  name: 'users',
  summary: 'lists, adds and changes accounts; makes app passwords and password hashes',
  help: HELP,
  async run(args, io) {
    const [action = '', ...rest] = args;
    if (action === 'token') return tokenCommand(rest, io);
    const { values, positionals } = parseArgs({ args: rest, allowPositionals: true, options: OPTIONS });
    const options: AccountOptions = values;
    const [name, ...more] = positionals;
    if (!isAction(action)) return refuse(io, unknownAction(action));
    const wrong = usage(action, name, more, options);
    if (wrong !== undefined) return refuse(io, wrong);
    if (action === 'hash') return hashCommand(name, options, io);
    const file = await findUserFile(options, io);
    if (!file.ok) {
      io.err(file.error);
      return 2;
    }
    if (action === 'list' || name === undefined) return listAccounts(file.value, options, io);
    return changeAccount(action, name, file.value, options, io);
  },
};

const OPTIONS = {
  config: { type: 'string', multiple: true },
  file: { type: 'string' },
  'display-name': { type: 'string' },
  email: { type: 'string', multiple: true },
  group: { type: 'string', multiple: true },
  attribute: { type: 'string', multiple: true },
  'password-stdin': { type: 'boolean' },
  verify: { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** Which options each action takes beside --json. */
const TAKES = {
  list: ['config', 'file'],
  add: ['config', 'file', 'display-name', 'email', 'group', 'attribute', 'password-stdin'],
  set: ['config', 'file', 'display-name', 'email', 'group', 'attribute'],
  passwd: ['config', 'file', 'password-stdin'],
  disable: ['config', 'file'],
  enable: ['config', 'file'],
  hash: ['verify'],
} as const satisfies Readonly<Record<AccountAction | 'list' | 'hash', readonly (keyof AccountOptions)[]>>;

type Action = keyof typeof TAKES;

function isAction(word: string): word is Action {
  return Object.hasOwn(TAKES, word);
}

function usage(
  action: Action,
  name: string | undefined,
  more: readonly string[],
  options: AccountOptions,
): string | undefined {
  const takes: readonly string[] = TAKES[action];
  const stray = Object.keys(OPTIONS).find((key) => key in options && key !== 'json' && !takes.includes(key));
  if (stray !== undefined) return `${action} does not take --${stray}.`;
  if (more.length > 0) return `"${printable(more[0] ?? '')}" is one word too many.`;
  if (action === 'hash') return undefined;
  if ((options.config === undefined) === (options.file === undefined)) {
    return 'name the configuration with --config FILE, or the user file with --file PATH.';
  }
  if (action === 'list') return name === undefined ? undefined : 'list takes no name.';
  return name === undefined ? `${action} needs the name of an account.` : undefined;
}

function unknownAction(word: string): string {
  const actions = [...Object.keys(TAKES), 'token'];
  if (word === '' || word.startsWith('-')) return `say ${oneOf(actions)}.`;
  const near = suggest(word, actions);
  return `there is no "${printable(word)}".${near === undefined ? '' : ` Did you mean ${near}?`}`;
}

function refuse(io: Io, said: string): number {
  io.err(`lintel users: ${said} Run "lintel users --help" for what it takes.\n`);
  return 2;
}
