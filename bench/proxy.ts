/**
 * What proxying 1 KiB costs: CPU time of the proxy process for each request, side by side in one run, medians of the
 * rounds. `node bench/proxy.ts [rounds] [seconds]`. Needs wrk and current Caddy (scripts/install-parts.sh).
 *
 * Target: Lintel's proxy face with the gate in front at most 0.65 × a plain `reverse_proxy` of Caddy.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { freePort, partPath, type Scope, startProcess, tempDir } from '../test/parts.ts';

const run = promisify(execFile);
const [rounds = 5, seconds = 2] = process.argv.slice(2).map(Number);
const CONNECTIONS = 32;
/** What a browser sends, with a session cookie: the same bytes for everybody. */
const HEADERS = [
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language: en-US,en;q=0.9',
  'Accept-Encoding: gzip, deflate, br',
  'Cookie: theme=dark; lintel-app=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE',
];

interface Contestant {
  readonly name: string;
  readonly port: number;
  /** CPU microseconds used so far. */
  readonly cpu: () => number;
}

const scopeEnds: (() => unknown)[] = [];
const scope: Scope = { after: (fn) => scopeEnds.push(fn) };

/** User and system time of a process and its threads, from the kernel; ticks of 10 ms. */
function cpuOf(child: ChildProcess): () => number {
  return () => {
    const stat = readFileSync(`/proc/${child.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  };
}

async function role(name: string, upstream: number): Promise<Contestant> {
  const script = join(import.meta.dirname, 'proxy-roles.ts');
  const child = spawn(process.execPath, [script, name, String(upstream)], { stdio: ['pipe', 'pipe', 'inherit'] });
  scope.after(() => child.kill());
  const lines = createInterface({ input: child.stdout });
  const first = await new Promise<string>((resolve) => lines.once('line', resolve));
  return { name, port: Number(first), cpu: cpuOf(child) };
}

async function caddy(upstream: number): Promise<Contestant> {
  const port = await freePort();
  const file = join(tempDir(scope), 'Caddyfile');
  writeFileSync(
    file,
    `{\n  admin off\n  auto_https off\n  persist_config off\n}\nhttp://127.0.0.1:${port} {\n  bind 127.0.0.1\n  reverse_proxy 127.0.0.1:${upstream}\n}\n`,
  );
  const path = process.env.LINTEL_BENCH_CADDY ?? partPath('caddy');
  const running = await startProcess(scope, path, ['run', '--config', file, '--adapter', 'caddyfile'], { ready: port });
  return { name: 'caddy', port, cpu: cpuOf(running.child) };
}

/** One round against one contestant: microseconds of CPU for each answered request. */
async function measure(who: Contestant): Promise<{ cost: number; rate: number }> {
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, ...HEADERS.flatMap((h) => ['-H', h])];
  const before = who.cpu();
  const { stdout } = await run(partPath('wrk'), [...args, `http://127.0.0.1:${who.port}/wiki/page?id=42`]);
  const used = who.cpu() - before;
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  if (!(requests > 0) || stdout.includes('Non-2xx')) throw new Error(`${who.name}: ${stdout}`);
  return { cost: used / requests, rate: requests / seconds };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

try {
  const backend = await role('backend', 0);
  const contestants = [
    await role('bare', 0),
    await role('ours', backend.port),
    await role('crude', backend.port),
    await caddy(backend.port),
  ];
  const costs = new Map(contestants.map((c) => [c.name, [] as number[]]));
  const ratios: number[] = [];
  for (let round = -1; round < rounds; round++) {
    for (const c of contestants) {
      const { cost } = await measure(c);
      if (round >= 0) costs.get(c.name)?.push(cost);
    }
    if (round >= 0) ratios.push((costs.get('ours')?.at(-1) ?? 0) / (costs.get('caddy')?.at(-1) ?? 0));
  }
  const reference = median(costs.get('caddy') ?? []);
  console.log(`proxying 1 KiB, ${rounds} rounds of ${seconds} s, ${CONNECTIONS} connections`);
  console.log('name     µs CPU/request   × caddy   lowest … highest');
  for (const [name, values] of costs) {
    const m = median(values);
    const range = `${Math.min(...values).toFixed(1)} … ${Math.max(...values).toFixed(1)}`;
    console.log(
      `${name.padEnd(8)} ${m.toFixed(1).padStart(14)}   ${(m / reference).toFixed(2).padStart(7)}   ${range}`,
    );
  }
  console.log(
    `forwarder / caddy, median of the rounds' ratios: ${median(ratios).toFixed(2)} (target with the gate: 0.65)`,
  );
} finally {
  for (const end of scopeEnds.reverse()) await end();
}
