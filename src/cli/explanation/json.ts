import type { Decision } from '../../core/decision.ts';
import type { Explanation, Step } from '../../core/policy/explain.ts';
import type { Subject } from '../../core/subject.ts';
import { describeClient, known, type Target, targetUrl } from '../../core/target.ts';
import { destination } from './destination.ts';
import { asText } from './text.ts';
import { because, concluded, errorId, saidBy } from './words.ts';

/** The same as the text, for machines. Keys are stable; new ones may be added. */
export function explanationJson(
  target: Target,
  subject: Subject,
  e: Explanation,
  location: string | undefined,
): object {
  return {
    url: targetUrl(target),
    method: known(target.method) ? target.method : null,
    client: known(target.client) ? describeClient(target.client) : null,
    subject: subjectJson(subject),
    app: e.place === undefined ? null : { name: e.place.app.app.name, origin: e.place.origin },
    readings: e.readings.map((r) => ({
      path: r.path,
      rules: r.steps.map((step) => stepJson(step, subject)),
      decision: decisionJson(r.decision),
    })),
    decision: decisionJson(e.decision),
    ...(e.decision.kind === 'fault' ? { detail: e.decision.fault.detail } : {}),
    location: location ?? null,
    goesTo: destination(target, e) ?? null,
    headers: headersJson(e.headers),
  };
}

function subjectJson(subject: Subject): object {
  if (subject.kind !== 'user') return { kind: subject.kind };
  const { name, groups } = subject.user;
  return { kind: 'user', user: name, groups, level: subject.level };
}

function stepJson(step: Step, subject: Subject): object {
  const { label, place } = step.rule;
  return {
    rule: label,
    file: place.file,
    line: place.line,
    column: place.column,
    says: saidBy(step.rule),
    result: step.kind,
    why: because(step, subject),
  };
}

export function decisionJson(decision: Decision): object {
  const id = errorId(decision);
  return { kind: decision.kind, ...(id === undefined ? {} : { id }), says: concluded(decision) };
}

function headersJson(flat: readonly string[]): object {
  const out: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) out[flat[i] ?? ''] = asText(flat[i + 1] ?? '');
  return out;
}
