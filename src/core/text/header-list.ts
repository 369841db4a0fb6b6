/**
 * Headers as they came: a flat list name, value, name, value (Node's `rawHeaders`). Joined or first-wins views hide
 * duplicates, and a duplicated routing header is an attack (two `X-Forwarded-Uri`, two `Host`).
 */
export type HeaderList = readonly string[];

export type Single =
  | { readonly kind: 'absent' }
  | { readonly kind: 'one'; readonly value: string }
  | { readonly kind: 'repeated' };

const ABSENT: Single = { kind: 'absent' };
const REPEATED: Single = { kind: 'repeated' };

/** The one value of a header. `name` must be lower-case. A second line of that name, even an equal one, is `repeated`. */
export function single(headers: HeaderList, name: string): Single {
  let found: string | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!sameName(headers[i] ?? '', name)) continue;
    if (found !== undefined) return REPEATED;
    found = headers[i + 1] ?? '';
  }
  return found === undefined ? ABSENT : { kind: 'one', value: found };
}

/** The first value of a header or undefined, for headers whose repetition is harmless (Accept, User-Agent). */
export function first(headers: HeaderList, name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (sameName(headers[i] ?? '', name)) return headers[i + 1] ?? '';
  }
  return undefined;
}

/** The headers of a CORS preflight: no page can set either by itself (Fetch Standard §4.8). */
export function isPreflight(headers: HeaderList): boolean {
  return first(headers, 'access-control-request-method') !== undefined && first(headers, 'origin') !== undefined;
}

/** Every value of a header, in order of arrival. */
export function all(headers: HeaderList, name: string): string[] {
  const out: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (sameName(headers[i] ?? '', name)) out.push(headers[i + 1] ?? '');
  }
  return out;
}

/** Length and last letter tell nearly all names apart before a lower-case copy is made (0x20 folds ASCII letters). */
function sameName(given: string, lower: string): boolean {
  const last = lower.length - 1;
  if (given.length !== lower.length || (given.charCodeAt(last) | 0x20) !== lower.charCodeAt(last)) return false;
  return given === lower || given.toLowerCase() === lower;
}

/**
 * The name as back ends compare it: lower-case, every character but letters and digits a dash. WSGI, CGI and PHP fold
 * `-` and `_`, some fold every tchar (CVE-2026-88011), so `Remote_User` and `Remote.User` are `Remote-User` to them.
 */
export function foldName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-');
}
