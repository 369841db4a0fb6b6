import type { Expression } from '../../core/expression.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Result } from '../../core/result.ts';
import type { Refusal } from './refusal.ts';

/** What an expression became. */
export interface Compiled {
  readonly run: Expression;
  /** Names of headers that it may set, as far as they are written out in it. */
  readonly headers: readonly string[];
}

export type Compile = (text: string) => Result<Compiled, Refusal>;

/** What is made of an object that nobody changes, remembered for as long as the object lives. */
export function perObject<T>(make: (object: JsonObject) => T): (object: JsonObject) => T {
  const made = new WeakMap<JsonObject, T>();
  return (object) => {
    const before = made.get(object);
    if (before !== undefined) return before;
    const now = make(object);
    made.set(object, now);
    return now;
  };
}
