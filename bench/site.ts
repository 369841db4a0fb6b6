/** Configurations of any size, and a Lintel that runs one of them with a signed-in person. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { cheapHash } from '../test/black-box/lintel.ts';
import { type Contender, FLAGS, freePort, launch, ROOT } from './measure.ts';

export interface Size {
  readonly apps: number;
  readonly users: number;
  readonly sessions: number;
  readonly regexes: number;
}

const PASSWORD = 'correct horse battery staple';

function usersFile(count: number): string {
  const encoded = cheapHash(PASSWORD);
  let text = 'users:\n';
  for (let i = 0; i < count; i++) {
    const name = i === 0 ? 'alice' : `user${i}`;
    text += `  ${name}:\n    displayname: Alice Adams\n    password: '${encoded}'\n    email: ${name}@example.com\n    groups: [admins, dev]\n`;
  }
  return text;
}

function configFile(size: Size, port: number, metricsPort: number): string {
  const apps: Record<string, unknown> = {};
  for (let i = 0; i < size.apps; i++) {
    const wild = i > 0 && i <= 20;
    apps[`app${i}`] = {
      url: wild ? `https://*.w${i}.example.com` : `https://app${i}.example.com`,
      access: rules(i === 0 ? size.regexes : 0),
    };
  }
  return JSON.stringify({
    listen: [`127.0.0.1:${port}`],
    trusted_proxies: ['127.0.0.1'],
    portal: 'https://auth.example.com',
    storage: 'sqlite:./lintel.db',
    users: 'file:./users.yml',
    metrics: metricsPort === 0 ? 'off' : `127.0.0.1:${metricsPort}`,
    domains: [{ domain: 'example.com' }],
    apps,
  });
}

function rules(regexes: number): unknown[] {
  const list: unknown[] = [];
  for (let i = 0; i < regexes; i++)
    list.push({ paths_regex: [`^/section-${i}/[a-z]+/(edit|delete)$`], allow: ['group:nobody'] });
  return [...list, { allow: 'signed_in' }];
}

/** A running Lintel and the request that it allows. `proxied`: app0 is served by Lintel itself from this upstream. */
export async function site(
  name: string,
  size: Partial<Size>,
  ready?: (pid: number) => Promise<void>,
): Promise<Contender & { readonly database: string; readonly password: string }> {
  const full = { apps: 1, users: 1, sessions: 1, regexes: 0, ...size };
  const dir = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  const port = await freePort();
  writeFileSync(join(dir, 'lintel.yml'), configFile(full, port, 0));
  writeFileSync(join(dir, 'users.yml'), usersFile(full.users));
  const database = join(dir, 'lintel.db');
  const child = await launch(
    [...FLAGS, 'src/main.ts', 'serve', '--config', join(dir, 'lintel.yml')],
    port,
    '/api/health',
  );
  await ready?.(child.pid ?? 0);
  const cookie = await signIn(port);
  if (full.sessions > 1) plant(database, full.sessions);
  return {
    name,
    child,
    port,
    path: '/api/authz/forward-auth',
    headers: [...asked(), `Cookie: theme=dark; ${cookie}; _ga=GA1.2.1`],
    database,
    password: PASSWORD,
  };
}

/** What a browser behind Caddy or Traefik makes the proxy ask. */
export function asked(host = 'app0.example.com'): string[] {
  return [
    'X-Forwarded-Method: GET',
    'X-Forwarded-Proto: https',
    `X-Forwarded-Host: ${host}`,
    'X-Forwarded-Uri: /dashboards/home?range=1h',
    'X-Forwarded-For: 198.51.100.7',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'Accept-Language: en-GB,en;q=0.7',
    'Accept-Encoding: gzip, deflate, br',
  ];
}

async function signIn(port: number): Promise<string> {
  const body = JSON.stringify({ username: 'alice', password: PASSWORD });
  const headers = {
    Host: 'auth.example.com',
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
  };
  const cookies = await new Promise<string[]>((resolve, reject) => {
    const req = http.request({ port, host: '127.0.0.1', method: 'POST', path: '/api/firstfactor', headers }, (res) => {
      res.resume();
      if (res.statusCode === 200) resolve(res.headers['set-cookie'] ?? []);
      else reject(new Error(`sign-in answered ${res.statusCode}`));
    });
    req.on('error', reject);
    req.end(body);
  });
  const gate = cookies.find((c) => c.startsWith('lintel-gate='));
  if (gate === undefined) throw new Error(`no gate cookie in ${cookies.join(' | ')}`);
  return gate.slice(0, gate.indexOf(';'));
}

/** Fills the tables with living sessions of their own, in one transaction; the store would flush each to the disk. */
function plant(database: string, count: number): void {
  const db = new DatabaseSync(database);
  db.exec(`BEGIN;
    WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < ${count})
    INSERT INTO sessions (id, user, level, epoch, created_at, seen_at, expires_at, idle_ms, address, user_agent)
    SELECT 'planted-' || i.n, s.user, s.level, s.epoch, s.created_at, s.seen_at, s.expires_at, s.idle_ms, s.address, s.user_agent
    FROM i, (SELECT * FROM sessions LIMIT 1) s;
    INSERT INTO secrets (key, session, kind, bound_to, place)
    SELECT lower(hex(randomblob(21))) || 'x', n, 3, 'example.com', 0 FROM sessions WHERE id LIKE 'planted-%';
    COMMIT`);
  db.close();
}

export async function bare(): Promise<Contender> {
  const port = await freePort();
  const child = await launch([join(ROOT, 'bench', 'bare.ts'), String(port)], port, '/');
  return { name: 'bare node:http handler', child, port, path: '/api/authz/forward-auth', headers: [] };
}
