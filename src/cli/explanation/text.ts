import { relative } from 'node:path';
import type { Decision } from '../../core/decision.ts';
import type { Fault } from '../../core/fault.ts';
import type { ExplainedReading, Explanation, Step } from '../../core/policy/explain.ts';
import type { Place } from '../../core/policy/rule.ts';
import type { Subject } from '../../core/subject.ts';
import { describeClient, known, type Target, targetUrl } from '../../core/target.ts';
import { columns, type Ink, printable } from '../terminal.ts';
import { destination } from './destination.ts';
import { because, concluded, errorId, saidBy } from './words.ts';

/** The question as it was understood: facts that decide, one to a line. */
export function questionText(target: Target, subject: Subject, ink: Ink): string {
  const who = subject.kind === 'user' ? `${subject.user.name}, ${subject.level}` : 'nobody signed in';
  const groups = subject.kind === 'user' ? subject.user.groups : [];
  const rows = [
    ['who', printable(groups.length > 0 ? `${who}, in ${groups.join(', ')}` : who)],
    ['asks', printable(`${known(target.method) ? target.method : '?'} ${targetUrl(target)}`)],
    ['from', known(target.client) ? describeClient(target.client) : 'an address not given (--ip)'],
  ];
  return columns(rows.map(([name = '', value = '']) => [ink.quiet(name), value]));
}

/** The answer: app, every rule for every reading, decision, where it goes, headers. */
export function explanationText(
  target: Target,
  subject: Subject,
  e: Explanation,
  location: string | undefined,
  ink: Ink,
): string {
  const to = destination(target, e);
  const app =
    e.place === undefined ? 'none; only policy.rules are asked' : `${e.place.app.app.name}, at ${e.place.origin}`;
  const several = e.readings.length > 1;
  const blocks = [
    columns([[ink.quiet('app '), app]]),
    ...(several
      ? [`An app may read this path in ${e.readings.length} ways. Each is judged; the strictest decision stands.\n`]
      : []),
    ...e.readings.map((reading) => readingText(reading, subject, several, ink)),
    verdict(e.decision, ink),
    ...(to === undefined ? [] : [`It goes to ${printable(to.backend)}, as Host ${printable(to.host)}.\n`]),
    ...(e.decision.kind === 'allow' ? [headersText(e.headers, ink)] : []),
    ...(location === undefined ? [] : [`A browser is sent to\n${columns([[printable(location)]])}`]),
  ];
  return blocks.join('\n');
}

function readingText(reading: ExplainedReading, subject: Subject, several: boolean, ink: Ink): string {
  const title = several ? `Read as ${ink.accent(printable(reading.path))}\n` : '';
  const rows = reading.steps.map((step) => [
    ink.quiet(at(step.rule.place)),
    step.rule.label,
    saidBy(step.rule),
    mark(step, because(step, subject), ink),
  ]);
  const rules = rows.length === 0 ? `  ${ink.quiet('No rule is about this host.')}\n` : columns(rows);
  return `${title}${rules}${several ? columns([[decisionWord(reading.decision, ink), concluded(reading.decision)]]) : ''}`;
}

function mark(step: Step, why: string, ink: Ink): string {
  if (step.kind === 'decides') return ink.strong(why);
  return step.kind === 'unknown' ? ink.care(why) : ink.quiet(why);
}

function at({ file, line }: Place): string {
  const near = relative(process.cwd(), file);
  return `${near.startsWith('..') ? file : near}:${line}`;
}

function verdict(decision: Decision, ink: Ink): string {
  const id = errorId(decision);
  const said = `${decisionWord(decision, ink)}  ${concluded(decision)}${id === undefined ? '' : ` ${ink.quiet(`(${id})`)}`}\n`;
  return decision.kind === 'fault' ? `${said}${columns([[printable(decision.fault.detail)]])}` : said;
}

/** A request that no rule is asked about: malformed, or for a host that nobody names. */
export function faultText(fault: Fault, ink: Ink): string {
  return verdict({ kind: 'fault', fault }, ink);
}

function decisionWord(decision: Decision, ink: Ink): string {
  switch (decision.kind) {
    case 'allow':
      return ink.good('allow');
    case 'challenge':
      return ink.care('challenge');
    case 'deny':
      return ink.bad('deny');
    case 'fault':
      return ink.bad('fault');
    default:
      return decision satisfies never;
  }
}

function headersText(flat: readonly string[], ink: Ink): string {
  const rows: string[][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const value = asText(flat[i + 1] ?? '');
    rows.push([flat[i] ?? '', value === '' ? ink.quiet('empty') : printable(value)]);
  }
  return `The app gets\n${columns(rows)}`;
}

/** Header values are written as UTF-8, one character for each byte. */
export function asText(value: string): string {
  return Buffer.from(value, 'latin1').toString('utf8');
}
