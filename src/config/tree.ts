import type { Place } from '../core/policy/rule.ts';

/** The configuration as it was written: plain values that remember where each of them stands. */
export type Node = Scalar | List | Mapping;

export interface Scalar {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  readonly origin: Origin;
  /** Came from a file of secrets (`${file:…}`, `…_FILE`): never printed. */
  readonly secret: boolean;
  /** Text from outside YAML, which becomes a number or boolean where the schema wants one. */
  readonly loose: boolean;
}

export interface List {
  readonly kind: 'list';
  readonly items: readonly Node[];
  readonly origin: Origin;
}

export interface Mapping {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Entry>;
  readonly origin: Origin;
}

export interface Entry {
  /** Where the key stands. */
  readonly key: Origin;
  readonly node: Node;
}

export type Origin =
  | { readonly kind: 'file'; readonly place: Place }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'default' };

export type Path = readonly (string | number)[];

export const DEFAULT: Origin = { kind: 'default' };

export function placeOf(origin: Origin): Place {
  switch (origin.kind) {
    case 'file':
      return origin.place;
    case 'environment':
      return { file: origin.name, line: 1, column: 1 };
    case 'default':
      return { file: 'the defaults', line: 1, column: 1 };
    default:
      return origin satisfies never;
  }
}

/** "lintel.yml:3:5", "LINTEL_PORTAL" or "default". */
export function describeOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'file':
      return `${origin.place.file}:${origin.place.line}`;
    case 'environment':
      return origin.name;
    case 'default':
      return 'default';
    default:
      return origin satisfies never;
  }
}

/** A plain value as a tree, every part of it from `origin`. */
export function fromPlain(value: unknown, origin: Origin): Node {
  if (Array.isArray(value)) return { kind: 'list', items: value.map((v) => fromPlain(v, origin)), origin };
  if (typeof value === 'object' && value !== null) {
    const entries = new Map<string, Entry>();
    for (const [k, v] of Object.entries(value)) entries.set(k, { key: origin, node: fromPlain(v, origin) });
    return { kind: 'map', entries, origin };
  }
  const scalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
  return { kind: 'scalar', value: scalar, origin, secret: false, loose: false };
}

/** The tree as the plain value that schemas know. Maps have no prototype, so that no key means anything special. */
export function toPlain(node: Node): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(toPlain);
    case 'map': {
      const out: Record<string, unknown> = Object.create(null);
      for (const [key, entry] of node.entries) out[key] = toPlain(entry.node);
      return out;
    }
    default:
      return node satisfies never;
  }
}

/** Later over earlier: maps merge key by key, lists and scalars are replaced whole. */
export function merge(earlier: Node, later: Node): Node {
  if (earlier.kind !== 'map' || later.kind !== 'map') return later;
  const entries = new Map(earlier.entries);
  for (const [key, entry] of later.entries) {
    const before = entries.get(key);
    entries.set(key, before === undefined ? entry : { key: entry.key, node: merge(before.node, entry.node) });
  }
  const origin = later.origin.kind === 'default' ? earlier.origin : later.origin;
  return { kind: 'map', entries, origin };
}

/** The node at a path, or the nearest one above it that exists. */
export function nearest(root: Node, path: Path): Node {
  let node = root;
  for (const step of path) {
    const next = child(node, step);
    if (next === undefined) return node;
    node = next;
  }
  return node;
}

/** Where the key of a path stands; for list entries where the entry stands. */
export function keyOrigin(root: Node, path: Path): Origin {
  const parent = nearest(root, path.slice(0, -1));
  const last = path.at(-1);
  if (parent.kind === 'map' && typeof last === 'string') return parent.entries.get(last)?.key ?? parent.origin;
  return nearest(root, path).origin;
}

function child(node: Node, step: string | number): Node | undefined {
  if (node.kind === 'map') return node.entries.get(String(step))?.node;
  return node.kind === 'list' && typeof step === 'number' ? node.items[step] : undefined;
}

/** The tree with the node at `path` replaced, or taken away when `node` is undefined. Parents that are missing are made. */
export function withNode(root: Node, path: Path, node: Node | undefined, origin: Origin): Node {
  const [step, ...rest] = path;
  if (step === undefined) return node ?? { kind: 'map', entries: new Map(), origin };
  if (root.kind === 'list' && typeof step === 'number')
    return { ...root, items: replaceItem(root, step, rest, node, origin) };
  const entries = new Map(root.kind === 'map' ? root.entries : []);
  const key = String(step);
  const before = entries.get(key);
  if (rest.length === 0 && node === undefined) entries.delete(key);
  else {
    const below = before?.node ?? { kind: 'map', entries: new Map(), origin };
    entries.set(key, { key: before?.key ?? origin, node: withNode(below, rest, node, origin) });
  }
  return { kind: 'map', entries, origin: root.origin };
}

function replaceItem(list: List, index: number, rest: Path, node: Node | undefined, origin: Origin): Node[] {
  if (rest.length === 0 && node === undefined) return list.items.filter((_, i) => i !== index);
  return list.items.map((item, i) => (i === index ? withNode(item, rest, node, origin) : item));
}
