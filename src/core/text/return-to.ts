import { appAt, type Policy } from '../policy/compile.ts';
import type { ParseUrl } from '../ports.ts';
import { canonicalTarget, effectivePort, isSecure, type Target, targetOrigin } from '../target.ts';

declare const brand: unique symbol;
/** An address that somebody may be sent to. Only `returnTo` makes one; nothing else may reach a `Location`. */
export interface ReturnTo {
  /** The URL re-serialised from its parsed parts; never the text that came in. */
  readonly href: string;
  readonly origin: string;
  readonly target: Target;
  readonly [brand]: 'ReturnTo';
}

/** Anything that URL parsers treat differently: backslash, controls, spaces at the ends, non-ASCII hosts. */
const SUSPICIOUS = /[\\\u0000-\u0020\u007f]/;
const ABSOLUTE = /^(https?|wss?):\/\/[^/?#]+/i;

/**
 * The one place where a redirect target becomes trusted (CVE-2026-41569, CVE-2026-28512 and their many siblings).
 * The text must be absolute, read the same by us and by a browser (`parse`), carry no user information, and name a
 * host that some app or rule names, with the app's scheme and port. `method`: what the return would be asked with.
 */
export function returnTo(policy: Policy, given: string, parse: ParseUrl, method = 'GET'): ReturnTo | undefined {
  if (given.length > 8192 || SUSPICIOUS.test(given)) return undefined;
  const text = given.toWellFormed().replace(/[^\u0000-\u007f]/gu, encodeURIComponent);
  const head = ABSOLUTE.exec(text);
  const url = parse(text);
  if (head === null || url === undefined || url.username !== '' || url.password !== '') return undefined;
  const scheme = (head[1] ?? '').toLowerCase();
  const authority = head[0].slice(scheme.length + 3);
  const fragment = text.indexOf('#');
  const uri = text.slice(head[0].length, fragment < 0 ? undefined : fragment);
  const absolute = uri.startsWith('/') ? uri : `/${uri}`;
  const target = canonicalTarget({ scheme, authority, uri: absolute, method, client: { missing: 'an address' } });
  if (!target.ok || target.value.host !== url.hostname.replace(/\.$/, '')) return undefined;
  const origin = allowedOrigin(policy, target.value);
  if (origin === undefined) return undefined;
  const href = `${origin}${absolute}${fragment < 0 ? '' : text.slice(fragment)}`;
  return { href, origin, target: target.value } as ReturnTo;
}

function allowedOrigin(policy: Policy, t: Target): string | undefined {
  const entry = policy.lookup(t.host);
  const place = appAt(entry, t);
  if (place !== undefined) {
    if (isSecure(t.scheme) !== place.secure) return undefined;
    // A whole domain has apps on any port of any host below it.
    if (place.app.app.domain !== undefined) return targetOrigin(t);
    return effectivePort(t) === place.port ? place.origin : undefined;
  }
  if (entry.apps.length > 0 || !isSecure(t.scheme)) return undefined;
  const named = entry.rules.length > 0 || policy.source.defaultOutcome.kind !== 'deny';
  if (!named || (policy.source.domains.length > 0 && entry.domain === undefined)) return undefined;
  return targetOrigin(t);
}
