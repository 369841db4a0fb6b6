import type { User } from '../subject.ts';
import { known, type Target, targetOrigin, type Unknown } from '../target.ts';
import { contains } from '../text/ip.ts';
import { parseQuery, type QueryPair } from '../text/url-encode.ts';
import type { HostPattern, QueryCondition, Regex, Rule, SubjectPattern } from './rule.ts';

/** Whether a rule's conditions on the target hold: yes, no, or it tests a fact that the proxy did not send. */
export type Match = 'yes' | 'no' | Unknown;

/** One way to read a path; or a second path that the proxy did not send. */
export type Reading = string | Unknown;

/** One condition by name, so that `explain` can say which one failed. */
export interface Condition {
  readonly name: 'methods' | 'networks' | 'paths' | 'query' | 'preflight';
  test(target: Target, reading: Reading): Match;
}

/** A rule ready to run. */
export interface CompiledRule {
  readonly rule: Rule;
  readonly conditions: readonly Condition[];
  /** The rule names subjects, or takes a user or group out of the host or path: somebody signed in could match it. */
  readonly namesSubject: boolean;
  /** The decision for this rule differs with who asks. */
  readonly dependsOnSubject: boolean;
}

export function compileRule(rule: Rule): CompiledRule {
  const regexes = [...rule.pathRegexes, ...rule.resources, ...(rule.urlRegexes ?? [])];
  const namesSubject =
    rule.subjects.length > 0 ||
    rule.hosts.some((h) => h.kind === 'user' || h.kind === 'group' || (h.kind === 'regex' && h.regex.bindsSubject)) ||
    regexes.some((r) => r.bindsSubject);
  const conditions: Condition[] = [];
  if (rule.methods.length > 0) conditions.push(methods(new Set(rule.methods)));
  if (rule.paths.length + regexes.length > 0) conditions.push({ name: 'paths', test: (t, r) => paths(rule, t, r) });
  if (rule.query.length > 0) conditions.push({ name: 'query', test: (t) => query(rule.query, t) });
  if (rule.networks.length > 0) conditions.push(networks(rule));
  if (rule.preflight === true) conditions.push({ name: 'preflight', test: preflight });
  return { rule, conditions, namesSubject, dependsOnSubject: namesSubject || rule.outcome.kind === 'signed-in' };
}

/** All conditions: one `no` is enough to skip the rule; an unknown fact counts only when nothing else rules it out. */
export function matchConditions(rule: CompiledRule, target: Target, reading: Reading): Match {
  let result: Match = 'yes';
  for (const condition of rule.conditions) {
    const match = condition.test(target, reading);
    if (match === 'no') return 'no';
    if (match !== 'yes') result = match;
  }
  return result;
}

function methods(set: ReadonlySet<string>): Condition {
  return {
    name: 'methods',
    test: ({ method }) => (known(method) ? (set.has(method) ? 'yes' : 'no') : method),
  };
}

function networks(rule: Rule): Condition {
  return {
    name: 'networks',
    test: ({ client }) => (known(client) ? (rule.networks.some((n) => contains(n, client)) ? 'yes' : 'no') : client),
  };
}

/** A method that the proxy does not tell is no preflight: such a rule opens something, so the doubt goes against it. */
function preflight(t: Target): Match {
  return t.preflight && t.method === 'OPTIONS' ? 'yes' : 'no';
}

function paths(rule: Rule, target: Target, reading: Reading): Match {
  if (typeof reading !== 'string') return reading;
  const matches =
    rule.paths.some((p) => p.test(reading)) ||
    rule.pathRegexes.some((r) => r.test(reading)) ||
    (rule.resources.length > 0 && rule.resources.some((r) => r.test(resource(target, reading)))) ||
    rule.urlRegexes?.some((r) => r.test(url(target, reading))) === true;
  return matches ? 'yes' : 'no';
}

/** What Authelia's `resources` are matched against: path, and the raw query after "?". */
function resource(target: Target, reading: string): string {
  return target.query === undefined ? reading : `${reading}?${target.query}`;
}

/** What authentik's unauthenticated URLs are matched against for a whole domain (contract authentik.md §5). */
function url(target: Target, reading: string): string {
  return `${targetOrigin(target)}${resource(target, reading)}`;
}

function query(groups: Rule['query'], target: Target): Match {
  const raw = target.query ?? '';
  const pairs = parseQuery(raw);
  if (!readsAlike(raw, pairs, groups)) return DIFFERS;
  return groups.some((group) => group.every((c) => queryCondition(c, pairs))) ? 'yes' : 'no';
}

const DIFFERS: Unknown = { missing: 'a query that every app reads alike' };

/**
 * False where apps differ: a pair that cannot be decoded or holds ";" is nothing to some and a parameter to others; of
 * two values for one key some take the first and some the last.
 */
function readsAlike(raw: string, pairs: readonly QueryPair[], groups: Rule['query']): boolean {
  if (raw === '') return true;
  if (pairs.length < raw.split('&').filter((part) => part !== '').length) return false;
  const first = new Map<string, string>();
  for (const { key, value } of pairs) {
    const before = first.get(key);
    if (before === undefined) first.set(key, value);
    else if (before !== value && groups.some((group) => group.some((c) => c.key === key))) return false;
  }
  return true;
}

/** As Authelia: the first value of a key counts for equality and patterns; that of an absent key is empty. */
function queryCondition(c: QueryCondition, pairs: readonly QueryPair[]): boolean {
  const values = pairs.filter((p) => p.key === c.key).map((p) => p.value);
  switch (c.operator) {
    case 'present':
      return values.length > 0;
    case 'absent':
      return values.length === 0;
    case 'equal':
      return (values[0] ?? '') === c.value;
    case 'not equal':
      return (values[0] ?? '') !== c.value;
    case 'pattern':
      return c.regex.test(values[0] ?? '');
    case 'not pattern':
      return !c.regex.test(values[0] ?? '');
    default:
      return c satisfies never;
  }
}

/** True when the host matches; for `{user}` and `{group}` when some user or group could make it match. */
export function hostCovers(pattern: HostPattern, host: string): boolean {
  switch (pattern.kind) {
    case 'exact':
      return pattern.host === host;
    case 'wildcard':
    case 'user':
    case 'group':
      return host.length > pattern.suffix.length && host.endsWith(pattern.suffix);
    case 'regex':
      return pattern.regex.test(host);
    default:
      return pattern satisfies never;
  }
}

/** Does the rule apply to this user? Host, path and subject criteria each need one entry that matches; an unknown path may. */
export function matchUser(rule: CompiledRule, target: Target, reading: Reading, user: User): boolean {
  if (!rule.namesSubject) return true;
  const r = rule.rule;
  return (
    (r.subjects.length === 0 || r.subjects.some((group) => group.every((s) => subjectMatches(s, user)))) &&
    (r.hosts.length === 0 || r.hosts.some((h) => hostMatchesUser(h, target.host, user))) &&
    (typeof reading !== 'string' || pathsMatchUser(r, target, reading, user))
  );
}

function subjectMatches(pattern: SubjectPattern, user: User): boolean {
  switch (pattern.kind) {
    case 'user':
      return pattern.name === user.name;
    case 'group':
      return user.memberships.includes(pattern.name);
    case 'not':
      return !subjectMatches(pattern.of, user);
    case 'client':
      return false;
    default:
      return pattern satisfies never;
  }
}

function hostMatchesUser(pattern: HostPattern, host: string, user: User): boolean {
  if (!hostCovers(pattern, host)) return false;
  switch (pattern.kind) {
    case 'user':
      return sameFold(host.slice(0, -pattern.suffix.length), user.name);
    case 'group':
      return user.memberships.some((g) => sameFold(host.slice(0, -pattern.suffix.length), g));
    case 'regex':
      return capturesMatch(pattern.regex, host, user);
    case 'exact':
    case 'wildcard':
      return true;
    default:
      return pattern satisfies never;
  }
}

function pathsMatchUser(r: Rule, target: Target, reading: string, user: User): boolean {
  const urls = r.urlRegexes ?? [];
  if (r.paths.length + r.pathRegexes.length + r.resources.length + urls.length === 0) return true;
  return (
    r.paths.some((p) => p.test(reading)) ||
    r.pathRegexes.some((regex) => capturesMatch(regex, reading, user)) ||
    r.resources.some((regex) => capturesMatch(regex, resource(target, reading), user)) ||
    urls.some((regex) => capturesMatch(regex, url(target, reading), user))
  );
}

/** Named groups compare without letter case (contract §3.4); an expression with both needs both. */
function capturesMatch(regex: Regex, text: string, user: User): boolean {
  if (!regex.bindsSubject) return regex.test(text);
  const found = regex.captures(text);
  if (found === undefined) return false;
  if (found.user !== undefined && !sameFold(found.user, user.name)) return false;
  const { group } = found;
  return group === undefined || user.memberships.some((g) => sameFold(group, g));
}

function sameFold(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
