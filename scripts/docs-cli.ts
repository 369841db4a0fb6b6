/** docs/cli.md, from the help of each command: the page cannot say anything else than the program. */
import { COMMANDS } from '../src/cli/table.ts';

export const CLI_DOC = new URL('../docs/cli.md', import.meta.url);

const INTRODUCTION = `# The command line

In a checkout it is \`./bin/lintel\`; installed from a package, \`npx lintel\`; as a service, \`lintel\`, once it is in the PATH
([operations.md](operations.md)). It starts on any Node from 18 on and hands over
to the Node that is locked beside it.

- \`lintel COMMAND --help\` (or \`lintel help COMMAND\`) says what a command takes, with an example. This page is made of those
  texts, by \`npm run docs\`.
- \`--json\`, where a command has it, prints the same for machines.
- Answers go to standard output; problems, and progress of what takes longer than a second, to standard error.
- Colours are for terminals; \`NO_COLOR\` switches them off.
- Exit code 0 is good, 1 a negative answer or a finding, 2 a usage or configuration error.
`;

/** The whole page: what holds for all commands, then one section for each, in the order of the overview. */
export async function cliDoc(): Promise<string> {
  const commands = await Promise.all([...COMMANDS.values()].map((load) => load()));
  const sections = commands.map(
    ({ name, summary, help }) => `## lintel ${name}\n\nIt ${summary}.\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\`\n`,
  );
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}
