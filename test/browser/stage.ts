import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after } from 'node:test';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { freePort, openScope, partPath, ROOT, type Scope, tempDir } from '../parts.ts';
import type { World } from './world.ts';

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--ignore-certificate-errors',
  '--host-resolver-rules=MAP *.test 127.0.0.1, MAP *.localhost 127.0.0.1',
];

/** A scope that ends with the suite. (`after` called within `before` would run at once.) */
export function cleanUp(): Scope {
  const scope = openScope();
  after(scope.close);
  return scope;
}

/** A real Chromium for which every *.test host is this machine. */
export async function startBrowser(scope: Scope): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: partPath('chromium'), args: ARGS });
  scope.after(() => browser.close());
  return browser;
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Paths of a fresh self-signed certificate; the browser here trusts any. */
export function certificate(scope: Scope): Certificate {
  const dir = tempDir(scope);
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-subj', '/CN=test', '-keyout', key, '-out', cert], {
    stdio: 'pipe',
  });
  return { cert, key };
}

/** Serves portal and doors over TLS on a port of its own; the world is built once the port is known. */
export async function serveWorld(scope: Scope, build: (port: number) => World): Promise<World> {
  const port = await freePort();
  const world = build(port);
  const { cert, key } = certificate(scope);
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (req, res) => {
    answer(world, req, res).catch((error: unknown) => res.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  scope.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return world;
}

async function answer(world: World, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk);
  const url = new URL(`https://${req.headers.host}${req.url}`);
  const isApp = !world.sites.has(url.origin) && !url.pathname.startsWith('/.lintel/');
  if (isApp) {
    res.writeHead(200, { 'content-type': 'text/html' }).end(`<title>app</title><h1>${url.host}</h1>`);
    return;
  }
  const headers = req.rawHeaders.flatMap((name, i, list) =>
    i % 2 === 0 && name.toLowerCase() !== 'host' ? [name, list[i + 1] ?? ''] : [],
  );
  const reply = await world.answer(req.method ?? '', url, headers, Buffer.concat(chunks).toString());
  const flat = [...reply.headers, 'Content-Length', String(Buffer.byteLength(reply.body))];
  res.writeHead(reply.status, flat).end(reply.body);
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe-core finds wrong with the page as it is shown, WCAG 2.2 AA and best practices; empty when nothing. */
export async function violations(page: Page): Promise<string[]> {
  // By evaluation, which the page's CSP does not touch: it allows no foreign script, and that is tested elsewhere.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const axe = (globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }).axe;
    interface Violation {
      readonly id: string;
      readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
    }
    const { violations } = await axe.run();
    return violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html} — ${n.failureSummary}`));
  });
}

const SCREENS = join(ROOT, '.cache', 'screens');

export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENS, { recursive: true });
  await page.screenshot({ path: join(SCREENS, `${name}.png`), fullPage: true });
}

export type Theme = 'light' | 'dark';

/** A fresh visitor. Anything the browser complains about (blocked by CSP, failed to load) is collected. */
export async function visitor(
  browser: Browser,
  options: { readonly theme?: Theme; readonly js?: boolean; readonly width?: number } = {},
): Promise<{ page: Page; context: BrowserContext; complaints: string[] }> {
  const context = await browser.newContext({
    colorScheme: options.theme ?? 'light',
    javaScriptEnabled: options.js ?? true,
    viewport: { width: options.width ?? 1024, height: 768 },
    ignoreHTTPSErrors: true,
  });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of [45]\d\d/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return { page, context, complaints };
}
