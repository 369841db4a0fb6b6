/** Writes the generated pages of docs/. test/docs.test.ts fails when one of them is out of date. */
import { writeFileSync } from 'node:fs';
import { CLI_DOC, cliDoc } from './docs-cli.ts';
import { ERRORS_DOC, errorsDoc } from './docs-errors.ts';

writeFileSync(ERRORS_DOC, errorsDoc());
writeFileSync(CLI_DOC, await cliDoc());
