import type { Decision } from '../decision.ts';
import type { Routing } from '../expression.ts';
import type { Fault } from '../fault.ts';
import { err, ok, type Result } from '../result.ts';
import { routingFor } from '../routing.ts';
import { type Subject, whoIs } from '../subject.ts';
import type { Target } from '../target.ts';
import { type AppPlace, type Policy, placeOf } from './compile.ts';
import { candidatesFor, decide } from './decide.ts';
import { type CompiledRule, matchConditions, matchUser, type Reading } from './match.ts';
import type { Rule } from './rule.ts';

/** What became of one rule for one reading of the path. */
export type Step =
  | { readonly rule: Rule; readonly kind: 'decides' }
  /** A condition failed: which one. */
  | { readonly rule: Rule; readonly kind: 'condition'; readonly failed: string }
  /** It is for other people. */
  | { readonly rule: Rule; readonly kind: 'subject' }
  /** It tests a fact that is not known. */
  | { readonly rule: Rule; readonly kind: 'unknown'; readonly missing: string }
  | { readonly rule: Rule; readonly kind: 'not-reached' };

export interface ExplainedReading {
  readonly path: string;
  readonly steps: readonly Step[];
  readonly decision: Decision;
}

export interface Explanation {
  readonly place: AppPlace | undefined;
  readonly readings: readonly ExplainedReading[];
  /** The strictest of the readings' decisions, or the fault of choosing a backend: what a request would get. */
  readonly decision: Decision;
  /** What the app chooses for this person who may open it; undefined: nothing. */
  readonly routing: Routing | undefined;
  /** Identity headers that the app would get on an allow, flat. */
  readonly headers: readonly string[];
}

/**
 * Every rule considered, in order, and why it matched or not. The decision itself comes from `decide`, the same
 * function that requests run, so the explanation cannot drift from the truth.
 */
export function explain(policy: Policy, target: Target, subject: Subject, now: number): Result<Explanation, Fault> {
  const candidates = candidatesFor(policy, target);
  if (!candidates.ok) return err(candidates.error);
  const c = candidates.value;
  const place = placeOf(policy, target);
  const rules = [...policy.lookup(target.host).rules, ...(place?.app.rules ?? [])];
  const readings = c.readings.map((reading) => ({
    path: typeof reading.path === 'string' ? reading.path : reading.path.missing,
    steps: steps(rules, target, reading.path, subject),
    decision: decide({ ...c, readings: [reading] }, subject),
  }));
  const decision = routed(decide(c, subject), place, target);
  const routing = decision.kind === 'allow' ? whoIs(decision.subject)?.routing : undefined;
  return ok({ place, readings, decision, routing, headers: headersFor(decision, place?.app ?? policy, now) });
}

/** An allow as it would be with what the app chooses when this person signs in now, or why nothing can be chosen. */
function routed(decision: Decision, place: AppPlace | undefined, target: Target): Decision {
  if (decision.kind !== 'allow' || decision.subject.kind !== 'user' || place === undefined) return decision;
  const { subject } = decision;
  const routing = routingFor(place.app.app, subject.user, { host: target.host, path: target.path.received });
  if (!routing.ok) return { kind: 'fault', fault: routing.error };
  return { ...decision, subject: { ...subject, routing: routing.value } };
}

function headersFor(decision: Decision, at: Pick<Policy, 'tell'>, now: number): readonly string[] {
  if (decision.kind !== 'allow') return [];
  const { identity, authorization } = at.tell.remote.to(whoIs(decision.subject), now);
  // A password stands in it; an explanation is pasted into issues.
  const masked = authorization?.replace(/\s.*$/s, ' ********');
  return masked === undefined ? identity : [...identity, 'Authorization', masked];
}

function steps(rules: readonly CompiledRule[], target: Target, path: Reading, subject: Subject): Step[] {
  let decided = false;
  return rules.map((rule) => {
    const step: Step = decided ? { rule: rule.rule, kind: 'not-reached' } : stepOf(rule, target, path, subject);
    decided ||= step.kind === 'decides' || step.kind === 'unknown';
    return step;
  });
}

function stepOf(rule: CompiledRule, target: Target, path: Reading, subject: Subject): Step {
  const failed = rule.conditions.find((c) => c.test(target, path) === 'no');
  if (failed !== undefined) return { rule: rule.rule, kind: 'condition', failed: failed.name };
  if (subject.kind === 'user' && !matchUser(rule, target, path, subject.user))
    return { rule: rule.rule, kind: 'subject' };
  const match = matchConditions(rule, target, path);
  if (match === 'yes' || match === 'no') return { rule: rule.rule, kind: 'decides' };
  return { rule: rule.rule, kind: 'unknown', missing: match.missing };
}
