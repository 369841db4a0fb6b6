import type { HostPattern, QueryCondition, Regex, Rule, SubjectPattern } from '../core/policy/rule.ts';
import type { Network } from '../core/text/ip.ts';

type Paths = Pick<Rule, 'paths' | 'pathRegexes' | 'resources'>;

/**
 * True when every request and person that `later` is about is one that `earlier` is about, so that `later` never
 * decides. Errs on the side of false: what cannot be compared (two different expressions) is not covered.
 * `hosts`: where each rule applies, since the rules of an app have the hosts of the app.
 */
export function covers(
  earlier: Rule,
  later: Rule,
  hosts: { earlier: readonly HostPattern[]; later: readonly HostPattern[] },
): boolean {
  if (isSpecial(earlier)) return false;
  return (
    every(hosts.later, (l) => hosts.earlier.some((e) => hostCovers(e, l))) &&
    restrictsNoMore(earlier.methods, later.methods, (e, l) => e === l) &&
    restrictsNoMore(earlier.networks, later.networks, networkCovers) &&
    pathsCover(earlier, later) &&
    restrictsNoMore(earlier.query, later.query, (e, l) => e.every((c) => l.some((d) => sameQuery(c, d)))) &&
    subjectsCover(earlier.subjects, later.subjects)
  );
}

/** Conditions that are not compared with any other. */
export function isSpecial(rule: Rule): boolean {
  return rule.preflight === true || rule.urlRegexes !== undefined;
}

/** True when everybody whom the later subjects mean is meant by the earlier ones. */
export function subjectsCover(earlier: Rule['subjects'], later: Rule['subjects']): boolean {
  return restrictsNoMore(earlier, later, (e, l) => e.every((s) => l.some((t) => sameSubject(s, t))));
}

function every<T>(list: readonly T[], test: (item: T) => boolean): boolean {
  return list.length > 0 && list.every(test);
}

/** An empty list of conditions does not restrict; otherwise each later entry lies within an earlier one. */
function restrictsNoMore<T>(earlier: readonly T[], later: readonly T[], within: (e: T, l: T) => boolean): boolean {
  return earlier.length === 0 || every(later, (l) => earlier.some((e) => within(e, l)));
}

/** True when every host of `later` is one of `earlier`. Errs on the side of false. */
export function hostCovers(earlier: HostPattern, later: HostPattern): boolean {
  if (earlier.kind === 'regex') {
    if (later.kind === 'regex') return sameRegex(earlier.regex, later.regex);
    return later.kind === 'exact' && !earlier.regex.bindsSubject && earlier.regex.test(later.host);
  }
  if (earlier.kind === 'exact') return later.kind === 'exact' && earlier.host === later.host;
  if (later.kind === 'regex') return false;
  if (earlier.kind !== 'wildcard') return earlier.kind === later.kind && earlier.suffix === later.suffix;
  const text = later.kind === 'exact' ? later.host : `x${later.suffix}`;
  return text.length > earlier.suffix.length && text.endsWith(earlier.suffix);
}

function networkCovers(earlier: Network, later: Network): boolean {
  return [0, 1, 2, 3].every((i) => {
    const [mask, own] = [earlier.masks[i] ?? 0, later.masks[i] ?? 0];
    return (mask & own) >>> 0 === mask && ((later.words[i] ?? 0) & mask) >>> 0 === earlier.words[i];
  });
}

/** Paths, expressions and resources are one condition: any entry of any of them suffices. */
export function pathsCover(earlier: Paths, later: Paths): boolean {
  if (earlier.paths.length + earlier.pathRegexes.length + earlier.resources.length === 0) return true;
  if (later.paths.length + later.pathRegexes.length + later.resources.length === 0) return false;
  const same = (list: readonly Regex[]) => (l: Regex) => list.some((e) => sameRegex(e, l));
  return (
    later.paths.every((l) => earlier.paths.some((e) => pathCovers(e.source, l.source))) &&
    later.pathRegexes.every(same(earlier.pathRegexes)) &&
    later.resources.every(same(earlier.resources))
  );
}

function pathCovers(earlier: string, later: string): boolean {
  if (earlier === later) return true;
  if (earlier.includes('*')) return false;
  // What a glob matches begins with its text up to the first "*".
  const known = later.split('*')[0] ?? '';
  if (earlier.endsWith('/')) return known.startsWith(earlier);
  return known.startsWith(`${earlier}/`);
}

function sameRegex(a: Regex, b: Regex): boolean {
  return a.source === b.source;
}

function sameQuery(a: QueryCondition, b: QueryCondition): boolean {
  return JSON.stringify(queryParts(a)) === JSON.stringify(queryParts(b));
}

function queryParts(c: QueryCondition): readonly string[] {
  const operand = 'value' in c ? c.value : 'regex' in c ? c.regex.source : '';
  return [c.operator, c.key, operand];
}

function sameSubject(a: SubjectPattern, b: SubjectPattern): boolean {
  return subjectText(a) === subjectText(b);
}

/** A subject as it is written in rules; a negated binding begins with "not ". */
export function subjectText(s: SubjectPattern): string {
  switch (s.kind) {
    case 'user':
    case 'group':
      return `${s.kind}:${s.name}`;
    case 'client':
      return `oauth2:client:${s.id}`;
    case 'not':
      return `not ${subjectText(s.of)}`;
    default:
      return s satisfies never;
  }
}
