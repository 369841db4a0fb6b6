import { type Fault, fault } from './fault.ts';
import { err, ok, type Result } from './result.ts';
import { type HeaderList, isPreflight, type Single, single } from './text/header-list.ts';
import { type Host, parseAuthority } from './text/host.ts';
import { formatIp, type Ip } from './text/ip.ts';
import { defaultPort, type WebScheme } from './text/origin.ts';
import { type Path, parsePath } from './text/path.ts';
import { quote, quoteAddress } from './text/quote.ts';
import { escapedPath, keptPath, keptQuery } from './text/url-encode.ts';

/** Of a request; a WebSocket may have its own. */
export type Scheme = WebScheme | 'wss' | 'ws';

/** A fact that this kind of proxy does not send. A rule that tests it denies and names the header to add. */
export interface Unknown {
  readonly missing: string;
}

/** The original request being judged, canonical. Only `canonicalTarget` makes one. */
export interface Target {
  readonly scheme: Scheme;
  readonly host: Host;
  /** As written; undefined when absent. */
  readonly port: number | undefined;
  readonly path: Path;
  /** Raw bytes after "?"; undefined without one. */
  readonly query: string | undefined;
  readonly method: string | Unknown;
  readonly client: Ip | Unknown;
  /** The request has the form of a CORS preflight, its method aside (Fetch Standard §4.8). */
  readonly preflight: boolean;
  /** What COPY and MOVE write to, judged as `path` is: every reading of both has to be allowed. */
  readonly destination?: Path | Unknown | undefined;
}

/** What a dialect found, as strings from the wire. */
export interface TargetParts {
  readonly scheme: string;
  readonly authority: string;
  /** Path and query, as received. */
  readonly uri: string;
  readonly method: string | Unknown;
  readonly client: Ip | Unknown;
  readonly preflight?: boolean;
  /** The `Destination` header, where the method may be one that has a second path. */
  readonly destination?: Single | Unknown;
}

const SCHEMES: ReadonlySet<string> = new Set(['https', 'http', 'wss', 'ws']);
/** What is registered (RFC 9110 §16.1.1), `VERSION-CONTROL` and Node's `M-SEARCH` among them. */
const METHOD = /^[A-Z]+(?:-[A-Z]+)*$/;

function isScheme(text: string): text is Scheme {
  return SCHEMES.has(text);
}

export function isSecure(scheme: Scheme): boolean {
  return scheme === 'https' || scheme === 'wss';
}

/** The scheme of pages at the same place: a WebSocket is no page. */
export function pageScheme(scheme: Scheme): WebScheme {
  return isSecure(scheme) ? 'https' : 'http';
}

/** True when the fact is known. */
export function known(fact: string | Unknown): fact is string;
export function known(fact: Ip | Unknown): fact is Ip;
export function known(fact: string | Ip | Unknown): boolean {
  return typeof fact === 'string' || 'words' in fact;
}

/** RFC 4918 §9.8 and §9.9; others send `Destination` for nothing. */
const OF_TWO_PATHS: ReadonlySet<string> = new Set(['COPY', 'MOVE']);
const ABSENT: Single = { kind: 'absent' };
const NOT_SENT: Unknown = { missing: 'Destination' };

/**
 * With what the headers of the request itself tell: they reach the app, whoever asks about it. `headers`: all there are, or
 * the `chosen` ones of a proxy that may leave out what Lintel has to see.
 */
export function withHeaders(parts: TargetParts, headers: HeaderList, are: 'all' | 'chosen'): TargetParts {
  const { method } = parts;
  const isOfTwo = known(method) && OF_TWO_PATHS.has(method);
  const sent = known(method) && !isOfTwo ? ABSENT : single(headers, 'destination');
  const destination = isOfTwo && are === 'chosen' && sent.kind === 'absent' ? NOT_SENT : sent;
  return { ...parts, preflight: isPreflight(headers), destination };
}

/** The one way from wire strings to a target: every part is judged here, whichever dialect read it. */
export function canonicalTarget(parts: TargetParts): Result<Target, Fault> {
  const scheme = parts.scheme === 'https' ? 'https' : parts.scheme.toLowerCase();
  if (!isScheme(scheme)) return err(fault('TARGET-SCHEME', `scheme ${quote(parts.scheme)}`));
  if (typeof parts.method === 'string' && parts.method !== 'GET' && !METHOD.test(parts.method)) {
    return err(fault('TARGET-METHOD', `method ${quote(parts.method)}`));
  }
  const authority = parseAuthority(parts.authority);
  if (authority === undefined) return err(fault('TARGET-HOST', `host ${quote(parts.authority)}`));
  const mark = parts.uri.indexOf('?');
  const path = parsePath(mark < 0 ? parts.uri : parts.uri.slice(0, mark));
  if (!path.ok) return err(fault('TARGET-PATH', `path ${quoteAddress(parts.uri)}: ${path.error}`));
  const query = mark < 0 ? undefined : parts.uri.slice(mark + 1);
  if (query !== undefined && UNSAFE_QUERY.test(query)) {
    return err(fault('TARGET-PATH', 'the query: control byte or fragment'));
  }
  const second = destinationOf(parts.destination ?? ABSENT);
  if (!second.ok) return second;
  const { host, port } = authority;
  const { method, client, preflight = false } = parts;
  const target = { scheme, host, port, path: path.value, query, method, client, preflight };
  return ok(second.value === undefined ? target : { ...target, destination: second.value });
}

/** Two lines that a proxy made one. */
const JOINED = /,[ \t]*(?:\/|https?:)/i;
/** Behind an address "//" is a path as it is in a request line: a client that joins "https://host/" and "/path" sends it. */
const DESTINATION = /^(?:https?:\/\/[^/?#\\]+|(?!\/\/))(\/.*)$/is;

/** The path alone, whatever host is named: apps that look at the host refuse a foreign one, the others do not. */
function destinationOf(sent: Single | Unknown): Result<Path | Unknown | undefined, Fault> {
  if ('missing' in sent) return ok(sent);
  if (sent.kind === 'absent') return ok(undefined);
  if (sent.kind === 'repeated' || JOINED.test(sent.value))
    return err(fault('TARGET-REPEATED', 'Destination came more than once'));
  const text = DESTINATION.exec(sent.value)?.[1];
  const path = text === undefined ? err('no path and no address') : parsePath(text);
  return path.ok ? path : err(fault('TARGET-PATH', `Destination ${quoteAddress(sent.value)}: ${path.error}`));
}

/** "#" ends the query for one party and belongs to it for another; raw control bytes have no place in a URL. */
const UNSAFE_QUERY = /[#\u0000-\u001f\u007f]/;

/** The URL as received but for scheme and host in lower case, as Authelia's `rd` has it. */
export function targetUrl(t: Target): string {
  return `${targetOrigin(t)}${escapedPath(t.path.received)}${t.query === undefined ? '' : `?${t.query}`}`;
}

/** For a browser to come back to, byte for byte. A WebSocket is no page, and its scheme none of a redirect. */
export function pageUrl(t: Target): string {
  return `${targetOrigin({ ...t, scheme: pageScheme(t.scheme) })}${pagePath(t)}`;
}

/** Path and query of `pageUrl`. */
export function pagePath({ path, query }: Pick<Target, 'path' | 'query'>): string {
  return `${keptPath(path.received)}${query === undefined ? '' : `?${keptQuery(query)}`}`;
}

export function targetOrigin(t: Target): string {
  return `${t.scheme}://${targetAuthority(t)}`;
}

/** The host, with the port where one was written. */
export function targetAuthority({ host, port }: Pick<Target, 'host' | 'port'>): string {
  return port === undefined ? host : `${host}:${port}`;
}

/** The port, filled in from the scheme when it was not written. */
export function effectivePort(t: { readonly scheme: Scheme; readonly port: number | undefined }): number {
  return t.port ?? defaultPort(pageScheme(t.scheme));
}

export function describeClient(client: Ip | Unknown): string {
  return known(client) ? formatIp(client) : 'unknown';
}
