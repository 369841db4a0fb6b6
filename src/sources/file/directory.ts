import { additionalHeaderNames, mergeAttributes } from '../../core/attributes.ts';
import { NO_ATTRIBUTES } from '../../core/json.ts';
import { NO_HEADER_NAMES } from '../../core/ports.ts';
import type { User } from '../../core/subject.ts';
import { foldName } from '../../core/text/header-list.ts';
import { quoteName } from '../../core/text/quote.ts';
import type { Account } from './account.ts';
import type { Report } from './fields.ts';
import type { Groups } from './group.ts';
import { checkParents, isSameJson, isSameList, type Membership, Memberships } from './memberships.ts';
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
  readonly memberships: ReadonlyMap<string, Membership>;
  /** The hash whose check takes longest; undefined: no account. */
  readonly costliestHash: string | undefined;
}

export const EMPTY: Directory = {
  accounts: new Map(),
  names: new Map(),
  emails: new Map(),
  headerNames: NO_HEADER_NAMES,
  memberships: new Map(),
  costliestHash: undefined,
};

/** Everything that a file says. */
export interface Content {
  readonly accounts: readonly Account[];
  readonly groups: Groups;
}

/** Indexes accounts; a user that did not change keeps the object of `before`, which callers compare and cache by. */
export async function buildDirectory(
  content: Content,
  search: Search,
  before: Directory,
  report: Report,
): Promise<Directory> {
  const accounts = new Map<string, Account>();
  const index: Index = { names: new Map(), emails: new Map() };
  const memberships = new Memberships(content.groups, before.memberships);
  let costliest: Account | undefined;
  const pace = new Pace();
  for (const fresh of content.accounts) {
    const account = settle(fresh, before.accounts.get(fresh.user.name), memberships.of(fresh.user.groups));
    const refuse: Refuse = (message, hint) =>
      report({ severity: 'error', line: account.line, column: 1, message, hint });
    addName(index, account, search, refuse);
    if (search.email) addEmails(index, account, refuse);
    accounts.set(account.user.name, account);
    if (account.checkCost > (costliest?.checkCost ?? 0)) costliest = account;
    if (pace.isDue()) await pace.rest();
  }
  checkUids(accounts, report);
  checkParents(content.groups, memberships.known.values(), report);
  const headerNames = headerNamesOf(content, before.headerNames, report);
  return { accounts, ...index, headerNames, memberships: memberships.known, costliestHash: costliest?.passwordHash };
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

/** The account with what its groups bring. */
function settle(fresh: Account, before: Account | undefined, membership: Membership): Account {
  const { user } = fresh;
  if (before !== undefined && isSameUser(before.user, user, membership)) return { ...fresh, user: before.user };
  const { groups, memberships, attributes } = membership;
  const hasOwn = user.attributes !== NO_ATTRIBUTES;
  const mergedAttributes = hasOwn ? mergeAttributes([attributes, user.attributes]) : attributes;
  return { ...fresh, user: { ...user, groups, memberships, mergedAttributes } };
}

/** A membership keeps its lists while it does not change, and with them what it brings. */
function isSameUser(a: User, b: User, membership: Membership): boolean {
  return (
    a.name === b.name &&
    a.displayName === b.displayName &&
    a.epoch === b.epoch &&
    a.uid === b.uid &&
    a.groups === membership.groups &&
    isSameList(a.emails, b.emails) &&
    isSameJson(a.attributes, b.attributes)
  );
}

/** Two accounts of one uid would be one person to an app. */
function checkUids(accounts: ReadonlyMap<string, Account>, report: Report): void {
  const owners = new Map<string, Account>();
  for (const account of accounts.values()) if (account.hasOwnUid) own(account);
  if (owners.size > 0) for (const account of accounts.values()) if (!account.hasOwnUid) own(account);
  function own(account: Account): void {
    const other = owners.get(account.user.uid);
    owners.set(account.user.uid, account);
    if (other === undefined) return;
    const message = `${quoteName(account.user.name)} has the same uid as ${quoteName(other.user.name)} in line ${other.line}.`;
    report({ severity: 'error', line: account.line, column: 1, message, hint: 'Give each account its own.' });
  }
}

/** What `UserSource.headerNames` says; `before` itself while it is the same. */
function headerNamesOf({ accounts, groups }: Content, before: readonly string[], report: Report): readonly string[] {
  const names = new Map<string, { readonly name: string; readonly line: number }>();
  const add = (name: string, line: number) => {
    const fold = foldName(name);
    const first = names.get(fold);
    if (first === undefined) names.set(fold, { name, line });
    if (first === undefined || first.name === name || first.line === line) return;
    const message = `The header ${quoteName(name)} is written ${quoteName(first.name)} in line ${first.line}; to apps they are one.`;
    report({ severity: 'warning', line, column: 1, message, hint: 'Write it one way: only then they are merged.' });
  };
  for (const { attributes, at } of groups.values())
    for (const name of additionalHeaderNames(attributes)) add(name, at.line);
  for (const { user, line } of accounts) for (const name of additionalHeaderNames(user.attributes)) add(name, line);
  const sorted = [...names.values()].map(({ name }) => name).toSorted();
  return isSameList(before, sorted) ? before : sorted;
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
