import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { configuration } from './schema.ts';

/** The schema as JSON Schema (draft 2020-12), on one line. */
export function schemaText(): string {
  return JSON.stringify(z.toJSONSchema(configuration, { io: 'input' }));
}

/** The module that a running Lintel reads instead of zod. */
function schemaModule(): string {
  const literal = `'${schemaText().replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  return `/** Written by write-schema.ts from schema.ts; a test keeps them equal. */\nexport const SCHEMA_TEXT =\n  ${literal};\n`;
}

if (import.meta.main) writeFileSync(new URL('schema-json.ts', import.meta.url), schemaModule());
