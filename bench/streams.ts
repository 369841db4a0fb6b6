/**
 * What long exchanges cost the proxy: CPU of 100 MiB each way beside Caddy's plain `reverse_proxy`, memory while they
 * run, memory of idle WebSockets, and what slow readers do to everybody else. Arguments: [rounds] [WebSockets] [slow readers].
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { partPath, type Scope, startProcess } from '../test/parts.ts';
import { cpuMicros, freePort, launch, median, print, rssMiB } from './measure.ts';
import { APP_HOST, proxiedSite } from './proxy-site.ts';

const [rounds = 5, wanted = 10_000, slow = 500] = process.argv.slice(2).map(Number);
/** Each takes two descriptors of the proxy: as many as the limit allows, which Node raises to the hard one (`ulimit -Hn`). */
const sockets = Math.min(wanted, Math.floor((descriptors() - 200) / 2));
const MiB = 1024 * 1024;
const SIZE = 100;
/** CPU is counted in ticks of 10 ms: one transfer alone would be measured in six to eight of them. */
const TRANSFERS = 5;
const WINDOWS = 9;
const PIECE = Buffer.alloc(65536, 'x');

interface Proxy {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly headers: Readonly<Record<string, string>>;
}

function descriptors(): number {
  const limit = /Max open files\s+\S+\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
}

const ends: (() => unknown)[] = [];
const scope: Scope = { after: (fn) => ends.push(fn) };

function exchange(p: Proxy, path: string, bytes = 0): Promise<void> {
  return new Promise((resolve, reject) => {
    const method = bytes > 0 ? 'PUT' : 'GET';
    const headers = { ...p.headers, ...(bytes > 0 ? { 'Content-Length': bytes } : {}) };
    const req = http.request({ host: '127.0.0.1', port: p.port, path, method, headers, agent: false }, (res) => {
      res.resume();
      res.on('end', () =>
        res.statusCode === 200
          ? resolve()
          : reject(new Error(`${p.name}: ${method} ${path} ${res.statusCode} ${JSON.stringify(res.headers)}`)),
      );
      res.on('error', reject);
    });
    req.on('error', reject);
    let left = bytes;
    const more = () => {
      while (left > 0) {
        left -= PIECE.length;
        if (!req.write(PIECE)) {
          req.once('drain', more);
          return;
        }
      }
      req.end();
    };
    more();
  });
}

/** CPU milliseconds of one transfer, and the most memory that was seen. */
async function measured(p: Proxy, run: () => Promise<void>): Promise<{ cpu: number; peak: number }> {
  const before = cpuMicros(p.pid);
  let peak = rssMiB(p.pid);
  const timer = setInterval(() => {
    peak = Math.max(peak, rssMiB(p.pid));
  }, 20);
  for (let i = 0; i < TRANSFERS; i++) await run();
  clearInterval(timer);
  return { cpu: (cpuMicros(p.pid) - before) / 1000 / TRANSFERS, peak };
}

async function transfers(proxies: readonly Proxy[]): Promise<void> {
  const rows = [['', 'CPU', 'against Caddy', 'memory before', 'and at most']];
  for (const [what, path, bytes] of [
    [`${SIZE} MiB down`, `/${SIZE}`, 0],
    [`${SIZE} MiB up`, '/up', SIZE * MiB],
  ] as const) {
    for (const p of proxies) await exchange(p, path, bytes);
    const seen = proxies.map((): { cpu: number; peak: number }[] => []);
    const rest = proxies.map((p) => rssMiB(p.pid));
    for (let round = 0; round < rounds; round++) {
      for (const [i, p] of proxies.entries()) seen[i]?.push(await measured(p, () => exchange(p, path, bytes)));
    }
    for (const [i, p] of proxies.entries()) {
      const cpu = median((seen[i] ?? []).map((s) => s.cpu));
      const ratio = median((seen[i] ?? []).map((s, n) => s.cpu / (seen[0]?.[n]?.cpu ?? Number.NaN)));
      const peak = Math.max(...(seen[i] ?? []).map((s) => s.peak));
      const memory = [`${(rest[i] ?? 0).toFixed(0)} MiB`, `${peak.toFixed(0)} MiB`];
      rows.push([`${what}, ${p.name}`, `${cpu.toFixed(0)} ms`, `${ratio.toFixed(2)} ×`, ...memory]);
    }
  }
  print(`One client, ${rounds} rounds of ${TRANSFERS} in turn (target: 1.5 × Caddy, memory flat)`, rows);
}

function open(p: Proxy, head: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: p.port });
    socket.once('error', reject);
    socket.write(head);
    socket.once('data', (chunk) => {
      const status = chunk.toString('latin1', 9, 12);
      if (status === '101') resolve(socket);
      else reject(new Error(`${p.name}: ${chunk.toString('latin1', 0, 400)}`));
    });
  });
}

const lines = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers)
    .map(([n, v]) => `${n}: ${v}\r\n`)
    .join('');

async function idleSockets(p: Proxy): Promise<void> {
  const asks = `Origin: http://${p.headers.Host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n`;
  const head = `GET /ws HTTP/1.1\r\n${lines(p.headers)}${asks}\r\n`;
  await sleep(2000);
  const before = rssMiB(p.pid);
  const all: Socket[] = [];
  while (all.length < sockets) {
    const batch = Math.min(100, sockets - all.length);
    all.push(...(await Promise.all(Array.from({ length: batch }, () => open(p, head)))));
  }
  await sleep(5000);
  const each = ((rssMiB(p.pid) - before) * 1024) / sockets;
  const from = cpuMicros(p.pid);
  await sleep(5000);
  const idle = (cpuMicros(p.pid) - from) / 50_000;
  const closed = await signOut(p, all);
  print(`${sockets} idle WebSockets of one session`, [
    ['memory each', `${each.toFixed(1)} KiB`, 'target 30 KiB'],
    ['CPU while idle', `${idle.toFixed(1)} % of a core`, ''],
    ['after the sign-out, the last one ends', `${closed.toFixed(0)} ms`, 'target 1000 ms'],
  ]);
}

/** Milliseconds from the answer to a sign-out until the last socket was closed. */
async function signOut(p: Proxy, all: readonly Socket[]): Promise<number> {
  let open = all.length;
  const ended = new Promise<void>((resolve) => {
    for (const socket of all) {
      socket.on('close', () => {
        if (--open === 0) resolve();
      });
      socket.on('error', () => {});
    }
  });
  await new Promise<void>((resolve, reject) => {
    const headers = { ...p.headers, Origin: `http://${p.headers.Host}`, 'Content-Length': 0 };
    const path = '/outpost.goauthentik.io/sign_out';
    const req = http.request(
      { host: '127.0.0.1', port: p.port, path, method: 'POST', headers, agent: false },
      (res) => {
        res.resume();
        if ((res.statusCode ?? 500) < 400) resolve();
        else reject(new Error(`sign-out answered ${res.statusCode}`));
      },
    );
    req.on('error', reject);
    req.end();
  });
  const from = performance.now();
  await ended;
  return performance.now() - from;
}

/** Sorted milliseconds of `count` requests one after the other. */
async function latencies(p: Proxy, count: number): Promise<number[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const taken: number[] = [];
  for (let i = 0; i < count; i++) {
    const from = performance.now();
    await new Promise<void>((resolve, reject) => {
      http
        .get({ host: '127.0.0.1', port: p.port, path: '/0', headers: p.headers, agent }, (res) => {
          res.resume();
          res.on('end', resolve);
        })
        .on('error', reject);
    });
    taken.push(performance.now() - from);
    await sleep(1);
  }
  agent.destroy();
  return taken.sort((a, b) => a - b);
}

const at = (sorted: readonly number[], share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;

/** A process of its own: the work of reading slowly is not to be measured with the reader of the clock. */
async function startReaders(p: Proxy, port: number): Promise<ChildProcess> {
  const script = join(import.meta.dirname, 'slow-readers.ts');
  const request = `GET /20 HTTP/1.1\r\n${lines(p.headers)}\r\n`;
  const child = spawn(process.execPath, [script, String(port), String(slow), request], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

/**
 * Windows in turn: nobody else; readers at the app itself, which keep the machine as busy but are none of the proxy's; the same
 * readers at the proxy. What else the machine does hits all three alike.
 */
async function slowReaders(p: Proxy, app: number): Promise<void> {
  await latencies(p, 1000);
  const places = [undefined, app, p.port];
  const seen = places.map((): number[][] => []);
  const memory: number[] = [];
  for (let window = 0; window < WINDOWS; window++) {
    for (const [i, port] of places.entries()) {
      const before = rssMiB(p.pid);
      const readers = port === undefined ? undefined : await startReaders(p, port);
      await sleep(1000);
      seen[i]?.push(await latencies(p, 600));
      if (port === p.port) memory.push(((rssMiB(p.pid) - before) * 1024) / slow);
      readers?.kill('SIGKILL');
      if (readers !== undefined) await once(readers, 'exit');
    }
  }
  const names = ['nobody else', 'readers at the app itself', `readers at ${p.name}`];
  const rows = seen.map((windows, i) => {
    const p50 = median(windows.map((w) => at(w, 0.5)));
    const p99 = median(windows.map((w) => at(w, 0.99)));
    const ratio = median(windows.map((w, n) => at(w, 0.99) / at(seen[1]?.[n] ?? [], 0.99)));
    return [names[i] ?? '', `${p50.toFixed(2)} ms`, `${p99.toFixed(2)} ms`, `${ratio.toFixed(2)} ×`];
  });
  print(`Others, while ${slow} clients read 20 MiB each at 16 KiB a second; ${WINDOWS} windows in turn`, [
    ['', 'p50', 'p99', 'p99 against the second row'],
    ...rows,
    ['memory of a slow reader', `${Math.max(...memory).toFixed(0)} KiB at most`, '', ''],
  ]);
}

async function caddy(upstream: number, headers: Proxy['headers']): Promise<Proxy> {
  const port = await freePort();
  const file = join(mkdtempSync(join(tmpdir(), 'lintel-bench-')), 'Caddyfile');
  const options = '{\n  admin off\n  auto_https off\n  persist_config off\n}\n';
  writeFileSync(file, `${options}http://:${port} {\n  bind 127.0.0.1\n  reverse_proxy 127.0.0.1:${upstream}\n}\n`);
  const args = ['run', '--config', file, '--adapter', 'caddyfile'];
  const { child } = await startProcess(scope, partPath('caddy'), args, { ready: port });
  return { name: "Caddy's reverse_proxy", port, pid: child.pid ?? 0, headers };
}

try {
  const port = await freePort();
  const backend = await launch([join(import.meta.dirname, 'proxy-roles.ts'), 'streams', String(port), '0'], port, '/0');
  ends.push(() => backend.kill('SIGKILL'));
  const site = await proxiedSite(port);
  ends.push(() => site.child.kill('SIGKILL'));
  const headers = { Host: `${APP_HOST}:${site.port}`, Cookie: site.cookie };
  const lintel = { name: 'lintel serve', port: site.port, pid: site.child.pid ?? 0, headers };
  await transfers([await caddy(port, headers), lintel]);
  await slowReaders(lintel, port);
  await idleSockets(lintel);
} finally {
  for (const end of ends.reverse()) await end();
}
