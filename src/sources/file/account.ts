import { hash } from 'node:crypto';
import type { Result } from '../../core/result.ts';
import { plainUser, type User } from '../../core/subject.ts';
import { booleanOf, isNothing, type Mapping, type Node, type Pair, type UserFileProblem } from './node.ts';

export interface Account {
  readonly user: User;
  readonly passwordHash: string;
  /** About how many microseconds one check of the password takes. */
  readonly checkCost: number;
  readonly isDisabled: boolean;
  /** Where it stands in the file. */
  readonly line: number;
}

/** Is this hash usable (with the cost of a check), or why not: a phrase that fits after "the password hash …". */
export type CheckHash = (encoded: string) => Result<number, string>;

/** One account from its entry. Problems are reported; undefined when one of them is an error. */
export function readAccount(entry: Pair, checkHash: CheckHash, report: Report): Account | undefined {
  const name = entry.key.text;
  const attributes = entry.value;
  if (attributes.kind !== 'map') {
    const message = `The user ${quoted(name)} has no attributes.`;
    report({ severity: 'error', ...place(entry.key), message, hint: 'Give at least password and displayname.' });
    return undefined;
  }
  let isSound = true;
  const strict: Report = (problem) => {
    if (problem.severity === 'error') isSound = false;
    report(problem);
  };
  checkName(entry, strict);
  checkKeys(name, attributes, strict);
  const account = build(entry, attributes, checkHash, strict);
  return isSound ? account : undefined;
}

export type Report = (problem: UserFileProblem) => void;

function build(entry: Pair, map: Mapping, checkHash: CheckHash, report: Report): Account {
  const name = entry.key.text;
  const passwordHash = text(map, 'password', report);
  const displayName = text(map, 'displayname', report);
  if (displayName === '') {
    report({ severity: 'warning', ...place(entry.key), message: `The user ${quoted(name)} has no displayname.` });
  }
  const emails = texts(map, 'email', report).filter((e) => e !== '');
  const user = { name, displayName: displayName || name, emails, groups: groups(name, map, report) };
  return {
    user: plainUser({ ...user, epoch: epochOf(passwordHash), uid: uidOf(name) }),
    passwordHash,
    checkCost: hashCost(entry, map, passwordHash, checkHash, report),
    isDisabled: disabled(map, report),
    line: entry.key.line,
  };
}

/** Short digest of the hash: changes when the password does, and says nothing about either. */
function epochOf(passwordHash: string): string {
  return hash('sha256', `lintel epoch\0${passwordHash}`, 'base64url').slice(0, 16);
}

/** Nothing but the name goes into it, so that it is the same on every installation and after every restart. */
function uidOf(name: string): string {
  return hash('sha256', `lintel uid\0${name}`, 'hex');
}

function hashCost(entry: Pair, map: Mapping, encoded: string, checkHash: CheckHash, report: Report): number {
  const checked = checkHash(encoded);
  if (checked.ok) return checked.value;
  const at = map.pairs.find((p) => p.key.text === 'password')?.value ?? entry.key;
  const message = `The password hash of ${quoted(entry.key.text)} ${checked.error}.`;
  report({ severity: 'error', ...place(at), message, hint: `Run "lintel users passwd ${entry.key.text}".` });
  return 0;
}

// Control, formatting (bidi overrides, zero-width), separators but the space, private, unassigned, lone surrogates.
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;
const MAX_NAME = 200;

/** Why nobody may have this name, as a sentence; undefined when it is fine. Such names reach apps in headers. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'A user has an empty name.';
  if (INVISIBLE.test(name)) return `The user name ${quoted(name)} holds a control or invisible character.`;
  if (name !== name.trim()) return `The user name ${quoted(name)} begins or ends with a space.`;
  if (/[,;|]/.test(name)) {
    return `The user name ${quoted(name)} holds ",", ";" or "|", which apps take for the end of a value in a header.`;
  }
  return name.length > MAX_NAME
    ? `The user name ${quoted(name.slice(0, 20))}… is longer than 200 characters.`
    : undefined;
}

function checkName(entry: Pair, report: Report): void {
  const name = entry.key.text;
  const message = nameProblem(name);
  if (message !== undefined) {
    report({ severity: 'error', ...place(entry.key), message, hint: 'Rename this user.' });
  } else if (name.includes(':')) {
    const doubt = `The user ${quoted(name)} cannot use HTTP Basic, where a name ends at its first colon.`;
    report({ severity: 'warning', ...place(entry.key), message: doubt });
  }
}

const READ = ['password', 'displayname', 'email', 'groups', 'disabled'];
const KNOWN: ReadonlySet<string> = new Set([
  ...READ,
  ...['given_name', 'middle_name', 'family_name', 'nickname', 'gender', 'birthdate', 'website', 'profile', 'picture'],
  ...['zoneinfo', 'locale', 'phone_number', 'phone_extension', 'address', 'extra'],
]);

function checkKeys(name: string, map: Mapping, report: Report): void {
  const seen = new Set<string>();
  for (const { key } of map.pairs) {
    if (seen.has(key.text)) {
      const message = `${quoted(key.text)} of ${quoted(name)} is there twice.`;
      report({ severity: 'error', ...place(key), message, hint: 'Keep one of them.' });
    }
    seen.add(key.text);
    if (KNOWN.has(key.text)) continue;
    const message = `${quoted(key.text)} of ${quoted(name)} is not an attribute that is known here; it is ignored.`;
    report({ severity: 'warning', ...place(key), message });
  }
}

function text(map: Mapping, key: string, report: Report): string {
  const value = map.pairs.find((p) => p.key.text === key)?.value;
  if (value === undefined || isNothing(value)) return '';
  if (value.kind === 'scalar') return value.text.trim();
  report({ severity: 'error', ...place(value), message: `${quoted(key)} is not a text.`, hint: 'Write one value.' });
  return '';
}

/** One text or a list of them. */
function texts(map: Mapping, key: string, report: Report): string[] {
  const value = map.pairs.find((p) => p.key.text === key)?.value;
  if (value === undefined || isNothing(value)) return [];
  const out: string[] = [];
  for (const item of value.kind === 'list' ? value.items : [value]) {
    if (item.kind === 'scalar') out.push(isNothing(item) ? '' : item.text.trim());
    else {
      const message = `${quoted(key)} is not a list of texts.`;
      report({ severity: 'error', ...place(item), message, hint: 'Write one text for each "-".' });
    }
  }
  return out;
}

function groups(name: string, map: Mapping, report: Report): string[] {
  const at = map.pairs.find((p) => p.key.text === 'groups')?.key ?? map;
  const about = (severity: 'error' | 'warning', message: string) => report({ severity, ...place(at), message });
  const kept = new Set<string>();
  for (const group of texts(map, 'groups', report)) {
    if (group === '') about('warning', `A group of ${quoted(name)} is empty; it is left out.`);
    else if (INVISIBLE.test(group))
      about('error', `The group ${quoted(group)} holds a control or invisible character.`);
    else kept.add(group);
    if (group.includes(',')) {
      about('warning', `The group ${quoted(group)} holds ",": it counts in rules but is left out of Remote-Groups.`);
    }
  }
  return [...kept];
}

function disabled(map: Mapping, report: Report): boolean {
  const value = map.pairs.find((p) => p.key.text === 'disabled')?.value;
  if (value === undefined || isNothing(value)) return false;
  const is = booleanOf(value);
  if (is === undefined) {
    report({
      severity: 'error',
      ...place(value),
      message: '"disabled" is neither true nor false.',
      hint: 'Write one.',
    });
  }
  return is ?? true;
}

function place(at: Node): { line: number; column: number } {
  return { line: at.line, column: at.column };
}

/** For messages: escapes what a terminal would act on. */
export function quoted(value: string): string {
  return JSON.stringify(value).replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (c) => `\\u${c.codePointAt(0)?.toString(16).padStart(4, '0')}`,
  );
}
