import type { Outcome, SubjectPattern } from '../core/policy/rule.ts';
import type { Level } from '../core/subject.ts';
import type { RawRule } from './schema-app.ts';
import type { Scope } from './scope.ts';
import { name } from './shape.ts';
import { suggest } from './suggest.ts';
import type { Path } from './tree.ts';

export interface RuleOutcome {
  readonly outcome: Outcome;
  readonly subjects: readonly (readonly SubjectPattern[])[];
}

const EXACTLY_ONE = 'Write one of allow: everyone, allow: signed_in, allow: [group:staff] or deny: everyone.';

/**
 * What a rule does, and for whom: exactly one of `allow` and `deny`; `subjects` or `level` alone mean to allow those.
 * undefined: reported.
 */
export function readOutcome(raw: RawRule, path: Path, scope: Scope): RuleOutcome | undefined {
  const { allow, deny, level, subjects } = raw;
  if (allow !== undefined && deny !== undefined)
    return scope.error(path, `${name(path)} says both allow and deny.`, EXACTLY_ONE);
  if (allow === undefined && deny === undefined && subjects === undefined && level === undefined) {
    return scope.error(path, `${name(path)} says neither allow nor deny.`, EXACTLY_ONE);
  }
  const tested = subjects === undefined ? [] : readSubjects(subjects, [...path, 'subjects'], scope);
  if (tested === undefined) return undefined;
  if (deny !== undefined) return denied(deny, tested, raw, path, scope);
  return allow === 'everyone'
    ? open(tested, raw, path, scope)
    : allowed(allow ?? 'signed_in', tested, level, path, scope);
}

type Subjects = RuleOutcome['subjects'];

function open(subjects: Subjects, raw: RawRule, path: Path, scope: Scope): RuleOutcome | undefined {
  if (raw.level === undefined) return { outcome: { kind: 'everyone' }, subjects };
  return scope.error(
    [...path, 'level'],
    'Everyone includes people who have not signed in; a level asks them to.',
    'Use allow: signed_in.',
  );
}

function allowed(
  allow: string | readonly string[],
  subjects: Subjects,
  level: Level | undefined,
  path: Path,
  scope: Scope,
): RuleOutcome | undefined {
  const outcome: Outcome = { kind: 'signed-in', level: level ?? 'one_factor' };
  if (allow === 'signed_in') return { outcome, subjects };
  const listed = whom(allow, ['everyone', 'signed_in'], subjects, [...path, 'allow'], scope);
  return listed === undefined ? undefined : { outcome, subjects: listed };
}

function denied(
  deny: string | readonly string[],
  subjects: Subjects,
  raw: RawRule,
  path: Path,
  scope: Scope,
): RuleOutcome | undefined {
  if (raw.level !== undefined)
    return scope.error([...path, 'level'], 'A rule that denies has no level.', 'Take level out.');
  if (deny === 'everyone') return { outcome: { kind: 'deny' }, subjects };
  const listed = whom(deny, ['everyone'], subjects, [...path, 'deny'], scope);
  return listed === undefined ? undefined : { outcome: { kind: 'deny' }, subjects: listed };
}

/** The people of `allow:` or `deny:`; each entry suffices. */
function whom(
  value: string | readonly string[],
  words: readonly string[],
  subjects: Subjects,
  path: Path,
  scope: Scope,
): Subjects | undefined {
  if (subjects.length > 0)
    return scope.error(
      path,
      'People are named twice, here and by subjects.',
      'Keep subjects, and write allow: signed_in or deny: everyone.',
    );
  const entries =
    typeof value === 'string' ? [[value, path] as const] : value.map((v, i) => [v, [...path, i]] as const);
  const found = entries.map(([text, at]) => readSubject(text, at, words, typeof value !== 'string', scope));
  const good = found.filter((s) => s !== undefined);
  return good.length === found.length ? good.map((s) => [s]) : undefined;
}

function readSubjects(value: NonNullable<RawRule['subjects']>, path: Path, scope: Scope): Subjects | undefined {
  const groups = typeof value === 'string' ? [value] : value;
  const read = groups.map((group, i) => {
    const at = typeof value === 'string' ? path : [...path, i];
    const entries = typeof group === 'string' ? [[group, at] as const] : group.map((v, j) => [v, [...at, j]] as const);
    return entries.map(([text, where]) => readSubject(text, where, [], true, scope));
  });
  const good = read.map((group) => group.filter((s) => s !== undefined));
  return good.every((group, i) => group.length === read[i]?.length) ? good : undefined;
}

/** People of a list, each of them enough; clients are no people. undefined: reported. */
export function readSubjectList(
  entries: readonly (readonly [string, Path])[],
  scope: Scope,
): readonly Extract<SubjectPattern, { kind: 'user' | 'group' }>[] | undefined {
  const found = entries.map(([text, at]) => {
    const subject = readSubject(text, at, [], true, scope);
    if (subject === undefined || subject.kind === 'user' || subject.kind === 'group') return subject;
    return scope.error(at, `${text} is not a person.`, 'Write user:NAME or group:NAME.');
  });
  const good = found.filter((s) => s !== undefined);
  return good.length === found.length ? good : undefined;
}

function readSubject(
  text: string,
  path: Path,
  words: readonly string[],
  inList: boolean,
  scope: Scope,
): SubjectPattern | undefined {
  const m = /^(user|group|oauth2:client):(.+)$/.exec(text);
  const value = m?.[2] ?? '';
  if (m?.[1] === 'user') return { kind: 'user', name: value };
  if (m?.[1] === 'group') return { kind: 'group', name: value };
  if (m !== null) return { kind: 'client', id: value };
  if (inList && words.includes(text)) {
    return scope.error(path, `${text} stands in a list.`, `Write it alone, ${String(path.at(-2))}: ${text}.`);
  }
  const near = suggest(text, words) ?? suggest(text.split(':')[0] ?? '', ['user', 'group']);
  const prefixed = near === 'user' || near === 'group' ? `${near}:NAME` : near;
  return scope.error(
    path,
    `${JSON.stringify(text)} is not a subject.`,
    prefixed === undefined ? 'Write user:NAME or group:NAME.' : `Did you mean ${prefixed}?`,
  );
}
