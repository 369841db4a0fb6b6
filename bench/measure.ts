/** Processes, load and numbers for the benchmarks: CPU time of a server process for each request, by rounds. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { freePort, partPath } from '../test/parts.ts';

export const ROOT = join(import.meta.dirname, '..');
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** The flags and the environment that bin/lintel gives the pinned Node. */
export const { FLAGS, ENV }: { readonly FLAGS: readonly string[]; readonly ENV: Readonly<Record<string, string>> } =
  createRequire(import.meta.url)('../bin/pinned.js');

export interface Contender {
  readonly name: string;
  readonly child: ChildProcess;
  readonly port: number;
  readonly path: string;
  readonly headers: readonly string[];
}

/** Starts a Node process of this version directly, so that its pid is the one measured. Resolves when `url` answers. */
export async function launch(
  args: readonly string[],
  port: number,
  healthPath: string,
  host = 'localhost',
): Promise<ChildProcess> {
  const child = spawn(process.execPath, [...args], {
    cwd: ROOT,
    env: { ...process.env, ...ENV },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4000);
  });
  for (let i = 0; i < 6000; i++) {
    if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended: ${said}`);
    if ((await status(port, healthPath, host)) === 200) return child;
    await new Promise((r) => setTimeout(r, 5));
  }
  throw new Error(`${args.join(' ')} does not answer: ${said}`);
}

export function status(port: number, path: string, host: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const req = http.get({ port, path, host: '127.0.0.1', headers: { Host: host }, agent: false }, (res) => {
      res.resume();
      resolve(res.statusCode);
    });
    req.on('error', () => resolve(undefined));
  });
}

/** Microseconds of CPU, user and system, that a process has used so far. */
export function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND;
}

/** Resident memory in MiB. */
export function rssMiB(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

export interface Load {
  readonly requests: number;
  readonly microsPerRequest: number;
}

/** Loads one contender for some seconds with 32 connections. Throws when any answer was not 2xx or 3xx. */
export async function load(c: Contender, seconds: number): Promise<Load> {
  const pid = c.child.pid;
  if (pid === undefined) throw new Error(`${c.name} has no pid`);
  const before = cpuMicros(pid);
  const args = [
    '-t1',
    '-c32',
    `-d${seconds}s`,
    ...c.headers.flatMap((h) => ['-H', h]),
    `http://127.0.0.1:${c.port}${c.path}`,
  ];
  const wrk = spawn(partPath('wrk'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  wrk.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(wrk, 'close');
  const used = cpuMicros(pid) - before;
  if (/Non-2xx/.test(text)) throw new Error(`${c.name}: ${text}`);
  const requests = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0);
  if (requests === 0) throw new Error(`${c.name} served nothing: ${text}`);
  return { requests, microsPerRequest: used / requests };
}

export interface Row {
  readonly name: string;
  readonly micros: number;
  /** Of each round. */
  readonly costs: readonly number[];
  /** Median over the rounds of this contender's cost in units of the first one's in the same round. */
  readonly ratio: number;
}

const WARM_REQUESTS = 60_000;

/** The compiler's own threads count as CPU of the process: a server is measured when its code has settled. */
async function warm(c: Contender): Promise<void> {
  for (let served = 0; served < WARM_REQUESTS; ) served += (await load(c, 2)).requests;
}

/** Rounds in turn, so that what else the machine does hits all of them alike; medians. The first is the yardstick. */
export async function compare(contenders: readonly Contender[], rounds: number, seconds: number): Promise<Row[]> {
  for (const c of contenders) await warm(c);
  const costs = contenders.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, c] of contenders.entries()) costs[i]?.push((await load(c, seconds)).microsPerRequest);
    process.stderr.write(`  round ${round + 1} of ${rounds}\r`);
  }
  return contenders.map(({ name }, i) => {
    const own = costs[i] ?? [];
    return { name, micros: median(own), costs: own, ratio: ratioOf(own, costs[0] ?? []) };
  });
}

/** The median over the rounds of one's cost in units of the other's in the same round. */
export function ratioOf(costs: readonly number[], yardstick: readonly number[]): number {
  return median(costs.map((cost, round) => cost / (yardstick[round] ?? Number.NaN)));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

export function print(title: string, rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => (r[i] ?? '').length)));
  console.log(`\n${title}`);
  for (const row of rows) console.log(`  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd());
}

export { freePort };
