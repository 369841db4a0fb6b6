import type { Problem } from '../config/load.ts';
import type { Io } from './command.ts';
import { type Ink, inkFor, printable } from './terminal.ts';

/** One problem as people read it: place, sentence, and below what to do. Line 0 is about the file as a whole. */
export function problemText(p: Problem, ink: Ink): string {
  const isWhole = p.line === 0 || p.file.startsWith('LINTEL_');
  const place = ink.strong(printable(isWhole ? p.file : `${p.file}:${p.line}:${p.column}`));
  const severity = p.severity === 'error' ? ink.bad('error') : ink.care('warning');
  const hint = p.hint === undefined ? '' : `\n  ${ink.quiet(printable(p.hint))}`;
  return `${place} ${severity}\n  ${printable(p.message)}${hint}`;
}

/** "2 errors and 1 warning." */
export function tally(problems: readonly Problem[]): string {
  const errors = problems.filter((p) => p.severity === 'error').length;
  const parts = [plural(errors, 'error'), plural(problems.length - errors, 'warning')].filter(
    (t) => !t.startsWith('0 '),
  );
  return `${parts.join(' and ')}.`;
}

/** Why a configuration is not used: each problem, and a last line that `ending` begins and their number ends. */
export function problemReport(problems: readonly Problem[], io: Io, ending: string): string {
  const ink = inkFor(io);
  return `${problems.map((p) => `${problemText(p, ink)}\n\n`).join('')}${ending}${tally(problems)}\n`;
}

/** "1 app", "2 apps". */
export function plural(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}
