/** What stands behind and beside every proxy: certificate, Lintel itself, an app that records, and a real one. */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { freePort, partPath, ROOT, type Running, type Scope, startProcess, tempDir } from '../parts.ts';

/** One request as an app got it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  /** Name, value, … as on the wire. */
  readonly rawHeaders: readonly string[];
  readonly rawTrailers: readonly string[];
  readonly body: string;
}

export interface Capture {
  readonly port: number;
  /** Everything since the last call. */
  taken(): Seen[];
}

const PAGE = '<title>captured</title>the app answered';

/**
 * An app that answers everything with 200 and a page, and remembers it, but for the icon that a browser asks for by
 * itself. It listens on a port of its own of 127.0.0.1, or where it is told.
 */
export async function startCapture(
  scope: Scope,
  page = PAGE,
  at: { readonly host: string; readonly port: number } = { host: '127.0.0.1', port: 0 },
): Promise<Capture> {
  let seen: Seen[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const { method = '', url = '', rawHeaders, rawTrailers } = req;
      if (!url.endsWith('/favicon.ico'))
        seen.push({ method, url, rawHeaders, rawTrailers, body: Buffer.concat(chunks).toString('latin1') });
      res.writeHead(200, { 'content-type': 'text/html' }).end(page);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, resolve);
  });
  scope.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const taken = () => {
    const all = seen;
    seen = [];
    return all;
  };
  return { port: (server.address() as AddressInfo).port, taken };
}

/** The values of a header, name in any letter case. */
export function values(seen: Seen, name: string): string[] {
  return headerPairs(seen)
    .filter(([n]) => n.toLowerCase() === name)
    .map(([, value]) => value);
}

export function headerPairs(seen: Seen): (readonly [string, string])[] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < seen.rawHeaders.length; i += 2) {
    pairs.push([seen.rawHeaders[i] ?? '', seen.rawHeaders[i + 1] ?? '']);
  }
  return pairs;
}

/** Copies text files with replacements. Each `from` must occur: an example that changed must not go untested. */
export function copyWith(from: string, to: string, replacements: readonly (readonly [string, string])[]): void {
  let text = readFileSync(from, 'utf8');
  for (const [old, now] of replacements) {
    if (!text.includes(old)) throw new Error(`${from} no longer holds ${JSON.stringify(old)}`);
    text = text.replaceAll(old, now);
  }
  writeFileSync(to, text);
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A self-signed certificate for both example domains, as fullchain.pem and privkey.pem in `dir`. */
export function makeCertificate(dir: string): Certificate {
  const [cert, key] = [join(dir, 'fullchain.pem'), join(dir, 'privkey.pem')];
  const names = 'subjectAltName=DNS:*.example.com,DNS:*.example.org';
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const args = ['req', '-x509', ...curve, '-days', '7', '-subj', '/CN=example.com', '-addext', names];
  execFileSync('openssl', [...args, '-out', cert, '-keyout', key], { stdio: 'pipe' });
  return { cert, key };
}

export interface Site {
  readonly dir: string;
  readonly certificate: Certificate;
  readonly lintel: Running;
  readonly lintelPort: number;
  /** Where Lintel answers gRPC; nothing listens there unless the example says so. */
  readonly grpcPort: number;
  readonly app: Capture;
  /** Radicale; undefined when it was not asked for. */
  readonly calendarPort: number;
}

/** Lintel with lintel.yml and users.yml of `examples/<name>/`; only ports differ from the shipped files. */
export async function startSite(scope: Scope, example: string, withRadicale = true): Promise<Site> {
  const dir = tempDir(scope);
  const certificate = makeCertificate(dir);
  const app = await startCapture(scope);
  const lintelPort = await freePort();
  const calendarPort = withRadicale ? await startRadicale(scope, dir) : app.port;
  const listen = `listen: [127.0.0.1:${lintelPort}]\nmetrics: off`;
  const grpcPort = await freePort();
  copyWith(join(ROOT, 'examples', example, 'lintel.yml'), join(dir, 'lintel.yml'), [
    ['listen: [127.0.0.1:9091]', listen],
    ...(example === 'apache' ? upstreams(app.port, calendarPort) : []),
    ...(example === 'envoy-grpc' ? [['grpc: 127.0.0.1:9092', `grpc: 127.0.0.1:${grpcPort}`] as const] : []),
  ]);
  cpSync(join(ROOT, 'examples', example, 'users.yml'), join(dir, 'users.yml'));
  const args = ['serve', '--config', join(dir, 'lintel.yml')];
  const lintel = await startProcess(scope, join(ROOT, 'bin', 'lintel'), args, { ready: /"message":"ready"/ });
  return { dir, certificate, lintel, lintelPort, grpcPort, app, calendarPort };
}

/** Behind Apache it is Lintel that forwards to the apps. */
function upstreams(app: number, calendar: number): (readonly [string, string])[] {
  return [
    ['127.0.0.1:8080', `127.0.0.1:${app}`],
    ['127.0.0.1:5232', `127.0.0.1:${calendar}`],
  ];
}

/** Radicale as `examples/radicale` has it, with its data in `dir`. Returns its port. */
export async function startRadicale(scope: Scope, dir: string): Promise<number> {
  const port = await freePort();
  const config = join(dir, 'radicale.config');
  copyWith(join(ROOT, 'examples', 'radicale', 'config'), config, [
    ['127.0.0.1:5232', `127.0.0.1:${port}`],
    ['/var/lib/radicale/collections', join(dir, 'collections')],
  ]);
  await startProcess(scope, partPath('radicale'), ['--config', config], { ready: port });
  return port;
}
