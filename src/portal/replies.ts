import { JSON_HEADERS } from '../core/base-headers.ts';
import { FAULTS, type FaultId, faultStatus } from '../core/fault.ts';
import { first } from '../core/text/header-list.ts';
import type { Reply, Wire } from '../core/wire.ts';
import { INLINE_SCRIPT, INLINE_STYLE } from './assets.ts';
import type { Html } from './html.ts';

export type Headers = readonly string[];

/** Where a page stands and what it may load or lead to. */
export interface PageFrame {
  /** The place is https, so browsers are told to stay there. Only for hosts that are the portal's own. */
  readonly hsts: boolean;
  /** Origins besides the page's own that a form may end up at: CSP follows the redirects after a form post. */
  readonly formTargets: readonly string[];
  /** Style and script stand in the page itself, and nothing else is loaded. */
  readonly inline?: boolean;
}

const HSTS: Headers = ['Strict-Transport-Security', 'max-age=31536000'];
const NO_STORE: Headers = ['Cache-Control', 'no-store'];
const NOSNIFF: Headers = ['X-Content-Type-Options', 'nosniff'];

function contentPolicy({ formTargets, inline = false }: PageFrame): string {
  return [
    "default-src 'none'",
    `style-src ${inline ? INLINE_STYLE : "'self'"}`,
    `script-src ${inline ? INLINE_SCRIPT : "'self'"}`,
    "img-src 'self' data:",
    `form-action ${["'self'", ...new Set(formTargets)].join(' ')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
}

/**
 * A page. `Referrer-Policy: same-origin`, because `no-referrer` would turn the `Origin` of its own forms into "null".
 */
export function page(status: number, body: Html, frame: PageFrame, more: Headers = []): Reply {
  const headers = [
    'Content-Type',
    'text/html; charset=utf-8',
    ...NO_STORE,
    ...NOSNIFF,
    'Content-Security-Policy',
    contentPolicy(frame),
    'X-Frame-Options',
    'DENY',
    'Referrer-Policy',
    'same-origin',
    'Cross-Origin-Opener-Policy',
    'same-origin',
    'Permissions-Policy',
    'camera=(), geolocation=(), microphone=()',
    ...(frame.hsts ? HSTS : []),
    ...more,
  ];
  return { status, headers, body: body.text };
}

/** A redirect. No referrer: the address holds a one-time code or tells where somebody goes. */
export function redirect(status: 302 | 303, location: string, more: Headers = []): Reply {
  const headers = ['Location', location, ...NO_STORE, ...NOSNIFF, 'Referrer-Policy', 'no-referrer', ...more];
  return { status, headers, body: '' };
}

export function json(status: number, value: unknown, more: Headers = []): Reply {
  return { status, headers: [...JSON_HEADERS, ...more], body: JSON.stringify(value) };
}

/** The envelope of the JSON API for a fault: id, what happened, what to do. */
export function faultJson(id: FaultId, more: Headers = []): Reply {
  const { says, fix } = FAULTS[id];
  const body = { status: 'KO', message: says, error: id, fix };
  return json(faultStatus(id), body, [...errorHeader(id), ...more]);
}

export function errorHeader(id: FaultId): Headers {
  return ['X-Lintel-Error', id];
}

export function cookieHeaders(cookies: readonly string[]): Headers {
  return cookies.flatMap((c) => ['Set-Cookie', c]);
}

export function plain(status: number, text: string): Reply {
  return { status, headers: ['Content-Type', 'text/plain; charset=utf-8', ...NO_STORE, ...NOSNIFF], body: text };
}

/** A program or a script asks, not a person who opens a page: it gets JSON and never a redirect to a page. */
export function wantsJson(wire: Wire): boolean {
  const mode = first(wire.headers, 'sec-fetch-mode');
  if (mode !== undefined && mode !== 'navigate') return true;
  if (first(wire.headers, 'x-requested-with')?.toLowerCase() === 'xmlhttprequest') return true;
  const accept = first(wire.headers, 'accept')?.toLowerCase() ?? '';
  return accept.includes('application/json') && !accept.includes('text/html');
}
