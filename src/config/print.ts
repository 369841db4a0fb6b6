import type { Environment } from './expand.ts';
import { readLayers, SCHEMA } from './layers.ts';
import { describeOrigin, type Node, type Origin, type Path, type Scalar } from './tree.ts';

/** One line of the effective configuration: YAML, and where its value comes from. */
export interface PrintedLine {
  readonly text: string;
  /** undefined: the line opens a section. */
  readonly origin: string | undefined;
}

const MASK = '********';
/** Lists of plain words stay on one line up to this many characters. */
const INLINE = 100;

/** The merged configuration before it is judged; secrets masked. undefined: a file could not be read at all. */
export function effective(files: readonly string[], env: Environment, cwd = process.cwd()): Node | undefined {
  return readLayers(files, env, cwd).tree;
}

/** As YAML that could be loaded again (but for masked secrets). */
export function printLines(tree: Node): PrintedLine[] {
  return tree.kind === 'map' ? mapLines(inSchemaOrder(tree.entries), '') : [];
}

function inSchemaOrder<T>(entries: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const keys = Object.keys(SCHEMA.properties ?? {});
  return new Map([...entries].toSorted(([a], [b]) => keys.indexOf(a) - keys.indexOf(b)));
}

function mapLines(entries: ReadonlyMap<string, { readonly node: Node }>, indent: string): PrintedLine[] {
  return [...entries].flatMap(([key, { node }]) => nodeLines(`${indent}${plainKey(key)}:`, node, `${indent}  `));
}

function nodeLines(head: string, node: Node, indent: string): PrintedLine[] {
  const inline = inlined(node);
  if (inline !== undefined) return [{ text: `${head} ${inline}`, origin: describeOrigin(node.origin) }];
  const open = { text: head, origin: undefined };
  if (node.kind === 'map') return [open, ...mapLines(node.entries, indent)];
  return node.kind === 'list' ? [open, ...node.items.flatMap((item) => itemLines(item, indent))] : [];
}

function itemLines(item: Node, indent: string): PrintedLine[] {
  const inline = inlined(item);
  if (inline !== undefined) return [{ text: `${indent}- ${inline}`, origin: describeOrigin(item.origin) }];
  if (item.kind !== 'map') return nodeLines(`${indent}-`, item, `${indent}  `);
  const [first, ...rest] = mapLines(item.entries, `${indent}  `);
  if (first === undefined) return [];
  return [{ ...first, text: `${indent}- ${first.text.slice(indent.length + 2)}` }, ...rest];
}

/** The node on one line where it fits there: scalars, lists of them, and lists of lists of anything. */
function inlined(node: Node): string | undefined {
  if (node.kind === 'map') return node.entries.size === 0 ? '{}' : undefined;
  if (node.kind === 'list' && node.items.some((item) => item.kind === 'map')) return undefined;
  const text = flow(node);
  return node.kind === 'scalar' || text.length <= INLINE ? text : undefined;
}

function flow(node: Node): string {
  switch (node.kind) {
    case 'scalar':
      return scalarText(node);
    case 'list':
      return `[${node.items.map(flow).join(', ')}]`;
    case 'map':
      return `{${[...node.entries].map(([key, entry]) => `${plainKey(key)}: ${flow(entry.node)}`).join(', ')}}`;
    default:
      return node satisfies never;
  }
}

/** What the core schema of YAML 1.2 (§10.3.2) takes for something else than text. */
const SPECIAL =
  /^(?:true|false|null|~|[-+]?(?:\.inf|0o[0-7]+|0x[0-9a-f]+|(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:e[-+]?[0-9]+)?)|\.nan)$/i;
const PLAIN = /^[A-Za-z0-9_/.][A-Za-z0-9_/.*@+-]*(?::[A-Za-z0-9_/.*@+-]+)*$/;

function scalarText(node: Scalar): string {
  const value = shown(node);
  if (typeof value !== 'string') return String(value);
  return PLAIN.test(value) && !SPECIAL.test(value) ? value : JSON.stringify(value);
}

function plainKey(key: string): string {
  return /^[A-Za-z_][A-Za-z0-9_./-]*$/.test(key) && !SPECIAL.test(key) ? key : JSON.stringify(key);
}

/** The value as it may be shown: nothing of what came from a file of secrets, no password in an address. */
function shown(node: Scalar): Scalar['value'] {
  if (node.secret) return MASK;
  return typeof node.value === 'string' ? node.value.replace(/(:\/\/[^/@\s:]*:)[^/@\s]*@/, `$1${MASK}@`) : node.value;
}

/** The plain value with secrets masked, and the origin of each scalar by JSON Pointer (RFC 6901). */
export function printJson(tree: Node): {
  readonly config: unknown;
  readonly origins: Readonly<Record<string, string>>;
} {
  const origins: Record<string, string> = {};
  return { config: jsonOf(tree, [], origins), origins };
}

function jsonOf(node: Node, path: Path, origins: Record<string, string>): unknown {
  const note = (origin: Origin) => {
    origins[path.map((p) => `/${String(p).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')] =
      describeOrigin(origin);
  };
  switch (node.kind) {
    case 'scalar':
      note(node.origin);
      return shown(node);
    case 'list':
      if (node.items.length === 0) note(node.origin);
      return node.items.map((item, i) => jsonOf(item, [...path, i], origins));
    case 'map':
      if (node.entries.size === 0) note(node.origin);
      return Object.fromEntries([...node.entries].map(([k, e]) => [k, jsonOf(e.node, [...path, k], origins)]));
    default:
      return node satisfies never;
  }
}
