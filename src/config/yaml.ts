import {
  type Alias,
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import type { Place } from '../core/policy/rule.ts';
import type { Problem } from './problem.ts';
import type { Entry, Mapping, Node, Origin } from './tree.ts';

/** What stands behind `${env:…}` and `${file:…}`; undefined when there is no such expression in the text. */
export type Expand = (text: string, place: Place) => Expanded | undefined;
export interface Expanded {
  readonly value: string;
  readonly secret: boolean;
}

export interface Parsed {
  /** undefined: not YAML at all, or empty. */
  readonly tree: Node | undefined;
  readonly problems: readonly Problem[];
}

/** More nodes than any honest configuration has; a few aliases of aliases would make millions (CWE-776). */
const MOST_NODES = 200_000;
const DEEPEST = 40;

/** Reads one YAML 1.2 document. Anchors, aliases and `<<` are resolved; a repeated key is an error. */
export function parseYaml(text: string, file: string, expand: Expand): Parsed {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  const reader = new Reader(doc, file, lines, expand);
  // What follows the first error is mostly that error, met again and again.
  for (const e of [...doc.errors.slice(0, 1), ...doc.warnings])
    reader.report(e.pos[0], `This is not valid YAML: ${sentence(e.message)}`, HINTS[e.code]);
  if (doc.errors.length > 0 || doc.contents === null) return { tree: undefined, problems: reader.problems };
  const tree = reader.node(doc.contents, 0);
  return { tree, problems: reader.problems };
}

const HINTS: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: 'Indent with spaces: YAML takes no tab there.',
  BLOCK_AS_IMPLICIT_KEY: 'Put text that has ": " in it in quotes, and line up keys that belong together.',
  BAD_SCALAR_START: 'Put it in quotes.',
  UNEXPECTED_TOKEN: 'Put text that has quotes, braces or brackets in it in quotes.',
};

function sentence(message: string): string {
  const first = message.split('\n')[0] ?? '';
  return `${first.charAt(0).toLowerCase()}${first.slice(1).replace(/[.:]?$/, '.')}`;
}

class Reader {
  readonly problems: Problem[] = [];
  readonly #doc: Document;
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #expand: Expand;
  #count = 0;

  constructor(doc: Document, file: string, lines: LineCounter, expand: Expand) {
    this.#doc = doc;
    this.#file = file;
    this.#lines = lines;
    this.#expand = expand;
  }

  report(offset: number, message: string, hint?: string): void {
    this.problems.push({ ...this.#place(offset), severity: 'error', message, ...(hint === undefined ? {} : { hint }) });
  }

  node(n: unknown, depth: number): Node {
    const offset = offsetOf(n);
    const origin: Origin = { kind: 'file', place: this.#place(offset) };
    if (++this.#count === MOST_NODES || depth === DEEPEST)
      this.report(offset, 'This nests too deep or repeats too much.');
    if (this.#count >= MOST_NODES || depth >= DEEPEST) return empty(origin);
    if (isAlias(n)) return this.#alias(n, origin, depth);
    if (isMap(n)) return this.#map(n, origin, depth);
    if (isSeq(n)) return { kind: 'list', items: n.items.map((item) => this.node(item, depth + 1)), origin };
    return isScalar(n) ? this.#scalar(n.value, origin, offset) : empty(origin);
  }

  /** A host such as *.example.com without quotes is an alias to YAML. */
  #alias(n: Alias, origin: Origin, depth: number): Node {
    const meant = n.resolve(this.#doc);
    if (meant !== undefined) return this.node(meant, depth + 1);
    const message = `To YAML *${n.source} is an alias, and no anchor &${n.source} comes before it.`;
    this.report(n.range?.[0] ?? 0, message, `Put it in quotes: '*${n.source}'.`);
    return empty(origin);
  }

  #scalar(value: unknown, origin: Origin, offset: number): Node {
    if (typeof value === 'string') {
      const expanded = this.#expand(value, this.#place(offset));
      if (expanded === undefined) return { kind: 'scalar', value, origin, secret: false, loose: false };
      return { kind: 'scalar', value: expanded.value, origin, secret: expanded.secret, loose: true };
    }
    if (typeof value === 'number' || typeof value === 'boolean') {
      return { kind: 'scalar', value, origin, secret: false, loose: false };
    }
    return empty(origin);
  }

  #map(n: YAMLMap, origin: Origin, depth: number): Mapping {
    const entries = new Map<string, Entry>();
    const merged: Mapping[] = [];
    for (const pair of n.items) {
      const offset = offsetOf(pair.key);
      const key = keyText(pair);
      if (key === undefined) this.report(offset, 'A key must be plain text.');
      else if (key === '<<') merged.push(...this.#mergeKey(pair, depth));
      else if (entries.has(key)) this.#repeated(key, offset, entries.get(key));
      else
        entries.set(key, { key: { kind: 'file', place: this.#place(offset) }, node: this.node(pair.value, depth + 1) });
    }
    for (const m of merged) for (const [k, e] of m.entries) if (!entries.has(k)) entries.set(k, e);
    return { kind: 'map', entries, origin };
  }

  #mergeKey(pair: Pair, depth: number): Mapping[] {
    const node = this.node(pair.value, depth + 1);
    const maps = node.kind === 'list' ? node.items : [node];
    const good = maps.filter((m) => m.kind === 'map');
    if (good.length < maps.length) this.report(offsetOf(pair.value), '<< takes a map or a list of maps.');
    return good;
  }

  #repeated(key: string, offset: number, before: Entry | undefined): void {
    const first = before?.key.kind === 'file' ? ` The first one is in line ${before.key.place.line}.` : '';
    this.report(offset, `The key ${key} stands here twice.${first}`, 'Keep one of them.');
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
  }
}

function offsetOf(n: unknown): number {
  if (isScalar(n) || isMap(n) || isSeq(n) || isAlias(n)) return n.range?.[0] ?? 0;
  return 0;
}

function empty(origin: Origin): Node {
  return { kind: 'scalar', value: null, origin, secret: false, loose: false };
}

function keyText(pair: Pair): string | undefined {
  const key = isScalar(pair.key) ? pair.key.value : undefined;
  return typeof key === 'string' || typeof key === 'number' || typeof key === 'boolean' ? String(key) : undefined;
}
