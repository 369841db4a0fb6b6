import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { STYLE as PORTAL_STYLE } from '../../portal/style.ts';
import { page, type Surroundings } from './page.ts';
import { type Arrived, arrivedWith, described } from './person.ts';

export interface WhoamiApp {
  /** host:port to forward to. */
  readonly address: string;
  close(): Promise<void>;
}

const STYLE = new URL('./style.css', import.meta.url);
const SCRIPT = new URL('./copy.js', import.meta.url);

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * The app of the demo: it knows nothing of sign-in, believes the headers it receives, and shows them. Loopback only;
 * like any such app it must be reached through Lintel alone.
 */
export async function startWhoami(around: Surroundings): Promise<WhoamiApp> {
  const assets = new Map([
    ['/style.css', { type: 'text/css; charset=utf-8', body: PORTAL_STYLE + readFileSync(STYLE, 'utf8') }],
    ['/copy.js', { type: 'text/javascript; charset=utf-8', body: readFileSync(SCRIPT, 'utf8') }],
  ]);
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const asset = assets.get(path);
    if (asset === undefined) show(request, response, path, around);
    else send(response, asset.type, asset.body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the whoami app is not listening');
  return {
    address: `127.0.0.1:${bound.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function show(request: IncomingMessage, response: ServerResponse, path: string, around: Surroundings): void {
  request.resume();
  const arrived = arrivedWith(request.rawHeaders);
  const accept = request.headers.accept ?? '';
  if (accept.includes('text/html')) send(response, 'text/html; charset=utf-8', page(arrived, path, around).text);
  else if (accept.includes('application/json')) send(response, 'application/json', `${JSON.stringify(arrived)}\n`);
  else send(response, 'text/plain; charset=utf-8', plainText(arrived));
}

/** What `curl` prints: the answer first, then every header as it came. */
function plainText(arrived: Arrived): string {
  const width = Math.max(0, ...arrived.headers.map(({ name }) => name.length));
  const rows = arrived.headers.map(({ name, value }) => `  ${name.padEnd(width)}  ${value || '(empty)'}\n`);
  return `${described(arrived)}\n\nThe headers that reached this app:\n\n${rows.join('')}`;
}

function send(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { ...HEADERS, 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}
