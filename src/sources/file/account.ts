import { hash } from 'node:crypto';
import { type JsonObject, NO_ATTRIBUTES } from '../../core/json.ts';
import type { Result } from '../../core/result.ts';
import type { User } from '../../core/subject.ts';
import { quoteName } from '../../core/text/quote.ts';
import { readAttributes } from './attribute-values.ts';
import { checkKeys, field, groupNames, INVISIBLE, place, type Report, text, texts } from './fields.ts';
import { booleanOf, isNothing, type Mapping, type Pair } from './node.ts';

export interface Account {
  /** As read, it knows nothing of other groups than its own; `buildDirectory` adds what they bring. */
  readonly user: User;
  readonly passwordHash: string;
  /** About how many microseconds one check of the password takes. */
  readonly checkCost: number;
  readonly isDisabled: boolean;
  /** The file says which uid it is. */
  readonly hasOwnUid: boolean;
  /** Where it stands in the file. */
  readonly line: number;
}

/** Is this hash usable (with the cost of a check), or why not: a phrase that fits after "the password hash …". */
export type CheckHash = (encoded: string) => Result<number, string>;

/** One account from its entry. Problems are reported; undefined when one of them is an error. */
export function readAccount(entry: Pair, checkHash: CheckHash, report: Report): Account | undefined {
  const name = entry.key.text;
  const map = entry.value;
  if (map.kind !== 'map') {
    const message = `The user ${quoteName(name)} has no attributes.`;
    report({ severity: 'error', ...place(entry.key), message, hint: 'Give at least password and displayname.' });
    return undefined;
  }
  let isSound = true;
  const strict: Report = (problem) => {
    if (problem.severity === 'error') isSound = false;
    report(problem);
  };
  checkName(entry, strict);
  checkKeys(name, map, KNOWN, strict);
  const account = build(entry, map, checkHash, strict);
  return isSound ? account : undefined;
}

function build(entry: Pair, map: Mapping, checkHash: CheckHash, report: Report): Account {
  const name = entry.key.text;
  const passwordHash = text(map, 'password', report);
  const displayName = text(map, 'displayname', report);
  if (displayName === '') {
    report({ severity: 'warning', ...place(entry.key), message: `The user ${quoteName(name)} has no displayname.` });
  }
  const groups = groupNames(map, 'groups', name, report);
  const attributes = attributesOf(name, map, report);
  const uid = ownUid(name, map, report);
  return {
    user: {
      name,
      displayName: displayName || name,
      emails: texts(map, 'email', report).filter((e) => e !== ''),
      groups,
      memberships: groups,
      uid: uid ?? uidOf(name),
      attributes,
      mergedAttributes: attributes,
      epoch: epochOf(passwordHash),
    },
    passwordHash,
    checkCost: hashCost(entry, map, passwordHash, checkHash, report),
    isDisabled: disabled(map, report),
    hasOwnUid: uid !== undefined,
    line: entry.key.line,
  };
}

/** Authelia keeps attributes of one's own below `extra`; what stands below `attributes` too counts from there. */
function attributesOf(name: string, map: Mapping, report: Report): JsonObject {
  const own = readAttributes(name, field(map, 'attributes')?.value, report);
  const extra = readAttributes(name, field(map, 'extra')?.value, report);
  return extra === NO_ATTRIBUTES ? own : { ...extra, ...own };
}

function ownUid(name: string, map: Mapping, report: Report): string | undefined {
  const value = field(map, 'uid')?.value;
  if (value === undefined || isNothing(value)) return undefined;
  const uid = value.kind === 'scalar' ? value.text.trim().toLowerCase() : '';
  if (/^[0-9a-f]{64}$/.test(uid)) return uid;
  const message = `The uid of ${quoteName(name)} is not 64 hexadecimal digits.`;
  report({ severity: 'error', ...place(value), message, hint: 'Copy the one it had before, or leave it out.' });
  return undefined;
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
  const at = field(map, 'password')?.value ?? entry.key;
  const message = `The password hash of ${quoteName(entry.key.text)} ${checked.error}.`;
  report({ severity: 'error', ...place(at), message, hint: `Run "lintel users passwd ${entry.key.text}".` });
  return 0;
}

const MAX_NAME = 200;

/** Why nobody may have this name, as a sentence; undefined when it is fine. Such names reach apps in headers. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'A user has an empty name.';
  if (INVISIBLE.test(name)) return `The user name ${quoteName(name)} holds a control or invisible character.`;
  if (name !== name.trim()) return `The user name ${quoteName(name)} begins or ends with a space.`;
  if (/[,;|]/.test(name)) {
    return `The user name ${quoteName(name)} holds ",", ";" or "|", which apps take for the end of a value in a header.`;
  }
  return name.length > MAX_NAME
    ? `The user name ${quoteName(name.slice(0, 20))}… is longer than 200 characters.`
    : undefined;
}

function checkName(entry: Pair, report: Report): void {
  const name = entry.key.text;
  const message = nameProblem(name);
  if (message !== undefined) {
    report({ severity: 'error', ...place(entry.key), message, hint: 'Rename this user.' });
  } else if (name.includes(':')) {
    const doubt = `The user ${quoteName(name)} cannot use HTTP Basic, where a name ends at its first colon.`;
    report({ severity: 'warning', ...place(entry.key), message: doubt });
  }
}

const READ = ['password', 'displayname', 'email', 'groups', 'disabled', 'attributes', 'uid', 'extra'];
const KNOWN: ReadonlySet<string> = new Set([
  ...READ,
  ...['given_name', 'middle_name', 'family_name', 'nickname', 'gender', 'birthdate', 'website', 'profile', 'picture'],
  ...['zoneinfo', 'locale', 'phone_number', 'phone_extension', 'address'],
]);

function disabled(map: Mapping, report: Report): boolean {
  const value = field(map, 'disabled')?.value;
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
