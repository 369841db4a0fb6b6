import type { HostPattern, Rule } from '../core/policy/rule.ts';
import { hostText } from './apps.ts';
import { covers, hostCovers, isSpecial, pathsCover, subjectsCover, subjectText } from './coverage.ts';
import type { Scope } from './scope.ts';
import type { Settings } from './settings.ts';

interface Standing {
  readonly rule: Rule;
  readonly hosts: readonly HostPattern[];
  /** Its turn among the rules that are tried for an app: those of the policy come first. */
  readonly turn: number;
}

/** One entry of what a rule says about paths, or none. */
type Spot = Pick<Rule, 'paths' | 'pathRegexes' | 'resources'>;

/** What the narrow rule keeps for a few, and the wide one, which comes later, gives to others. */
interface Leak {
  readonly narrow: Rule;
  readonly wide: Rule;
  /** As far as the wide rule reaches: its people, the hosts and paths that nothing in between decides. */
  readonly open: Rule;
  readonly fix: 'after it' | 'before that rule';
  readonly canSwap: boolean;
}

/** What is known of the whole policy, so that a thousand apps do not ask again. */
interface Search {
  readonly policy: readonly Standing[];
  readonly deciders: Map<Rule, readonly Standing[]>;
  readonly told: Set<Rule>;
}

/**
 * Rules that keep something for a few people, and a later rule that lets others in to the same: whoever is not meant by
 * the first is not refused but falls through to the second. Compares what can be compared, as `covers` does.
 */
export function checkFallThrough(settings: Settings, scope: Scope): void {
  const policy = settings.rules.map((rule, turn) => ({ rule, hosts: rule.hosts, turn }));
  const search: Search = { policy, deciders: new Map(), told: new Set() };
  reportLeaks(search, policy, [], scope);
  const leaky = policy.filter((s) => isNarrow(s) && !isClosed(search, s));
  for (const app of settings.apps) {
    const hosts = app.urls.map((u) => u.host);
    const plain = app.rules.filter((rule) => !isSpecial(rule));
    const own = plain.map((rule, i) => ({ rule, hosts, turn: policy.length + i }));
    if (own.length > 0) reportLeaks(search, [...leaky, ...own], own, scope);
  }
}

/** `own`: the rules of an app, which are then the ones that can be the wide one; without them those of the policy. */
function reportLeaks(search: Search, rules: readonly Standing[], own: readonly Standing[], scope: Scope): void {
  for (const narrow of rules) {
    if (!isNarrow(narrow) || search.told.has(narrow.rule)) continue;
    for (const wide of own.length > 0 ? own : rules) {
      const leak = wide.turn > narrow.turn ? leakOf(search, narrow, wide, own) : undefined;
      if (leak === undefined) continue;
      search.told.add(narrow.rule);
      scope.add('warning', narrow.rule.place, ...sentences(leak));
      break;
    }
  }
}

function isNarrow({ rule }: Standing): boolean {
  return rule.outcome.kind === 'signed-in' && rule.subjects.length > 0;
}

/** True when the policy decides all that the rule is about for everybody, so that no app's rules get to it. */
function isClosed(search: Search, narrow: Standing): boolean {
  const deciders = decidersOf(search, narrow).filter((d) => d.rule.subjects.length === 0);
  const parts = partsOf({ ...narrow.rule, subjects: [] }, narrow.hosts, narrow.turn);
  return parts.every((part) => deciders.some((d) => reaches(d, part)));
}

function leakOf(search: Search, narrow: Standing, wide: Standing, own: readonly Standing[]): Leak | undefined {
  if (!letsOthersIn(narrow.rule, wide.rule)) return undefined;
  const hosts = meeting(narrow.hosts, wide.hosts);
  if (hosts.length === 0 || isMeant(narrow, wide)) return undefined;
  const region = regionOf(narrow.rule, wide.rule);
  const reached = partsOf(region, hosts, narrow.turn).filter((part) => reaches(wide, part));
  if (reached.length === 0) return undefined;
  const deciding = [...decidersOf(search, narrow), ...own].filter((d) => d.turn < wide.turn && d.rule !== narrow.rule);
  const between = deciding.filter((d) => d.turn > narrow.turn);
  const open = reached.filter(
    (part) =>
      !deciding.some((d) => reaches(d, part) || mayDeny(d, part)) && !between.some((b) => speaksFor(b, part, wide)),
  );
  return open.length === 0 ? undefined : leak(narrow, wide, open, region);
}

function leak(narrow: Standing, wide: Standing, open: readonly Standing[], region: Rule): Leak {
  const isTogether = isApp(narrow) === isApp(wide);
  const hosts = isApp(narrow) ? [] : unique(open.flatMap((o) => o.hosts));
  return {
    narrow: narrow.rule,
    wide: wide.rule,
    open: { ...region, ...joined(open.map((o) => o.rule)), hosts },
    fix: wide.turn === narrow.turn + 1 || !isTogether ? 'after it' : 'before that rule',
    canSwap: isTogether && wide.rule.subjects.length > 0,
  };
}

/** The rules of the policy that by their paths could decide some of what `narrow` is about. */
function decidersOf({ policy, deciders }: Search, narrow: Standing): readonly Standing[] {
  const known = deciders.get(narrow.rule);
  if (known !== undefined) return known;
  const spots = spotsOf(narrow.rule);
  const found = policy.filter(({ rule }) => spots.some((s) => pathsCover(rule, s) || beginsWithin(s, rule)));
  deciders.set(narrow.rule, found);
  return found;
}

/** One entry of its paths at one host each. */
function partsOf(rule: Rule, hosts: readonly HostPattern[], turn: number): Standing[] {
  return hosts.flatMap((host) => spotsOf(rule).map((spot) => ({ rule: { ...rule, ...spot }, hosts: [host], turn })));
}

function letsOthersIn(narrow: Rule, wide: Rule): boolean {
  if (wide.outcome.kind === 'deny') return false;
  const people = wide.subjects.filter((group) => group.every((s) => s.kind !== 'client'));
  if (wide.subjects.length > 0 && people.length === 0) return false;
  return !subjectsCover(narrow.subjects, people);
}

/** An exception from the narrow rule, or one for the same requests, says what it is about: nobody is surprised by it. */
function isMeant(narrow: Standing, wide: Standing): boolean {
  if (!aboutAll(narrow, wide)) return false;
  if (!aboutAll(wide, narrow)) return true;
  const [n, w] = [narrow.rule, wide.rule];
  const isStricter = levelOf(n) === 'two_factor' && levelOf(w) === 'one_factor';
  return !hasConditions(n) || w.subjects.length > 0 || isStricter;
}

function levelOf({ outcome }: Rule): string | undefined {
  return outcome.kind === 'signed-in' ? outcome.level : undefined;
}

function hasConditions(r: Rule): boolean {
  const paths = r.paths.length + r.pathRegexes.length + r.resources.length;
  return paths + r.methods.length + r.networks.length + r.query.length > 0;
}

/** What the narrow rule is about, as far as the wide one may reach, with the people of the wide one. */
function regionOf(narrow: Rule, wide: Rule): Rule {
  const both = narrow.methods.filter((m) => wide.methods.includes(m));
  return {
    ...narrow,
    methods: both.length > 0 ? both : narrow.methods.length > 0 ? narrow.methods : wide.methods,
    networks: narrow.networks.length > 0 ? narrow.networks : wide.networks,
    query: narrow.query.length > 0 ? narrow.query : wide.query,
    subjects: wide.subjects,
  };
}

function reaches(earlier: Standing, later: Standing): boolean {
  return covers(earlier.rule, later.rule, { earlier: earlier.hosts, later: later.hosts });
}

/** `reaches`, whoever asks. */
function aboutAll(earlier: Standing, later: Standing): boolean {
  return reaches({ ...earlier, rule: { ...earlier.rule, subjects: [] } }, later);
}

/** A rule for a few between the two that leaks the same: the warning stands there, since the remedy belongs after it. */
function speaksFor(between: Standing, part: Standing, wide: Standing): boolean {
  const { outcome, subjects } = between.rule;
  if (outcome.kind !== 'signed-in' || subjects.length === 0) return false;
  return letsOthersIn(between.rule, wide.rule) && aboutAll(between, part) && !aboutAll(between, wide);
}

/** An expression and a path cannot be compared; for a rule that denies, a look at what they begin with suffices. */
function mayDeny(deny: Standing, part: Standing): boolean {
  if (deny.rule.outcome.kind !== 'deny' || !beginsWithin(part.rule, deny.rule)) return false;
  return reaches({ ...deny, rule: { ...deny.rule, paths: [], pathRegexes: [], resources: [] } }, part);
}

function beginsWithin(spot: Spot, deny: Spot): boolean {
  const path = spot.paths[0]?.source;
  const expressions = [...deny.pathRegexes, ...deny.resources];
  const isComparable = path !== undefined && !path.includes('*');
  const regex = (spot.pathRegexes[0] ?? spot.resources[0])?.source;
  const head = path?.split('*')[0] ?? literalStart(regex ?? '');
  if (head.length < 2) return false;
  return expressions.some((t) => t.test(head)) || (!isComparable && deny.paths.some((p) => p.test(head)));
}

/** The text that everything matching a tied-down expression begins with, as far as it is plain to see. */
function literalStart(source: string): string {
  const found = /^\^((?:[\w/-]|\\[/.-])*)([?*{|]?)/.exec(source);
  const text = (found?.[1] ?? '').replaceAll('\\', '');
  return found?.[2] === '' ? text : text.slice(0, -1);
}

function spotsOf(rule: Rule): readonly Spot[] {
  const none: Spot = { paths: [], pathRegexes: [], resources: [] };
  const spots = [
    ...rule.paths.map((p) => ({ ...none, paths: [p] })),
    ...rule.pathRegexes.map((r) => ({ ...none, pathRegexes: [r] })),
    ...rule.resources.map((r) => ({ ...none, resources: [r] })),
  ];
  return spots.length === 0 ? [none] : spots;
}

function joined(spots: readonly Spot[]): Spot {
  return {
    paths: unique(spots.flatMap((s) => s.paths)),
    pathRegexes: unique(spots.flatMap((s) => s.pathRegexes)),
    resources: unique(spots.flatMap((s) => s.resources)),
  };
}

/** Where both lists apply: of two patterns the one that lies within the other. */
function meeting(a: readonly HostPattern[], b: readonly HostPattern[]): HostPattern[] {
  const narrower = (x: HostPattern, y: HostPattern) => (hostCovers(y, x) ? [x] : hostCovers(x, y) ? [y] : []);
  return a === b ? [...a] : unique(a.flatMap((x) => b.flatMap((y) => narrower(x, y))));
}

function unique<T>(list: readonly T[]): T[] {
  return [...new Set(list)];
}

function isApp({ rule }: Standing): boolean {
  return rule.hosts.length === 0;
}

function sentences({ narrow, wide, open, fix, canSwap }: Leak): [message: string, hint: string] {
  const by = `${wide.label} (line ${wide.place.line})`;
  const few = people(narrow.subjects);
  const others = `${/\buser:/.test(few) ? 'People other than' : 'People outside'} ${few} are`;
  const who = wide.subjects.length === 0 ? others : `Beside ${few}, ${people(wide.subjects)} is`;
  return [
    `${who} let in${placeOf(open)} by ${by}: a rule that does not match is passed over.`,
    `Add ${denial(open)} ${fix}${canSwap ? ', or put that rule first if it is meant so' : ''}.`,
  ];
}

function people(subjects: Rule['subjects']): string {
  return subjects.map((group) => group.map(subjectText).join(' with ')).join(' or ');
}

function placeOf(open: Rule): string {
  const spots = sources([...open.paths, ...open.pathRegexes, ...open.resources]);
  const places = spots.length > 0 ? spots : open.hosts.map(hostText);
  const to = places.length > 0 ? ` to ${places.join(', ')}` : '';
  return open.methods.length > 0 ? `${to} with ${open.methods.join(', ')}` : to;
}

/** The rule that would refuse them, as it is written; addresses and queries are long, and stand in the rule already. */
function denial(open: Rule): string {
  if (open.networks.length + open.query.length > 0) return 'a rule with the same conditions and deny: everyone';
  const parts: readonly (readonly [string, readonly string[]])[] = [
    ['hosts', open.hosts.filter((h) => h.kind !== 'regex').map(hostText)],
    ['hosts_regex', open.hosts.filter((h) => h.kind === 'regex').map(hostText)],
    ['paths', sources(open.paths)],
    ['paths_regex', sources(open.pathRegexes)],
    ['resources', sources(open.resources)],
    ['methods', open.methods],
  ];
  const written = parts
    .filter(([, list]) => list.length > 0)
    .map(([key, list]) => `${key}: [${list.map(quoted).join(', ')}]`);
  return `{${[...written, 'deny: everyone'].join(', ')}}`;
}

function sources(list: readonly { readonly source: string }[]): string[] {
  return list.map((p) => p.source);
}

function quoted(text: string): string {
  return /^[\w/][\w/.-]*$/.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
}
