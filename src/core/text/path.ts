import { err, ok, type Result } from '../result.ts';
import { utf8Bytes } from './header-value.ts';
import { decodeUtf8 } from './utf8.ts';

/**
 * Paths have readings: the several ways in which an app may understand the same bytes.
 *
 *   received    the bytes between host and "?", forwarded unchanged
 *   first       everything decoded once but %2F (kept as "%2F"), dot segments resolved (RFC 3986 §5.2.4)
 *   separators  %2F, "\\" and %5C are slashes or data, each kind for itself: WSGI and Go take %2F for a slash and "\\" for
 *               data, WHATWG parsers the other way round, IIS and some Java stacks take both
 *   parameters  ";…" is cut up to the next slash, before or after separators are decoded; ";" and %3B each for itself
 *               (servlet path parameters: "/public/..;/admin")
 *   query       %3F ends the path, for those who decode before they look for "?"
 *   slashes     "//" merged (nginx merge_slashes, Go's path.Clean)
 *   names       dots and spaces at the end of a name dropped (Windows)
 *   decoding    escapes that the first decoding leaves decoded again, and again (proxies and an app that all decode)
 *   lookalikes  "．", "／", "＼", "¥" and their kind are the ASCII character (NFKC; the best fit of Windows code pages)
 *
 * and their combinations. Policy judges every reading and the strictest decision stands, so no back end can be reached
 * through a string that policy did not see (CVE-2021-32637, CVE-2026-33494, CVE-2026-95811). Refused outright: bad
 * escapes, invalid UTF-8, control bytes raw or encoded, "#", a trailing encoded space, names of dots and spaces, climbing
 * above the root, and more readings, or longer ones, than anybody needs.
 */
export interface Path {
  readonly received: string;
  /** At least one; distinct; the first keeps %2F as data. */
  readonly readings: readonly [string, ...string[]];
}

export type PathProblem =
  | 'does not begin with a slash'
  | 'bad percent escape'
  | 'control byte'
  | 'invalid UTF-8'
  | 'fragment'
  | 'trailing space'
  | 'a name of dots and spaces'
  | 'climbs above the root'
  | 'too many readings';

/** Nearly all paths: no escape, no dot segment or dot file, no "//", no ";" or "\\". One reading, equal to the bytes. */
const PLAIN = /^(?:\/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)*\/?$/;
const DOT_AT_END = /\.(?:\/|$)/;
const MOST_KINDS = 3;
const MOST_READINGS = 32;
/** Characters of a path with several readings: each of them is made, and judged by every rule. */
const MOST_AMBIGUOUS = 4096;
/** After the first. */
const MOST_DECODINGS = 3;

/** `path` is what stands before "?", in latin1 as Node hands it over (each char one byte); empty reads as "/". */
export function parsePath(path: string): Result<Path, PathProblem> {
  if (PLAIN.test(path) && !DOT_AT_END.test(path)) return ok({ received: path, readings: [path === '' ? '/' : path] });
  return readPath(path);
}

function readPath(path: string): Result<Path, PathProblem> {
  if (path.charCodeAt(0) !== 0x2f) return err('does not begin with a slash');
  if (path.includes('#')) return err('fragment');
  const once = decode(path);
  if (!once.ok) return once;
  const readings = new Set<string>();
  const problem = addForms(once.value, readings) ?? addLookalikes(once.value, readings);
  if (problem !== undefined) return err(problem);
  const [head, ...rest] = readings;
  return head === undefined ? err('climbs above the root') : ok({ received: path, readings: [head, ...rest] });
}

/** What separates for some and is data for others. In decoded text a control character stands for each. */
interface Kind {
  readonly mark: string;
  readonly data: string;
  /** What stands for it where it separates. */
  readonly acts: string;
}
const MADE_SLASH = '\u0010';
const CUT = '\u0011';
const END = '\u0012';
const SLASH: Kind = { mark: '\u0001', data: '%2F', acts: MADE_SLASH };
const RAW_BACKSLASH: Kind = { mark: '\u0002', data: '\\', acts: MADE_SLASH };
const BACKSLASH: Kind = { mark: '\u0003', data: '\\', acts: MADE_SLASH };
const RAW_SEMICOLON: Kind = { mark: '\u0004', data: ';', acts: CUT };
const SEMICOLON: Kind = { mark: '\u0005', data: ';', acts: CUT };
const QUESTION: Kind = { mark: '\u0006', data: '?', acts: END };
const KINDS = [SLASH, RAW_BACKSLASH, BACKSLASH, RAW_SEMICOLON, SEMICOLON, QUESTION];

function addForms(text: string, readings: Set<string>): PathProblem | undefined {
  return addReadings(text, readings) ?? addDecodings(text, readings, MOST_DECODINGS);
}

/** Every choice of kinds that separate. */
function addReadings(text: string, readings: Set<string>): PathProblem | undefined {
  const kinds = KINDS.filter((k) => text.includes(k.mark));
  if (kinds.length === 0) return addForm(text, readings);
  if (kinds.length > MOST_KINDS || text.length > MOST_AMBIGUOUS) return 'too many readings';
  for (let choice = 0; choice < 1 << kinds.length; choice++) {
    let chosen = text;
    for (const [i, kind] of kinds.entries()) {
      const separates = (choice & (1 << i)) !== 0;
      chosen = chosen.replaceAll(kind.mark, separates ? kind.acts : kind.data);
    }
    const end = chosen.indexOf(END);
    if (end > 0) chosen = chosen.slice(0, end);
    for (const form of cutForms(chosen)) {
      const problem = addForm(form, readings);
      if (problem !== undefined) return problem;
    }
  }
  return readings.size > MOST_READINGS ? 'too many readings' : undefined;
}

/** Cuts ";…" up to the next slash: one that was received, for those who cut first, or any, for those who decode first. */
function cutForms(text: string): ReadonlySet<string> {
  const first = cut(text).replaceAll(MADE_SLASH, '/');
  return new Set([first, cut(text.replaceAll(MADE_SLASH, '/'))]);
}

function cut(text: string): string {
  return text.includes(CUT) ? text.replace(/\u0011[^/]*/g, '') : text;
}

const DOTS_AND_SPACES = /\/(?: |\.+ )[. ]*(?:\/|$)/;
const NAME_END = /([^/. ])[. ]+(?=\/|$)/g;

function addForm(form: string, readings: Set<string>): PathProblem | undefined {
  if (/\s$/.test(form)) return 'trailing space';
  if (DOTS_AND_SPACES.test(form)) return 'a name of dots and spaces';
  const shorter = form.replace(NAME_END, '$1');
  return addResolved(form, readings) ?? (shorter === form ? undefined : addResolved(shorter, readings));
}

function addResolved(form: string, readings: Set<string>): PathProblem | undefined {
  const kept = form.includes('/.') ? resolveDots(form, false) : form;
  const merged = form.includes('//') ? resolveDots(form, true) : kept;
  if (kept === undefined || merged === undefined) return 'climbs above the root';
  readings
    .add(kept)
    .add(merged)
    .add(kept.replace(/\/{2,}/g, '/'));
  return undefined;
}

/** ASCII escapes are all it takes to hide dots and separators; others are left as they are. */
function addDecodings(decoded: string, readings: Set<string>, left: number): PathProblem | undefined {
  if (!decoded.includes('%')) return undefined;
  let text = decoded.replaceAll(SLASH.mark, '/');
  for (const { mark, data } of KINDS) text = text.replaceAll(mark, data);
  if (!/%[0-7][0-9A-Fa-f]/.test(text)) return undefined;
  if (left === 0 || text.length > MOST_AMBIGUOUS) return 'too many readings';
  const next = decode(utf8Bytes(text.replace(/%(?![0-7][0-9A-Fa-f])/g, '%25')));
  if (!next.ok) return next.error;
  return addReadings(next.value.trimEnd(), readings) ?? addDecodings(next.value, readings, left - 1);
}

const LOOKALIKES: readonly (readonly [RegExp, string])[] = [
  [/[\u2044\u2215\u29f8]/g, '/'],
  [/[\u2216\u29f5\u29f9\u00a5\u20a9]/g, BACKSLASH.mark],
  [/[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]|[\ufe00-\ufe0f]/g, ''],
];

/** The text as those see it who fold it to ASCII before they look for slashes and dots. */
function addLookalikes(once: string, readings: Set<string>): PathProblem | undefined {
  if (!/[^\u0000-\u007f]/.test(once)) return undefined;
  let text = once;
  for (const [like, is] of LOOKALIKES) text = text.replace(like, is);
  text = text.normalize('NFKC');
  for (const { mark, data } of [BACKSLASH, SEMICOLON, QUESTION]) text = text.replaceAll(data, mark);
  return text === once ? undefined : addForms(text.trimEnd(), readings);
}

const C1 = /[\u0080-\u009f]/;

/** Decodes every escape once; marks stand for what may separate. */
function decode(path: string): Result<string, PathProblem> {
  const bytes: number[] = [];
  for (let i = 0; i < path.length; i++) {
    let byte = path.charCodeAt(i);
    if (byte > 0xff) return err('invalid UTF-8');
    const isEscape = byte === 0x25;
    if (isEscape) {
      byte = hex(path.charCodeAt(i + 1)) * 16 + hex(path.charCodeAt(i + 2));
      if (!(byte >= 0)) return err('bad percent escape');
      i += 2;
    }
    if (byte < 0x20 || byte === 0x7f) return err('control byte');
    bytes.push(marked(byte, isEscape));
  }
  const text = decodeUtf8(bytes);
  if (text === undefined) return err('invalid UTF-8');
  return C1.test(text) ? err('control byte') : ok(text);
}

function marked(byte: number, isEscape: boolean): number {
  if (byte === 0x5c) return isEscape ? 3 : 2;
  if (byte === 0x3b) return isEscape ? 5 : 4;
  if (byte === 0x3f) return 6;
  return byte === 0x2f && isEscape ? 1 : byte;
}

/** The value of a hex digit, NaN for anything else, so that one comparison catches both digits. */
function hex(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : Number.NaN;
}

/** Resolves "." and ".." segments; keeps a trailing slash; undefined when ".." has nothing to remove. */
function resolveDots(path: string, merge: boolean): string | undefined {
  const out: string[] = [];
  const segments = path.split('/');
  const last = segments.length - 1;
  for (let i = 1; i <= last; i++) {
    const segment = segments[i] ?? '';
    if (segment === '..') {
      if (out.length === 0) return undefined;
      out.pop();
      if (i === last) out.push('');
    } else if (segment === '.') {
      if (i === last) out.push('');
    } else if (segment === '' && merge && i !== last) {
    } else out.push(segment);
  }
  return `/${out.join('/')}`;
}
