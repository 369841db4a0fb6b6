// For `npm run demo`, on any Node from 18 on: installs what running needs, unless it is there already. What only
// development needs is left alone: neither fetched for a first look, nor taken away from somebody who works here.
const { spawnSync } = require('node:child_process');
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const { packages } = read(join(root, 'package-lock.json'));

function isInstalled([path, { version }]) {
  const manifest = join(root, path, 'package.json');
  return existsSync(manifest) && read(manifest).version === version;
}

function fitsHere({ os, cpu }) {
  return (os ?? [process.platform]).includes(process.platform) && (cpu ?? [process.arch]).includes(process.arch);
}

const needed = Object.entries(packages).filter(([path, p]) => path !== '' && p.dev !== true && fitsHere(p));
if (!needed.every(isInstalled)) {
  const how = existsSync(join(root, 'node_modules', 'typescript')) ? ['install', '--no-save'] : ['ci', '--omit=dev'];
  console.log(`Installing ${needed.length} packages, the locked Node among them. The next start is instant.`);
  const npm = process.env.npm_execpath;
  const args = [...how, '--no-audit', '--no-fund', '--loglevel=error'];
  const [command, first] = npm?.endsWith('js') ? [process.execPath, [npm]] : ['npm', []];
  process.exit(spawnSync(command, [...first, ...args], { cwd: root, stdio: 'inherit' }).status ?? 1);
}
