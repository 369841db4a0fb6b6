/**
 * A transcript is what somebody would see in a terminal, as a text file:
 *
 *   Prose: what this is about.
 *
 *   $ lintel explain --config lintel.yml --anonymous --url https://wiki.example.com/
 *   standard output, line by line
 *   ! a line of standard error
 *   [exit 1]
 *
 *   # Prose again, about the next command.
 *
 *   -- lintel.yml --
 *   files that the commands find in their directory
 *
 * No [exit N] line means 0. Blank lines at the end of an output do not count. Files come last.
 */
export interface Transcript {
  readonly prose: string;
  readonly runs: readonly Run[];
  readonly files: ReadonlyMap<string, string>;
}

export interface Run {
  readonly command: string;
  readonly expected: string;
  /** Prose between this command and the next. */
  readonly after: string;
}

export interface Seen {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

export function parseTranscript(text: string): Transcript {
  const [head = '', ...sections] = text.split(/^-- (\S+) --\n/m);
  const files = new Map<string, string>();
  for (let i = 0; i + 1 < sections.length; i += 2) files.set(sections[i] ?? '', sections[i + 1] ?? '');
  const [prose = '', ...runs] = head.split(/^\$ /m);
  return {
    prose,
    files,
    runs: runs.map((run) => {
      const end = run.indexOf('\n');
      const prose = run.search(/^# /m);
      const [output, after] = prose < 0 ? [run, ''] : [run.slice(0, prose), run.slice(prose)];
      return { command: run.slice(0, end), expected: output.slice(end + 1).trimEnd(), after };
    }),
  };
}

/** The transcript with these outputs in place of the expected ones. */
export function writeTranscript(t: Transcript, outputs: readonly string[]): string {
  const runs = t.runs.map((run, i) => `$ ${run.command}\n${outputs[i]}\n\n${run.after}`);
  const files = [...t.files].map(([name, text]) => `-- ${name} --\n${text}`);
  return `${t.prose}${runs.join('')}${files.join('')}`;
}

/** Output as a transcript shows it; `directory` is where the commands ran. */
export function shown(seen: Seen, directory: string): string {
  const errors = seen.err.split('\n').filter((line) => line !== '');
  const lines = [seen.out.trimEnd(), ...errors.map((line) => `! ${line}`)].filter((part) => part !== '');
  if (seen.code !== 0) lines.push(`[exit ${seen.code}]`);
  return lines.join('\n').replaceAll(directory, 'DIR');
}

/** Words of a command line: blanks part them, single or double quotes keep them together. */
export function words(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3] ?? '');
}
