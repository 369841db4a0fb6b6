import { type ExpressionReader, parts, type SyntaxNode } from './python-read.ts';
import { type Expr, refused, type Statement } from './python-tree.ts';
import { DEEPEST } from './refusal.ts';

const FOREIGN: ReadonlyMap<string, string> = new Map([
  ['ForStatement', 'loops do not run here'],
  ['WhileStatement', 'loops do not run here'],
  ['ImportStatement', 'nothing can be imported here'],
  ['FunctionDefinition', 'functions of your own do not run here'],
  ['ClassDefinition', 'classes do not run here'],
  ['TryStatement', 'no try runs here; .get(key, default) asks without failing'],
  ['RaiseStatement', 'nothing is raised here'],
  ['UpdateStatement', 'no a += b runs here; a = a + b does'],
  ['WithStatement', 'no with runs here'],
  ['DeleteStatement', 'no del runs here'],
  ['ScopeStatement', 'no global or nonlocal runs here'],
  ['AssertStatement', 'no assert runs here'],
  ['MatchStatement', 'no match runs here; if and elif do'],
]);

/** The statements below a node of the grammar (a script or the body of an if), in order. */
export function readStatements(nodes: readonly SyntaxNode[], reader: ExpressionReader, depth: number): Statement[] {
  return nodes.flatMap((node) => {
    if (node.name === 'StatementGroup')
      return readStatements(
        parts(node).filter((n) => n.name !== ';'),
        reader,
        depth,
      );
    return [readStatement(node, reader, depth)];
  });
}

function readStatement(node: SyntaxNode, reader: ExpressionReader, depth: number): Statement {
  const offset = node.from;
  if (depth > DEEPEST) return { kind: 'refused-statement', offset, message: 'this nests too deep' };
  switch (node.name) {
    case 'ReturnStatement':
      return readReturn(node, reader, depth);
    case 'AssignStatement':
      return readAssign(node, reader, depth);
    case 'IfStatement':
      return readIf(node, reader, depth);
    case 'PassStatement':
      return { kind: 'pass', offset };
    case 'ExpressionStatement':
      return readBare(node, reader, depth);
    default: {
      const message = FOREIGN.get(node.name) ?? `this does not run here: ${reader.excerpt(node)}`;
      return { kind: 'refused-statement', offset, message };
    }
  }
}

function readReturn(node: SyntaxNode, reader: ExpressionReader, depth: number): Statement {
  const [, value, ...more] = parts(node);
  const extra = more[0];
  if (extra !== undefined)
    return { kind: 'refused-statement', offset: extra.from, message: 'a return has one value here' };
  return { kind: 'return', offset: node.from, value: value === undefined ? undefined : reader.read(value, depth + 1) };
}

function readAssign(node: SyntaxNode, reader: ExpressionReader, depth: number): Statement {
  const [name, equals, value, ...more] = parts(node);
  const isPlain = name?.name === 'VariableName' && equals?.name === 'AssignOp' && reader.source(equals) === '=';
  if (name === undefined || value === undefined || !isPlain || more.length > 0)
    return { kind: 'refused-statement', offset: node.from, message: 'an assignment is name = value here' };
  return { kind: 'assign', offset: name.from, name: reader.source(name), value: reader.read(value, depth + 1) };
}

function readIf(node: SyntaxNode, reader: ExpressionReader, depth: number): Statement {
  const arms: (readonly [Expr, readonly Statement[]])[] = [];
  let no: readonly Statement[] = [];
  const all = parts(node);
  for (let i = 0; i < all.length; ) {
    const word = all[i]?.name;
    const [test, body] = word === 'else' ? [undefined, all[i + 1]] : [all[i + 1], all[i + 2]];
    if (body?.name !== 'Body') return { kind: 'refused-statement', offset: node.from, message: 'this if is not whole' };
    const statements = readStatements(parts(body).slice(1), reader, depth + 1);
    if (test === undefined) no = statements;
    else arms.push([reader.read(test, depth + 1), statements]);
    i += test === undefined ? 2 : 3;
  }
  return { kind: 'if', offset: node.from, arms, no };
}

/** A text that stands alone is a comment to people; anything else alone would do nothing, or do something to others. */
function readBare(node: SyntaxNode, reader: ExpressionReader, depth: number): Statement {
  const offset = node.from;
  const [inner, ...more] = parts(node);
  const expr = inner === undefined ? refused(offset, 'this is no Python') : reader.read(inner, depth + 1);
  if (expr.kind === 'constant' && more.length === 0) return { kind: 'pass', offset };
  const message = expr.kind === 'refused' ? expr.message : 'this line does nothing; return something or assign it';
  return { kind: 'refused-statement', offset: expr.offset, message };
}
