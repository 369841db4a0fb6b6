/**
 * `npm test`: types, lint, then every test. `npm test -- FILE …` runs only those test files.
 * Ends with the summary of Node's own runner. LINTEL_REQUIRE_PARTS=1: a test skipped for want of a program is a failure.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { INSTALL_COMMAND, MISSING_PART, missing, PART_NAMES, ROOT } from './parts.ts';

/** A test file that takes longer hangs, however busy the machine is. */
const FILE_TIMEOUT_MS = 900_000;

interface Check {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const bin = (name: string) => join(ROOT, 'node_modules', '.bin', name);
const CHECKS: readonly Check[] = [
  { name: 'types of src/core', command: bin('tsc'), args: ['-p', 'src/core'] },
  { name: 'types', command: bin('tsc'), args: [] },
  { name: 'format and lint', command: bin('biome'), args: ['check', '.'] },
];

const only = process.argv.slice(2);
const partsRequired = process.env.LINTEL_REQUIRE_PARTS === '1';

reportParts();
const checked = only.length > 0 || (await runChecks());
const tested = await runTests();
process.exitCode = checked && tested ? 0 : 1;

/** Says before anything else what will be skipped and how to mend it: a skipped test is not a passed one. */
function reportParts(): void {
  const reason = missing(...PART_NAMES);
  if (reason === false) return;
  const consequence = partsRequired ? 'Tests that need them FAIL.' : 'Tests that need them are SKIPPED.';
  console.error(`${'!'.repeat(100)}\n${reason}\n${consequence}\n${'!'.repeat(100)}`);
}

async function runChecks(): Promise<boolean> {
  let good = true;
  for (const check of CHECKS) {
    const began = performance.now();
    const code = await runCheck(check);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`${code === 0 ? '✔' : '✖'} ${check.name} (${seconds} s)`);
    if (code !== 0) good = false;
  }
  return good;
}

function runCheck({ command, args }: Check): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

async function runTests(): Promise<boolean> {
  const skipped: string[] = [];
  let failed = false;
  let passed = 0;
  const events = run({
    cwd: ROOT,
    globPatterns: only.length > 0 ? only : ['src/**/*.test.ts', 'test/**/*.test.ts'],
    concurrency: Math.max(2, availableParallelism()),
    timeout: FILE_TIMEOUT_MS,
  });
  events.on('test:fail', () => {
    failed = true;
  });
  events.on('test:pass', ({ name, skip }) => {
    passed++;
    if (typeof skip === 'string' && skip.startsWith(MISSING_PART)) skipped.push(name);
  });
  const report = events.compose(new spec());
  for await (const chunk of report) process.stdout.write(chunk);
  if (skipped.length > 0) {
    const list = skipped.map((name) => `  ${name}`).join('\n');
    console.error(`Skipped for missing parts (run ${INSTALL_COMMAND}), ${skipped.length} in all:\n${list}`);
  }
  return passed > 0 && !failed && !(partsRequired && skipped.length > 0);
}
