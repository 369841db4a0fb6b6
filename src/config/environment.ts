import { resolve } from 'node:path';
import { type Environment, readSecret } from './expand.ts';
import type { Problem } from './problem.ts';
import { allKinds, type Kind, type Schema } from './shape.ts';
import { suggest } from './suggest.ts';
import { type List, type Node, type Origin, type Path, type Scalar, withNode } from './tree.ts';

const PREFIX = 'LINTEL_';
/** Variables that are not keys of the configuration. */
const OTHERS: ReadonlySet<string> = new Set(['LINTEL_CONFIG']);

interface Overlay {
  readonly tree: Node;
  readonly problems: readonly Problem[];
}

/**
 * Lays `LINTEL_SECTION_KEY` (the value) and `LINTEL_SECTION_KEY_FILE` (a file that holds it) over the tree. Names are
 * those of the schema in capitals, everything but letters and digits an underscore; apps, networks and endpoints are
 * those that a file names. A list of words is written with commas.
 */
export function overlayEnvironment(
  tree: Node,
  schema: Schema,
  env: Environment,
  cwd: string,
  files: Set<string>,
): Overlay {
  const given = Object.keys(env).filter((n) => n.startsWith(PREFIX) && !OTHERS.has(n) && env[n] !== undefined);
  if (given.length === 0) return { tree, problems: [] };
  const problems: Problem[] = [];
  const keys = new Map<string, Key>();
  collect(tree, schema, [], keys);
  for (const name of given.sort()) {
    const found = findKey(name, keys);
    if (found === undefined) {
      problems.push(problem(name, 'warning', `${name} is no key of the configuration.`, near(name, keys)));
      continue;
    }
    const text = found.fromFile ? readFrom(resolve(cwd, env[name] ?? ''), files) : env[name];
    if (text === undefined) problems.push(problem(name, 'error', `The file ${env[name]} cannot be read.`));
    else tree = withNode(tree, found.key.path, written(text, found, name), { kind: 'environment', name });
  }
  return { tree, problems };
}

interface Key {
  readonly path: Path;
  readonly kinds: readonly Kind[];
}

interface Found {
  readonly key: Key;
  readonly fromFile: boolean;
}

/** A key of that very name comes before the `_FILE` of a shorter one: LINTEL_USERS_FILE is users.file. */
function findKey(name: string, keys: ReadonlyMap<string, Key>): Found | undefined {
  const exact = keys.get(name);
  if (exact !== undefined) return { key: exact, fromFile: false };
  const key = name.endsWith('_FILE') ? keys.get(name.slice(0, -5)) : undefined;
  return key === undefined ? undefined : { key, fromFile: true };
}

function near(name: string, keys: ReadonlyMap<string, Key>): string | undefined {
  const meant = suggest(name, keys.keys());
  return meant === undefined ? undefined : `Did you mean ${meant}?`;
}

/** Every key that takes a scalar, by the name of its variable. */
function collect(node: Node | undefined, schema: Schema, path: Path, keys: Map<string, Key>): void {
  const kinds = allKinds(schema);
  if (path.length > 0 && kinds.some(isScalarKind)) keys.set(variable(path), { path, kinds });
  for (const form of [schema, ...(schema.anyOf ?? [])]) {
    for (const [key, below] of Object.entries(form.properties ?? {}))
      collect(at(node, key), below, [...path, key], keys);
    const rest = form.additionalProperties;
    if (typeof rest !== 'object' || node?.kind !== 'map') continue;
    for (const key of node.entries.keys()) collect(at(node, key), rest, [...path, key], keys);
  }
}

function at(node: Node | undefined, key: string): Node | undefined {
  return node?.kind === 'map' ? node.entries.get(key)?.node : undefined;
}

function isScalarKind(kind: Kind): boolean {
  return kind === 'string' || kind === 'number' || kind === 'integer' || kind === 'boolean';
}

export function variable(path: Path): string {
  return (
    PREFIX +
    path
      .map((step) =>
        String(step)
          .toUpperCase()
          .replace(/[^A-Z0-9]/g, '_'),
      )
      .join('_')
  );
}

function readFrom(path: string, files: Set<string>): string | undefined {
  files.add(path);
  return readSecret(path);
}

function written(text: string, found: Found, name: string): Scalar | List {
  const origin: Origin = { kind: 'environment', name };
  const scalar = (value: string): Scalar => ({ kind: 'scalar', value, origin, secret: found.fromFile, loose: true });
  if (!found.key.kinds.includes('array') || !text.includes(',')) return scalar(text);
  const items = text.split(',').map((part) => scalar(part.trim()));
  return { kind: 'list', items, origin };
}

function problem(name: string, severity: Problem['severity'], message: string, hint?: string): Problem {
  return { file: name, line: 1, column: 1, severity, message, ...(hint === undefined ? {} : { hint }) };
}

/** Turns text from outside YAML into the number or boolean that the schema wants where it does not take text. */
export function settle(node: Node, schema: Schema): Node {
  switch (node.kind) {
    case 'scalar':
      return node.loose && typeof node.value === 'string' ? { ...node, value: typed(node.value, schema) } : node;
    case 'list': {
      const items = firstOf(schema, (s) => s.items);
      return items === undefined ? node : { ...node, items: node.items.map((item) => settle(item, items)) };
    }
    case 'map': {
      const entries = [...node.entries].map(([key, entry]) => {
        const below = firstOf(schema, (s) => ownProperty(s, key) ?? rest(s));
        return [key, below === undefined ? entry : { ...entry, node: settle(entry.node, below) }] as const;
      });
      return { ...node, entries: new Map(entries) };
    }
    default:
      return node satisfies never;
  }
}

function typed(text: string, schema: Schema): string | number | boolean {
  const kinds = allKinds(schema);
  if (kinds.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  const numeric = kinds.includes('number') || kinds.includes('integer');
  return numeric && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function ownProperty(schema: Schema, key: string): Schema | undefined {
  return Object.hasOwn(schema.properties ?? {}, key) ? schema.properties?.[key] : undefined;
}

function rest(schema: Schema): Schema | undefined {
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

function firstOf(schema: Schema, pick: (form: Schema) => Schema | undefined): Schema | undefined {
  for (const form of [schema, ...(schema.anyOf ?? [])]) {
    const found = pick(form);
    if (found !== undefined) return found;
  }
  return undefined;
}
