import type { ExpressionInput } from '../../core/expression.ts';
import { perObject } from './compiled.ts';
import { type Budget, Dict, Failure, fromJson, isList, TOO_MUCH, Tuple, typeName, type Value } from './python-value.ts';

/** Attributes as values. Nobody changes them, and a source hands out the same object until they change: made once. */
export const attributesOf = perObject(fromJson);

/** undefined: a user has no such attribute here. */
export function userMember(name: string, user: ExpressionInput['user']): Value | undefined {
  switch (name) {
    case 'username':
      return user.name;
    case 'name':
      return user.displayName;
    case 'email':
      return user.email;
    case 'uid':
      return user.uid;
    case 'attributes':
      return attributesOf(user.attributes);
    default:
      return undefined;
  }
}

/** In code points, as Python counts. */
export function lengthOf(v: Value): bigint | undefined {
  if (typeof v === 'string') return BigInt([...v].length);
  if (v instanceof Dict) return BigInt(v.entries.size);
  const items = v instanceof Tuple ? v.items : v;
  return isList(items) ? BigInt(items.length) : undefined;
}

/** `object[key]`; an index counts from the end when it is negative, and never leaves the list. */
export function item(object: Value, key: Value, offset: number, budget: Budget): Value | Failure {
  if (!budget.spend(1)) return new Failure(offset, TOO_MUCH);
  if (object instanceof Dict) {
    const found = typeof key === 'string' ? object.entries.get(key) : undefined;
    if (found !== undefined) return found;
    return new Failure(
      offset,
      `there is no ${typeof key === 'string' ? JSON.stringify(key.slice(0, 80)) : 'such key'}`,
    );
  }
  const items = object instanceof Tuple ? object.items : typeof object === 'string' ? [...object] : object;
  if (!isList(items)) return new Failure(offset, `'${typeName(object)}' object is not subscriptable`);
  const index = typeof key === 'boolean' ? BigInt(key) : key;
  if (typeof index !== 'bigint') return new Failure(offset, `an index is a whole number, not ${typeName(key)}`);
  const at = index < 0n ? index + BigInt(items.length) : index;
  const found = at >= 0n && at < BigInt(items.length) ? items[Number(at)] : undefined;
  return found === undefined ? new Failure(offset, 'index out of range') : found;
}
