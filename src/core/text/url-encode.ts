import { utf8Bytes } from './header-value.ts';

/**
 * Escaping as Go's net/url does it, because `rd=` must equal Authelia's byte for byte.
 *
 *   query component: A–Z a–z 0–9 - _ . ~ stay, space is "+", all else %XX in upper case
 *   path:            stays as it is when every character may stand in one, else decoded and escaped anew as a whole
 */
const UNRESERVED = /[^A-Za-z0-9\-_.~]/g;
const VALID_PATH = /^(?:[A-Za-z0-9\-_.~!$&'()*+,;=:@/[\]]|%[0-9A-Fa-f]{2})*$/;
const ESCAPED_IN_PATH = /[^A-Za-z0-9\-_.~$&+,/:;=@]/g;

/** `bytes`: one character for each byte (latin1), as Node hands over header values. */
export function queryComponent(bytes: string): string {
  return bytes.replace(UNRESERVED, (c) => (c === ' ' ? '+' : percent(c)));
}

/** As `queryComponent`, for text that we wrote ourselves. */
export function queryText(text: string): string {
  return queryComponent(utf8Bytes(text));
}

/** What no browser sends as it is in a path. Braces and "|" some do, and others than browsers. */
const NEVER_SENT = /[\u0000-\u0020"#<>\\^`\u007f-\u00ff]/g;

/** In a query "^", "`" and the rest are sent as they are; a backslash too, which no address to return to may hold. */
const NEVER_SENT_IN_QUERY = /[\u0000-\u0020"#<>\\\u007f-\u00ff]/g;

/** As `keptPath`, for what stands behind "?". */
export function keptQuery(query: string): string {
  return query.replace(NEVER_SENT_IN_QUERY, percent);
}

/** The path with its own escapes as they came; the few bytes that no URL may hold are escaped, each for itself. */
export function keptPath(path: string): string {
  return path.replace(NEVER_SENT, percent);
}

/** The path as Go's `URL.EscapedPath` writes it back. `path` holds valid escapes only. */
export function escapedPath(path: string): string {
  if (VALID_PATH.test(path)) return path;
  const decoded = path.replace(/%([0-9A-Fa-f]{2})/g, (_, h: string) => String.fromCharCode(Number.parseInt(h, 16)));
  return decoded.replace(ESCAPED_IN_PATH, percent);
}

function percent(c: string): string {
  return `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

export interface QueryPair {
  readonly key: string;
  readonly value: string;
}

/**
 * The pairs of a query string, decoded once ("+" is a space). A pair with a bad escape, or with ";" in it, is left
 * out, as Go's url.ParseQuery leaves it out. Text is UTF-8 when valid, else the raw bytes.
 */
export function parseQuery(query: string): QueryPair[] {
  const out: QueryPair[] = [];
  for (const part of query.split('&')) {
    if (part === '' || part.includes(';')) continue;
    const eq = part.indexOf('=');
    const key = decodeComponent(eq < 0 ? part : part.slice(0, eq));
    const value = decodeComponent(eq < 0 ? '' : part.slice(eq + 1));
    if (key !== undefined && value !== undefined) out.push({ key, value });
  }
  return out;
}

/** Decodes one query component; undefined on a bad escape or on bytes that are not UTF-8. */
export function decodeComponent(text: string): string | undefined {
  if (!/[%+\u0080-\u00ff]/.test(text)) return text;
  const escaped = text.replaceAll('+', ' ').replace(/[\u0080-\u00ff]/g, percent);
  try {
    return decodeURIComponent(escaped);
  } catch {
    return undefined;
  }
}
