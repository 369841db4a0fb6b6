import { additionalHeaderNames } from '../../core/attributes.ts';
import type { Expr, Statement } from './python-tree.ts';

export function* everyStatement(statements: readonly Statement[]): Generator<Statement> {
  for (const s of statements) {
    yield s;
    if (s.kind !== 'if') continue;
    for (const [, body] of s.arms) yield* everyStatement(body);
    yield* everyStatement(s.no);
  }
}

/** Every expression in a statement, those inside of others too; not those of statements below it. */
export function* expressionsIn(s: Statement): Generator<Expr> {
  if (s.kind === 'if') for (const [test] of s.arms) yield* everyExpression(test);
  if ((s.kind === 'return' || s.kind === 'assign') && s.value !== undefined) yield* everyExpression(s.value);
}

function* everyExpression(e: Expr): Generator<Expr> {
  yield e;
  for (const child of childrenOf(e)) yield* everyExpression(child);
}

function childrenOf(e: Expr): readonly Expr[] {
  switch (e.kind) {
    case 'constant':
    case 'name':
    case 'refused':
      return [];
    case 'text':
      return e.parts.filter((p) => typeof p !== 'string');
    case 'dict':
      return e.entries.flat();
    case 'list':
    case 'tuple':
      return e.items;
    case 'member':
      return [e.object];
    case 'item':
      return [e.object, e.key];
    case 'method':
      return [e.object, ...e.args];
    case 'call':
      return [e.argument];
    case 'is-member':
      return [e.user, e.group];
    case 'compare':
      return [e.first, ...e.rest.map(([, x]) => x)];
    case 'not':
    case 'minus':
    case 'plus':
      return [e.operand];
    case 'and':
    case 'or':
    case 'add':
      return [e.left, e.right];
    case 'choice':
      return [e.test, e.yes, e.no];
    default:
      return e satisfies never;
  }
}

/** The value of a key that is written out in a dict; the last one, as when it runs. */
export function entryOf(e: Expr | undefined, key: string): Expr | undefined {
  if (e?.kind !== 'dict') return undefined;
  return e.entries.findLast(([k]) => k.kind === 'constant' && k.value === key)?.[1];
}

/**
 * The names of headers that the statements write out below `additionalHeaders`, there or in a dict that is assigned to
 * a name: what Lintel has to strip from strangers' requests. Rather one too many than one too few.
 */
export function headersIn(statements: readonly Statement[]): readonly string[] {
  const all = [...everyStatement(statements)];
  const direct = all.flatMap((s) => [...expressionsIn(s)].map((e) => entryOf(e, 'additionalHeaders')));
  const found = direct.filter((e) => e !== undefined);
  const isIndirect = found.some((e) => e.kind !== 'dict');
  const assigned = all.flatMap((s) => (s.kind === 'assign' ? [s.value] : []));
  const keys = [...found, ...(isIndirect ? assigned : [])].flatMap(keysOf);
  return additionalHeaderNames({ additionalHeaders: Object.fromEntries(keys.map((key) => [key, ''])) });
}

function keysOf(e: Expr): string[] {
  if (e.kind === 'choice') return [...keysOf(e.yes), ...keysOf(e.no)];
  if (e.kind !== 'dict') return [];
  return e.entries.flatMap(([k]) => (k.kind === 'constant' && typeof k.value === 'string' ? [k.value] : []));
}
