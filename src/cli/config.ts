import { parseArgs } from 'node:util';
import { type Loaded, loadConfig } from '../config/load.ts';
import { effective, type PrintedLine, printJson, printLines } from '../config/print.ts';
import { SCHEMA_TEXT } from '../config/schema-json.ts';
import type { Settings } from '../config/settings.ts';
import { oneOf, suggest } from '../config/suggest.ts';
import type { Command, Io } from './command.ts';
import { plural, problemReport, problemText, tally } from './problems.ts';
import { keptOut, lacking, userFileProblems } from './readiness.ts';
import { type Ink, inkFor, pasteable, patiently, printable, toType } from './terminal.ts';

const HELP = `lintel config check|print --config FILE … [--json]
lintel config schema

  check    tells everything that is wrong or doubtful, with line and column; the user file is read too
  print    shows what is in force, and where each value comes from; secrets are masked
  schema   writes the JSON Schema, for editors

  --config FILE   lintel.yml; may be given more than once, later files win
  --strict        check: a warning counts, the exit code is 1
  --json          for machines

Example
  lintel config check --config /etc/lintel/lintel.yml
  lintel config schema > lintel.schema.json
`;

const SUBCOMMANDS = ['check', 'print', 'schema'];

export const config: Command = {
  name: 'config',
  summary: 'checks and shows the configuration, and its schema',
  help: HELP,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string', multiple: true },
        json: { type: 'boolean' },
        strict: { type: 'boolean' },
      },
    });
    const [subcommand, ...extra] = positionals;
    if (subcommand === 'schema' && extra.length === 0) return schema(io);
    const files = values.config ?? [];
    const wrong = usage(subcommand, extra, files);
    if (wrong !== undefined) {
      io.err(`lintel config: ${wrong} Run "lintel config --help" for what it takes.\n`);
      return 2;
    }
    const loaded = await loadConfig(files, io.env);
    const json = values.json ?? false;
    return subcommand === 'print'
      ? print(files, loaded, json, io)
      : check(
          args,
          await patiently(io, 'Checking', completed(loaded, files)),
          { files, json, strict: values.strict ?? false },
          io,
        );
  },
};

function usage(subcommand: string | undefined, extra: readonly string[], files: readonly string[]): string | undefined {
  if (subcommand === undefined) return `say ${oneOf(SUBCOMMANDS)}.`;
  if (!SUBCOMMANDS.includes(subcommand)) {
    const near = suggest(subcommand, SUBCOMMANDS);
    return `there is no "${printable(subcommand)}".${near === undefined ? '' : ` Did you mean ${near}?`}`;
  }
  if (extra.length > 0) return `"${printable(extra[0] ?? '')}" is one word too many; files go behind --config.`;
  return files.length === 0 ? 'name a file with --config.' : undefined;
}

function schema(io: Io): number {
  io.out(`${JSON.stringify(JSON.parse(SCHEMA_TEXT), null, 2)}\n`);
  return 0;
}

/** With what is missing for it to be of use, and the problems of the user file. */
async function completed(loaded: Loaded, files: readonly string[]): Promise<Loaded> {
  if (!loaded.ok) return loaded;
  const { settings, warnings } = loaded;
  const problems = [...warnings, ...lacking(settings, files[0] ?? ''), ...(await userFileProblems(settings))];
  return problems.some((p) => p.severity === 'error') ? { ok: false, problems } : { ...loaded, warnings: problems };
}

interface Checking {
  readonly files: readonly string[];
  readonly json: boolean;
  readonly strict: boolean;
}

function check(args: readonly string[], loaded: Loaded, { files, json, strict }: Checking, io: Io): number {
  const problems = loaded.ok ? loaded.warnings : loaded.problems;
  if (json) io.out(`${JSON.stringify({ ok: loaded.ok, problems }, null, 2)}\n`);
  else {
    const ink = inkFor(io);
    io.out(pasteable(problems.map((p) => `${problemText(p, ink)}\n\n`).join(''), io, args));
    io.out(loaded.ok ? verdict(files, loaded.settings, problems.length, io) : `${tally(problems)}\n`);
  }
  if (!loaded.ok) return 2;
  return strict && problems.length > 0 ? 1 : 0;
}

function verdict(files: readonly string[], settings: Settings, warnings: number, io: Io): string {
  const ink = inkFor(io);
  const rules = settings.rules.length + settings.apps.reduce((sum, a) => sum + a.rules.length, 0);
  const what = `${plural(settings.apps.length, 'app')}, ${plural(rules, 'rule')}`;
  const out = keptOut(settings);
  const word = out === undefined ? ink.good('Good') : ink.care(out);
  const good = `${word}: ${what}${warnings > 0 ? `, ${plural(warnings, 'warning')}` : ''}.`;
  const next = toType(io, 'serve', 'config', files);
  return `${good}\nRun it with ${ink.accent(next)}\n`;
}

function print(files: readonly string[], loaded: Loaded, json: boolean, io: Io): number {
  const ink = inkFor(io);
  const tree = loaded.ok ? effective(files, io.env) : undefined;
  if (!loaded.ok || tree === undefined) {
    const problems = loaded.ok ? [] : loaded.problems;
    io.err(problemReport(problems, io, 'The configuration is not in force: '));
    return 2;
  }
  if (json) io.out(`${JSON.stringify(printJson(tree), null, 2)}\n`);
  else io.out(yamlText(printLines(tree), ink));
  return 0;
}

/** Comments start in one column where the line leaves room for it. */
const COMMENT_COLUMN = 64;

function yamlText(lines: readonly PrintedLine[], ink: Ink): string {
  const widths = lines
    .flatMap((l) => (l.origin === undefined ? [] : [l.text.length]))
    .filter((w) => w < COMMENT_COLUMN);
  const column = Math.max(0, ...widths);
  return lines.map((l) => `${lineText(l, column, ink)}\n`).join('');
}

function lineText({ text, origin }: PrintedLine, column: number, ink: Ink): string {
  if (origin === undefined) return printable(text);
  return `${printable(text).padEnd(column)}  ${ink.quiet(`# ${printable(origin)}`)}`;
}
