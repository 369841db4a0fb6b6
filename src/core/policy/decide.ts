import type { Decision, DenyReason, Ground } from '../decision.ts';
import { type Fault, fault } from '../fault.ts';
import { err, ok, type Result } from '../result.ts';
import { type Level, meets, type Subject } from '../subject.ts';
import { effectivePort, isSecure, type Target, targetOrigin, type Unknown } from '../target.ts';
import { type AppPlace, appAt, type CookieDomain, type Policy } from './compile.ts';
import { type CompiledRule, matchConditions, matchUser, type Reading } from './match.ts';
import type { Outcome } from './rule.ts';

/** A rule whose conditions hold for one reading, or might: `unknown` names the fact that the proxy did not send. */
export interface Candidate {
  readonly rule: CompiledRule;
  readonly unknown: Unknown | undefined;
}

/** What is left to decide once the target is known: for each reading of the path the rules that remain, in order. */
export interface Candidates {
  readonly target: Target;
  readonly place: AppPlace | undefined;
  readonly domain: CookieDomain | undefined;
  /** Where the target lives: origin to return to and to bind cookies to. */
  readonly origin: string;
  readonly readings: readonly { readonly path: Reading; readonly rules: readonly Candidate[] }[];
  readonly fallback: Fallback;
}

interface Fallback {
  readonly outcome: Outcome;
  readonly reason: DenyReason;
}

const DENY: Outcome = { kind: 'deny' };
const NO_MATCH: DenyReason = { kind: 'default' };
const BY_RULE: DenyReason = { kind: 'rule' };

/**
 * Finds app and remaining rules, or says why the target is not served at all. A host must lie in a cookie domain or
 * be named by an app (without `domains:`, by a rule); plain http only where an app is declared so.
 */
export function candidatesFor(policy: Policy, target: Target): Result<Candidates, Fault> {
  const entry = policy.lookup(target.host);
  const place = appAt(entry, target);
  if (place === undefined && entry.apps.length > 0) {
    return err(fault('HOST-UNKNOWN', `no app of host ${target.host} has port ${effectivePort(target)}`));
  }
  const named = place !== undefined || entry.domain !== undefined;
  if (!named && (policy.source.domains.length > 0 || entry.rules.length === 0)) {
    return err(fault('HOST-UNKNOWN', `no app or domain covers host ${target.host}`));
  }
  if (!isSecure(target.scheme) && (place === undefined || place.secure)) {
    return err(fault('TARGET-SCHEME', `${target.scheme}://${target.host} is declared https`));
  }
  const ownRules = place?.app.rules ?? [];
  const rules = ownRules.length === 0 ? entry.rules : [...entry.rules, ...ownRules];
  const readings = pathsOf(target).map((path) => ({ path, rules: remaining(rules, target, path) }));
  const fallback = { outcome: ownRules.length > 0 ? DENY : policy.source.defaultOutcome, reason: NO_MATCH };
  const origin = place?.origin ?? targetOrigin(target);
  return ok({ target, place, domain: entry.domain, origin, readings, fallback });
}

function pathsOf({ path, destination }: Target): readonly Reading[] {
  if (destination === undefined) return path.readings;
  return [...path.readings, ...('missing' in destination ? [destination] : destination.readings)];
}

/** Drops the rules whose conditions fail; nothing after a rule that decides for everybody can matter. */
function remaining(rules: readonly CompiledRule[], target: Target, path: Reading): Candidate[] {
  const out: Candidate[] = [];
  for (const rule of rules) {
    const match = matchConditions(rule, target, path);
    if (match === 'no') continue;
    out.push({ rule, unknown: match === 'yes' ? undefined : match });
    if (match === 'yes' && !rule.namesSubject) break;
  }
  return out;
}

/** The decision for a subject: each reading of the path is judged and the strictest stands. Pure. */
export function decide(candidates: Candidates, subject: Subject): Decision {
  let strictest: Decision | undefined;
  for (const reading of candidates.readings) {
    const decision = decideReading(candidates, reading, subject);
    if (strictest === undefined || strictness(decision) > strictness(strictest)) strictest = decision;
  }
  return strictest ?? { kind: 'fault', fault: fault('INTERNAL', 'a path without a reading') };
}

function strictness(d: Decision): number {
  switch (d.kind) {
    case 'allow':
      return 0;
    case 'challenge':
      return d.how.kind === 'sign-in' && d.how.level === 'one_factor' ? 1 : 2;
    case 'deny':
      return 3;
    case 'fault':
      return 4;
    default:
      return d satisfies never;
  }
}

function decideReading(c: Candidates, reading: Candidates['readings'][number], subject: Subject): Decision {
  for (const { rule, unknown } of reading.rules) {
    if (subject.kind === 'user' && !matchUser(rule, c.target, reading.path, subject.user)) continue;
    const ground: Ground = { rule: rule.rule, app: c.place?.app.app };
    if (subject.kind === 'unavailable' && rule.dependsOnSubject) return unavailable(subject.what);
    if (unknown !== undefined) {
      return { kind: 'deny', reason: { kind: 'unknown-fact', header: unknown.missing }, subject, ground };
    }
    return conclude(rule.rule.outcome, subject, ground, rule.namesSubject, BY_RULE);
  }
  const { outcome, reason } = c.fallback;
  if (subject.kind === 'unavailable' && outcome.kind === 'signed-in') return unavailable(subject.what);
  return conclude(outcome, subject, { rule: undefined, app: c.place?.app.app }, false, reason);
}

function conclude(
  outcome: Outcome,
  subject: Subject,
  ground: Ground,
  namesSubject: boolean,
  reason: DenyReason,
): Decision {
  const known = subject.kind === 'user' ? subject : undefined;
  switch (outcome.kind) {
    case 'everyone':
      if (known === undefined && namesSubject) return signIn('one_factor', ground);
      return { kind: 'allow', subject: known ?? { kind: 'anonymous' }, ground };
    case 'signed-in':
      if (known === undefined) return signIn(outcome.level, ground);
      if (meets(known.level, outcome.level)) return { kind: 'allow', subject: known, ground };
      return { kind: 'challenge', how: { kind: 'step-up' }, ground };
    case 'deny':
      // A rule for somebody in particular: who is asking might not be meant, so they sign in first.
      if (known === undefined && namesSubject) return signIn('one_factor', ground);
      return { kind: 'deny', reason, subject, ground };
    default:
      return outcome satisfies never;
  }
}

function signIn(level: Level, ground: Ground): Decision {
  return { kind: 'challenge', how: { kind: 'sign-in', level }, ground };
}

function unavailable(what: 'store' | 'source'): Decision {
  const id = what === 'store' ? 'STORE-UNAVAILABLE' : 'SOURCE-UNAVAILABLE';
  return { kind: 'fault', fault: fault(id, `the ${what} could not be read`) };
}
