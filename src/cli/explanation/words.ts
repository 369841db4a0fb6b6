import { subjectText } from '../../config/coverage.ts';
import type { Challenge, Decision, DenyReason } from '../../core/decision.ts';
import { FAULTS } from '../../core/fault.ts';
import type { Step } from '../../core/policy/explain.ts';
import type { Rule } from '../../core/policy/rule.ts';
import type { Subject } from '../../core/subject.ts';

/** What a rule says, in the words of the configuration. */
export function saidBy(rule: Rule): string {
  const whom = rule.subjects.map((all) => all.map(subjectText).join(' and ')).join(', or ');
  switch (rule.outcome.kind) {
    case 'everyone':
      return 'allow everyone';
    case 'signed-in':
      return `allow ${whom || 'signed_in'}${rule.outcome.level === 'two_factor' ? ' at two_factor' : ''}`;
    case 'deny':
      return `deny ${whom || 'everyone'}`;
    default:
      return rule.outcome satisfies never;
  }
}

/** Why a rule mattered, or did not. */
export function because(step: Step, subject: Subject): string {
  switch (step.kind) {
    case 'decides':
      return subject.kind === 'user' || step.rule.subjects.length === 0
        ? 'it matches'
        : 'it matches: nobody is signed in yet, and somebody could be meant';
    case 'condition':
      return `its ${step.failed} do not match`.replace('query do not', 'query does not');
    case 'subject':
      return 'it is for other people';
    case 'unknown':
      return `it depends on ${step.missing}, which is not known`;
    case 'not-reached':
      return 'decided before';
    default:
      return step satisfies never;
  }
}

/** The decision in one sentence. */
export function concluded(decision: Decision): string {
  switch (decision.kind) {
    case 'allow':
      return decision.subject.kind === 'user'
        ? `The app opens, and hears that this is ${decision.subject.user.name}.`
        : 'The app opens, and hears that this is nobody.';
    case 'challenge':
      return asked(decision.how);
    case 'deny':
      return refused(decision.reason);
    case 'fault':
      return `${FAULTS[decision.fault.id].says} ${FAULTS[decision.fault.id].fix}`;
    default:
      return decision satisfies never;
  }
}

function asked(how: Challenge): string {
  switch (how.kind) {
    case 'sign-in':
      return how.level === 'two_factor' ? 'They sign in first, with a second factor.' : 'They sign in first.';
    case 'step-up':
      return 'They are signed in, but the rule asks for a second factor.';
    case 'credentials':
      return 'They are asked for a name and a password.';
    default:
      return how satisfies never;
  }
}

function refused(reason: DenyReason): string {
  switch (reason.kind) {
    case 'rule':
      return 'The rule says no.';
    case 'default':
      return 'No rule says yes.';
    case 'unknown-fact':
      return `A rule needs ${reason.header}, and what is not known is never assumed.`;
    default:
      return reason satisfies never;
  }
}

/** The error id that page, log and answer carry; undefined where nothing is wrong. */
export function errorId(decision: Decision): string | undefined {
  switch (decision.kind) {
    case 'allow':
      return undefined;
    case 'challenge':
      return 'SIGN-IN-NEEDED';
    case 'deny':
      return decision.reason.kind === 'unknown-fact' ? 'FACT-UNKNOWN' : 'ACCESS-DENIED';
    case 'fault':
      return decision.fault.id;
    default:
      return decision satisfies never;
  }
}
