import { err, ok, type Result } from '../result.ts';
import { decodeUtf8 } from './utf8.ts';

/**
 * Paths have readings: the several ways in which an app may understand the same bytes.
 *
 *   received   the bytes between host and "?", forwarded unchanged
 *   reading 1  %2F stays data (kept as "%2F"), everything else decoded once, dot segments resolved (RFC 3986 §5.2.4)
 *   reading 2  %2F, %5C and "\" are separators                    (Tomcat, IIS, many Java stacks)
 *   reading 3  ";…" up to the next "/" is cut first               (servlet path parameters: "/public/..;/admin")
 *   reading 4  "//" merged                                        (nginx merge_slashes, Go's path.Clean)
 *
 * and their combinations. Policy judges every reading and the strictest decision stands, so no back end can be reached
 * through a string that policy did not see (CVE-2021-32637, CVE-2026-33494, CVE-2026-95811). Refused outright: bad
 * escapes, invalid UTF-8, control bytes raw or encoded, "#", a trailing encoded space, and climbing above the root.
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
  | 'climbs above the root';

/** Nearly all paths: no escape, no dot segment or dot file, no "//", no ";" or "\". One reading, equal to the bytes. */
const PLAIN = /^(?:\/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)*\/?$/;

/** `path` is what stands before "?", in latin1 as Node hands it over (each char one byte); empty reads as "/". */
export function parsePath(path: string): Result<Path, PathProblem> {
  if (PLAIN.test(path)) return ok({ received: path, readings: [path === '' ? '/' : path] });
  return readPath(path);
}

function readPath(path: string): Result<Path, PathProblem> {
  if (path.charCodeAt(0) !== 0x2f) return err('does not begin with a slash');
  if (path.includes('#')) return err('fragment');
  const asData = decode(path, false);
  if (!asData.ok) return asData;
  const asSeparator = decode(path, true);
  if (!asSeparator.ok) return asSeparator;
  if (/\s$/.test(asData.value)) return err('trailing space');

  const readings = new Set<string>();
  const cut = cutParameters(path);
  const cutData = cut === path ? asData : decode(cut, false);
  const cutSeparator = cut === path ? asSeparator : decode(cut, true);
  if (!cutData.ok) return cutData;
  if (!cutSeparator.ok) return cutSeparator;
  for (const form of new Set([asData.value, asSeparator.value, cutData.value, cutSeparator.value])) {
    const kept = resolveDots(form, false);
    if (kept === undefined) return err('climbs above the root');
    readings.add(kept);
    const merged = resolveDots(form, true);
    if (merged === undefined) return err('climbs above the root');
    readings.add(merged);
  }
  const [head, ...rest] = readings;
  return head === undefined ? err('climbs above the root') : ok({ received: path, readings: [head, ...rest] });
}

const C1 = /[\u0080-\u009f]/;

/** Cuts ";…" of every segment, encoded semicolons included: some servers decode first and cut then. */
function cutParameters(path: string): string {
  return path.replace(/(?:;|%3[bB])[^/]*/g, '');
}

/** Decodes every escape once. `separators`: %2F, %5C and "\" become "/"; otherwise %2F stays "%2F". */
function decode(path: string, separators: boolean): Result<string, PathProblem> {
  const bytes: number[] = [];
  for (let i = 0; i < path.length; i++) {
    let byte = path.charCodeAt(i);
    if (byte > 0xff) return err('invalid UTF-8');
    if (byte === 0x25) {
      const value = hex(path.charCodeAt(i + 1)) * 16 + hex(path.charCodeAt(i + 2));
      if (!(value >= 0)) return err('bad percent escape');
      i += 2;
      if (value === 0x2f && !separators) {
        bytes.push(0x25, 0x32, 0x46);
        continue;
      }
      byte = value;
    }
    if (byte < 0x20 || byte === 0x7f) return err('control byte');
    bytes.push(byte === 0x5c && separators ? 0x2f : byte);
  }
  const text = decodeUtf8(bytes);
  if (text === undefined) return err('invalid UTF-8');
  return C1.test(text) ? err('control byte') : ok(text);
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
