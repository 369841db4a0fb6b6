import { COMPARE_OPS, type CompareOp, type Expr, refused } from './python-tree.ts';

/**
 * Operators of Python by its own precedence (language reference §6.17), over operands and operators in the order they are
 * written. The tree of @lezer/python is not asked: it lets `not` reach over `and` and `or`, so that `not a and b` reads as
 * `not (a and b)`, which is another answer to who may pass.
 *
 *   choice     = or [ "if" or "else" choice ]
 *   or         = and { "or" and }
 *   and        = not { "and" not }
 *   not        = "not" not | comparison
 *   comparison = sum { op sum }                       chained: a < b < c is a < b and b < c
 *   sum        = unary { "+" unary }
 *   unary      = ( "-" | "+" ) unary | operand
 */
export type Token =
  | { readonly kind: 'operand'; readonly offset: number; readonly expr: Expr }
  | { readonly kind: 'operator'; readonly offset: number; readonly text: string };

export function parseOperators(tokens: readonly Token[]): Expr {
  const reader = new Operators(tokens);
  const expr = reader.choice();
  const left = reader.next();
  return left === undefined ? expr : refused(left.offset, unknownOperator(left));
}

function unknownOperator(token: Token): string {
  return token.kind === 'operator'
    ? `the operator ${token.text} is not one of those that run here`
    : 'this is no Python';
}

class Operators {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  next(): Token | undefined {
    return this.#tokens[this.#at];
  }

  choice(): Expr {
    const yes = this.#or();
    const offset = this.#take('if');
    if (offset === undefined) return yes;
    const test = this.#or();
    const at = this.#offset();
    if (this.#take('else') === undefined) return refused(at, 'this if has no else');
    return { kind: 'choice', offset, test, yes, no: this.choice() };
  }

  #or(): Expr {
    let left = this.#and();
    for (let offset = this.#take('or'); offset !== undefined; offset = this.#take('or'))
      left = { kind: 'or', offset, left, right: this.#and() };
    return left;
  }

  #and(): Expr {
    let left = this.#not();
    for (let offset = this.#take('and'); offset !== undefined; offset = this.#take('and'))
      left = { kind: 'and', offset, left, right: this.#not() };
    return left;
  }

  #not(): Expr {
    const offset = this.#take('not');
    return offset === undefined ? this.#comparison() : { kind: 'not', offset, operand: this.#not() };
  }

  #comparison(): Expr {
    const offset = this.#offset();
    const first = this.#sum();
    const rest: (readonly [CompareOp, Expr])[] = [];
    for (let op = this.#compareOp(); op !== undefined; op = this.#compareOp()) rest.push([op, this.#sum()]);
    return rest.length === 0 ? first : { kind: 'compare', offset, first, rest };
  }

  #compareOp(): CompareOp | undefined {
    const [a, b] = [this.#operator(0), this.#operator(1)];
    const two = COMPARE_OPS.find((op) => op === `${a} ${b}`);
    const op = two ?? COMPARE_OPS.find((o) => o === a);
    if (op !== undefined) this.#at += two === undefined ? 1 : 2;
    return op;
  }

  #sum(): Expr {
    let left = this.#unary();
    for (let offset = this.#take('+'); offset !== undefined; offset = this.#take('+'))
      left = { kind: 'add', offset, left, right: this.#unary() };
    return left;
  }

  #unary(): Expr {
    const minus = this.#take('-');
    if (minus !== undefined) return { kind: 'minus', offset: minus, operand: this.#unary() };
    const plus = this.#take('+');
    if (plus !== undefined) return { kind: 'plus', offset: plus, operand: this.#unary() };
    return this.#operand();
  }

  #operand(): Expr {
    const token = this.next();
    if (token?.kind === 'operand') {
      this.#at++;
      return token.expr;
    }
    return refused(this.#offset(), token === undefined ? 'something is missing here' : unknownOperator(token));
  }

  #operator(ahead: number): string | undefined {
    const token = this.#tokens[this.#at + ahead];
    return token?.kind === 'operator' ? token.text : undefined;
  }

  /** The offset of the operator that is taken; undefined when another one is next. */
  #take(text: string): number | undefined {
    if (this.#operator(0) !== text) return undefined;
    return this.#tokens[this.#at++]?.offset;
  }

  #offset(): number {
    return this.next()?.offset ?? this.#tokens.at(-1)?.offset ?? 0;
  }
}
