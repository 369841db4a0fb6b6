import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { codeOf } from '../core/thrown.ts';
import { DEFAULTS } from './defaults.ts';
import { overlayEnvironment, settle } from './environment.ts';
import { type Environment, expander } from './expand.ts';
import type { Problem } from './problem.ts';
import { SCHEMA_TEXT } from './schema-json.ts';
import type { Schema } from './shape.ts';
import { DEFAULT, type Entry, fromPlain, type Mapping, merge, type Node } from './tree.ts';
import { parseYaml } from './yaml.ts';

export const SCHEMA: Schema = JSON.parse(SCHEMA_TEXT);

export interface Layers {
  /** Defaults, files and environment, later over earlier; undefined when a file could not be read at all. */
  readonly tree: Node | undefined;
  readonly problems: readonly Problem[];
  /** Absolute paths of everything that was read. */
  readonly files: ReadonlySet<string>;
}

export const DEFAULT_TREE: Node = fromPlain(DEFAULTS, DEFAULT);

/** Reads and merges; judges nothing but YAML itself. */
export function readLayers(paths: readonly string[], env: Environment, cwd: string): Layers {
  const files = new Set<string>();
  const problems: Problem[] = [];
  const expand = expander(cwd, env, files, problems);
  let tree: Node | undefined = DEFAULT_TREE;
  for (const path of paths) {
    const absolute = resolve(cwd, path);
    files.add(absolute);
    const text = readText(absolute, path, problems);
    const parsed = text === undefined ? undefined : parseYaml(text, path, expand);
    problems.push(...(parsed?.problems ?? []));
    const layer = parsed === undefined ? undefined : asMap(parsed.tree, path, problems);
    tree = layer === undefined || tree === undefined ? undefined : merge(tree, layer);
  }
  if (tree === undefined) return { tree, problems, files };
  const overlaid = overlayEnvironment(tree, SCHEMA, env, cwd, files);
  return { tree: settle(overlaid.tree, SCHEMA), problems: [...problems, ...overlaid.problems], files };
}

function readText(absolute: string, path: string, problems: Problem[]): string | undefined {
  try {
    return readFileSync(absolute, 'utf8');
  } catch (error) {
    const code = codeOf(error) ?? '';
    const why =
      code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'may not be read' : `cannot be read (${code})`;
    problems.push(at(path, `The file ${path} ${why}.`, 'Check the path that --config names.'));
    return undefined;
  }
}

function asMap(tree: Node | undefined, path: string, problems: Problem[]): Mapping | undefined {
  if (tree === undefined) {
    const failed = problems.some((p) => p.file === path);
    return failed ? undefined : { kind: 'map', entries: new Map(), origin: DEFAULT };
  }
  if (tree.kind !== 'map') {
    problems.push(at(path, 'A configuration is a map of keys.', 'Begin with a line such as listen: [127.0.0.1:9091].'));
    return undefined;
  }
  if (tree.entries.has('access_control') || tree.entries.has('authentication_backend')) {
    problems.push(
      at(
        path,
        'This is a configuration of Authelia.',
        'Write it as lintel.yml: docs/configuration.md has the names side by side.',
      ),
    );
    return undefined;
  }
  if (tree.entries.has('entries') && (tree.entries.has('version') || tree.entries.has('metadata'))) {
    problems.push(
      at(
        path,
        'This is a blueprint of authentik.',
        'Write it as lintel.yml: docs/authentik.md has the names side by side.',
      ),
    );
    return undefined;
  }
  return withoutEmpty(tree);
}

/** A section without anything in it (`apps:` and nothing below) is as good as absent. Deeper down, empty is a mistake. */
function withoutEmpty(tree: Mapping): Mapping {
  const isEmpty = ({ node }: Entry) => node.kind === 'scalar' && node.value === null;
  return { ...tree, entries: new Map([...tree.entries].filter(([, entry]) => !isEmpty(entry))) };
}

function at(file: string, message: string, hint: string): Problem {
  return { file, line: 1, column: 1, severity: 'error', message, hint };
}
