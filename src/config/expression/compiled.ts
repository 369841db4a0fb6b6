import type { Expression } from '../../core/expression.ts';
import type { Result } from '../../core/result.ts';
import type { Refusal } from './refusal.ts';

/** What an expression became. */
export interface Compiled {
  readonly run: Expression;
  /** Names of headers that it may set, as far as they are written out in it. */
  readonly headers: readonly string[];
}

export type Compile = (text: string) => Result<Compiled, Refusal>;
