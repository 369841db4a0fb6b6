/** docs/errors.md, from the table of errors: what people look up is what they were told. */

import { STATUS_CODES } from 'node:http';
import { FAULTS } from '../src/core/fault.ts';

export const ERRORS_DOC = new URL('../docs/errors.md', import.meta.url);

const INTRODUCTION = `# Errors

Every error that a person or a proxy can meet has an id. The page shows it, a check endpoint sends it as
\`X-Lintel-Error\`, the log line carries it with the precise facts, and \`lintel explain\` prints it. What the client is
told is general on purpose; which peer, which header or which address it was stands in the log, in \`detail\`.

This page is generated from \`src/core/fault.ts\` by \`npm run docs\`.
`;

/** The whole page: introduction, overview, and one section for each id, in the order of the table. */
export function errorsDoc(): string {
  const faults = Object.entries(FAULTS);
  const overview = faults.map(([id, f]) => `| [\`${id}\`](#${id.toLowerCase()}) | ${f.status} | ${f.says} |`);
  const sections = faults.map(
    ([id, f]) => `## ${id}\n\n**${f.status} ${STATUS_CODES[f.status] ?? ''}** · ${f.says}\n\nWhat to do: ${f.fix}\n`,
  );
  return `${INTRODUCTION}\n| Id | Status | What the client is told |\n|---|--:|---|\n${overview.join('\n')}\n\n${sections.join('\n')}`;
}
