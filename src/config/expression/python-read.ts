import type { parser } from '@lezer/python';
import { parseNumber, quoted, unescaped } from './python-literal.ts';
import { parseOperators, type Token } from './python-operators.ts';
import { type Expr, isFunctionName, isMethodName, METHODS, refused, USER_MEMBERS } from './python-tree.ts';
import { DEEPEST } from './refusal.ts';

export type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

const OPERATIONS: ReadonlySet<string> = new Set(['BinaryExpression', 'UnaryExpression', 'ConditionalExpression']);

/** What cannot be done here, by the name of its node in the grammar. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ['ArrayComprehensionExpression', 'comprehensions do not run here'],
  ['DictionaryComprehensionExpression', 'comprehensions do not run here'],
  ['SetComprehensionExpression', 'comprehensions do not run here'],
  ['ComprehensionExpression', 'comprehensions do not run here'],
  ['SetExpression', 'sets do not run here; a list does'],
  ['LambdaExpression', 'functions of your own do not run here'],
  ['NamedExpression', 'assignment inside an expression does not run here; give it a line of its own'],
  ['AwaitExpression', 'nothing waits here'],
  ['YieldExpression', 'nothing yields here'],
  ['Ellipsis', '... is no value here'],
]);

/** The expression that a node of the grammar stands for; what Lintel does not run becomes `refused`. */
export class ExpressionReader {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  read(node: SyntaxNode, depth: number): Expr {
    if (depth > DEEPEST) return refused(node.from, 'this nests too deep');
    if (!OPERATIONS.has(node.name)) return this.#operand(node, depth);
    const tokens: Token[] = [];
    const problem = this.#flatten(node, depth, tokens);
    return problem ?? parseOperators(tokens);
  }

  /** Operands and operators in the order they are written; parentheses are operands. */
  #flatten(node: SyntaxNode, depth: number, tokens: Token[]): Expr | undefined {
    if (depth > DEEPEST) return refused(node.from, 'this nests too deep');
    for (const child of parts(node)) {
      const problem = OPERATIONS.has(child.name) ? this.#flatten(child, depth + 1, tokens) : undefined;
      if (problem !== undefined) return problem;
      if (OPERATIONS.has(child.name)) continue;
      const text = this.source(child);
      const isOperator = /^(?:and|or|not|in|is|if|else|ArithOp|CompareOp|BitOp)$/.test(child.name);
      if (isOperator) tokens.push({ kind: 'operator', offset: child.from, text });
      else tokens.push({ kind: 'operand', offset: child.from, expr: this.read(child, depth + 1) });
    }
    return undefined;
  }

  #operand(node: SyntaxNode, depth: number): Expr {
    const offset = node.from;
    const items = () => parts(node).filter((n) => !/^[()[\],]$/.test(n.name));
    switch (node.name) {
      case 'ParenthesizedExpression':
        return this.#parenthesized(node, depth);
      case 'String':
      case 'FormatString':
      case 'ContinuedString':
        return this.#string(node, depth);
      case 'Number':
        return this.#number(node);
      case 'Boolean':
        return { kind: 'constant', offset, value: this.source(node) === 'True' };
      case 'None':
        return { kind: 'constant', offset, value: null };
      case 'VariableName':
        return { kind: 'name', offset, name: this.source(node) };
      case 'DictionaryExpression':
        return this.#dict(node, depth);
      case 'ArrayExpression':
      case 'TupleExpression': {
        const kind = node.name === 'ArrayExpression' ? 'list' : 'tuple';
        return { kind, offset, items: items().map((n) => this.read(n, depth + 1)) };
      }
      case 'MemberExpression':
        return this.#member(node, depth);
      case 'CallExpression':
        return this.#call(node, depth);
      default:
        return refused(
          offset,
          FOREIGN.get(node.name) ?? `this does not run here: ${this.excerpt(node)}`,
          this.#celOf(node),
        );
    }
  }

  #parenthesized(node: SyntaxNode, depth: number): Expr {
    const [open, inner, close, ...more] = parts(node);
    if (open === undefined || inner === undefined || close === undefined || more.length > 0)
      return refused(node.from, `this does not run here: ${this.excerpt(node)}`);
    return this.read(inner, depth + 1);
  }

  #string(node: SyntaxNode, depth: number): Expr {
    const literals = node.name === 'ContinuedString' ? parts(node) : [node];
    const pieces: (string | Expr)[] = [];
    for (const literal of literals) {
      const problem = this.#literal(literal, depth, pieces);
      if (problem !== undefined) return problem;
    }
    const text = pieces.every((p) => typeof p === 'string') ? pieces.join('') : undefined;
    if (text !== undefined) return { kind: 'constant', offset: node.from, value: text };
    return { kind: 'text', offset: node.from, parts: pieces };
  }

  #literal(node: SyntaxNode, depth: number, pieces: (string | Expr)[]): Expr | undefined {
    const source = this.source(node);
    const q = quoted(source);
    if (typeof q === 'string') return refused(node.from, q);
    const isFormat = node.name === 'FormatString';
    let from = node.from + q.from;
    const push = (to: number) => {
      const piece = bodyText(this.#text.slice(from, to), q.isRaw, isFormat);
      if (piece !== undefined) pieces.push(piece);
      return piece === undefined
        ? refused(from, 'this text has an escape or a brace that does not run here')
        : undefined;
    };
    for (const replacement of isFormat ? parts(node).filter((n) => n.name === 'FormatReplacement') : []) {
      const problem = push(replacement.from) ?? this.#replacement(replacement, depth, pieces);
      if (problem !== undefined) return problem;
      from = replacement.to;
    }
    return push(node.from + q.to);
  }

  #replacement(node: SyntaxNode, depth: number, pieces: (string | Expr)[]): Expr | undefined {
    const [open, inner, close, ...more] = parts(node);
    const special = [close, ...more].find((n) => n !== undefined && n.name !== '}');
    if (special !== undefined)
      return refused(special.from, 'formats (!r, :>10, =) do not run here; the plain value does');
    if (open === undefined || inner === undefined) return refused(node.from, 'there is nothing between these braces');
    pieces.push(this.read(inner, depth + 1));
    return undefined;
  }

  #number(node: SyntaxNode): Expr {
    const value = parseNumber(this.source(node));
    if (value === undefined) return refused(node.from, `no number that runs here: ${this.excerpt(node)}`);
    return { kind: 'constant', offset: node.from, value };
  }

  #dict(node: SyntaxNode, depth: number): Expr {
    const tokens = parts(node).slice(1, -1);
    const entries: (readonly [Expr, Expr])[] = [];
    for (let i = 0; i < tokens.length; i += 4) {
      const [key, colon, value, comma] = tokens.slice(i, i + 4);
      const isEntry = key !== undefined && colon?.name === ':' && value !== undefined;
      if (!isEntry || (comma !== undefined && comma.name !== ','))
        return refused(key?.from ?? node.from, 'a dict is key: value here; ** does not run');
      entries.push([this.read(key, depth + 1), this.read(value, depth + 1)]);
    }
    return { kind: 'dict', offset: node.from, entries };
  }

  #member(node: SyntaxNode, depth: number): Expr {
    const [objectNode, mark, last, close, ...more] = parts(node);
    if (objectNode === undefined || last === undefined || OPERATIONS.has(objectNode.name))
      return refused(node.from, `this does not run here: ${this.excerpt(node)}`);
    if (mark?.name === '.' && last.name === 'PropertyName' && close === undefined)
      return this.#named(node, objectNode, last, depth);
    const isItem = mark?.name === '[' && close?.name === ']' && more.length === 0 && last.name !== ':';
    if (!isItem) return refused(mark?.from ?? node.from, 'slices do not run here');
    const key = this.read(last, depth + 1);
    return { kind: 'item', offset: mark.from, object: this.read(objectNode, depth + 1), key };
  }

  #named(node: SyntaxNode, objectNode: SyntaxNode, last: SyntaxNode, depth: number): Expr {
    const name = this.source(last);
    if (name === 'user' || USER_MEMBERS.includes(name))
      return { kind: 'member', offset: last.from, object: this.read(objectNode, depth + 1), name };
    if (isMethodName(name)) return refused(last.from, `the method ${name} has to be called: ${name}(…)`);
    const cel = this.#celOf(node);
    if (name === 'ak_groups' || name === 'groups')
      return refused(
        last.from,
        `nothing walks over ${name} here; ak_is_group_member(request.user, name="…") asks`,
        cel,
      );
    return refused(last.from, `there is no ${JSON.stringify(name)} here`, cel);
  }

  #call(node: SyntaxNode, depth: number): Expr {
    const [callee, list, ...more] = parts(node);
    if (callee === undefined || list?.name !== 'ArgList' || more.length > 0)
      return refused(node.from, `this does not run here: ${this.excerpt(node)}`);
    const args = parts(list).slice(1, -1);
    const name = this.source(callee);
    if (callee.name === 'VariableName' && name === 'ak_is_group_member') return this.#isMember(node, args, depth);
    if (callee.name === 'MemberExpression') return this.#method(node, callee, args, depth);
    const [only, ...others] = args;
    if (callee.name !== 'VariableName' || !isFunctionName(name))
      return refused(node.from, `nothing here is called ${this.excerpt(callee)}(…)`, this.#celOf(node));
    if (only === undefined || others.length > 0) return refused(list.from, `the function ${name} takes one value here`);
    return { kind: 'call', offset: node.from, name, argument: this.read(only, depth + 1) };
  }

  #isMember(node: SyntaxNode, args: readonly SyntaxNode[], depth: number): Expr {
    const [user, comma, name, equals, group, ...more] = args;
    const isKnown = comma?.name === ',' && name?.name === 'VariableName' && this.source(name) === 'name';
    const isWhole = more.length === 0 || (more.length === 1 && more[0]?.name === ',');
    if (user === undefined || group === undefined || !isKnown || equals?.name !== 'AssignOp' || !isWhole)
      return refused(node.from, 'here it is ak_is_group_member(request.user, name="…") and nothing else');
    const [u, g] = [this.read(user, depth + 1), this.read(group, depth + 1)];
    return { kind: 'is-member', offset: node.from, user: u, group: g };
  }

  #method(node: SyntaxNode, callee: SyntaxNode, args: readonly SyntaxNode[], depth: number): Expr {
    const [objectNode, dot, last, ...rest] = parts(callee);
    const name = last === undefined ? '' : this.source(last);
    if (objectNode === undefined || dot?.name !== '.' || last === undefined || rest.length > 0)
      return refused(node.from, `this does not run here: ${this.excerpt(node)}`);
    if (!isMethodName(name)) return refused(last.from, `no method here is called ${name}(…)`, this.#celOf(node));
    const values = args.filter((_, i) => i % 2 === 0);
    const isPlain = args.every((a, i) => (i % 2 === 0 ? !/^(?:\*\*?|AssignOp)$/.test(a.name) : a.name === ','));
    const [least, most] = METHODS[name];
    if (!isPlain || values.length < least || values.length > most)
      return refused(
        last.from,
        `the method ${name} takes ${least === most ? least : `${least} to ${most}`} plain values here`,
      );
    const object = this.read(objectNode, depth + 1);
    return { kind: 'method', offset: last.from, object, name, args: values.map((a) => this.read(a, depth + 1)) };
  }

  source(node: SyntaxNode): string {
    return this.#text.slice(node.from, node.to);
  }

  excerpt(node: SyntaxNode): string {
    const line = this.source(node).split('\n')[0] ?? '';
    return line.length > 40 ? `${line.slice(0, 40)}…` : line;
  }

  /** The few things of authentik that walk over groups, in CEL. */
  #celOf(node: SyntaxNode): string | undefined {
    return groupsInCel(this.source(node));
  }
}

/** Children but for comments. */
export function parts(node: SyntaxNode): SyntaxNode[] {
  const out: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling)
    if (child.name !== 'Comment') out.push(child);
  return out;
}

/** A piece of a string's body; in f-strings {{ and }} are braces and a single one is none. */
function bodyText(body: string, isRaw: boolean, isFormat: boolean): string | undefined {
  if (isFormat && /[{}]/.test(body.replaceAll('{{', '').replaceAll('}}', ''))) return undefined;
  // After escapes are read, as in Python: "\x7b" is a brace of its own.
  const braces = (text: string) => (isFormat ? text.replaceAll('{{', '{').replaceAll('}}', '}') : text);
  if (!isFormat) return isRaw ? body : unescaped(body);
  const read = body
    .split(/(\{\{|\}\})/)
    .map((piece, i) => (i % 2 === 1 ? braces(piece) : isRaw ? piece : unescaped(piece)));
  return read.every((piece) => piece !== undefined) ? read.join('') : undefined;
}

const GROUPS = String.raw`(?:request\.)?user\.(?:ak_groups|groups|all_groups\(\))(?:\.all\(\))?`;
const TEXT = String.raw`("[^"\\]*"|'[^'\\]*')`;
const each = (pattern: string) => new RegExp(`^${pattern}$`);
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [each(String.raw`${GROUPS}\.filter\(name=${TEXT}\)\.exists\(\)`), '$1 in user.groups'],
  [each(String.raw`[[(]?(\w+)\.name for \1 in ${GROUPS}[\])]?`), 'user.groups'],
  [each(String.raw`any\(\[?(\w+)\.name == ${TEXT} for \1 in ${GROUPS}\]?\)`), '$2 in user.groups'],
  [
    each(String.raw`any\(\[?(\w+)\.name\.startswith\(${TEXT}\) for \1 in ${GROUPS}\]?\)`),
    'user.groups.exists(g, g.startsWith($2))',
  ],
  [
    each(String.raw`\[(\w+)\.name for \1 in ${GROUPS} if \1\.name\.startswith\(${TEXT}\)\]`),
    'user.groups.filter(g, g.startsWith($2))',
  ],
  [each(GROUPS), 'user.groups'],
];

/** What people write to walk over groups, in CEL; undefined for anything else. */
function groupsInCel(source: string): string | undefined {
  const text = source.replace(/\s+/g, ' ');
  const found = PATTERNS.find(([pattern]) => pattern.test(text));
  return found === undefined ? undefined : text.replace(found[0], found[1]);
}
