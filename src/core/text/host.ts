/**
 * Hosts, canonical: lower-case ASCII, no trailing dot, no port.
 *
 *   authority = host [ ":" port ]        (RFC 3986 §3.2 without userinfo)
 *   host      = 1*( label "." ) | "[" IPv6 "]" | IPv4
 *   label     = 1*63( ALPHA / DIGIT / "-" / "_" )
 *
 * Non-ASCII on the wire is refused: whoever decides by a name must not guess how another party maps it (IDNA 2003,
 * 2008, UTS 46 differ). Names in configuration are converted when they are loaded.
 */
declare const brand: unique symbol;
/** A canonical host. Minted by `parseAuthority` and `parseHost` only. */
export type Host = string & { readonly [brand]: 'Host' };

export interface Authority {
  readonly host: Host;
  /** The port as written; undefined when absent. */
  readonly port: number | undefined;
}

const LABELS = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})?(\.[a-z0-9_]([a-z0-9_-]{0,62})?)*$/;

export function parseHost(text: string): Host | undefined {
  let host = text.toLowerCase();
  if (host.endsWith('.')) host = host.slice(0, -1);
  if (host.startsWith('[')) return /^\[[0-9a-f:.]{2,45}\]$/.test(host) ? (host as Host) : undefined;
  return LABELS.test(host) ? (host as Host) : undefined;
}

const MAX_RECENT = 1024;
const recent = new Map<string, Authority>();

/**
 * Parses `host[:port]`. Lists, userinfo, empty ports, leading-zero ports and ports beyond 65535 are refused. The few
 * that a site has are remembered; strangers can make the memory forget, not grow.
 */
export function parseAuthority(text: string): Authority | undefined {
  const known = recent.get(text);
  if (known !== undefined) return known;
  const parsed = readAuthority(text);
  if (parsed === undefined) return undefined;
  if (recent.size >= MAX_RECENT) recent.clear();
  recent.set(text, parsed);
  return parsed;
}

function readAuthority(text: string): Authority | undefined {
  const end = text.startsWith('[') ? text.indexOf(']') + 1 : text.length;
  const colon = text.indexOf(':', end === text.length && !text.startsWith('[') ? 0 : end);
  if (colon < 0) {
    const host = parseHost(text);
    return host === undefined ? undefined : { host, port: undefined };
  }
  const digits = text.slice(colon + 1);
  if (!/^[1-9][0-9]{0,4}$/.test(digits)) return undefined;
  const port = Number(digits);
  const host = parseHost(text.slice(0, colon));
  return host === undefined || port > 65535 ? undefined : { host, port };
}

/** True when `host` is `domain` or lies below it, on a dot boundary. */
export function isWithin(host: string, domain: string): boolean {
  return host === domain || (host.endsWith(domain) && host.charCodeAt(host.length - domain.length - 1) === 0x2e);
}
