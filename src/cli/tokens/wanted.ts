import { parseDuration } from '../../config/duration.ts';
import type { Settings } from '../../config/settings.ts';
import { suggest } from '../../config/suggest.ts';
import { type AppToken, MAX_LABEL_CHARACTERS, parseLabel } from '../../core/app-token.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Account } from '../../sources/file/account.ts';
import { readBytes } from '../../sources/file/file-source.ts';
import { judge } from '../accounts/user-file.ts';
import { printable } from '../terminal.ts';
import type { TokenOptions } from './options.ts';

/** Why nothing was changed: a sentence, and the exit code. */
export interface Refusal {
  readonly said: string;
  readonly code: 1 | 2;
}

/** What an app password is to be, everything checked but whether there is room for it. */
export async function wanted(
  options: TokenOptions,
  settings: Settings,
  now: number,
): Promise<Result<Omit<AppToken, 'id'>, Refusal>> {
  const user = options.word ?? '';
  const label = parseLabel(options.name ?? '');
  if (label === undefined) return wrong(`--name takes 1 to ${MAX_LABEL_CHARACTERS} characters on one line.`);
  const apps = appNames(options.apps, settings);
  if (!apps.ok) return wrong(apps.error);
  const expiresAt = end(options.expires, now);
  if (!expiresAt.ok) return wrong(expiresAt.error);
  const account = await accountOf(user, settings);
  if (!account.ok) return account;
  if (account.value.isDisabled) return err(disabled(user));
  const since = { createdAt: now, lastUsedAt: undefined, createdBy: 'operator' } as const;
  return ok({ user, label, apps: apps.value, expiresAt: expiresAt.value, ...since });
}

/** An account that is there, and lets nobody in. */
export function disabled(user: string): Refusal {
  const next = `lintel users enable ${printable(user)}`;
  return { said: `the account "${printable(user)}" is disabled. "${next}" lets it in again.`, code: 1 };
}

function wrong(said: string): Result<never, Refusal> {
  return err({ said, code: 2 });
}

/** No --app: every app. A name that is no app is refused, lest an app of a later day has it. */
function appNames(given: readonly string[] | undefined, settings: Settings): Result<AppToken['apps'], string> {
  if (given === undefined) return ok('all');
  const known = settings.apps.map((a) => a.name);
  for (const name of given) {
    if (known.includes(name)) continue;
    const near = suggest(name, known);
    return err(`there is no app "${printable(name)}".${near === undefined ? '' : ` Did you mean "${near}"?`}`);
  }
  return ok([...new Set(given)]);
}

function end(given: string | undefined, now: number): Result<number | undefined, string> {
  if (given === undefined || given === 'never') return ok(undefined);
  const ms = parseDuration(given);
  if (ms === undefined || ms === 0)
    return err(`--expires ${printable(given)} is not a duration: write 90d, 12h or never.`);
  return ok(now + ms);
}

/** Undefined when there is such an account, disabled or not. */
export async function noAccount(user: string, settings: Settings): Promise<Refusal | undefined> {
  const found = await accountOf(user, settings);
  return found.ok ? undefined : found.error;
}

async function accountOf(user: string, settings: Settings): Promise<Result<Account, Refusal>> {
  if (settings.users === undefined) {
    return wrong('the configuration has no users: key. Add "users: file:./users.yml" to it.');
  }
  const file = settings.users;
  const bytes = await readBytes(file.path);
  if (!bytes.ok) return wrong(bytes.error.message);
  const { directory, names } = await judge(file, bytes.value);
  if (directory === undefined) return wrong(`${file.path} has errors: run "lintel users list" to see them.`);
  const account = directory.accounts.get(user);
  if (account !== undefined) return ok(account);
  const near = suggest(user, names);
  const hint = near === undefined ? 'Run "lintel users list" for who is.' : `Did you mean "${printable(near)}"?`;
  return err({ said: `there is no account "${printable(user)}" in ${file.path}. ${hint}`, code: 1 });
}
