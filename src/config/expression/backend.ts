import { type Host, isWithin, parseAuthority, parseHost } from '../../core/text/host.ts';
import { parseIp } from '../../core/text/ip.ts';
import { defaultPort, type WebScheme, webOrigin } from '../../core/text/origin.ts';

/**
 * Where an expression may send requests.
 *
 *   backend = scheme "://" host [ ":" port ] [ path ]         no userinfo, query or fragment
 *   allowed = scheme "://" [ "*." ] host [ ":" port ] [ path ] "*." is one or more labels; path is a prefix of segments
 *   path    = 1*( "/" *pchar )                                plain: no "//", no dot segment, no encoded dot or slash
 *
 * Read strictly and never repaired: names of people are put into these texts, and "bob.evil.example/" or "../admin" must
 * not move a request somewhere that two readers see differently.
 */
export interface Backend {
  readonly scheme: WebScheme;
  readonly host: Host;
  /** Effective port. */
  readonly port: number;
  /** '' or '/base', never with a slash at its end. */
  readonly path: string;
  /** The whole, canonical. */
  readonly url: string;
}

export interface AllowedBackend {
  readonly scheme: WebScheme;
  readonly host: Host;
  /** The host is one below `host`, at any depth. */
  readonly isWildcard: boolean;
  readonly port: number;
  readonly path: string;
}

const SHAPE = /^(https?):\/\/([^/?#]*)([^?#]*)$/i;
const PATH = /^(?:\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*)*$/;
/** An empty segment before the end, a dot segment, or an escape that somebody may read as a dot, a slash or a control. */
const AMBIGUOUS = /\/\/|\/\.{1,2}(?:\/|$)|%(?:2[ef]|5c|[01][0-9a-f]|7f)|;/i;

/** The backend that a text names; a sentence when it names none. */
export function parseBackend(text: string): Backend | string {
  const parts = split(text);
  if (typeof parts === 'string') return parts;
  const authority = parseAuthority(parts.authority);
  if (authority === undefined || !isRealHost(authority.host)) return 'has no valid host';
  const { scheme, path } = parts;
  const { host, port = defaultPort(scheme) } = authority;
  return { scheme, host, port, path, url: `${webOrigin(scheme, host, port)}${path}` };
}

/** A pattern of `allowed_backends`; a sentence when it is none. */
export function parseAllowed(text: string): AllowedBackend | string {
  const parts = split(text);
  if (typeof parts === 'string') return parts;
  const isWildcard = parts.authority.startsWith('*.');
  const authority = parseAuthority(isWildcard ? parts.authority.slice(2) : parts.authority);
  if (authority === undefined || !isRealHost(authority.host)) return 'has no valid host';
  if (isWildcard && (parseIp(authority.host) !== undefined || authority.host.startsWith('[')))
    return 'has an address below a wildcard';
  if (parts.path.includes('*')) return 'has a * in its path; a path allows everything below it anyway';
  const { scheme, path } = parts;
  return { scheme, host: authority.host, isWildcard, port: authority.port ?? defaultPort(scheme), path };
}

export function isAllowed(b: Backend, patterns: readonly AllowedBackend[]): boolean {
  return patterns.some(
    (p) =>
      p.scheme === b.scheme &&
      p.port === b.port &&
      (p.isWildcard ? b.host !== p.host && isWithin(b.host, p.host) : b.host === p.host) &&
      (b.path === p.path || b.path.startsWith(`${p.path}/`)),
  );
}

/** A Host header: `host[:port]`, canonical; undefined when it is none. */
export function parseHostHeader(text: string): string | undefined {
  const authority = parseAuthority(text);
  if (authority === undefined || !isRealHost(authority.host)) return undefined;
  return `${authority.host}${authority.port === undefined ? '' : `:${authority.port}`}`;
}

interface Parts {
  readonly scheme: WebScheme;
  readonly authority: string;
  readonly path: string;
}

function split(text: string): Parts | string {
  if (!/^[\x21-\x7e]*$/.test(text)) return 'holds spaces, controls or letters outside ASCII';
  if (/[?#]/.test(text)) return 'has a query or a fragment';
  const [, scheme = '', authority = '', path = ''] = SHAPE.exec(text) ?? [];
  if (scheme === '') return 'is not an absolute http or https URL';
  if (authority.includes('@')) return 'holds a user name';
  if (!PATH.test(path) || AMBIGUOUS.test(path)) return 'has a path that can be read in more than one way';
  return { scheme: scheme.toLowerCase() === 'https' ? 'https' : 'http', authority, path: path.replace(/\/$/, '') };
}

/** A name whose last label is a number is an address to whoever resolves it ("127.1", "2130706433", "0x7f.1"). */
function isRealHost(host: Host): boolean {
  if (host.startsWith('[')) return parseIp(host.slice(1, -1)) !== undefined;
  const isNumeric = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/.test(host);
  return parseHost(host) !== undefined && (!isNumeric || parseIp(host) !== undefined);
}
