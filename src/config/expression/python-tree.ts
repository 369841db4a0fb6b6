/**
 * The part of Python that Lintel runs, as a tree. `refused` stands for what it does not run; `cel` is the same in CEL
 * where that is known, for the hint.
 */
export type Expr =
  | At<'constant', { readonly value: null | boolean | bigint | number | string }>
  | At<'name', { readonly name: string }>
  /** An f-string. */
  | At<'text', { readonly parts: readonly (string | Expr)[] }>
  | At<'dict', { readonly entries: readonly (readonly [Expr, Expr])[] }>
  | At<'list' | 'tuple', { readonly items: readonly Expr[] }>
  | At<'member', { readonly object: Expr; readonly name: string }>
  | At<'item', { readonly object: Expr; readonly key: Expr }>
  | At<'method', { readonly object: Expr; readonly name: MethodName; readonly args: readonly Expr[] }>
  | At<'call', { readonly name: FunctionName; readonly argument: Expr }>
  /** `ak_is_group_member(USER, name=GROUP)`. */
  | At<'is-member', { readonly user: Expr; readonly group: Expr }>
  | At<'compare', { readonly first: Expr; readonly rest: readonly (readonly [CompareOp, Expr])[] }>
  | At<'not' | 'minus' | 'plus', { readonly operand: Expr }>
  | At<'and' | 'or', { readonly left: Expr; readonly right: Expr }>
  | At<'add', { readonly left: Expr; readonly right: Expr }>
  | At<'choice', { readonly test: Expr; readonly yes: Expr; readonly no: Expr }>
  | At<'refused', { readonly message: string; readonly cel: string | undefined }>;

export type Statement =
  | At<'assign', { readonly name: string; readonly value: Expr }>
  | At<'if', { readonly arms: readonly (readonly [Expr, readonly Statement[]])[]; readonly no: readonly Statement[] }>
  | At<'return', { readonly value: Expr | undefined }>
  | At<'pass', object>
  | At<'refused-statement', { readonly message: string }>;

type At<K extends string, T> = { readonly kind: K /** Into the text, in UTF-16 units. */; readonly offset: number } & T;

export type Refused = Extract<Expr, { kind: 'refused' }>;

export const COMPARE_OPS = ['==', '!=', '<', '<=', '>', '>=', 'in', 'not in', 'is', 'is not'] as const;
export type CompareOp = (typeof COMPARE_OPS)[number];

/** Methods with the fewest and the most arguments they take here. */
export const METHODS = {
  get: [1, 2],
  group_attributes: [0, 1],
  lower: [0, 0],
  upper: [0, 0],
  strip: [0, 1],
  split: [0, 1],
  replace: [2, 2],
  startswith: [1, 1],
  endswith: [1, 1],
  join: [1, 1],
} as const;
export type MethodName = keyof typeof METHODS;

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(METHODS, name);
}

export type FunctionName = 'str' | 'len' | 'bool';

export function isFunctionName(name: string): name is FunctionName {
  return name === 'str' || name === 'len' || name === 'bool';
}

/** What a user has here, beside methods. */
export const USER_MEMBERS: readonly string[] = ['username', 'name', 'email', 'uid', 'attributes'];

export function refused(offset: number, message: string, cel?: string): Refused {
  return { kind: 'refused', offset, message, cel };
}
