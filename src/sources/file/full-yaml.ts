import type { ParsedNode, Node as YamlNode } from 'yaml';
import { err, ok, type Result } from '../../core/result.ts';
import type { Node, Pair, Scalar, UserFileProblem } from './node.ts';

/** `alias`: the text refers to an anchor that is not in it. */
export type FullYamlError =
  | { readonly kind: 'alias' }
  | { readonly kind: 'broken'; readonly problems: UserFileProblem[] };

/** Reads any YAML text; `firstLine` is where it begins in the file. */
export async function readFullYaml(text: string, firstLine: number): Promise<Result<Node, FullYamlError>> {
  const yaml = await import('yaml');
  const counter = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: false });
  const place = (offset: number) => {
    const { line, col } = counter.linePos(offset);
    return { line: line + firstLine - 1, column: col };
  };
  if (document.errors.length > 0) {
    const problems = document.errors.map(
      (e): UserFileProblem => ({
        severity: 'error',
        ...place(e.pos[0]),
        message: `${e.message.split('\n', 1)[0]}.`,
        ...(e.code === 'TAB_AS_INDENT' ? { hint: 'Indent with spaces: YAML takes no tab there.' } : {}),
      }),
    );
    return err({ kind: 'broken', problems });
  }
  const maxSize = 10_000 + 100 * text.length;
  const context: Context = { yaml, place, maxSize, anchors: new Map(), size: 0, isComplete: true, problem: undefined };
  const root = convert(context, document.contents);
  if (context.problem !== undefined) return err({ kind: 'broken', problems: [context.problem] });
  return context.isComplete ? ok(root) : err({ kind: 'alias' });
}

interface Context {
  readonly yaml: typeof import('yaml');
  place(offset: number): { line: number; column: number };
  /** The last one of each name, as aliases count. */
  readonly anchors: Map<string, Anchored>;
  /** Nodes so far, counted as often as aliases repeat them; a few lines can stand for billions. */
  size: number;
  readonly maxSize: number;
  /** False once an alias was met whose anchor is not in the text. */
  isComplete: boolean;
  problem: UserFileProblem | undefined;
}

interface Anchored {
  /** undefined while it is being converted. */
  node: Node | undefined;
  size: number;
}

/** Deeper nodes are nothing an account is made of. */
const MAX_DEPTH = 64;

function convert(c: Context, node: ParsedNode | YamlNode | null | undefined, depth = 0): Node {
  const place = c.place(node?.range?.[0] ?? 0);
  c.size++;
  if (node === null || node === undefined || depth > MAX_DEPTH) return nothing(place);
  if (c.yaml.isAlias(node)) return convertAlias(c, node.source, place);
  if (node.anchor === undefined) return convertContent(c, node, place, depth);
  const anchored: Anchored = { node: undefined, size: 0 };
  const before = c.size;
  c.anchors.set(node.anchor, anchored);
  anchored.node = convertContent(c, node, place, depth);
  anchored.size = c.size - before;
  return anchored.node;
}

/** Hands out the one converted node, however often it is referred to. */
function convertAlias(c: Context, name: string, place: { line: number; column: number }): Node {
  const anchored = c.anchors.get(name);
  c.size += anchored?.size ?? 0;
  if (anchored === undefined) c.isComplete = false;
  else if (anchored.node === undefined)
    c.problem ??= aliasProblem(place, `The alias *${name} stands inside its anchor.`);
  else if (c.size > c.maxSize) c.problem ??= aliasProblem(place, 'The aliases of this file stand for too much.');
  return anchored?.node ?? nothing(place);
}

function aliasProblem(place: { line: number; column: number }, message: string): UserFileProblem {
  return { severity: 'error', ...place, message, hint: 'Write the value out.' };
}

function convertContent(c: Context, node: YamlNode, place: { line: number; column: number }, depth: number): Node {
  if (c.yaml.isMap(node)) return { kind: 'map', pairs: node.items.map((p) => convertPair(c, p, depth)), ...place };
  if (c.yaml.isSeq(node)) {
    return { kind: 'list', items: node.items.map((i) => convert(c, asNode(c, i), depth + 1)), ...place };
  }
  return c.yaml.isScalar(node) ? scalar(node, place) : nothing(place);
}

function convertPair(c: Context, pair: { key: unknown; value: unknown }, depth: number): Pair {
  const key = convert(c, asNode(c, pair.key), depth + 1);
  const value = pair.value === null ? nothing(key) : convert(c, asNode(c, pair.value), depth + 1);
  return { key: key.kind === 'scalar' ? key : { ...nothing(key), text: '?' }, value };
}

function asNode(c: Context, value: unknown): YamlNode | undefined {
  return c.yaml.isNode(value) ? value : undefined;
}

/** A number or a date keeps the spelling it has in the file: the name `007` stays `007`. */
function scalar(node: Scalarish, place: { line: number; column: number }): Scalar {
  const text = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value ?? ''));
  const isPlain = node.tag === undefined ? node.type === 'PLAIN' : typeof node.value !== 'string';
  return { kind: 'scalar', text, isPlain, line: place.line, column: place.column };
}

interface Scalarish {
  readonly value: unknown;
  readonly source?: string;
  readonly type?: string;
  /** As written, so that "!!str 12" is a text. */
  readonly tag?: string;
}

function nothing(place: { line: number; column: number }): Scalar {
  return { kind: 'scalar', text: '', isPlain: true, line: place.line, column: place.column };
}
