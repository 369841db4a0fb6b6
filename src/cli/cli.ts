import { suggest } from '../config/suggest.ts';
import { VERSION } from '../ops/version.ts';
import type { Command, Io } from './command.ts';
import { COMMANDS } from './table.ts';
import { columns, inkFor, pasteable, printable, toType } from './terminal.ts';

/** Runs one command and resolves to the exit code. Usage problems end here with 2, and so does any bug. */
export async function runCli(argv: readonly string[], terminal: Io): Promise<number> {
  const [name, ...args] = argv;
  const io: Io = { ...terminal, err: (text) => terminal.err(pasteable(text, terminal, args)) };
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') return help(args[0], io);
  if (name === '--version' || name === '-v') {
    io.out(`lintel ${VERSION}\n`);
    return 0;
  }
  const load = COMMANDS.get(name);
  if (load === undefined) return unknownCommand(name, io);
  const command = await load();
  try {
    if (!asksForHelp(args)) return await command.run(args, io);
    io.out(helpText(command, io));
    return 0;
  } catch (error) {
    io.err(isUsage(error) ? usage(command, error, args) : bug(error));
    return 2;
  }
}

/** Help as it is in docs/cli.md, but for its examples, which can be pasted. */
function helpText({ help }: Command, io: Io): string {
  const text = help.endsWith('\n') ? help : `${help}\n`;
  return text.replace(/^ {2}lintel (.*)$/gm, (_, words: string) => `  ${toType(io, words)}`);
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === '--help' || arg === '-h');
}

async function help(name: string | undefined, io: Io): Promise<number> {
  if (name !== undefined && !name.startsWith('-')) return runCli([name, '--help'], io);
  const ink = inkFor(io);
  const commands: Command[] = await Promise.all([...COMMANDS.values()].map((load) => load()));
  io.out(
    'Lintel finds out who comes in, and tells the app behind the door in headers it can trust.\n\n' +
      `${columns(commands.map((c) => [ink.accent(toType(io, c.name)), c.summary]))}\n` +
      `${columns([
        [ink.accent(toType(io, 'COMMAND --help')), ink.quiet('what a command takes, with an example')],
        [ink.accent(toType(io, '--version')), ink.quiet(`this is ${VERSION}`)],
      ])}\n` +
      `Start with ${ink.accent(toType(io, 'demo'))}: nothing to write, nothing left behind.\n`,
  );
  return 0;
}

function unknownCommand(name: string, io: Io): number {
  const meant = suggest(name, COMMANDS.keys());
  const hint = meant === undefined ? 'Run "lintel --help" for the list.' : `Did you mean "lintel ${meant}"?`;
  io.err(`lintel: there is no command "${printable(name)}". ${hint}\n`);
  return 2;
}

/** `util.parseArgs` throws these for unknown options, missing values and stray words. */
function isUsage(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

function usage({ name, help }: Command, error: Error, args: readonly string[]): string {
  const said = wrongOption(error, help) ?? strayWord(error, args) ?? error.message.split('. To specify', 1)[0] ?? '';
  const sentence = printable(/[.?]$/.test(said) ? said : `${said}.`);
  return `lintel ${name}: ${sentence} Run "lintel ${name} --help" for what it takes.\n`;
}

/** Node names the option; the help knows the one that was meant. */
function wrongOption({ message }: Error, help: string): string | undefined {
  const [, given] = /^Unknown option '(-[^']*)'/.exec(message) ?? [];
  if (given === undefined) return undefined;
  const near = suggest(given, new Set(help.match(/--[a-z][a-z-]*/g)));
  return `there is no option ${given}.${near === undefined ? '' : ` Did you mean ${near}?`}`;
}

function strayWord({ message }: Error, args: readonly string[]): string | undefined {
  const [, word] = /^Unexpected argument '(.*)'\. This command/s.exec(message) ?? [];
  if (word === undefined) return undefined;
  const hint = /\.ya?ml$/.test(word) && !args.includes('--config') ? `: write --config ${word}` : '';
  return `"${word}" is one word too many${hint}`;
}

function bug(error: unknown): string {
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `lintel: something went wrong here; it is a bug worth reporting. (INTERNAL)\n${told}\n`;
}
