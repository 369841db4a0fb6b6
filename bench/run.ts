/** `npm run bench [-- check|proxy|streams|start|memory …]`: every number that Lintel claims, side by side in one run. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ALL = ['check', 'proxy', 'streams', 'start', 'memory'];
const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : ALL) {
  if (!ALL.includes(name)) throw new Error(`no benchmark ${name}; there are ${ALL.join(', ')}`);
  const script = [process.execPath, join(import.meta.dirname, `${name}.ts`)];
  const [command = '', ...args] = name === 'check' && hasTaskset() ? ['taskset', '-c', '0', ...script] : script;
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}

/**
 * Checks are measured with load and server on one core, in turns. On two, waking the sleeping load generator on the
 * other core is charged to whoever writes to it, and a server that is a little slower wakes it more often.
 */
function hasTaskset(): boolean {
  return spawnSync('taskset', ['--version']).status === 0;
}
