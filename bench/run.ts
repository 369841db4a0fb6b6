/** `npm run bench [-- check|proxy|start|memory …]`: every number that Lintel claims, side by side in one run. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ALL = ['check', 'proxy', 'start', 'memory'];
const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : ALL) {
  if (!ALL.includes(name)) throw new Error(`no benchmark ${name}; there are ${ALL.join(', ')}`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`)], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
