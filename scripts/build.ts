/**
 * Compiles src/ to dist/: what the published package runs, and what `LINTEL_DIST=1 ./bin/lintel` runs in a checkout.
 * The compiler rewrites imports; URLs of worker files it leaves alone, so they are rewritten here.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const [src, dist] = [join(root, 'src'), join(root, 'dist')];
const SOURCE_URL = /(new URL\(\s*['"]\.[^'"]*)\.ts(['"]\s*,\s*import\.meta\.url\s*\))/g;

rmSync(dist, { recursive: true, force: true });
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const compiled = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });
if (compiled.status !== 0) {
  rmSync(dist, { recursive: true, force: true });
  console.error('build: the sources do not compile; see above.');
  process.exit(1);
}

// Only types of these are used when Lintel runs, and zod, which they import, is not installed with it.
for (const file of globSync('config/schema{,-app,-listen,-words}.js', { cwd: dist })) rmSync(join(dist, file));

let assets = 0;
for (const file of globSync('**/*.{css,js,svg,html,json,txt}', { cwd: src })) {
  if (file.endsWith('tsconfig.json')) continue;
  mkdirSync(dirname(join(dist, file)), { recursive: true });
  copyFileSync(join(src, file), join(dist, file));
  assets++;
}

const modules = globSync('**/*.js', { cwd: dist });
for (const file of modules) {
  const path = join(dist, file);
  const text = readFileSync(path, 'utf8');
  const rewritten = text.replace(SOURCE_URL, '$1.js$2');
  if (rewritten !== text) writeFileSync(path, rewritten);
}
console.log(`dist/: ${modules.length} modules, ${assets} assets. Run them with LINTEL_DIST=1 ./bin/lintel`);
