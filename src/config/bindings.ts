import { NO_CONDITIONS, type Place, type Regex, type Rule, type SubjectPattern } from '../core/policy/rule.ts';
import { compileRegex, isAnchored } from './regex.ts';
import type { RawApp } from './schema-app.ts';
import { listed, type Scope } from './scope.ts';
import { name } from './shape.ts';
import type { Path } from './tree.ts';

function bare(place: Place, label: string): Omit<Rule, 'outcome'> {
  return { ...NO_CONDITIONS, place, label };
}

/** `preflight: pass`: a browser asks before a request of a script, and cannot send a cookie with the question. */
export function readPreflight(raw: RawApp, path: Path, scope: Scope): Rule[] {
  if (raw.preflight === undefined) return [];
  const at = [...path, 'preflight'];
  return [{ ...bare(scope.place(at), name(at)), methods: ['OPTIONS'], preflight: true, outcome: { kind: 'everyone' } }];
}

/**
 * `unauthenticated:`, one expression a line as authentik has them (contract authentik.md §5): RE2, found anywhere in the
 * canonical path, or in the whole URL where the app is a whole domain (there one that begins with a scheme is tied down). Blank lines are ignored; one that is no
 * expression is an error, since a rule that is left out would not be noticed.
 */
export function readUnauthenticated(raw: RawApp, path: Path, scope: Scope): Rule[] {
  const at = [...path, 'unauthenticated'];
  const regexes: Regex[] = [];
  for (const [text, where] of listed(raw.unauthenticated, at)) {
    for (const [i, line] of text.split(/\r\n|\r|\n/).entries()) {
      const source = tied(line.trim(), raw.domain !== undefined);
      const regex = source === '' ? undefined : readLine(source, i + 1, where, scope);
      if (regex === undefined) continue;
      regexes.push(regex);
      if (ANYTHING.some((text) => !regex.test(text))) continue;
      scope.warn(
        where,
        `Line ${i + 1} of ${name(where)}, ${source}, matches everything: the whole app is open to everyone.`,
        'Name the path, or write access: [{allow: everyone}], which says so.',
      );
    }
  }
  if (regexes.length === 0) return [];
  const what = raw.domain === undefined ? { pathRegexes: regexes } : { urlRegexes: regexes };
  return [{ ...bare(scope.place(at), name(at)), ...what, outcome: { kind: 'everyone' } }];
}

/**
 * A whole address begins with its scheme, so an expression that does is tied to the beginning. Found anywhere, as
 * authentik has it, `https://open.example.com/` would open every page whose query somebody adds it to.
 */
function tied(source: string, isAddress: boolean): string {
  return isAddress && /^https?\??:/.test(source) && !source.includes('|') ? `^${source}` : source;
}

/** Nobody means both of these and yet not everything. */
const ANYTHING = ['/0.\u00f8-q', 'https://nobody.invalid/Z_9'];

function readLine(source: string, line: number, at: Path, scope: Scope): Regex | undefined {
  const regex = compileRegex(source);
  if (!regex.ok) {
    return scope.error(
      at,
      `Line ${line} of ${name(at)}, ${source}, is not a regular expression of RE2: ${regex.error}.`,
      'Lookarounds and back-references do not exist in RE2.',
    );
  }
  if (regex.value.bindsSubject) {
    return scope.error(
      at,
      `Line ${line} of ${name(at)} names a group User or Group, and yet lets everyone through.`,
      'Use a group without a name.',
    );
  }
  if (!isAnchored(source, 'start')) {
    scope.warn(
      at,
      `Line ${line} of ${name(at)}, ${source}, also matches in the middle of a longer text.`,
      `Tie it down: ^${/[|^]/.test(source) ? `(?:${source})` : source}`,
    );
  }
  return regex.value;
}

/**
 * `bindings:` (contract authentik.md §9): who may open the app. Any of the enabled ones is enough, or all of them with
 * `engine: all`; none at all: everybody who is signed in. Judged on every request.
 */
export function readBindings(raw: RawApp, path: Path, scope: Scope): Rule[] {
  if (raw.bindings === undefined) {
    if (raw.engine !== undefined)
      scope.error([...path, 'engine'], 'engine says how bindings count, and there are none.', 'Add bindings.');
    return [];
  }
  const at = [...path, 'bindings'];
  if (raw.access !== undefined) {
    scope.error(at, `${name(path)} has access rules and bindings.`, 'Keep one of the two.');
    return [];
  }
  const ordered = raw.bindings
    .map((b, i) => ({ b, at: [...at, i] }))
    .toSorted((a, b) => (a.b.order ?? 0) - (b.b.order ?? 0));
  const patterns: SubjectPattern[] = [];
  for (const { b, at: where } of ordered) {
    const pattern = readBinding(b, where, scope);
    if (pattern !== undefined && b.enabled !== false) patterns.push(pattern);
  }
  if (raw.bindings.length === 0) {
    scope.error(at, `${name(at)} is empty.`, 'Write access: [{allow: signed_in}] for everybody who is signed in.');
    return [];
  }
  if (patterns.length === 0) {
    scope.warn(
      at,
      `Every binding of ${name(path)} is disabled, so everybody who is signed in may open it.`,
      'Enable one, or write access rules.',
    );
  }
  const subjects = raw.engine === 'all' ? (patterns.length === 0 ? [] : [patterns]) : patterns.map((p) => [p]);
  return [{ ...bare(scope.place(at), name(at)), subjects, outcome: { kind: 'signed-in', level: 'one_factor' } }];
}

type RawBinding = NonNullable<RawApp['bindings']>[number];

function readBinding(raw: RawBinding, at: Path, scope: Scope): SubjectPattern | undefined {
  const { user, group, negate = false } = raw;
  if ((user === undefined) === (group === undefined)) {
    return scope.error(
      at,
      `${name(at)} names neither or both of user and group.`,
      'Write {group: staff} or {user: alice}.',
    );
  }
  const pattern =
    user === undefined ? ({ kind: 'group', name: group ?? '' } as const) : ({ kind: 'user', name: user } as const);
  if (pattern.name === '')
    return scope.error(at, `${name(at)} names nobody.`, 'Write {group: staff} or {user: alice}.');
  return negate ? { kind: 'not', of: pattern } : pattern;
}
