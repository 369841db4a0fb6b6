import { RENAMED } from './renamed.ts';
import { oneOf, suggest } from './suggest.ts';
import type { Path } from './tree.ts';

/** The part of JSON Schema (2020-12) that the schema uses. */
export interface Schema {
  readonly type?: Kind | readonly Kind[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly minimum?: number;
  /** What is expected, as a noun for messages. */
  readonly title?: string;
  readonly description?: string;
}

export type Kind = 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null';

export interface Mismatch {
  readonly path: Path;
  /** Whether the key of the path is wrong, or what stands there. */
  readonly at: 'key' | 'value';
  readonly message: string;
  readonly hint?: string;
}

const NOUNS: Readonly<Record<Kind, string>> = {
  object: 'a map',
  array: 'a list',
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  null: 'nothing',
};

/** Everything in `value` that the schema does not allow; empty: it conforms. */
export function mismatches(value: unknown, schema: Schema, path: Path = []): Mismatch[] {
  if (schema.anyOf !== undefined) return ofUnion(value, schema, schema.anyOf, path);
  if (!kindsOf(schema).some((k) => isOfKind(value, k)) || (schema.const !== undefined && value !== schema.const)) {
    return [wrongKind(value, schema, path)];
  }
  if (Array.isArray(value)) {
    const items = schema.items ?? {};
    return value.flatMap((item, i) => mismatches(item, items, [...path, i]));
  }
  if (typeof value === 'object' && value !== null) return ofMap(value, schema, path);
  return ofScalar(value, schema, path);
}

function ofScalar(value: unknown, schema: Schema, path: Path): Mismatch[] {
  if (schema.enum !== undefined && !schema.enum.some((e) => e === value)) {
    const near = typeof value === 'string' ? suggest(value, schema.enum) : undefined;
    const message = `${name(path)} is one of ${oneOf(schema.enum)}, not ${show(value)}.`;
    return [{ path, at: 'value', message, ...(near === undefined ? {} : { hint: `Did you mean ${near}?` }) }];
  }
  if (schema.minimum !== undefined && typeof value === 'number' && value < schema.minimum) {
    return [{ path, at: 'value', message: `${name(path)} is at least ${schema.minimum}.` }];
  }
  return [];
}

/** Of several forms, the one that looks like what was written gets to say what is wrong with it. */
function ofUnion(value: unknown, schema: Schema, forms: readonly Schema[], path: Path): Mismatch[] {
  const alike = forms.filter(
    (f) => kindsOf(f).some((k) => isOfKind(value, k)) && !(f.const !== undefined && f.const !== value),
  );
  const tried = alike.map((form) => mismatches(value, form, path));
  if (tried.some((t) => t.length === 0)) return [];
  return tried[0] ?? [wrongKind(value, schema, path)];
}

function ofMap(value: object, schema: Schema, path: Path): Mismatch[] {
  const properties = schema.properties ?? {};
  const out: Mismatch[] = [];
  for (const [key, v] of Object.entries(value)) {
    const below = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const rest = schema.additionalProperties;
    if (below !== undefined) out.push(...mismatches(v, below, [...path, key]));
    else if (typeof rest === 'object') out.push(...mismatches(v, rest, [...path, key]));
    else if (rest === false) out.push(unknownKey(key, v, properties, path));
  }
  for (const key of schema.required ?? []) {
    if (!Object.hasOwn(value, key)) {
      const noun = properties[key]?.title;
      out.push({
        path,
        at: 'key',
        message: `${name(path)} has no ${key}.`,
        hint: `Add ${key}: ${noun ?? 'it is needed'}.`,
      });
    }
  }
  return out;
}

function unknownKey(key: string, value: unknown, properties: Readonly<Record<string, Schema>>, path: Path): Mismatch {
  const at = [...path, key];
  const message = `The key ${key} is unknown ${path.length === 0 ? 'here' : `in ${name(path)}`}.`;
  const renamed = RENAMED[key]?.(value, (k) => Object.hasOwn(properties, k));
  const near = suggest(key, Object.keys(properties));
  if (renamed !== undefined) return { path: at, at: 'key', message, hint: renamed };
  if (near !== undefined) return { path: at, at: 'key', message, hint: `Did you mean ${near}?` };
  return { path: at, at: 'key', message, hint: `Known here: ${Object.keys(properties).join(', ')}.` };
}

function wrongKind(value: unknown, schema: Schema, path: Path): Mismatch {
  const noun = schema.title ?? oneOf([...new Set(allKinds(schema).map((k) => NOUNS[k]))]);
  const hint = remedy(value, schema, path);
  const message = `${name(path)} is ${noun}, not ${show(value)}.`;
  return { path, at: 'value', message, ...(hint === undefined ? {} : { hint }) };
}

/** What people write in place of an address or a list, as it has to be written. */
function remedy(value: unknown, schema: Schema, path: Path): string | undefined {
  const key = path.at(-1);
  if (typeof value === 'number' && /^an address/.test(schema.title ?? ''))
    return `Write ${key}: 127.0.0.1:${value}, or ${key}: ":${value}" for every address of this machine.`;
  if (key === 'access' && path[0] === 'apps') return 'Write access: [{allow: signed_in}].';
  if (schema.title === 'a list of rules') return `Write ${key}: [{hosts: [app.example.com], allow: signed_in}].`;
  return undefined;
}

/** The kinds of value that the schema takes at its top, in any of its forms. */
export function allKinds(schema: Schema): readonly Kind[] {
  return schema.anyOf === undefined ? kindsOf(schema) : schema.anyOf.flatMap(allKinds);
}

function kindsOf(schema: Schema): readonly Kind[] {
  if (schema.anyOf !== undefined) return allKinds(schema);
  if (schema.type === undefined) return [];
  return typeof schema.type === 'string' ? [schema.type] : schema.type;
}

function isOfKind(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isSafeInteger(value);
    case 'null':
      return value === null;
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === kind;
    default:
      return kind satisfies never;
  }
}

/** "session.idle", "policy rule 3, methods", "app grafana, rule 1": a path as people are told about it. */
export function name(path: Path): string {
  const [first, second, third, fourth, ...rest] = path;
  if (first === 'apps' && typeof second === 'string') {
    if (third === 'access' && typeof fourth === 'number') return inside(`app ${second}, rule ${fourth + 1}`, rest);
    return inside(`app ${second}`, path.slice(2));
  }
  if (first === 'policy' && second === 'rules' && typeof third === 'number')
    return inside(`policy rule ${third + 1}`, path.slice(3));
  return path.length === 0 ? 'lintel.yml' : dotted(path);
}

function inside(what: string, path: Path): string {
  return path.length === 0 ? what : `${what}, ${dotted(path)}`;
}

function dotted(path: Path): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step + 1}]` : `.${step}`))
    .join('')
    .replace(/^\./, '');
}

function show(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'string')
    return `the text ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)}`;
  return String(value);
}
