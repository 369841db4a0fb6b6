import { isHashable } from './python-methods.ts';
import type { CompareOp } from './python-tree.ts';
import {
  asNumber,
  Being,
  type Budget,
  boundedItems,
  boundedText,
  compareText,
  Dict,
  Failure,
  isEqual,
  isList,
  TOO_MUCH,
  Tuple,
  typeName,
  type Value,
} from './python-value.ts';

/** Python's `+`: numbers with numbers, text with text, a list with a list. Nothing is converted. */
export function add(l: Value, r: Value, offset: number, budget: Budget): Value | Failure {
  const [x, y] = [asNumber(l), asNumber(r)];
  if (typeof x === 'bigint' && typeof y === 'bigint') return x + y;
  if (x !== undefined && y !== undefined) return Number(x) + Number(y);
  if (typeof l === 'string' && typeof r === 'string') return boundedText(l + r, offset, budget);
  if (isList(l) && isList(r)) return boundedItems([...l, ...r], offset, budget);
  if (l instanceof Tuple && r instanceof Tuple) {
    const items = boundedItems([...l.items, ...r.items], offset, budget);
    return items instanceof Failure ? items : new Tuple(items);
  }
  return new Failure(offset, `${typeName(l)} and ${typeName(r)} cannot be added`);
}

export function negative(v: Value, isMinus: boolean, offset: number): Value | Failure {
  const n = asNumber(v);
  if (n === undefined) return new Failure(offset, `a ${typeName(v)} has no sign`);
  return isMinus ? -n : n;
}

export function compare(op: CompareOp, l: Value, r: Value, offset: number, budget: Budget): boolean | Failure {
  switch (op) {
    case '==':
    case '!=': {
      const equal = isEqual(l, r, budget);
      return equal === undefined ? new Failure(offset, TOO_MUCH) : equal === (op === '==');
    }
    case 'is':
    case 'is not': {
      const same = isIdentical(l, r, offset);
      return same instanceof Failure ? same : same === (op === 'is');
    }
    case 'in':
    case 'not in': {
      const inside = isIn(l, r, offset, budget);
      return inside instanceof Failure ? inside : inside === (op === 'in');
    }
    case '<':
    case '<=':
    case '>':
    case '>=':
      return isOrdered(op, l, r, offset);
    default:
      return op satisfies never;
  }
}

/** Whether texts or numbers are the same object is chance in Python; None, True, False, user and request are one each. */
function isIdentical(l: Value, r: Value, offset: number): boolean | Failure {
  const isOne = (v: Value) => v === null || typeof v === 'boolean' || v instanceof Being;
  if (isOne(l) || isOne(r)) return l === r;
  return new Failure(offset, 'is asks about None, True and False only here; == compares values');
}

function isIn(l: Value, r: Value, offset: number, budget: Budget): boolean | Failure {
  if (typeof r === 'string') {
    if (typeof l !== 'string') return new Failure(offset, `only text can be in a text, not ${typeName(l)}`);
    return budget.spend(r.length) ? r.includes(l) : new Failure(offset, TOO_MUCH);
  }
  if (r instanceof Dict) {
    if (!isHashable(l)) return new Failure(offset, `unhashable type: '${typeName(l)}'`);
    return typeof l === 'string' && r.entries.has(l);
  }
  const items = r instanceof Tuple ? r.items : r;
  if (!isList(items)) return new Failure(offset, `nothing can be in a ${typeName(r)}`);
  for (const item of items) {
    const equal = isEqual(item, l, budget);
    if (equal === undefined) return new Failure(offset, TOO_MUCH);
    if (equal) return true;
  }
  return false;
}

function isOrdered(op: '<' | '<=' | '>' | '>=', l: Value, r: Value, offset: number): boolean | Failure {
  const [x, y] = [asNumber(l), asNumber(r)];
  if (x !== undefined && y !== undefined) return holds(op, x < y, x > y, x <= y && x >= y);
  if (typeof l !== 'string' || typeof r !== 'string')
    return new Failure(offset, `${typeName(l)} and ${typeName(r)} have no order here`);
  const d = compareText(l, r);
  return holds(op, d < 0, d > 0, d === 0);
}

function holds(op: '<' | '<=' | '>' | '>=', less: boolean, more: boolean, equal: boolean): boolean {
  switch (op) {
    case '<':
      return less;
    case '<=':
      return less || equal;
    case '>':
      return more;
    case '>=':
      return more || equal;
    default:
      return op satisfies never;
  }
}
