import type { Account } from '../../sources/file/account.ts';
import { readBytes } from '../../sources/file/file-source.ts';
import type { Io } from '../command.ts';
import { columns, inkFor, patiently, printable, toType } from '../terminal.ts';
import type { AccountOptions } from './options.ts';
import { judge, problemLines, type UserFile } from './user-file.ts';

/** Every account with what apps will be told of it. Exit code 1 when there is none, 2 when the file has errors. */
export async function listAccounts(file: UserFile, options: AccountOptions, io: Io): Promise<number> {
  const ink = inkFor(io);
  const bytes = await readBytes(file.path);
  if (!bytes.ok) {
    io.err(problemLines(file, [bytes.error], ink));
    return 2;
  }
  const { directory, problems } = await patiently(io, `Reading ${file.path}`, judge(file, bytes.value));
  io.err(problemLines(file, problems, ink));
  if (directory === undefined) return 2;
  const accounts = [...directory.accounts.values()];
  if (options.json === true) io.out(`${JSON.stringify(accounts.map(machine), undefined, 2)}\n`);
  else if (accounts.length === 0)
    io.out(`Nobody has an account. Make one with ${ink.accent(toType(io, 'users add NAME', 'file', [file.path]))}.\n`);
  else io.out(table(accounts, io));
  return accounts.length === 0 ? 1 : 0;
}

function machine({ user, isDisabled, passwordHash }: Account) {
  const { name, displayName, emails, groups, memberships, uid, attributes, mergedAttributes } = user;
  const told = { name, displayName, emails, groups, memberships, uid, attributes, mergedAttributes };
  return { ...told, disabled: isDisabled, hash: kindOf(passwordHash) };
}

function table(accounts: readonly Account[], io: Io): string {
  const ink = inkFor(io);
  const head = ['NAME', 'DISPLAY NAME', 'EMAIL', 'GROUPS', 'HASH', ''].map((text) => ink.quiet(text));
  const rows = accounts.map(({ user, isDisabled, passwordHash }) => [
    ink.strong(printable(user.name)),
    printable(user.displayName),
    printable(user.emails.join(' ')),
    printable(user.groups.join(' ')),
    kindOf(passwordHash),
    isDisabled ? ink.care('disabled') : '',
  ]);
  return columns([head, ...rows]);
}

/** "argon2id", "bcrypt", "sha512-crypt": enough to see what is old. */
function kindOf(hash: string): string {
  const id = /^(?:\{(?:CRYPT|ARGON2)\})?(?:\$([a-z0-9-]+)\$|\{([A-Z0-9-]+)\}|([a-z0-9_]+)\$)/i.exec(hash);
  const name = (id?.[1] ?? id?.[2] ?? id?.[3] ?? '').toLowerCase();
  return CRYPT_IDS.get(name) ?? name;
}

const CRYPT_IDS: ReadonlyMap<string, string> = new Map([
  ...['2', '2a', '2b', '2x', '2y'].map((id) => [id, 'bcrypt'] as const),
  ['5', 'sha256-crypt'],
  ['6', 'sha512-crypt'],
]);
