import { type Host, parseHost } from './host.ts';
import { defaultPort, type WebScheme } from './origin.ts';

/** Where one server of an app is, as its address says. */
export interface UpstreamUrl {
  readonly scheme: WebScheme;
  /** A name to be resolved, or an IP literal without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** "host[:port]" as it is written, for messages. */
  readonly text: string;
  /** '' or '/base', never with a slash at the end. */
  readonly basePath: string;
}

/**
 *   url   = ( "http" / "https" ) "://" host [ ":" port ] [ base [ "/" ] ]
 *   base  = 1*( "/" segment )       segments of unreserved characters and sub-delims, none of them dots only
 *
 * No userinfo, query, fragment, escape or ";": the base is put in front of what clients send, and must read the same
 * to everybody.
 */
const URL =
  /^(https?):\/\/(\[[0-9A-Fa-f:.]{2,45}\]|[^\s:/?#@\\[\]]+)(?::([1-9][0-9]{0,4}))?((?:\/[A-Za-z0-9\-._~!$&'()*+,=:@]+)*)\/?$/i;

/** `toHost` may convert names outside ASCII; by default they are refused. */
export function parseUpstreamUrl(
  text: string,
  toHost: (text: string) => Host | undefined = parseHost,
): UpstreamUrl | undefined {
  const m = URL.exec(text);
  const host = toHost(m?.[2] ?? '');
  if (m === null || host === undefined) return undefined;
  const scheme = m[1]?.toLowerCase() === 'https' ? 'https' : 'http';
  const port = m[3] === undefined ? defaultPort(scheme) : Number(m[3]);
  const basePath = m[4] ?? '';
  if (port > 65535 || /\/\.+(?:\/|$)/.test(basePath)) return undefined;
  const hostname = host.startsWith('[') ? host.slice(1, -1) : host;
  return { scheme, hostname, port, text: `${m[2]}${m[3] === undefined ? '' : `:${m[3]}`}`, basePath };
}
