import type { Level } from '../subject.ts';
import type { Network } from '../text/ip.ts';

/** Where a rule stands, so that `explain`, warnings and log lines can point at it. Line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A compiled regular expression in RE2 syntax; matching takes time linear in the text. Arrives as a port. */
export interface Regex {
  readonly source: string;
  test(text: string): boolean;
  /** The values of the named groups `User` and `Group` (any letter case) of the first match; undefined: no match. */
  captures(text: string): { readonly user: string | undefined; readonly group: string | undefined } | undefined;
  /** True when the expression names a group `User` or `Group`, which makes a rule depend on the subject. */
  readonly bindsSubject: boolean;
}

export type HostPattern =
  | { readonly kind: 'exact'; readonly host: string }
  /** `*.x`: any depth below x, not x itself. `suffix` is ".x". */
  | { readonly kind: 'wildcard'; readonly suffix: string }
  /** `{user}.x` and `{group}.x`: the part before `suffix` must be the user's name or one of the groups. */
  | { readonly kind: 'user'; readonly suffix: string }
  | { readonly kind: 'group'; readonly suffix: string }
  | { readonly kind: 'regex'; readonly regex: Regex };

/** A path prefix on segment boundaries, or a glob (`*` within a segment, `**` across). Case-sensitive. */
export interface PathPattern {
  readonly source: string;
  test(path: string): boolean;
}

export type QueryCondition =
  | { readonly operator: 'present' | 'absent'; readonly key: string }
  | { readonly operator: 'equal' | 'not equal'; readonly key: string; readonly value: string }
  | { readonly operator: 'pattern' | 'not pattern'; readonly key: string; readonly regex: Regex };

export type SubjectPattern =
  | { readonly kind: 'user'; readonly name: string }
  | { readonly kind: 'group'; readonly name: string }
  /** A binding with `negate` (contract authentik.md §9): everybody signed in whom the other does not mean. */
  | { readonly kind: 'not'; readonly of: Exclude<SubjectPattern, { readonly kind: 'not' }> }
  /** `oauth2:client:ID`: matches no person. */
  | { readonly kind: 'client'; readonly id: string };

export type Outcome =
  /** allow: everyone (Authelia's bypass) */
  | { readonly kind: 'everyone' }
  /** allow: signed_in, or the subjects of the rule, at a level */
  | { readonly kind: 'signed-in'; readonly level: Level }
  | { readonly kind: 'deny' };

/** The conditions of a rule that does not restrict. */
export const NO_CONDITIONS = {
  hosts: [],
  methods: [],
  networks: [],
  paths: [],
  pathRegexes: [],
  resources: [],
  query: [],
  subjects: [],
} as const satisfies Partial<Rule>;

/** One access rule. An empty list of a kind of condition does not restrict; within a list any entry suffices. */
export interface Rule {
  readonly place: Place;
  /** "policy rule 3", "app grafana, rule 1": how people are told about it. */
  readonly label: string;
  readonly hosts: readonly HostPattern[];
  readonly methods: readonly string[];
  readonly networks: readonly Network[];
  readonly paths: readonly PathPattern[];
  /** Against the canonical path alone. */
  readonly pathRegexes: readonly Regex[];
  /** Authelia's `resources`: against path + "?" + raw query. */
  readonly resources: readonly Regex[];
  /** Against the whole canonical URL, with scheme, host, port where one was written, path and query. */
  readonly urlRegexes?: readonly Regex[];
  /** True: only for a CORS preflight (Fetch Standard §4.8). */
  readonly preflight?: boolean;
  /** Outer list OR, inner AND. */
  readonly query: readonly (readonly QueryCondition[])[];
  /** Outer list OR, inner AND; empty: anybody. */
  readonly subjects: readonly (readonly SubjectPattern[])[];
  readonly outcome: Outcome;
}
