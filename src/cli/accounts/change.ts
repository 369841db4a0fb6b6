import { readFile } from 'node:fs/promises';
import { suggest } from '../../config/suggest.ts';
import type { Json } from '../../core/json.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { codeOf } from '../../core/thrown.ts';
import { nameProblem } from '../../sources/file/account.ts';
import { type AttributeValue, editUserFile, newUserFile } from '../../sources/file/edit.ts';
import { groupsOf, type Judged, readBytes } from '../../sources/file/file-source.ts';
import { replaceFile } from '../../sources/file/replace-file.ts';
import type { Io } from '../command.ts';
import { nearest } from '../misnamed.ts';
import { inkFor, patiently, printable } from '../terminal.ts';
import { readAttributeOptions } from './attribute-option.ts';
import { inventPassword, newHash, readPassword } from './new-password.ts';
import type { AccountAction, AccountOptions } from './options.ts';
import { judge, problemLines, type UserFile } from './user-file.ts';

/** Why nothing was changed, for the terminal, with the exit code. */
interface Refusal {
  readonly said: string;
  readonly code: 1 | 2;
}

interface Change {
  readonly attributes: ReadonlyMap<string, AttributeValue>;
  /** Of those below `attributes:`; undefined takes one out. */
  readonly own: ReadonlyMap<string, Json | undefined>;
  /** Made here, to be shown once. */
  readonly invented: string | undefined;
  /** Lines about what is fine, and yet may be a slip of the pen. */
  readonly doubts: string;
}

/** add, set, passwd, disable and enable: one account, one write. */
export async function changeAccount(
  action: AccountAction,
  name: string,
  file: UserFile,
  options: AccountOptions,
  io: Io,
): Promise<number> {
  const changed = await patiently(io, `Changing ${file.path}`, change(action, name, file, options, io));
  if (!changed.ok) {
    io.err(changed.error.said);
    return changed.error.code;
  }
  const { invented, doubts } = changed.value;
  io.err(doubts);
  if (options.json === true) io.out(`${JSON.stringify({ name, file: file.path, password: invented })}\n`);
  else io.out(told(action, name, file, invented, io));
  return 0;
}

async function change(
  action: AccountAction,
  name: string,
  file: UserFile,
  options: AccountOptions,
  io: Io,
): Promise<Result<Change, Refusal>> {
  const before = await present(file, action, io);
  if (!before.ok) return before;
  const exists = before.value?.names.has(name) === true;
  const wrong = action === 'add' ? taken(name, exists, file) : exists ? undefined : missing(name, before.value, file);
  if (wrong !== undefined) return err(wrong);
  const wanted = await attributes(action, name, options, io);
  if (!wanted.ok) return err({ said: `lintel users: ${wanted.error}\n`, code: 2 });
  const edit = { name, attributes: wanted.value.attributes, own: wanted.value.own };
  const text =
    before.value === undefined ? ok(newUserFile(edit)) : await editUserFile(before.value.bytes.toString(), edit);
  if (!text.ok) return err({ said: `lintel users: ${text.error}\n`, code: 2 });
  const worse = await newErrors(file, before.value?.judged, text.value, io);
  if (worse !== undefined) return err({ said: worse, code: 2 });
  const written = await replaceFile(file.path, text.value, before.value?.bytes);
  if (!written.ok) return err({ said: `lintel users: ${written.error}\n`, code: 1 });
  return ok({ ...wanted.value, doubts: newGroups(options.group ?? [], knownGroups(before.value)) });
}

interface Present {
  readonly bytes: Buffer;
  readonly judged: Judged;
  readonly names: ReadonlySet<string>;
}

/** What is there; undefined when there is no file yet and the first account makes it. */
async function present(file: UserFile, action: AccountAction, io: Io): Promise<Result<Present | undefined, Refusal>> {
  if (action === 'add' && (await isAbsent(file.path))) return ok(undefined);
  const bytes = await readBytes(file.path);
  if (!bytes.ok) return err({ said: problemLines(file, [bytes.error], inkFor(io)), code: 2 });
  const judged = await judge(file, bytes.value);
  return ok({ bytes: bytes.value, judged, names: judged.names });
}

async function isAbsent(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return false;
  } catch (error) {
    return codeOf(error) === 'ENOENT';
  }
}

function taken(name: string, exists: boolean, file: UserFile): Refusal | undefined {
  const problem = nameProblem(name);
  if (problem !== undefined) return { said: `lintel users: ${problem}\n`, code: 2 };
  if (!exists) return undefined;
  const next = `"lintel users set ${printable(name)}" or "lintel users passwd ${printable(name)}"`;
  return {
    said: `lintel users: there is an account "${printable(name)}" in ${file.path} already. Use ${next}.\n`,
    code: 1,
  };
}

function missing(name: string, before: Present | undefined, file: UserFile): Refusal {
  const near = suggest(name, before?.names ?? []);
  const hint = near === undefined ? 'Run "lintel users list" for who is.' : `Did you mean "${printable(near)}"?`;
  return { said: `lintel users: there is no account "${printable(name)}" in ${file.path}. ${hint}\n`, code: 1 };
}

async function attributes(
  action: AccountAction,
  name: string,
  options: AccountOptions,
  io: Io,
): Promise<Result<Change, string>> {
  if (action === 'disable' || action === 'enable') {
    return ok({
      attributes: new Map([['disabled', action === 'disable']]),
      own: new Map(),
      invented: undefined,
      doubts: '',
    });
  }
  const given = new Map<string, AttributeValue>();
  const displayName = options['display-name'] ?? (action === 'add' ? name : undefined);
  if (displayName !== undefined) given.set('displayname', displayName);
  const isNew = action === 'add' || action === 'passwd';
  const password = isNew ? await passwordFor(options, io) : undefined;
  if (password !== undefined && !password.ok) return password;
  if (password !== undefined) given.set('password', newHash(password.value));
  if (options.email !== undefined) given.set('email', oneOrMany(options.email));
  if (options.group !== undefined)
    given.set(
      'groups',
      options.group.filter((g) => g !== ''),
    );
  const own = readAttributeOptions(options.attribute ?? []);
  if (!own.ok) return own;
  if (given.size + own.value.size === 0)
    return err('say what to set: --display-name, --email, --group or --attribute.');
  return ok({
    attributes: given,
    own: own.value,
    invented: options['password-stdin'] === true ? undefined : password?.value,
    doubts: '',
  });
}

async function passwordFor(options: AccountOptions, io: Io): Promise<Result<string, string>> {
  return options['password-stdin'] === true ? readPassword(io) : ok(inventPassword());
}

function knownGroups(before: Present | undefined): ReadonlySet<string> {
  return before === undefined ? new Set() : groupsOf(before.judged);
}

/** Groups that nobody was in so far, and that are spelt nearly as one that somebody is in. */
function newGroups(given: readonly string[], known: ReadonlySet<string>): string {
  const lines = given.map((group) => {
    const near = group === '' || known.has(group) ? undefined : nearest(group, known);
    return near === undefined
      ? ''
      : `lintel users: "${printable(group)}" is a new group; did you mean "${printable(near)}"?\n`;
  });
  return lines.join('');
}

function oneOrMany(emails: readonly string[]): AttributeValue {
  const [first, ...more] = emails.filter((e) => e !== '');
  return more.length === 0 ? (first ?? []) : [first ?? '', ...more];
}

/** Errors that the change would bring in. Old ones do not stop it: `passwd` is how a broken hash is mended. */
async function newErrors(
  file: UserFile,
  before: Judged | undefined,
  text: string,
  io: Io,
): Promise<string | undefined> {
  const { problems } = await judge(file, Buffer.from(text));
  const old = new Set(before?.problems.map((p) => p.message));
  const fresh = problems.filter((p) => p.severity === 'error' && !old.has(p.message));
  if (fresh.length === 0) return undefined;
  return `${problemLines(file, fresh, inkFor(io))}Nothing was changed.\n`;
}

function told(action: AccountAction, name: string, file: UserFile, invented: string | undefined, io: Io): string {
  const ink = inkFor(io);
  const who = ink.strong(printable(name));
  const done: Readonly<Record<AccountAction, string>> = {
    add: `${who} is added to ${file.path}.`,
    set: `${who} is changed in ${file.path}.`,
    passwd: `${who} has a new password in ${file.path}; sessions of the account end on their next request.`,
    disable: `${who} is disabled in ${file.path}; sessions of the account end on their next request.`,
    enable: `${who} is enabled in ${file.path}.`,
  };
  const password =
    invented === undefined
      ? ''
      : `\n  Password  ${ink.accent(invented)}\n\nIt is shown this once; only its hash is kept.\n`;
  return `${done[action]}\n${password}A running Lintel picks this up within a second.\n`;
}
