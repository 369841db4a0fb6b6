import { build } from './build.ts';
import { check } from './check.ts';
import type { Environment } from './expand.ts';
import { compilersFor } from './expression/compilers.ts';
import { DEFAULT_TREE, readLayers, SCHEMA } from './layers.ts';
import type { Problem } from './problem.ts';
import type { Raw } from './schema.ts';
import { pathKey, Scope } from './scope.ts';
import type { Settings } from './settings.ts';
import { type Mismatch, mismatches } from './shape.ts';
import { suggest } from './suggest.ts';
import { DEFAULT, merge, type Node, nearest, type Path, toPlain, withNode } from './tree.ts';

export type { Problem } from './problem.ts';

export type Loaded =
  | { readonly ok: true; readonly settings: Settings; readonly warnings: readonly Problem[] }
  /** Every problem at once, errors and warnings, in the order of the files. */
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Reads, merges and judges a configuration: defaults, then the files (later over earlier, maps key by key, lists
 * whole), then `LINTEL_…` of `env`. Never throws for what a file says. `cwd` is what relative names of files count from;
 * paths inside a file count from that file.
 */
export async function loadConfig(files: readonly string[], env: Environment, cwd = process.cwd()): Promise<Loaded> {
  const layers = readLayers(files, env, cwd);
  if (layers.tree === undefined) return { ok: false, problems: inOrder(layers.problems, files) };
  const { tree, broken, problems } = pruned(layers.tree, cwd);
  const raw = toPlain(tree);
  if (!isRaw(raw)) {
    const found = inOrder([...layers.problems, ...problems], files);
    return { ok: false, problems: found.map(withoutSecrets(layers.tree)) };
  }
  const scope = new Scope(tree, cwd, broken, await compilersFor(Object.values(raw.apps ?? {})));
  const settings = build(raw, scope);
  const soFar = [...layers.problems, ...problems, ...scope.problems];
  check(
    settings,
    soFar.every((p) => p.severity === 'warning'),
    scope,
  );
  // What could not even be read needs no second sentence about its value.
  const found = [...problems, ...scope.problems].filter((p) => !layers.problems.some((l) => isAt(l, p)));
  const all = inOrder([...layers.problems, ...found], files).map(withoutSecrets(layers.tree));
  if (all.some((p) => p.severity === 'error')) return { ok: false, problems: all };
  return { ok: true, settings: { ...settings, watch: [...layers.files, ...scope.files] }, warnings: all };
}

/** The smart constructor of `Raw`: schema.ts is where both the type and the JSON Schema come from. */
function isRaw(value: unknown): value is Raw {
  return mismatches(value, SCHEMA).length === 0;
}

interface Pruned {
  readonly tree: Node;
  readonly broken: ReadonlySet<string>;
  readonly problems: readonly Problem[];
}

/**
 * Takes out what the schema does not allow, so that one wrong key does not hide what is wrong elsewhere. A rule with
 * anything wrong in it is emptied and marked: without one of its conditions it would be another rule.
 */
function pruned(tree: Node, cwd: string): Pruned {
  const broken = new Set<string>();
  const scope = new Scope(tree, cwd, broken);
  let found = mismatches(toPlain(tree), SCHEMA);
  for (const m of found) {
    if (isAccess(m)) broken.add(pathKey(['apps', String(m.path[1]), 'access']));
    const place = m.at === 'key' ? scope.keyPlace(m.path) : scope.place(m.path);
    scope.add('error', place, m.message, m.hint);
  }
  for (let round = 0; found.length > 0 && round < 8; round++) {
    for (const m of found.toReversed()) tree = cut(tree, m, broken);
    tree = merge(DEFAULT_TREE, tree);
    found = mismatches(toPlain(tree), SCHEMA);
  }
  return { tree, broken, problems: scope.problems };
}

function cut(tree: Node, m: Mismatch, broken: Set<string>): Node {
  const rule = ruleOf(m.path);
  const { origin } = nearest(tree, rule ?? m.path);
  if (rule === undefined) return withNode(tree, m.path, undefined, DEFAULT);
  broken.add(pathKey(rule));
  return withNode(tree, rule, { kind: 'map', entries: new Map(), origin }, origin);
}

/** Is this about the access of an app, or a slip of the pen for it? Then the app is not told to have none. */
function isAccess({ path }: Mismatch): boolean {
  const key = path[0] === 'apps' && path.length === 3 ? path[2] : undefined;
  return typeof key === 'string' && suggest(key, ['access', 'bindings']) !== undefined;
}

function ruleOf(path: Path): Path | undefined {
  const length = path[0] === 'policy' && path[1] === 'rules' ? 3 : path[0] === 'apps' && path[2] === 'access' ? 4 : 0;
  return length > 0 && path.length >= length ? path.slice(0, length) : undefined;
}

function inOrder(problems: readonly Problem[], files: readonly string[]): Problem[] {
  const rank = (p: Problem) => (files.indexOf(p.file) + files.length + 1) % (files.length + 1);
  const sorted = problems.toSorted((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
  return sorted.filter((p, i) => !sorted.slice(0, i).some((o) => isSame(o, p)));
}

/** A message quotes what is wrong with a value, but never a value that came from a file of secrets. */
function withoutSecrets(tree: Node): (p: Problem) => Problem {
  const secrets = secretsIn(tree).filter((s) => s !== '');
  const hide = (text: string) => secrets.reduce((t, s) => t.replaceAll(s, '********'), text);
  if (secrets.length === 0) return (p) => p;
  return (p) => ({ ...p, message: hide(p.message), ...(p.hint === undefined ? {} : { hint: hide(p.hint) }) });
}

function secretsIn(node: Node): string[] {
  if (node.kind === 'list') return node.items.flatMap(secretsIn);
  if (node.kind === 'map') return [...node.entries.values()].flatMap((e) => secretsIn(e.node));
  return node.secret ? [String(node.value)] : [];
}

function isSame(a: Problem, b: Problem): boolean {
  return isAt(a, b) && a.message === b.message;
}

function isAt(a: Problem, b: Problem): boolean {
  return a.file === b.file && a.line === b.line && a.column === b.column;
}
