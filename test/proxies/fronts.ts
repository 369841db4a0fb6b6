/** Starts each real proxy with the shipped example. Only addresses and file places are replaced, all of them here. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../black-box/lintel.ts';
import { freePort, type PartName, partPath, ROOT, type Scope, startProcess } from '../parts.ts';
import { ask } from './raw.ts';
import { copyWith, type Site } from './site.ts';

/** A running proxy; `port` speaks https for auth.example.com, app.example.com and calendar.example.org. */
export interface Front {
  readonly port: number;
}

export interface FrontKind {
  readonly part: PartName;
  /** Folder below examples/. */
  readonly example: string;
  start(scope: Scope, site: Site): Promise<Front>;
}

const apps = (site: Site): [string, string][] => [
  ['127.0.0.1:9091', `127.0.0.1:${site.lintelPort}`],
  ['127.0.0.1:8080', `127.0.0.1:${site.app.port}`],
  ['127.0.0.1:5232', `127.0.0.1:${site.calendarPort}`],
];

const example = (...path: string[]) => join(ROOT, 'examples', ...path);

const nginx: FrontKind = {
  part: 'nginx',
  example: 'nginx',
  async start(scope, site) {
    const [port, plain] = [await freePort(), await freePort()];
    cpSync(example('nginx', 'snippets'), join(site.dir, 'snippets'), { recursive: true });
    copyWith(example('nginx', 'lintel.conf'), join(site.dir, 'lintel.conf'), [
      ...apps(site),
      ['listen 80 ', `listen 127.0.0.1:${plain} `],
      ['listen 443 ', `listen 127.0.0.1:${port} `],
      ['/etc/letsencrypt/live/example.com/', `${site.dir}/`],
      ['/etc/letsencrypt/live/example.org/', `${site.dir}/`],
    ]);
    // What Debian's /etc/nginx/nginx.conf has around conf.d/*.conf, in a directory of our own.
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${site.dir}/${n};`);
    const user = process.getuid?.() === 0 ? 'user root;' : '';
    const main = `${user} daemon off; worker_processes 1; pid ${site.dir}/nginx.pid; error_log stderr;
      events {} http { access_log off; ${temp.join(' ')} include lintel.conf; }\n`;
    writeFileSync(join(site.dir, 'nginx.conf'), main);
    const args = ['-p', site.dir, '-e', 'stderr', '-c', join(site.dir, 'nginx.conf')];
    execFileSync(partPath('nginx'), ['-t', '-q', ...args], { stdio: 'pipe' });
    await startProcess(scope, partPath('nginx'), args, { ready: port });
    return { port };
  },
};

function caddy(part: 'caddy' | 'caddy-debian'): FrontKind {
  return {
    part,
    example: 'caddy',
    async start(scope, site) {
      const port = await freePort();
      const file = join(site.dir, 'Caddyfile');
      const globals = `admin off\n\tauto_https disable_redirects\n\thttps_port ${port}\n\tdefault_bind 127.0.0.1`;
      copyWith(example('caddy', 'Caddyfile'), file, [
        ...apps(site),
        ['\torder route first\n', `\t${globals}\n\torder route first\n`],
        ['/etc/ssl/example.com/', `${site.dir}/`],
        ['/etc/ssl/example.org/', `${site.dir}/`],
      ]);
      const args = ['--adapter', 'caddyfile', '--config', file];
      const env = { XDG_DATA_HOME: site.dir, XDG_CONFIG_HOME: site.dir };
      execFileSync(partPath(part), ['validate', ...args], { stdio: 'pipe', env: { ...process.env, ...env } });
      await startProcess(scope, partPath(part), ['run', ...args], { ready: port, env });
      return { port };
    },
  };
}

const haproxy: FrontKind = {
  part: 'haproxy',
  example: 'haproxy',
  async start(scope, site) {
    const [port, plain] = [await freePort(), await freePort()];
    const { cert, key } = site.certificate;
    mkdirSync(join(site.dir, 'certs'));
    writeFileSync(join(site.dir, 'certs', 'example.pem'), readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'));
    copyWith(example('haproxy', 'lintel.lua'), join(site.dir, 'lintel.lua'), apps(site).slice(0, 1));
    copyWith(example('haproxy', 'haproxy.cfg'), join(site.dir, 'haproxy.cfg'), [
      ...apps(site),
      ['bind :80', `bind 127.0.0.1:${plain}`],
      ['bind :443', `bind 127.0.0.1:${port}`],
      ['/etc/haproxy/', `${site.dir}/`],
    ]);
    const file = join(site.dir, 'haproxy.cfg');
    execFileSync(partPath('haproxy'), ['-c', '-q', '-f', file], { stdio: 'pipe' });
    await startProcess(scope, partPath('haproxy'), ['-db', '-f', file], { ready: port });
    return { port };
  },
};

const traefik: FrontKind = {
  part: 'traefik',
  example: 'traefik',
  async start(scope, site) {
    const [port, plain] = [await freePort(), await freePort()];
    cpSync(example('traefik', 'plugins-local'), join(site.dir, 'plugins-local'), { recursive: true });
    mkdirSync(join(site.dir, 'dynamic'));
    copyWith(example('traefik', 'dynamic', 'lintel.yml'), join(site.dir, 'dynamic', 'lintel.yml'), [
      ...apps(site),
      ['/etc/ssl/example.com/', `${site.dir}/`],
      ['/etc/ssl/example.org/', `${site.dir}/`],
    ]);
    copyWith(example('traefik', 'traefik.yml'), join(site.dir, 'traefik.yml'), [
      ["':80'", `127.0.0.1:${plain}`],
      ["':443'", `127.0.0.1:${port}`],
      ['/etc/traefik/dynamic', join(site.dir, 'dynamic')],
    ]);
    const args = [`--configFile=${join(site.dir, 'traefik.yml')}`];
    await startProcess(scope, partPath('traefik'), args, { ready: port, cwd: site.dir });
    await routersLoaded(port);
    return { port };
  },
};

/** Traefik listens before it has read its dynamic configuration, and answers 404 until then. */
export function routersLoaded(port: number): Promise<void> {
  const health = { host: 'auth.example.com', path: '/api/health' };
  const isLoaded = () =>
    ask(port, health).then(
      (answer) => answer.status === 200,
      () => false,
    );
  return eventually('Traefik has its routers', isLoaded, 60_000);
}

function envoy(folder: 'envoy' | 'envoy-grpc'): FrontKind {
  return {
    part: 'envoy',
    example: folder,
    async start(scope, site) {
      const [port, plain] = [await freePort(), await freePort()];
      const socket = (address: string, number: number) => `address: ${address}, port_value: ${number}`;
      const scripts = folder === 'envoy' ? ['lintel-client.lua', 'lintel-app.lua'] : [];
      for (const script of scripts) cpSync(example('envoy', script), join(site.dir, script));
      const asked: [string, string] =
        folder === 'envoy'
          ? ['http://127.0.0.1:9091', `http://127.0.0.1:${site.lintelPort}`]
          : [socket('127.0.0.1', 9092), socket('127.0.0.1', site.grpcPort)];
      const places: [string, string][] = folder === 'envoy' ? [['/etc/envoy/', `${site.dir}/`]] : [];
      copyWith(example(folder, 'envoy.yaml'), join(site.dir, 'envoy.yaml'), [
        asked,
        [socket('127.0.0.1', 9091), socket('127.0.0.1', site.lintelPort)],
        [socket('127.0.0.1', 8080), socket('127.0.0.1', site.app.port)],
        [socket('127.0.0.1', 5232), socket('127.0.0.1', site.calendarPort)],
        [`${socket('0.0.0.0', 80)} `, `${socket('127.0.0.1', plain)} `],
        [`${socket('0.0.0.0', 443)} `, `${socket('127.0.0.1', port)} `],
        ...places,
        ['/etc/ssl/example.com/', `${site.dir}/`],
      ]);
      const args = ['-c', join(site.dir, 'envoy.yaml'), '--concurrency', '1', '-l', 'warning', '--use-dynamic-base-id'];
      execFileSync(partPath('envoy'), ['--mode', 'validate', ...args], { stdio: 'pipe' });
      await startProcess(scope, partPath('envoy'), args, { ready: port });
      return { port };
    },
  };
}

/** What Debian's apache2.conf and its `a2enmod` have around a site. */
const APACHE_MODULES = ['mpm_event', 'authz_core', 'alias', 'headers', 'ssl', 'proxy', 'proxy_http'];

const apache: FrontKind = {
  part: 'apache',
  example: 'apache',
  async start(scope, site) {
    const [port, plain] = [await freePort(), await freePort()];
    copyWith(example('apache', 'lintel-host.conf'), join(site.dir, 'lintel-host.conf'), apps(site).slice(0, 1));
    copyWith(example('apache', 'lintel.conf'), join(site.dir, 'lintel.conf'), [
      ['*:443', `127.0.0.1:${port}`],
      ['*:80', `127.0.0.1:${plain}`],
      ['/etc/apache2/', `${site.dir}/`],
      ['/etc/letsencrypt/live/example.com/', `${site.dir}/`],
      ['/etc/letsencrypt/live/example.org/', `${site.dir}/`],
    ]);
    const modules = APACHE_MODULES.map((n) => `LoadModule ${n}_module /usr/lib/apache2/modules/mod_${n}.so`);
    const user = process.getuid?.() === 0 ? ['User www-data', 'Group www-data'] : [];
    const files = [`PidFile ${site.dir}/apache.pid`, `DefaultRuntimeDir ${site.dir}`, `ErrorLog ${site.dir}/error.log`];
    const listen = [`Listen 127.0.0.1:${port}`, `Listen 127.0.0.1:${plain}`, 'ServerName localhost'];
    const main = [...modules, ...user, ...files, ...listen, `Include ${site.dir}/lintel.conf`, ''].join('\n');
    const file = join(site.dir, 'apache2.conf');
    writeFileSync(file, main);
    execFileSync(partPath('apache'), ['-t', '-f', file], { stdio: 'pipe' });
    await startProcess(scope, partPath('apache'), ['-DFOREGROUND', '-f', file], { ready: port });
    return { port };
  },
};

export const FRONTS = {
  nginx,
  apache,
  caddy: caddy('caddy'),
  'caddy-debian': caddy('caddy-debian'),
  haproxy,
  traefik,
  envoy: envoy('envoy'),
  'envoy-grpc': envoy('envoy-grpc'),
} as const satisfies Record<string, FrontKind>;
