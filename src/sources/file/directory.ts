import { NO_HEADER_NAMES } from '../../core/ports.ts';
import type { User } from '../../core/subject.ts';
import type { Account } from './account.ts';
import type { UserFileProblem } from './node.ts';
import { Pace } from './pace.ts';

export interface Search {
  /** People may sign in with an e-mail address. */
  readonly email: boolean;
  /** Letter case of typed names does not matter; names in the file must then be lower-case. */
  readonly caseInsensitive: boolean;
}

/** All accounts of one state of the file, indexed. Never changed once built. */
export interface Directory {
  readonly accounts: ReadonlyMap<string, Account>;
  /** By `fold` of the name; no two names fold to one. */
  readonly names: ReadonlyMap<string, Account>;
  /** By `fold` of an address; filled when people may sign in with it. */
  readonly emails: ReadonlyMap<string, Account>;
  /** What `UserSource.headerNames` says. */
  readonly headerNames: readonly string[];
  /** The hash whose check takes longest; undefined: no account. */
  readonly costliestHash: string | undefined;
}

export const EMPTY: Directory = {
  accounts: new Map(),
  names: new Map(),
  emails: new Map(),
  headerNames: NO_HEADER_NAMES,
  costliestHash: undefined,
};

/** Indexes accounts; a user that did not change keeps the object of `before`, which callers compare and cache by. */
export async function buildDirectory(
  read: readonly Account[],
  search: Search,
  before: Directory,
  report: (problem: UserFileProblem) => void,
): Promise<Directory> {
  const accounts = new Map<string, Account>();
  const index: Index = { names: new Map(), emails: new Map() };
  let costliest: Account | undefined;
  const pace = new Pace();
  for (const fresh of read) {
    const account = keepIdentity(fresh, before.accounts.get(fresh.user.name));
    const refuse: Refuse = (message, hint) =>
      report({ severity: 'error', line: account.line, column: 1, message, hint });
    addName(index, account, search, refuse);
    if (search.email) addEmails(index, account, refuse);
    accounts.set(account.user.name, account);
    if (account.checkCost > (costliest?.checkCost ?? 0)) costliest = account;
    if (pace.isDue()) await pace.rest();
  }
  return { accounts, ...index, headerNames: NO_HEADER_NAMES, costliestHash: costliest?.passwordHash };
}

/** The account somebody means; undefined for a disabled one too. */
export function findTyped(directory: Directory, search: Search, typed: string): Account | undefined {
  const folded = fold(typed);
  const account = named(directory, search, typed, folded) ?? directory.emails.get(folded);
  return account?.isDisabled === false ? account : undefined;
}

function named(directory: Directory, search: Search, typed: string, folded: string): Account | undefined {
  const account = directory.names.get(folded);
  const isMeant = search.caseInsensitive || account?.user.name.normalize('NFC') === typed.normalize('NFC');
  return isMeant ? account : undefined;
}

/** One form for letter case and for "é" as one character or as two, which browsers send differently. */
function fold(name: string): string {
  return name.normalize('NFC').toLowerCase();
}

function keepIdentity(fresh: Account, before: Account | undefined): Account {
  return before !== undefined && isSameUser(before.user, fresh.user) ? { ...fresh, user: before.user } : fresh;
}

function isSameUser(a: User, b: User): boolean {
  return (
    a.name === b.name &&
    a.displayName === b.displayName &&
    a.epoch === b.epoch &&
    isSameList(a.emails, b.emails) &&
    isSameList(a.groups, b.groups)
  );
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

interface Index {
  readonly names: Map<string, Account>;
  readonly emails: Map<string, Account>;
}

type Refuse = (message: string, hint: string) => void;

/**
 * Names are compared as apps and the throttle compare them: two that differ in letter case only are one person to many
 * an app, so one of them could read what is the other's.
 */
function addName(index: Index, account: Account, search: Search, refuse: Refuse): void {
  const { name } = account.user;
  const folded = fold(name);
  const twin = index.names.get(folded);
  if (twin !== undefined) refuse(twinMessage(name, twin), 'Rename or remove one of them.');
  index.names.set(folded, account);
  if (search.caseInsensitive && name !== name.toLowerCase()) {
    const message = `The user name "${name}" has capital letters, but names are case-insensitive here.`;
    refuse(message, `Write it as "${name.toLowerCase()}".`);
  }
  const owner = index.emails.get(folded);
  if (owner !== undefined && owner !== account) refuse(crossMessage(account, owner), CROSS_HINT);
}

/** Each address belongs to one account, and is nobody else's name: else one would sign in as the other. */
function addEmails(index: Index, account: Account, refuse: Refuse): void {
  for (const email of account.user.emails) {
    const folded = fold(email);
    const other = index.emails.get(folded);
    if (other !== undefined && other !== account) refuse(sharedMessage(folded, account, other), 'Change one of them.');
    const namesake = index.names.get(folded);
    if (namesake !== undefined && namesake !== account) refuse(crossMessage(account, namesake), CROSS_HINT);
    index.emails.set(folded, account);
  }
}

const CROSS_HINT = 'Change one of them: people sign in with names and e-mail addresses here.';

function crossMessage(account: Account, other: Account): string {
  return `The name of one of "${account.user.name}" and "${other.user.name}" (line ${other.line}) is an e-mail address of the other.`;
}

function sharedMessage(email: string, account: Account, other: Account): string {
  return `"${account.user.name}" has the e-mail address ${email}, and so has "${other.user.name}" in line ${other.line}.`;
}

function twinMessage(name: string, twin: Account): string {
  return twin.user.name === name
    ? `The user "${name}" is there twice, the first time in line ${twin.line}.`
    : `The users "${name}" and "${twin.user.name}" (line ${twin.line}) differ in letter case or Unicode form only.`;
}
