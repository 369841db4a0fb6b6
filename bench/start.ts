/** From spawn to healthy: from dist/ with a warm compile cache, and from source, against `node -e 0`. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FLAGS, freePort, launch, median, print, ROOT } from './measure.ts';

const ROUNDS = 9;
execFileSync(process.execPath, [join(ROOT, 'scripts', 'build.ts')], { cwd: ROOT, stdio: 'inherit' });
const dir = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
writeFileSync(join(dir, 'users.yml'), 'users: {}\n');

async function healthy(entry: string): Promise<number> {
  const port = await freePort();
  const config = {
    listen: [`127.0.0.1:${port}`],
    portal: 'https://auth.example.com',
    storage: 'sqlite:./l.db',
    metrics: 'off',
    users: 'file:./users.yml',
    apps: { a: { url: 'https://a.example.com', access: [{ allow: 'signed_in' }] } },
  };
  writeFileSync(join(dir, 'lintel.yml'), JSON.stringify(config));
  const started = performance.now();
  const child = await launch([...FLAGS, entry, 'serve', '--config', join(dir, 'lintel.yml')], port, '/api/health');
  const ms = performance.now() - started;
  child.kill('SIGKILL');
  return ms;
}

function nothing(): number {
  const started = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - started;
}

await healthy('dist/main.js');
await healthy('src/main.ts');
const times = { nothing: [] as number[], dist: [] as number[], source: [] as number[] };
for (let i = 0; i < ROUNDS; i++) {
  times.nothing.push(nothing());
  times.dist.push(await healthy('dist/main.js'));
  times.source.push(await healthy('src/main.ts'));
}
const ratio = median(times.dist.map((t, i) => t / (times.nothing[i] ?? Number.NaN)));
print(`Start to healthy (medians of ${ROUNDS})`, [
  ['node -e 0', `${median(times.nothing).toFixed(0)} ms`, ''],
  ['lintel serve, dist/', `${median(times.dist).toFixed(0)} ms`, `${ratio.toFixed(1)} × node -e 0, target 6`],
  ['lintel serve, source', `${median(times.source).toFixed(0)} ms`, 'target 1500 ms'],
]);
