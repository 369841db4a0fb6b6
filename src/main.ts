import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Beside the code and never in the shared temporary directory, where another account could plant compiled code.
enableCompileCache(fileURLToPath(new URL('../.cache/compile', import.meta.url)));
const [{ runCli }, { processIo }] = await Promise.all([import('./cli/cli.ts'), import('./cli/terminal.ts')]);
process.exitCode = await runCli(process.argv.slice(2), processIo());
