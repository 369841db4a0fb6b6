import type { List, Mapping, Node, Pair, Scalar } from './node.ts';

/**
 * A reader for the plain part of YAML that user files are written in: block mappings, block lists of scalars, one-line
 * flow lists, one-line scalars. It is some forty times faster than a full parser, which matters at 100,000 users. It
 * reads a text exactly as YAML does or not at all: anything else (anchors, tags, escapes, block scalars, tabs,
 * continued lines) makes it give up, and the caller asks the full parser. A property test compares the two.
 */
export function readPlainMapping(lines: readonly string[], firstLine: number): Mapping | undefined {
  const reader: Reader = { lines, firstLine, at: 0, line: undefined };
  const start = skipBlank(reader);
  if (start === undefined) return undefined;
  const mapping = readMapping(reader, start.indent);
  return skipBlank(reader) === undefined ? mapping : undefined;
}

interface Reader {
  readonly lines: readonly string[];
  readonly firstLine: number;
  at: number;
  /** The line found at `at`, until it is passed. */
  line: Line | undefined;
}

interface Line {
  readonly text: string;
  readonly indent: number;
  readonly number: number;
}

// Letters, digits, "_", ".", and "@" or "-" where they do not stand first: no YAML indicator among them.
const KEY = /^(?:([\p{L}\p{N}_.][\p{L}\p{N}_.@-]*)|"([^"\\]*)"|'([^']*)') *:(?: +(.*))?$/u;
const ITEM = /^- +(.*)$/;
const QUOTED = /^(?:"([^"\\]*)"|'([^']*)')(?: +#.*)?$/;
const PLAIN = /^[^\s\-?:,[\]{}#&*!|>'"%@`].*$/u;
const FLOW = /^\[([^[\]{}"'#&*!|>%@`\\:]*)\](?: +#.*)?$/;
const SPACES = /^ +| +$/g;
const ODD = /[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\ufff0-\ufffd\ud800-\udfff]/;

/** The next line with content, or undefined at the end. Does not move past it. */
function skipBlank(r: Reader): Line | undefined {
  for (; r.line === undefined && r.at < r.lines.length; r.at++) {
    const raw = withoutReturn(r.lines[r.at] ?? '', r.at === r.lines.length - 1);
    let indent = 0;
    while (raw.charCodeAt(indent) === 0x20) indent++;
    if (indent === raw.length || raw.charCodeAt(indent) === 0x23) continue;
    r.line = { text: raw.slice(indent, endOf(raw)), indent, number: r.firstLine + r.at };
    return r.line;
  }
  return r.line;
}

function pass(r: Reader): void {
  r.line = undefined;
  r.at++;
}

/** CR before LF is part of the line end; any other CR is left in, and is odd. */
function withoutReturn(raw: string, isLast: boolean): string {
  return !isLast && raw.endsWith('\r') ? raw.slice(0, -1) : raw;
}

/** Not trimEnd(): that takes no-break spaces too, which are content. */
function endOf(raw: string): number {
  let end = raw.length;
  while (raw.charCodeAt(end - 1) === 0x20) end--;
  return end;
}

function readMapping(r: Reader, indent: number): Mapping | undefined {
  const pairs: Pair[] = [];
  const first = skipBlank(r);
  for (let line = first; line !== undefined && line.indent === indent; line = skipBlank(r)) {
    if (isDashed(line)) break;
    const pair = readPair(r, line);
    if (pair === undefined) return undefined;
    pairs.push(pair);
  }
  const next = skipBlank(r);
  if (pairs.length === 0 || (next !== undefined && next.indent > indent)) return undefined;
  return { kind: 'map', pairs, line: first?.number ?? 0, column: indent + 1 };
}

function readPair(r: Reader, line: Line): Pair | undefined {
  if (ODD.test(line.text)) return undefined;
  const match = KEY.exec(line.text);
  if (match === null) return undefined;
  const [, plain, double, single, rest] = match;
  const place = { line: line.number, column: line.indent + 1 };
  const key: Scalar = { kind: 'scalar', text: plain ?? double ?? single ?? '', isPlain: plain !== undefined, ...place };
  pass(r);
  const column = line.indent + 1 + line.text.length - (rest ?? '').length;
  const value =
    rest === undefined || rest === '' || rest.startsWith('#')
      ? readNested(r, line)
      : (readScalar(rest, line.number, column) ?? readFlow(rest, line.number, column));
  return value === undefined ? undefined : { key, value };
}

/** What stands below a key: a deeper mapping, a list (YAML lets it stand at the key's own indent), or nothing. */
function readNested(r: Reader, key: Line): Node | undefined {
  const next = skipBlank(r);
  if (next !== undefined && next.indent >= key.indent && isDashed(next)) return readList(r, next);
  if (next !== undefined && next.indent > key.indent) return readMapping(r, next.indent);
  return { kind: 'scalar', text: '', isPlain: true, line: key.number, column: key.indent + key.text.length + 1 };
}

function readList(r: Reader, first: Line): List | undefined {
  const items: Scalar[] = [];
  for (let line: Line | undefined = first; line?.indent === first.indent && isDashed(line); line = skipBlank(r)) {
    const rest = ODD.test(line.text) ? undefined : ITEM.exec(line.text)?.[1];
    const column = line.indent + 1 + line.text.length - (rest ?? '').length;
    const item = rest === undefined ? undefined : readScalar(rest, line.number, column);
    if (item === undefined) return undefined;
    items.push(item);
    pass(r);
  }
  const next = skipBlank(r);
  if (next !== undefined && next.indent > first.indent) return undefined;
  return { kind: 'list', items, line: first.number, column: first.indent + 1 };
}

function isDashed(line: Line): boolean {
  return line.text === '-' || line.text.startsWith('- ');
}

function readScalar(text: string, line: number, column: number): Scalar | undefined {
  const quoted = QUOTED.exec(text);
  if (quoted !== null) {
    return { kind: 'scalar', text: quoted[1] ?? quoted[2] ?? '', isPlain: false, line, column };
  }
  const comment = text.indexOf(' #');
  const plain = (comment < 0 ? text : text.slice(0, comment)).replace(SPACES, '');
  if (!PLAIN.test(plain) || plain.includes(': ') || plain.endsWith(':')) return undefined;
  return { kind: 'scalar', text: plain, isPlain: true, line, column };
}

function readFlow(text: string, line: number, column: number): List | undefined {
  const inner = FLOW.exec(text)?.[1];
  if (inner === undefined) return undefined;
  if (inner.replace(SPACES, '') === '') return { kind: 'list', items: [], line, column };
  const items: Scalar[] = [];
  let at = column + 1;
  for (const part of inner.split(',')) {
    const item = part.replace(SPACES, '');
    if (!PLAIN.test(item) || item.includes(' -')) return undefined;
    items.push({ kind: 'scalar', text: item, isPlain: true, line, column: at + Math.max(0, part.search(/[^ ]/)) });
    at += part.length + 1;
  }
  return { kind: 'list', items, line, column };
}
