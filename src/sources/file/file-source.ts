import { type FSWatcher, watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { UserSource } from '../../core/ports.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { quoteName } from '../../core/text/quote.ts';
import { codeOf } from '../../core/thrown.ts';
import { account } from '../../ops/account.ts';
import { type Account, type CheckHash, readAccount } from './account.ts';
import { buildDirectory, type Directory, EMPTY, findTyped, type Search } from './directory.ts';
import { readEntries, type Sink } from './entries.ts';
import { type Group, gatherGroups, readGroup } from './group.ts';
import type { Pair, UserFileProblem } from './node.ts';

export interface FileSourceOptions {
  readonly path: string;
  readonly search: Search;
  readonly checkHash: CheckHash;
  /** Told about every read that found something, warnings included; after an error the data from before stay. */
  onProblem?(problems: readonly UserFileProblem[]): void;
  /** After each later read: were the data taken up (with how many accounts), and had the read before found errors? */
  onRead?(read: { readonly taken: boolean; readonly accounts: number; readonly wasBroken: boolean }): void;
  /** Pick up changes of the file by itself; default true. */
  readonly watch?: boolean;
}

/** Accounts in a file of the form of Authelia's `users_database.yml`, all in memory. `lookup` never fails. */
export interface FileSource extends UserSource {
  /** Reads the file again now, as on SIGHUP. False: it has errors, told to `onProblem`, and the old data stay. */
  reload(): Promise<boolean>;
  /** In order of the file, disabled ones included. */
  accounts(): Iterable<Account>;
  /** The hash in use whose check takes longest; undefined: no account. For the constant work of unknown names. */
  costliestHash(): string | undefined;
}

/** Reads the file. The error is every problem found; a missing file is one of them. */
export async function openFileSource(
  options: FileSourceOptions,
): Promise<Result<FileSource, readonly UserFileProblem[]>> {
  const read = await readDirectory(options, EMPTY);
  if (read.problems.length > 0 && read.directory !== undefined) options.onProblem?.(read.problems);
  return read.directory === undefined ? err(read.problems) : ok(startSource(options, read.directory, read.stamp));
}

function startSource(options: FileSourceOptions, first: Directory, firstStamp: string): FileSource {
  let directory = first;
  let stamp = firstStamp;
  let reading: Promise<boolean> = Promise.resolve(true);
  let isBroken = false;
  const listeners: ((ended: readonly string[]) => void)[] = [];
  const readAgain = async (): Promise<boolean> => {
    const read = await readDirectory(options, directory);
    stamp = read.stamp;
    if (read.problems.length > 0) options.onProblem?.(read.problems);
    const wasBroken = isBroken;
    isBroken = read.directory === undefined;
    const before = directory;
    directory = read.directory ?? directory;
    options.onRead?.({ taken: !isBroken, accounts: directory.accounts.size, wasBroken });
    if (isBroken) return false;
    const ended = endedAccounts(before, directory);
    for (const listener of listeners) listener(ended);
    return true;
  };
  const reload = (): Promise<boolean> => {
    // One after the other, so that the newest state wins; one that threw keeps nobody from reading again.
    reading = reading.then(readAgain, readAgain);
    return reading;
  };
  const watcher = options.watch === false ? undefined : watchFile(options, () => stamp, reload);
  return {
    lookup: (name) => {
      const account = directory.accounts.get(name);
      return account?.isDisabled === false ? account.user : undefined;
    },
    resolve: (typed) => findTyped(directory, options.search, typed),
    onChange: (listener) => void listeners.push(listener),
    headerNames: () => directory.headerNames,
    count: () => directory.accounts.size,
    close: () => watcher?.close(),
    reload,
    accounts: () => directory.accounts.values(),
    costliestHash: () => directory.costliestHash,
  };
}

/** Who could sign in, and now cannot, or only with another password. */
function endedAccounts(before: Directory, now: Directory): readonly string[] {
  const ended: string[] = [];
  for (const { user, isDisabled } of before.accounts.values()) {
    const account = now.accounts.get(user.name);
    if (!isDisabled && (account?.isDisabled !== false || account.user.epoch !== user.epoch)) ended.push(user.name);
  }
  return ended;
}

/** What a user file says, as far as it can be read. */
export interface Judged {
  /** undefined: there are errors. */
  readonly directory: Directory | undefined;
  readonly problems: readonly UserFileProblem[];
  /** Of every entry, also those with errors. */
  readonly names: ReadonlySet<string>;
  /** Groups with an entry of their own. */
  readonly described: ReadonlySet<string>;
}

interface Reading extends Judged {
  /** What the file looked like when it was read. */
  readonly stamp: string;
}

async function readDirectory(options: FileSourceOptions, before: Directory): Promise<Reading> {
  const stamp = await stampOf(options.path);
  const bytes = await readBytes(options.path);
  if (!bytes.ok)
    return { directory: undefined, problems: [bytes.error], names: new Set(), described: new Set(), stamp };
  return { ...(await judgeUserFile(bytes.value, options, before)), stamp };
}

/** Groups that somebody is in, ancestors included, and those with an entry of their own. */
export function groupsOf({ directory, described }: Judged): ReadonlySet<string> {
  const all = new Set(described);
  for (const { memberships } of directory?.memberships.values() ?? []) for (const name of memberships) all.add(name);
  return all;
}

/** Judges the bytes of a user file. Users that are the same in `before` keep their objects. */
export async function judgeUserFile(
  bytes: Buffer,
  options: Pick<FileSourceOptions, 'search' | 'checkHash'>,
  before = EMPTY,
): Promise<Judged> {
  const sink = new AccountSink(options.checkHash);
  const read = await readEntries(bytes, sink).catch(unreadable);
  if (!read.ok) sink.problems.push(...read.error);
  const report = (problem: UserFileProblem) => void sink.problems.push(problem);
  const content = { accounts: sink.accounts, groups: gatherGroups(sink.groups, report) };
  const directory = await buildDirectory(content, options.search, before, report);
  const isSound = !sink.problems.some((p) => p.severity === 'error');
  const described = new Set(content.groups.keys());
  return {
    directory: isSound ? directory : undefined,
    problems: shortened(sink.problems),
    names: sink.names,
    described,
  };
}

class AccountSink implements Sink {
  readonly #checkHash: CheckHash;
  accounts: Account[] = [];
  groups: Group[] = [];
  problems: UserFileProblem[] = [];
  names = new Set<string>();

  constructor(checkHash: CheckHash) {
    this.#checkHash = checkHash;
  }

  begin(): void {
    this.accounts = [];
    this.groups = [];
    this.problems = [];
    this.names = new Set();
  }

  user(entry: Pair): void {
    this.names.add(entry.key.text);
    const account = readAccount(entry, this.#checkHash, (problem) => void this.problems.push(problem));
    if (account !== undefined) this.accounts.push(account);
  }

  group(entry: Pair): void {
    const group = readGroup(entry, (problem) => void this.problems.push(problem));
    if (group !== undefined) this.groups.push(group);
  }

  other({ key }: Pair): void {
    this.problems.push(otherKey(key.text, key.line));
  }
}

/** The YAML parser throws on some texts nobody writes by hand, such as thousands of nested brackets. */
function unreadable(error: unknown): Result<never, readonly UserFileProblem[]> {
  const message = `The file cannot be read as YAML: ${String(error)}.`;
  return err([{ severity: 'error', line: 0, column: 0, message, hint: 'Put the last version that worked back.' }]);
}

function otherKey(key: string, line: number): UserFileProblem {
  return key === 'users' || key === 'groups'
    ? { severity: 'error', line, column: 1, message: `"${key}:" is there twice.`, hint: `Put all ${key} below one.` }
    : { severity: 'warning', line, column: 1, message: `${quoteName(key)} is not known here; it is ignored.` };
}

/** The bytes of the file, or why there are none. */
export async function readBytes(path: string): Promise<Result<Buffer, UserFileProblem>> {
  try {
    return ok(await readFile(path));
  } catch (error) {
    const code = codeOf(error) ?? 'error';
    const isMissing = code === 'ENOENT';
    const message = isMissing ? `There is no user file ${path}.` : `The user file ${path} cannot be read (${code}).`;
    const hint = isMissing
      ? `Run "lintel users add NAME --file ${path}" to make it with its first account.`
      : `Let the account that runs Lintel (${account()}) read it and enter the directory ${dirname(path)}.`;
    return err({ severity: 'error', line: 0, column: 0, message, hint });
  }
}

const MAX_PROBLEMS = 100;

/** Errors first, and not more than anybody reads. */
function shortened(problems: readonly UserFileProblem[]): readonly UserFileProblem[] {
  const ordered = problems.toSorted((a, b) => a.severity.localeCompare(b.severity) || a.line - b.line);
  const rest = ordered.length - MAX_PROBLEMS;
  if (rest <= 0) return ordered;
  const message = `And ${rest} more problems.`;
  return [...ordered.slice(0, MAX_PROBLEMS), { severity: 'warning', line: 0, column: 0, message }];
}

/** After a first sign of change, so that a file written in several steps is read once. */
const SETTLE_MS = 200;

/**
 * The directory is watched, not the file: editors and deployments rename a new file over the old one, Kubernetes swaps
 * a symlink beside it. Whatever moved there, the file is read again only when its own stamp changed.
 */
function watchFile(
  options: FileSourceOptions,
  stamp: () => string,
  reload: () => Promise<boolean>,
): FileWatch | undefined {
  let timer: NodeJS.Timeout | undefined;
  const look = async (before: string): Promise<void> => {
    const now = await stampOf(options.path);
    if (now !== before) again(now);
    else if (now !== stamp()) await reload();
  };
  const again = (seen: string): void => {
    timer = setTimeout(() => {
      timer = undefined;
      void look(seen);
    }, SETTLE_MS).unref();
  };
  const onEvent = () => {
    if (timer === undefined) again('');
  };
  try {
    const watcher = watch(dirname(options.path), { persistent: false }, onEvent);
    watcher.on('error', () => options.onProblem?.([unwatched(options.path)]));
    return { close: () => closeBoth(watcher, timer) };
  } catch {
    options.onProblem?.([unwatched(options.path)]);
    return undefined;
  }
}

interface FileWatch {
  close(): void;
}

function closeBoth(watcher: FSWatcher, timer: NodeJS.Timeout | undefined): void {
  clearTimeout(timer);
  watcher.close();
}

function unwatched(path: string): UserFileProblem {
  const message = `Changes of ${path} are not seen by themselves: its directory cannot be watched.`;
  return { severity: 'warning', line: 0, column: 0, message, hint: 'Send SIGHUP after a change.' };
}

async function stampOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino, ctimeMs } = await stat(path);
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  } catch {
    return 'absent';
  }
}
