import type { App } from './app.ts';
import { NATIVE_DOOR, OUTPOST_DOOR } from './door-path.ts';
import { type Fault, fault } from './fault.ts';
import type { PortalAddress } from './policy/compile.ts';
import type { Candidates } from './policy/decide.ts';
import type { ParseUrl } from './ports.ts';
import { err, ok, type Result } from './result.ts';
import { known, pagePath, pageUrl, targetUrl } from './target.ts';
import { utf8Bytes } from './text/header-value.ts';
import { isWithin, parseAuthority } from './text/host.ts';
import { quoteAddress } from './text/quote.ts';
import { escapedPath, parseQuery, queryComponent, queryText } from './text/url-encode.ts';

/** Below which of the two names Lintel sends people to its own pages on the host of an app: the ones that its users know. */
export function doorOf(app: App | undefined): string {
  return app?.profile?.name === 'authentik' || app?.domain !== undefined ? OUTPOST_DOOR : NATIVE_DOOR;
}

/** Where to send a browser for a sign-in, and what to give it along. */
export interface Way {
  readonly location: string;
  /** Set-Cookie values. */
  readonly cookies: readonly string[];
}

/** How a browser that must sign in gets there. */
export type SignIn =
  /** Straight to the portal of a shared cookie domain, as Authelia does: `?rd=…&rm=…`. */
  | { readonly kind: 'portal'; readonly url: string }
  /** By hand-over on the app's own host. */
  | { readonly kind: 'hand-over' }
  | { readonly kind: 'none' };

/**
 * Chooses the way. An override comes from the operator's snippet, but on some proxies a client can reach it, so it is
 * held to the cookie domain of the target (contract §2.3 step 4); a bad one is a fault even where nobody signs in.
 */
export function signInFor(
  c: Candidates,
  override: string | undefined,
  portal: PortalAddress | undefined,
  hasDefault: boolean,
  parse: ParseUrl,
): Result<SignIn, Fault> {
  if (override !== undefined) return overridden(c, override, portal, parse);
  if (!hasDefault) return ok({ kind: 'none' });
  if (c.domain === undefined || c.domain.givenAt !== undefined) {
    return ok({ kind: portal === undefined ? 'none' : 'hand-over' });
  }
  const own = c.domain.portal;
  // Authelia's older form `session.domain` has no portal address: every request is refused, a bypass too.
  return own === undefined
    ? err(fault('PORTAL-NONE', `domain ${c.domain.domain}`))
    : ok({ kind: 'portal', url: own.url });
}

function overridden(
  c: Candidates,
  override: string,
  portal: PortalAddress | undefined,
  parse: ParseUrl,
): Result<SignIn, Fault> {
  const refused = err(fault('PORTAL-OVERRIDE', `${quoteAddress(override)} for host ${c.target.host}`));
  const address = readOverride(override, parse);
  if (address === undefined) return refused;
  const { host, url } = address;
  if (c.domain === undefined || c.domain.givenAt !== undefined)
    return portal !== undefined && host === portal.host ? ok({ kind: 'hand-over' }) : refused;
  return isWithin(host, c.domain.domain) ? ok({ kind: 'portal', url }) : refused;
}

const UNSAFE_ADDRESS = /[\\\u0000-\u0020\u007f]|%(?![0-9A-Fa-f]{2})/;
const ADDRESS = /^https:\/\/([^/?#]+)(\/[^?]*)?(\?.*)?$/i;

/**
 * An absolute https address as Go's url.ParseRequestURI reads it (no fragment: "#" is a character of the path), which a
 * browser must read the same: "https:///host" and "https:host" have a host for one of the two only.
 */
function readOverride(text: string, parse: ParseUrl): { readonly host: string; readonly url: string } | undefined {
  const match = UNSAFE_ADDRESS.test(text.replace(/\?.*$/s, '')) || /\s/.test(text) ? null : ADDRESS.exec(text);
  if (match === null) return undefined;
  const [, named = '', path = '/', query = ''] = match;
  const authority = parseAuthority(named);
  if (authority === undefined || authority.host !== parse(text)?.hostname) return undefined;
  const port = authority.port === undefined ? '' : `:${authority.port}`;
  return { host: authority.host, url: `https://${authority.host}${port}${escapedPath(utf8Bytes(path))}${query}` };
}

/** The `Location` of a challenge; undefined when there is nowhere to sign in. `door`: the name of its pages, if not the app's. */
export function signInLocation(signIn: SignIn, c: Candidates, door?: string): string | undefined {
  switch (signIn.kind) {
    case 'none':
      return undefined;
    case 'hand-over':
      return startLocation(c, door ?? doorOf(c.place?.app.app));
    case 'portal': {
      const rm = known(c.target.method) ? c.target.method : undefined;
      return withQuery(signIn.url, targetUrl(c.target), rm);
    }
    default:
      return signIn satisfies never;
  }
}

/** The start of a hand-over; authentik's name for it takes a whole address, the native one path and query. */
function startLocation(c: Candidates, door: string): string {
  const own = pagePath(c.target);
  const local = own.startsWith('/') ? own : `/${own}`;
  const rd = c.domain?.givenAt !== undefined ? pageUrl(c.target) : door === OUTPOST_DOOR ? c.origin + local : local;
  return `${c.domain?.givenAt ?? c.origin}${door}start?rd=${queryComponent(rd)}`;
}

/** `?rd=…&rm=…` as Go's url.Values writes it: what else the portal URL asks for is kept and sorted in. */
function withQuery(url: string, rd: string, rm: string | undefined): string {
  const mark = url.indexOf('?');
  const pairs =
    mark < 0
      ? []
      : parseQuery(url.slice(mark + 1))
          .filter((p) => p.key !== 'rd' && !(p.key === 'rm' && rm !== undefined))
          .map((p) => [p.key, `${queryText(p.key)}=${queryText(p.value)}`] as const);
  pairs.push(['rd', `rd=${queryComponent(rd)}`]);
  if (rm !== undefined) pairs.push(['rm', `rm=${rm}`]);
  pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  return `${mark < 0 ? url : url.slice(0, mark)}?${pairs.map((p) => p[1]).join('&')}`;
}
