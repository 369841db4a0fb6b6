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

/**
 * Names that nearly every request is asked for, several times each. One walk finds them all; others are looked for one
 * by one, and with the same answers.
 */
const SOUGHT: readonly string[] = [
  ...['host', 'cookie', 'authorization', 'proxy-authorization', 'session-username', 'origin', 'expect', 'upgrade'],
  ...['content-length', 'transfer-encoding', 'access-control-request-method'],
  ...['x-forwarded-method', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-uri', 'x-forwarded-for'],
  ...['x-original-url', 'x-original-method'],
];

interface Sought {
  readonly lower: string;
  /** As most software spells it; compared first, which spares a lower-case copy. */
  readonly usual: string;
  /** Where it first stands in `walked`; -1: nowhere. */
  at: number;
  repeated: boolean;
}

const BY_NAME: ReadonlyMap<string, Sought> = new Map(SOUGHT.map((lower) => [lower, sought(lower)]));
const BY_LENGTH: readonly (readonly Sought[])[] = Array.from(
  { length: 1 + Math.max(...SOUGHT.map((n) => n.length)) },
  (_, n) => [...BY_NAME.values()].filter((s) => s.lower.length === n),
);

function sought(lower: string): Sought {
  const usual = lower.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
  return { lower, usual, at: -1, repeated: false };
}

/** The list that `at` and `repeated` are about: the last one asked. A request is asked many things in a row. */
let walked: HeaderList = [];
let walkedLength = 0;

/** A list must not change once it was asked; one that grew is walked again. */
function find(headers: HeaderList, name: string): Sought | undefined {
  const entry = BY_NAME.get(name);
  if (entry !== undefined && (headers !== walked || headers.length !== walkedLength)) walk(headers);
  return entry;
}

function walk(headers: HeaderList): void {
  for (const entry of BY_NAME.values()) {
    entry.at = -1;
    entry.repeated = false;
  }
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const given = headers[i] ?? '';
    for (const entry of BY_LENGTH[given.length] ?? []) {
      if (given !== entry.usual && !sameName(given, entry.lower)) continue;
      if (entry.at >= 0) entry.repeated = true;
      else entry.at = i;
      break;
    }
  }
  walked = headers;
  walkedLength = headers.length;
}

/** The one value of a header. `name` must be lower-case. A second line of that name, even an equal one, is `repeated`. */
export function single(headers: HeaderList, name: string): Single {
  const entry = find(headers, name);
  if (entry === undefined) return singleOf(all(headers, name));
  if (entry.repeated) return REPEATED;
  return entry.at < 0 ? ABSENT : { kind: 'one', value: headers[entry.at + 1] ?? '' };
}

function singleOf(values: readonly string[]): Single {
  const [value] = values;
  if (value === undefined) return ABSENT;
  return values.length > 1 ? REPEATED : { kind: 'one', value };
}

/** The first value of a header or undefined, for headers whose repetition is harmless (Accept, User-Agent). */
export function first(headers: HeaderList, name: string): string | undefined {
  const entry = find(headers, name);
  if (entry !== undefined) return entry.at < 0 ? undefined : (headers[entry.at + 1] ?? '');
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
  const entry = find(headers, name);
  if (entry !== undefined && !entry.repeated) return entry.at < 0 ? [] : [headers[entry.at + 1] ?? ''];
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
