import { isForbiddenOwnedName } from '../core/profile/owned-names.ts';
import { type Field, PROFILES, type Profile, type ProfileHeader } from '../core/profile/profile.ts';
import { foldName } from '../core/text/header-list.ts';
import type { RawHeaders } from './schema-app.ts';
import type { Scope } from './scope.ts';
import { suggest } from './suggest.ts';
import type { Path } from './tree.ts';

const FIELDS = [
  'user',
  'groups',
  'name',
  'email',
  'uid',
  'entitlements',
  'assertion',
] as const satisfies readonly Field[];
type OwnField = (typeof FIELDS)[number];
/** RFC 9110 §5.6.2. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** `headers:` of an app; undefined: not given, or reported. */
export function readProfile(raw: RawHeaders | undefined, app: string, path: Path, scope: Scope): Profile | undefined {
  if (raw === undefined) return undefined;
  if (typeof raw === 'string') return PROFILES.get(raw) ?? unknownProfile(raw, path, scope);
  const headers: ProfileHeader[] = [];
  let good = true;
  for (const field of FIELDS) {
    const source = raw[field];
    if (source === undefined) continue;
    const header = readHeader(source, field, [...path, field], scope);
    if (header === undefined) good = false;
    else if (headers.some((h) => foldName(h.name) === foldName(header.name))) {
      scope.error(
        [...path, field],
        `The header ${header.name} is filled twice.`,
        'Give each part a header of its own.',
      );
    } else headers.push(header);
  }
  if (good && headers.length === 0) return scope.error(path, 'This map names no header.', 'Add user: Remote-User.');
  return good ? { name: `own headers of ${app}`, headers, tellsAdditional: false } : undefined;
}

function unknownProfile(text: string, path: Path, scope: Scope): undefined {
  const names = [...PROFILES.keys()];
  const near = suggest(text, names);
  const hint = near === undefined ? `Known: ${names.join(', ')}; or write a map of your own.` : `Did you mean ${near}?`;
  return scope.error(path, `There is no profile named ${text}.`, hint);
}

type Source = NonNullable<Exclude<RawHeaders, string>[OwnField]>;

function readHeader(raw: Source, field: OwnField, path: Path, scope: Scope): ProfileHeader | undefined {
  const map = typeof raw === 'string' ? { name: raw } : raw;
  const at = typeof raw === 'string' ? path : [...path, 'name'];
  if (!checkHeaderName(map.name, at, scope)) return undefined;
  const separator = map.separator ?? ',';
  if (map.separator !== undefined && field !== 'groups' && field !== 'entitlements')
    return scope.error([...path, 'separator'], 'Only groups and entitlements have a separator.', 'Take it out.');
  if (separator === '' || /[\u0000-\u001f\u007f]/.test(separator)) {
    return scope.error([...path, 'separator'], 'A separator is visible text.', 'Use a comma, a semicolon or a bar.');
  }
  return { name: map.name, field, separator, encoding: map.encoding ?? 'utf8' };
}

/** True when a header of this name may carry an identity; else it is reported. */
export function checkHeaderName(name: string, at: Path, scope: Scope): boolean {
  const isToken = TOKEN.test(name);
  if (isToken && !isForbiddenOwnedName(name)) return true;
  const why = isToken
    ? `${name} means something to proxies and servers; it cannot carry an identity.`
    : `${JSON.stringify(name)} is not the name of a header.`;
  scope.error(at, why, isToken ? 'Choose a name such as Remote-User.' : 'Use letters, digits and dashes.');
  return false;
}
