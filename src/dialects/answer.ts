import { BASE_HEADERS } from '../core/base-headers.ts';
import type { Challenge, Decision } from '../core/decision.ts';
import type { Rendering } from '../core/dialect.ts';
import { FAULTS, type Fault, type FaultId } from '../core/fault.ts';
import { known } from '../core/target.ts';
import { escapeHtml } from '../core/text/html.ts';
import type { Reply } from '../core/wire.ts';
import { isBrowser, prefersJson } from './negotiate.ts';

/** How the check endpoints differ when they answer (contract §2.5). */
export interface AnswerStyle {
  /** nginx turns every answer but 2xx, 401 and 403 into a bare 500, so there are no redirects and no 400. */
  readonly only401And403: boolean;
  /** Status for a fault of the request; undefined: the fault's own. */
  readonly requestFaultStatus: 401 | 403 | undefined;
}

const NO_STORE = ['Cache-Control', 'no-store'] as const;
const PLAIN = ['Content-Type', 'text/plain; charset=utf-8', ...NO_STORE] as const;

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  302: 'Found',
  303: 'See Other',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  405: 'Method Not Allowed',
  407: 'Proxy Authentication Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** Renders a decision for a check endpoint. The only 2xx is the rendering of `allow`. */
export function answer(decision: Decision, r: Rendering, style: AnswerStyle): Reply {
  switch (decision.kind) {
    case 'allow':
      return allowed(r);
    case 'challenge':
      return challenged(decision.how, r, style);
    case 'deny':
      return plain(403, decision.reason.kind === 'unknown-fact' ? 'FACT-UNKNOWN' : 'ACCESS-DENIED', []);
    case 'fault':
      return faulted(decision.fault, style);
    default:
      return decision satisfies never;
  }
}

const allows = new WeakMap<readonly string[], Reply>();

/**
 * `Authorization` is written on every allow so that a snippet that copies it cannot pass on what Lintel consumed. The
 * answer for a person is made once: it is the same until their data change, and then `identity` is another list.
 */
function allowed(r: Rendering): Reply {
  if (r.authorization !== '') return allow(r.identity, r.authorization);
  let reply = allows.get(r.identity);
  if (reply === undefined) {
    reply = allow(r.identity, '');
    allows.set(r.identity, reply);
  }
  return reply;
}

function allow(identity: readonly string[], authorization: string): Reply {
  return { status: 200, headers: [...PLAIN, ...identity, 'Authorization', authorization], body: '200 OK' };
}

function challenged(how: Challenge, r: Rendering, style: AnswerStyle): Reply {
  if (how.kind === 'credentials') {
    const [status, name] = how.proxy ? ([407, 'Proxy-Authenticate'] as const) : ([401, 'WWW-Authenticate'] as const);
    return plain(status, how.refused ? 'CREDENTIALS-REFUSED' : 'SIGN-IN-NEEDED', [name, authenticate(how)]);
  }
  if (r.location === undefined) return plain(401, 'SIGN-IN-NEEDED', []);
  const browser = isBrowser(r.wire.headers);
  return redirect(style.only401And403 || !browser ? 401 : redirectStatus(methodOf(r)), r.location, r);
}

/** The value of `WWW-Authenticate`: RFC 7617 §2, RFC 6750 §3. */
export function authenticate(how: Extract<Challenge, { kind: 'credentials' }>): string {
  switch (how.scheme) {
    case 'basic':
      return 'Basic realm="Authorization Required"';
    case 'bearer':
      return how.refused ? 'Bearer error="invalid_token"' : 'Bearer realm="Authorization Required"';
    default:
      return how.scheme satisfies never;
  }
}

/** 302 keeps the method of safe requests; after anything else the browser must come back with GET (RFC 9110 §15.4). */
export function redirectStatus(method: string): 302 | 303 {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' ? 302 : 303;
}

function methodOf(r: Rendering): string {
  const method = r.target?.method ?? 'GET';
  return known(method) ? method : 'GET';
}

function redirect(status: 302 | 303 | 401, location: string, r: Rendering): Reply {
  const headers = ['Location', location, ...NO_STORE, ...BASE_HEADERS, 'X-Lintel-Error', 'SIGN-IN-NEEDED'];
  if (r.target?.method === 'HEAD') return { status, headers, body: '' };
  if (status === 401 && prefersJson(r.wire.headers)) {
    const { says, fix } = FAULTS['SIGN-IN-NEEDED'];
    const body = JSON.stringify({ error: 'SIGN-IN-NEEDED', message: says, fix, location });
    return { status, headers: [...headers, 'Content-Type', 'application/json; charset=utf-8'], body };
  }
  const body = `<a href="${escapeHtml(location)}">${status} ${REASONS[status] ?? ''}</a>`;
  return { status, headers: [...headers, 'Content-Type', 'text/html; charset=utf-8'], body };
}

function plain(status: number, id: FaultId, extra: readonly string[]): Reply {
  return {
    status,
    headers: [...PLAIN, 'X-Lintel-Error', id, ...extra],
    body: `${status} ${REASONS[status] ?? 'Error'}`,
  };
}

/** Faults name their id; the operator's facts go to the log, but for the peer, who is told which line lets it in. */
function faulted(f: Fault, style: AnswerStyle): Reply {
  const own = FAULTS[f.id].status;
  const status =
    own < 500 && own !== 429 ? (style.requestFaultStatus ?? own) : style.only401And403 && own === 429 ? 403 : own;
  const retry = status === 503 || status === 429 ? ['Retry-After', '5'] : [];
  const detail = f.id === 'PEER-UNTRUSTED' || f.id === 'TARGET-MISSING' ? ` ${f.detail}` : '';
  return {
    status,
    headers: [...PLAIN, 'X-Lintel-Error', f.id, ...retry],
    body: `${status} ${REASONS[status] ?? 'Error'}\n${f.id}: ${FAULTS[f.id].says}${detail}\n${FAULTS[f.id].fix}\n`,
  };
}
