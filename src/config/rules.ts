import type { HostPattern, Outcome, PathPattern, QueryCondition, Regex, Rule } from '../core/policy/rule.ts';
import type { Network } from '../core/text/ip.ts';
import { parseNetwork } from '../core/text/ip.ts';
import { parseHostPattern } from './address.ts';
import { readOutcome } from './outcome.ts';
import { parsePathPattern } from './path-pattern.ts';
import { compileRegex, isAnchored } from './regex.ts';
import type { RawQuery, RawRule } from './schema-app.ts';
import { listed, type Scope } from './scope.ts';
import { name } from './shape.ts';
import { oneOf, suggest } from './suggest.ts';
import type { Path } from './tree.ts';

export type Networks = ReadonlyMap<string, readonly Network[]>;

/** RFC 9110 §9, PATCH (RFC 5789), and WebDAV with its families (RFC 4918, 3253, 3648, 3744, 5323, 4791). */
const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'],
  ...['PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK'],
  ...['REPORT', 'SEARCH', 'ACL', 'MKCALENDAR', 'ORDERPATCH', 'BIND', 'UNBIND', 'REBIND'],
  ...['CHECKIN', 'CHECKOUT', 'UNCHECKOUT', 'LABEL', 'MERGE', 'UPDATE', 'MKACTIVITY', 'MKWORKSPACE'],
]);

/** One rule; undefined when something in it cannot be understood, which is reported. */
export function readRule(raw: RawRule, path: Path, networks: Networks, scope: Scope): Rule | undefined {
  if (scope.isBroken(path)) return undefined;
  const before = scope.problems.length;
  refuseEmpty(raw, path, scope);
  const outcome = readOutcome(raw, path, scope);
  const rule = {
    place: scope.place(path),
    label: name(path),
    hosts: readHosts(raw, path, scope),
    methods: all(listed(raw.methods, [...path, 'methods']), (m, at) => readMethod(m, at, scope)),
    networks: all(listed(raw.networks, [...path, 'networks']), (n, at) => readNetwork(n, at, networks, scope)).flat(),
    paths: all(listed(raw.paths, [...path, 'paths']), (p, at) => readPath(p, at, scope)),
    pathRegexes: readRegexes(raw.paths_regex, [...path, 'paths_regex'], 'start', scope),
    resources: readRegexes(raw.resources, [...path, 'resources'], 'start', scope),
    query: (raw.query ?? []).map((group, i) =>
      all(
        group.map((c, j) => [c, [...path, 'query', i, j]] as const),
        (c, at) => readQuery(c, at, scope),
      ),
    ),
    subjects: outcome?.subjects ?? [],
  };
  if (outcome !== undefined) refuseOpenSubject(rule, outcome.outcome, path, scope);
  const failed = scope.problems.slice(before).some((p) => p.severity === 'error');
  return outcome === undefined || failed ? undefined : { ...rule, outcome: outcome.outcome };
}

/** The values that could be read, of a list whose entries carry their paths. */
function all<T, U>(entries: readonly (readonly [T, Path])[], read: (value: T, path: Path) => U | undefined): U[] {
  const out: U[] = [];
  for (const [value, path] of entries) {
    const item = read(value, path);
    if (item !== undefined) out.push(item);
  }
  return out;
}

/** An empty list would not restrict, and nobody who writes one means that: a template lost its values. */
function refuseEmpty(raw: RawRule, path: Path, scope: Scope): void {
  const { hosts, hosts_regex, ...others } = raw;
  for (const [key, value] of Object.entries(others)) {
    if (Array.isArray(value) && (value.length === 0 || value.some((v) => Array.isArray(v) && v.length === 0))) {
      scope.error(
        [...path, key],
        `${name([...path, key])} has an empty list.`,
        'Leave the key out, or name something.',
      );
    }
  }
  if (path[0] === 'policy' && (hosts ?? []).length + (hosts_regex ?? []).length === 0) {
    scope.error(path, `${name(path)} names no host.`, 'Add hosts: [app.example.com], or put the rule into its app.');
  }
}

function readHosts(raw: RawRule, path: Path, scope: Scope): HostPattern[] {
  const patterns = all(listed(raw.hosts, [...path, 'hosts']), (text, at): HostPattern | undefined => {
    const hint =
      'Write app.example.com, *.example.com, {user}.example.com or {group}.example.com, without scheme and port.';
    return parseHostPattern(text, true) ?? scope.error(at, `${JSON.stringify(text)} is not a host.`, hint);
  });
  const regexes = readRegexes(raw.hosts_regex, [...path, 'hosts_regex'], 'both', scope);
  return [...patterns, ...regexes.map((regex): HostPattern => ({ kind: 'regex', regex }))];
}

function readMethod(text: string, at: Path, scope: Scope): string | undefined {
  if (METHODS.has(text)) return text;
  const near = suggest(text, METHODS);
  return scope.error(at, `${text} is not a method of HTTP or WebDAV.`, near && `Did you mean ${near}?`);
}

function readNetwork(text: string, at: Path, networks: Networks, scope: Scope): readonly Network[] | undefined {
  const named = networks.get(text);
  if (named !== undefined) return named;
  const network = parseNetwork(text);
  if (network !== undefined) return [network];
  const near = suggest(text, networks.keys());
  const hint =
    near === undefined ? 'Write 192.168.0.0/16, an address, or a name from networks:.' : `Did you mean ${near}?`;
  return scope.error(at, `${text} is neither an address, a range, nor a name from networks:.`, hint);
}

function readPath(text: string, at: Path, scope: Scope): PathPattern | undefined {
  const pattern = parsePathPattern(text);
  return pattern.ok ? pattern.value : scope.error(at, ...pattern.error);
}

function readRegexes(value: string | string[] | undefined, path: Path, ends: 'start' | 'both', scope: Scope): Regex[] {
  return all(listed(value, path), (source, at) => readRegex(source, at, ends, scope));
}

function readRegex(source: string, at: Path, ends: 'start' | 'both' | 'none', scope: Scope): Regex | undefined {
  const regex = compileRegex(source);
  if (!regex.ok) {
    return scope.error(
      at,
      `${source} is not a regular expression of RE2: ${regex.error}.`,
      'Lookarounds and back-references do not exist in RE2.',
    );
  }
  if (ends !== 'none' && !isAnchored(source, ends)) {
    const fix = ends === 'both' ? `^${source.replace(/^\^|\$$/g, '')}$` : `^${source}`;
    scope.warn(at, `${source} also matches in the middle of a longer text.`, `Tie it down: ${fix}`);
  }
  return regex.value;
}

function readQuery(raw: RawQuery, at: Path, scope: Scope): QueryCondition | undefined {
  const { key, value } = raw;
  const operator = raw.operator ?? (value === undefined ? 'present' : 'equal');
  if (key === '') return scope.error(at, 'A query condition needs the name of a parameter.');
  switch (operator) {
    case 'present':
    case 'absent':
      if (value !== undefined)
        return scope.error([...at, 'value'], `${operator} takes no value.`, 'Use equal to compare a value.');
      return { operator, key };
    case 'equal':
    case 'not equal':
      if (value === undefined) return scope.error(at, `${operator} needs a value.`);
      return { operator, key, value: String(value) };
    case 'pattern':
    case 'not pattern': {
      if (value === undefined) return scope.error(at, `${operator} needs a value: a regular expression.`);
      const regex = readRegex(String(value), [...at, 'value'], 'none', scope);
      return regex === undefined ? undefined : { operator, key, regex };
    }
    default:
      return operator satisfies never;
  }
}

/** Everybody and some people at once: whoever wrote that expects a check that `allow: everyone` does not make. */
function refuseOpenSubject(rule: Omit<Rule, 'outcome'>, outcome: Outcome, path: Path, scope: Scope): void {
  if (outcome.kind !== 'everyone') return;
  const by: string[] = [];
  if (rule.subjects.length > 0) by.push('subjects');
  if (rule.hosts.some((h) => h.kind === 'user' || h.kind === 'group')) by.push('a {user} or {group} host');
  const regexes = [
    ...rule.pathRegexes,
    ...rule.resources,
    ...rule.hosts.flatMap((h) => (h.kind === 'regex' ? [h.regex] : [])),
  ];
  if (regexes.some((r) => r.bindsSubject)) by.push('a regular expression with a group User or Group');
  if (by.length === 0) return;
  scope.error(
    path,
    `${name(path)} lets everyone through and yet tests who it is, by ${oneOf(by)}.`,
    'Use allow: signed_in, or take the test out.',
  );
}
