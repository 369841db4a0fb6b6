import { FAULTS, type FaultId } from '../core/fault.ts';
import { escapeHtml } from '../core/text/html.ts';
import type { Reply, Wire } from '../core/wire.ts';
import { isBrowser, prefersJson } from './negotiate.ts';

const STYLE = `:root{color-scheme:light dark;--paper:#f7f6f2;--card:#fff;--ink:#16181b;--quiet:#5a5f66;--accent:#0b6b66}
@media(prefers-color-scheme:dark){:root{--paper:#121416;--card:#1b1e21;--ink:#ecebe7;--quiet:#a3a8ae;--accent:#6fd3c8}}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{box-sizing:border-box;width:100%;max-width:26rem;padding:24px;background:var(--card);border-top:3px solid var(--accent);border-radius:10px}
h1{font-size:1.375rem;margin:0 0 12px}p{margin:0 0 12px}.id{color:var(--quiet);font-size:.875rem;margin:0}a{color:var(--accent)}
code{font-family:ui-monospace,monospace}`;

const HEADERS = [
  ...['Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff', 'X-Frame-Options', 'DENY'],
  ...['Referrer-Policy', 'no-referrer'],
] as const;
const CSP =
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/**
 * An error for the person or program at the other end: page, JSON or one line of text, as it asked. It needs nothing
 * from any other host, so it works on the host of an app whose everything is down. Somebody signed in is offered the
 * way to another account. `seen`: what of the request was not understood.
 */
export function errorReply(
  wire: Wire,
  id: FaultId,
  extra: readonly string[] = [],
  status?: number,
  isSignedIn = false,
  seen = '',
): Reply {
  const { says, fix } = FAULTS[id];
  const code = status ?? FAULTS[id].status;
  const headers = [...HEADERS, 'X-Lintel-Error', id, ...extra];
  if (code === 503 || code === 429) headers.push('Retry-After', '5');
  if (isBrowser(wire.headers)) {
    headers.push('Content-Type', 'text/html; charset=utf-8', 'Content-Security-Policy', CSP);
    return { status: code, headers, body: page(says, fix, id, isSignedIn, seen) };
  }
  if (prefersJson(wire.headers)) {
    headers.push('Content-Type', 'application/json; charset=utf-8');
    return { status: code, headers, body: JSON.stringify({ error: id, message: says, fix }) };
  }
  headers.push('Content-Type', 'text/plain; charset=utf-8');
  return { status: code, headers, body: `${id}: ${says}\n${fix}\n` };
}

const SWITCH = '<p><a href="/.lintel/sign-out">Switch account</a></p>\n';

/** What is for whoever runs the site stands apart from what is for everybody. */
function page(says: string, fix: string, id: string, isSignedIn: boolean, seen: string): string {
  const [everybody = '', operators] = fix.split('Operators: ', 2);
  const first = everybody === '' ? '' : `<p>${escapeHtml(everybody.trim())}</p>\n`;
  const second = operators === undefined ? '' : `<p class="id">If you run this site: ${escapeHtml(operators)}</p>\n`;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(says)}</title><style>${STYLE}</style></head><body><main><h1>${escapeHtml(says)}</h1>
${first}${seen === '' ? '' : `<p><code>${escapeHtml(seen)}</code></p>\n`}${isSignedIn ? SWITCH : ''}${second}<p class="id"><code>${id}</code></p></main></body></html>
`;
}
