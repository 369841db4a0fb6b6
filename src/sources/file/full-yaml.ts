import type { Document, ParsedNode, Node as YamlNode } from 'yaml';
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
      (e): UserFileProblem => ({ severity: 'error', ...place(e.pos[0]), message: `${e.message.split('\n', 1)[0]}.` }),
    );
    return err({ kind: 'broken', problems });
  }
  const context: Context = { yaml, document, place, isComplete: true };
  const root = convert(context, document.contents);
  return context.isComplete ? ok(root) : err({ kind: 'alias' });
}

interface Context {
  readonly yaml: typeof import('yaml');
  readonly document: Document.Parsed;
  place(offset: number): { line: number; column: number };
  /** False once an alias was met whose anchor is not in the text. */
  isComplete: boolean;
}

/** Deeper nodes are nothing an account is made of; the bound also ends aliases that contain themselves. */
const MAX_DEPTH = 6;

function convert(c: Context, node: ParsedNode | YamlNode | null | undefined, depth = 0): Node {
  const place = c.place(node?.range?.[0] ?? 0);
  if (node === null || node === undefined || depth > MAX_DEPTH) return nothing(place);
  if (c.yaml.isAlias(node)) {
    const target = node.resolve(c.document);
    if (target === undefined) c.isComplete = false;
    return convert(c, target, depth + 1);
  }
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
  return { kind: 'scalar', text, isPlain: node.type === 'PLAIN', line: place.line, column: place.column };
}

interface Scalarish {
  readonly value: unknown;
  readonly source?: string;
  readonly type?: string;
}

function nothing(place: { line: number; column: number }): Scalar {
  return { kind: 'scalar', text: '', isPlain: true, line: place.line, column: place.column };
}
