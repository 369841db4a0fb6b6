/**
 * What proxying 1 KiB costs: CPU of the proxy process a request, side by side in one run. Target: the whole of Lintel,
 * gate and session included, at most 0.65 × a plain `reverse_proxy` of current Caddy. Arguments: [rounds] [seconds].
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { partPath, type Scope, startProcess } from '../test/parts.ts';
import { type Contender, compare, freePort, launch, load, print } from './measure.ts';
import { APP_HOST, proxiedSite } from './proxy-site.ts';

const [rounds = 5, seconds = 3] = process.argv.slice(2).map(Number);
/** The same request bytes for everybody. */
const PATH = '/wiki/page?id=42';
const BROWSER = [
  `Host: ${APP_HOST}`,
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language: en-GB,en;q=0.7',
  'Accept-Encoding: gzip, deflate, br',
];

const ends: (() => unknown)[] = [];
const scope: Scope = { after: (fn) => ends.push(fn) };

async function role(name: string, what: string, upstream: number, headers: readonly string[]): Promise<Contender> {
  const port = await freePort();
  const script = join(import.meta.dirname, 'proxy-roles.ts');
  const child = await launch([script, what, String(port), String(upstream)], port, '/');
  ends.push(() => child.kill('SIGKILL'));
  return { name, child, port, path: PATH, headers };
}

async function caddy(upstream: number, headers: readonly string[]): Promise<Contender> {
  const port = await freePort();
  const file = join(mkdtempSync(join(tmpdir(), 'lintel-bench-')), 'Caddyfile');
  const options = '{\n  admin off\n  auto_https off\n  persist_config off\n}\n';
  writeFileSync(file, `${options}http://:${port} {\n  bind 127.0.0.1\n  reverse_proxy 127.0.0.1:${upstream}\n}\n`);
  const args = ['run', '--config', file, '--adapter', 'caddyfile'];
  const { child } = await startProcess(scope, partPath('caddy'), args, { ready: port });
  return { name: "Caddy's plain reverse_proxy", child, port, path: PATH, headers };
}

try {
  const backend = await role('backend', 'backend', 0, []);
  const lintel = await proxiedSite(backend.port);
  ends.push(() => lintel.child.kill('SIGKILL'));
  const twelve = await proxiedSite(backend.port, 'authentik');
  ends.push(() => twelve.child.kill('SIGKILL'));
  const headers = [...BROWSER, `Cookie: theme=dark; ${lintel.cookie}; _ga=GA1.2.1`];
  const contenders: Contender[] = [
    await caddy(backend.port, headers),
    { name: 'lintel serve: gate, SQLite session, proxy', ...lintel, path: PATH, headers },
    {
      name: 'lintel serve: the same with twelve headers and the assertion',
      ...twelve,
      path: PATH,
      headers: [...BROWSER, `Cookie: theme=dark; ${twelve.cookie}; _ga=GA1.2.1`],
    },
    await role("Lintel's forwarder alone", 'forwarder', backend.port, headers),
    await role('node:http on both sides, no checks', 'crude', backend.port, headers),
    await role('bare node:http handler, no upstream', 'bare', backend.port, headers),
  ];
  // Steady state: what V8 still compiles after a second is not the cost of a request.
  for (const c of contenders) await load(c, 5);
  const rows = await compare(contenders, rounds, seconds);
  const table = rows.map((r) => [r.name, `${r.micros.toFixed(1)} µs`, `${r.ratio.toFixed(2)} × Caddy`]);
  print(`Proxying 1 KiB, signed in (CPU a request, ${rounds} rounds of ${seconds} s)`, [
    ['', 'CPU', 'against Caddy'],
    ...table,
  ]);
  print('Against the targets', [
    ['lintel serve / Caddy', rows[1]?.ratio.toFixed(2) ?? '', 'target 0.65'],
    ['with twelve headers and the assertion / Caddy', rows[2]?.ratio.toFixed(2) ?? '', 'target 0.75'],
  ]);
} finally {
  for (const end of ends.reverse()) await end();
}
