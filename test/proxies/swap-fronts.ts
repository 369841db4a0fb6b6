/** Starts each real proxy with its file of examples/authentik-swap. Only addresses and file places are replaced, all of them here. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, type PartName, partPath, ROOT, type Running, type Scope, startProcess, tempDir } from '../parts.ts';
import { routersLoaded } from './fronts.ts';
import { type Capture, copyWith, makeCertificate, startCapture } from './site.ts';

export const EXAMPLE = join(ROOT, 'examples', 'authentik-swap');

/** What stands behind every proxy: Lintel with the example's files, and one app that records. */
export interface SwapSite {
  readonly dir: string;
  readonly lintel: Running;
  readonly lintelPort: number;
  readonly app: Capture;
  /** The user file in force. */
  readonly users: string;
}

export async function startSwapSite(scope: Scope): Promise<SwapSite> {
  const dir = tempDir(scope);
  makeCertificate(dir);
  const app = await startCapture(scope);
  const lintelPort = await freePort();
  const users = join(dir, 'users.yml');
  copyWith(join(EXAMPLE, 'lintel.yml'), join(dir, 'lintel.yml'), [
    ['listen: [127.0.0.1:9000]', `listen: [127.0.0.1:${lintelPort}]\nmetrics: off`],
  ]);
  copyWith(join(EXAMPLE, 'users.yml'), users, []);
  const args = ['serve', '--config', join(dir, 'lintel.yml')];
  const lintel = await startProcess(scope, join(ROOT, 'bin', 'lintel'), args, { ready: /"message":"ready"/ });
  return { dir, lintel, lintelPort, app, users };
}

/** Replacements that make another file of the example's: a form of the snippet that people have, or a line that the README gives. */
export type Change = typeof CLOSED | readonly (readonly [from: string, to: string])[];

export interface SwapFront {
  readonly part: PartName;
  readonly file: string;
  /** Starts it; resolves with the port that speaks https. */
  start(scope: Scope, site: SwapSite, change?: Change): Promise<number>;
}

const addresses = (site: SwapSite): [string, string][] => [
  ['127.0.0.1:9000', `127.0.0.1:${site.lintelPort}`],
  ['127.0.0.1:8080', `127.0.0.1:${site.app.port}`],
];

const WORTH_ADDING = 'and worth adding (README.md';

/** The file with the lines that the README tells to take the `# ` from. */
export const CLOSED = 'closed';

function closed(text: string): string {
  let within = false;
  const lines = text.split('\n').map((line) => {
    const is = within && /^\s*# /.test(line);
    within = is || line.includes(WORTH_ADDING);
    return is ? line.replace('# ', '') : line;
  });
  return lines.join('\n');
}

/** The example's file changed, which speaks of it as it is shipped; then with the addresses of the test. */
function place(name: string, to: string, change: Change, replacements: readonly (readonly [string, string])[]): string {
  let text = readFileSync(join(EXAMPLE, name), 'utf8');
  if (change === CLOSED) text = closed(text);
  for (const [from, now] of change === CLOSED ? [] : change) {
    if (text.includes(from)) text = text.replaceAll(from, now);
    else throw new Error(`${name} does not hold ${JSON.stringify(from)}`);
  }
  writeFileSync(to, text);
  copyWith(to, to, replacements);
  return to;
}

const nginx: SwapFront = {
  part: 'nginx',
  file: 'nginx.conf',
  async start(scope, site, change = []) {
    const [port, plain] = [await freePort(), await freePort()];
    const dir = tempDir(scope);
    place('nginx.conf', join(dir, 'swap.conf'), change, [
      ...addresses(site),
      ['listen 80 ', `listen 127.0.0.1:${plain} `],
      ['listen                  443 ', `listen 127.0.0.1:${port} `],
      ['/etc/ssl/example.com/', `${site.dir}/`],
    ]);
    // What Debian's /etc/nginx/nginx.conf has around conf.d/*.conf, in a directory of our own. nginx writes its port into
    // redirects when it is not 443, as it is not here.
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${dir}/${n};`);
    const user = process.getuid?.() === 0 ? 'user root;' : '';
    const main = `${user} daemon off; worker_processes 1; pid ${dir}/nginx.pid; error_log stderr;
      events {} http { access_log off; port_in_redirect off; ${temp.join(' ')} include swap.conf; }\n`;
    writeFileSync(join(dir, 'nginx.conf'), main);
    const args = ['-p', dir, '-e', 'stderr', '-c', join(dir, 'nginx.conf')];
    execFileSync(partPath('nginx'), ['-t', '-q', ...args], { stdio: 'pipe' });
    await startProcess(scope, partPath('nginx'), args, { ready: port });
    return port;
  },
};

function caddy(part: 'caddy' | 'caddy-debian'): SwapFront {
  return {
    part,
    file: 'Caddyfile',
    async start(scope, site, change = []) {
      const port = await freePort();
      const dir = tempDir(scope);
      const globals = `admin off\n\tauto_https disable_redirects\n\thttps_port ${port}\n\tdefault_bind 127.0.0.1`;
      const file = place('Caddyfile', join(dir, 'Caddyfile'), change, [
        ...addresses(site),
        ['\tadmin localhost:2019\n', `\t${globals}\n`],
        ['/etc/ssl/example.com/', `${site.dir}/`],
      ]);
      const args = ['--adapter', 'caddyfile', '--config', file];
      const env = { XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir };
      execFileSync(partPath(part), ['validate', ...args], { stdio: 'pipe', env: { ...process.env, ...env } });
      await startProcess(scope, partPath(part), ['run', ...args], { ready: port, env });
      return port;
    },
  };
}

const traefik: SwapFront = {
  part: 'traefik',
  file: 'traefik.yml',
  async start(scope, site, change = []) {
    const [port, plain] = [await freePort(), await freePort()];
    const dir = tempDir(scope);
    const shipped = readFileSync(join(EXAMPLE, 'traefik-dynamic.yml'), 'utf8');
    const isDynamic = ([from]: readonly [string, string]) => shipped.includes(from);
    const [there, here] =
      change === CLOSED ? [change, change] : [change.filter(isDynamic), change.filter((c) => !isDynamic(c))];
    const dynamic = place('traefik-dynamic.yml', join(dir, 'traefik-dynamic.yml'), there, [
      ...addresses(site),
      ['/etc/ssl/example.com/', `${site.dir}/`],
    ]);
    const file = place('traefik.yml', join(dir, 'traefik.yml'), here, [
      ["':80'", `127.0.0.1:${plain}`],
      ["':443'", `127.0.0.1:${port}`],
      ['/etc/traefik/traefik-dynamic.yml', dynamic],
    ]);
    await startProcess(scope, partPath('traefik'), [`--configFile=${file}`], { ready: port, cwd: dir });
    await routersLoaded(port);
    return port;
  },
};

const envoy: SwapFront = {
  part: 'envoy',
  file: 'envoy.yaml',
  async start(scope, site, change = []) {
    const port = await freePort();
    const socket = (address: string, number: number) => `address: ${address}, port_value: ${number}`;
    const file = place('envoy.yaml', join(tempDir(scope), 'envoy.yaml'), change, [
      ['timeout: 0.25s', 'timeout: 20s'], // the machine of the tests does much else at once
      ['http://127.0.0.1:9000', `http://127.0.0.1:${site.lintelPort}`],
      [socket('127.0.0.1', 9000), socket('127.0.0.1', site.lintelPort)],
      [socket('127.0.0.1', 8080), socket('127.0.0.1', site.app.port)],
      [socket('0.0.0.0', 443), socket('127.0.0.1', port)],
      ['/etc/ssl/example.com/', `${site.dir}/`],
    ]);
    const args = ['-c', file, '--concurrency', '1', '-l', 'warning', '--use-dynamic-base-id'];
    execFileSync(partPath('envoy'), ['--mode', 'validate', ...args], { stdio: 'pipe' });
    await startProcess(scope, partPath('envoy'), args, { ready: port });
    return port;
  },
};

const haproxy: SwapFront = {
  part: 'haproxy',
  file: 'haproxy.cfg',
  async start(scope, site, change = []) {
    const port = await freePort();
    const dir = tempDir(scope);
    const pem = ['fullchain.pem', 'privkey.pem'].map((name) => readFileSync(join(site.dir, name), 'utf8'));
    writeFileSync(join(dir, 'example.pem'), pem.join(''));
    const file = place('haproxy.cfg', join(dir, 'haproxy.cfg'), change, [
      ...addresses(site),
      ['bind :443 ', `bind 127.0.0.1:${port} `],
      ['/etc/ssl/example.com/', `${dir}/`],
      ['/usr/share/haproxy/?/http.lua', `${dir}/?.lua`],
      ['/usr/share/haproxy/auth-request.lua', LUA],
    ]);
    execFileSync(partPath('haproxy'), ['-c', '-q', '-f', file], { stdio: 'pipe' });
    await startProcess(scope, partPath('haproxy'), ['-db', '-f', file], { ready: port });
    return port;
  },
};

/** Another action of the same name may be named for a trial: the module itself, where it is at hand. */
const LUA = process.env.LINTEL_TEST_AUTH_REQUEST_LUA ?? join(import.meta.dirname, 'auth-intercept.lua');

export const SWAP_FRONTS = {
  nginx,
  caddy: caddy('caddy'),
  'caddy-debian': caddy('caddy-debian'),
  traefik,
  envoy,
  haproxy,
} as const satisfies Record<string, SwapFront>;
