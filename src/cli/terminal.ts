/**
 * How Lintel speaks in a terminal. Answers go to standard output, progress and problems to standard error. The accent
 * colour marks what to type next, quiet ink the rest; tables are aligned by spaces; one blank line stands between
 * blocks; no box drawing, no emoji. Sentences end with a full stop, lines of a table do not.
 */
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Io } from './command.ts';

export interface Ink {
  /** What to type next, and the names that matter. */
  accent(text: string): string;
  quiet(text: string): string;
  strong(text: string): string;
  good(text: string): string;
  care(text: string): string;
  bad(text: string): string;
}

const PLAIN: Ink = { accent: same, quiet: same, strong: same, good: same, care: same, bad: same };
const COLOURED: Ink = {
  accent: styled('cyan'),
  quiet: styled('dim'),
  strong: styled('bold'),
  good: styled('green'),
  care: styled('yellow'),
  bad: styled('red'),
};

/** Colours, or none where the output is no terminal, NO_COLOR is set, or a machine reads it. */
export function inkFor(io: Io): Ink {
  return io.colour ? COLOURED : PLAIN;
}

function same(text: string): string {
  return text;
}

function styled(format: 'cyan' | 'dim' | 'bold' | 'green' | 'yellow' | 'red'): (text: string) => string {
  return (text) => styleText(format, text, { validateStream: false });
}

/** Rows as aligned columns, two spaces apart, each line after `indent` spaces. The last column is never padded. */
export function columns(rows: readonly (readonly string[])[], indent = 2): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, width(cell));
  }
  return rows.map((row) => `${' '.repeat(indent)}${line(row, widths)}\n`).join('');
}

function line(row: readonly string[], widths: readonly number[]): string {
  const last = row.length - 1;
  return row
    .map((cell, i) => (i === last ? cell : cell + ' '.repeat((widths[i] ?? 0) - width(cell))))
    .join('  ')
    .trimEnd();
}

function width(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

const ACTED_ON = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text from outside, with every character that a terminal would act on written as an escape. */
export function printable(text: string): string {
  return text.replace(ACTED_ON, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** JSON for machines, several lines of it: the same value, and nothing in it that a terminal would act on. */
export function printableJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2).split('\n').map(printable).join('\n')}\n`;
}

/** A command of this program to type next, as it was called itself and with what names the files: it can be pasted. */
export function toType(io: Io, words: string, option?: 'config' | 'file', files: readonly string[] = []): string {
  const named = files.map((file) => ` --${option ?? 'config'} ${quotedForShell(file)}`).join('');
  return printable(`${io.env.INVOKED_LINTEL_AS ?? 'lintel'} ${words}${named}`);
}

const NO_FILES = /^(?:demo|config schema|users hash)\b|^-|--(?:config|file|help|version)\b/;

/**
 * Sentences in which each command of this program that stands in double quotes can be pasted: it is spelt as the program was
 * called, and names the files that `args` name, where it takes any and names none.
 */
export function pasteable(text: string, io: Io, args: readonly string[]): string {
  return text.replace(/"lintel ([^"\n]+)"/g, (_, words: string) => {
    const naming = NO_FILES.test(words) ? [] : namedFiles(args);
    return `"${[toType(io, words), ...naming].join(' ')}"`;
  });
}

/** The options of a command line that name files, ready to be typed again. */
function namedFiles(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => {
    const [, option = '', joined] = /^(--config|--file)(?:=(.*))?$/s.exec(arg) ?? [];
    const file = joined ?? args[i + 1];
    return option === '' || file === undefined ? [] : [printable(`${option} ${quotedForShell(file)}`)];
  });
}

function quotedForShell(word: string): string {
  return /^[\w./@:+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** ISO 8601 in UTC, as the log writes times. */
export function stamp(ms: number): string {
  return new Date(ms).toISOString();
}

/** "2026-11-27 19:04Z": a time in a table. */
export function minute(ms: number): string {
  return `${stamp(ms).slice(0, 16).replace('T', ' ')}Z`;
}

/** Says on standard error what is being waited for, once it has taken a second. */
export async function patiently<T>(io: Io, doing: string, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => io.err(`${doing}…\n`), 1000);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/** The real terminal. A reader that goes away (`lintel … | head`) ends the program quietly. */
export function processIo(): Io {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
  const { env } = process;
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    env,
    terminal: process.stdout.isTTY === true,
    colour: process.stdout.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb',
    async stdin() {
      let text = '';
      process.stdin.setEncoding('utf8');
      for await (const chunk of process.stdin) text += chunk;
      return text;
    },
  };
}
