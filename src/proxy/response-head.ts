import { quote } from '../core/text/quote.ts';
import { connectionOptions, type HeaderNames, nominated } from './hop-by-hop.ts';

/** How the end of a response body is found (RFC 9112 §6.3). */
export type Framing = 'none' | 'length' | 'chunked' | 'until-close';

/** A response head that passed every check, with the headers that may go to the client. */
export interface ResponseHead {
  readonly status: number;
  /** Flat list: end-to-end headers, Content-Length included where it says something. The receiver's to change. */
  readonly headers: string[];
  readonly framing: Framing;
  /** Bytes of the body, for `length`. */
  readonly length: number;
  /** True when the app keeps the connection open after this response. */
  readonly keepAlive: boolean;
  /** Seconds that the app announces to keep an idle connection, from `Keep-Alive: timeout=`. */
  readonly idleSeconds: number | undefined;
  /** Of a 101 that says `Connection: upgrade`: the protocol it agrees to. */
  readonly upgrade: string | undefined;
}

export interface ResponseRules {
  readonly names: HeaderNames;
  /** True for a Set-Cookie value that the app must not send; it is left out. */
  readonly refusesCookie: (setCookie: string) => boolean;
  readonly maxHeaders: number;
}

interface Found {
  readonly headers: string[];
  lengths: number;
  length: string;
  encodings: number;
  encoding: string;
  connection: string | undefined;
  keepAlive: string | undefined;
  upgrade: string | undefined;
}

/** What is wrong with a response, for the log. */
export interface Malformed {
  readonly malformed: string;
}

export function isMalformed(value: object): value is Malformed {
  return 'malformed' in value;
}

/** Controls but HTAB; CR and LF are looked at where lines are cut. */
const UNSAFE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?$/;
const LENGTH = /^(0|[1-9][0-9]{0,14})$/;

/**
 * Reads a response head strictly (RFC 9112 §4 and §5): `text` is latin1, ends with the line break of the last header.
 * Obsolete line folding, bare CR or LF, NUL, space around names and contradictory framing are malformed.
 */
export function parseResponseHead(text: string, method: string, rules: ResponseRules): ResponseHead | Malformed {
  if (UNSAFE.test(text)) return bad('a control character in the head');
  const lineEnd = endOfLine(text, 0);
  if (lineEnd < 0) return bad('a bare line break in the head');
  const status = STATUS_LINE.exec(text.slice(0, lineEnd));
  if (status === null) return bad(`status line ${quote(text.slice(0, lineEnd))}`);
  const found: Found = {
    headers: [],
    lengths: 0,
    length: '',
    encodings: 0,
    encoding: '',
    connection: undefined,
    keepAlive: undefined,
    upgrade: undefined,
  };
  const problem = walk(text, lineEnd + 2, found, rules);
  if (problem !== undefined) return problem;
  return frame(Number(status[2]), status[1] === '0', method, found);
}

function walk(text: string, from: number, found: Found, rules: ResponseRules): Malformed | undefined {
  let count = 0;
  while (from < text.length) {
    const end = endOfLine(text, from);
    if (end < 0) return bad('a bare line break in the head');
    const colon = text.indexOf(':', from);
    if (colon < 0 || colon > end) return bad(`header line ${quote(text.slice(from, end))}`);
    if (++count > rules.maxHeaders) return bad(`more than ${rules.maxHeaders} headers`);
    const name = text.slice(from, colon);
    if (!take(name, trim(text, colon + 1, end), found, rules)) return bad(`header name ${quote(name)}`);
    from = end + 2;
  }
  return undefined;
}

function take(name: string, value: string, found: Found, rules: ResponseRules): boolean {
  const kind = rules.names.response(name);
  switch (kind) {
    case 'pass':
      found.headers.push(name, value);
      return true;
    case 'drop':
      return true;
    case 'set-cookie':
      if (!rules.refusesCookie(value)) found.headers.push(name, value);
      return true;
    case 'content-length':
      found.lengths++;
      found.length = value;
      return true;
    case 'transfer-encoding':
      found.encodings++;
      found.encoding = value;
      return true;
    case 'upgrade':
      found.upgrade = found.upgrade === undefined ? value : `${found.upgrade},${value}`;
      return true;
    case 'connection':
      found.connection = found.connection === undefined ? value : `${found.connection},${value}`;
      return true;
    case 'keep-alive':
      found.keepAlive = value;
      return true;
    case 'invalid':
      return false;
    default:
      return kind satisfies never;
  }
}

/**
 * Where the line from `from` on ends: at the next CR, which must be followed by the next LF. Negative otherwise: with a
 * CR or LF alone a second reader might see another line there (response splitting).
 */
function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\r', from);
  return text.indexOf('\n', from) === end + 1 ? end : -1;
}

/** OWS is SP and HTAB only; `String.trim` would also take other spaces. */
function trim(text: string, from: number, end: number): string {
  while (from < end && isBlank(text.charCodeAt(from))) from++;
  while (end > from && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(from, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function frame(status: number, http10: boolean, method: string, found: Found): ResponseHead | Malformed {
  const problem = contradiction(status, http10, found);
  if (problem !== undefined) return bad(problem);
  const bodyless = method === 'HEAD' || status < 200 || status === 204 || status === 205 || status === 304;
  // Of a 204 any length is an error (RFC 9110 §8.6); common enough to be dropped rather than refused.
  // A 205 has no content either, but needs a length to say so.
  if (status === 205) found.headers.push('Content-Length', '0');
  else if (found.lengths > 0 && status !== 204) found.headers.push('Content-Length', found.length);
  const framing = bodyless
    ? 'none'
    : found.encodings > 0
      ? 'chunked'
      : found.lengths > 0
        ? found.length === '0'
          ? 'none'
          : 'length'
        : 'until-close';
  const options = found.connection === undefined ? [] : connectionOptions(found.connection);
  return {
    status,
    headers: found.connection === undefined ? found.headers : withoutNominated(found.headers, found.connection),
    framing,
    length: framing === 'length' ? Number(found.length) : 0,
    keepAlive: !http10 && framing !== 'until-close' && !options.includes('close') && !isDoubtful(status, found),
    idleSeconds: found.keepAlive === undefined ? undefined : announced(found.keepAlive),
    upgrade: status === 101 && options.includes('upgrade') ? found.upgrade : undefined,
  };
}

/** After a 204 that states a length, or a 205 that states any but 0, a body may follow, and would be taken for the next answer. */
function isDoubtful(status: number, { lengths, length }: Found): boolean {
  if (status === 205) return lengths === 0 || length !== '0';
  return status === 101 || (status === 204 && lengths > 0 && length !== '0');
}

function contradiction(status: number, http10: boolean, found: Found): string | undefined {
  if (found.lengths > 1) return 'more than one Content-Length';
  if (found.lengths === 1 && !LENGTH.test(found.length)) return `Content-Length ${quote(found.length)}`;
  if (found.encodings === 0) {
    return status < 200 && found.lengths > 0 ? 'an interim response with a body' : undefined;
  }
  if (found.lengths > 0) return 'Content-Length beside Transfer-Encoding';
  if (http10) return 'Transfer-Encoding in HTTP/1.0';
  if (status < 200 || status === 204) return `Transfer-Encoding in a ${status}`;
  if (found.encodings > 1 || found.encoding.toLowerCase() !== 'chunked') {
    return `Transfer-Encoding ${quote(found.encoding)}`;
  }
  return undefined;
}

function withoutNominated(headers: string[], connection: string): string[] {
  const drop = nominated(connection);
  if (drop.size === 0) return headers;
  const out: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    if (!drop.has(name.toLowerCase())) out.push(name, headers[i + 1] ?? '');
  }
  return out;
}

function announced(keepAlive: string): number | undefined {
  const found = /(?:^|[,;\s])timeout=([0-9]{1,6})(?:$|[,;\s])/i.exec(keepAlive);
  return found === null ? undefined : Number(found[1]);
}

function bad(malformed: string): Malformed {
  return { malformed };
}
