import type { Json } from '../../core/json.ts';
import { LONGEST_TEXT } from './refusal.ts';

/**
 * The values of Python that an expression works with. Ints are bigints, so that 1 and 1.0 print differently and nothing
 * loses digits; dicts are Maps, so that no key ever means a prototype; lists and tuples differ, as they do when compared.
 */
export type Value = null | boolean | bigint | number | string | readonly Value[] | Tuple | Dict | Being;

export class Tuple {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

export class Dict {
  readonly entries: ReadonlyMap<string, Value>;
  constructor(entries: ReadonlyMap<string, Value>) {
    this.entries = entries;
  }
}

/** `user` or `request`: things with attributes and without a value of their own. */
export class Being {
  readonly what: 'user' | 'request';
  constructor(what: Being['what']) {
    this.what = what;
  }
}

/** What Python would raise, or a bound that was reached. Where it happened is an offset into the text. */
export class Failure {
  readonly offset: number;
  readonly message: string;
  constructor(offset: number, message: string) {
    this.offset = offset;
    this.message = message;
  }
}

/**
 * What one evaluation may still spend: a unit for each element that is compared, copied or handed on and for each 16
 * characters of a new text. Sharing (`a = [a, a]`, twenty times) makes values that are small in memory and endless to walk.
 */
export class Budget {
  #left = 250_000;

  /** True while there is something left. */
  spend(units: number): boolean {
    this.#left -= units;
    return this.#left >= 0;
  }
}

export const TOO_MUCH = 'the expression does more work than one sign-in may cost';
/** The most elements of one list or tuple. */
const MOST_ITEMS = 10_000;

export function typeName(v: Value): string {
  if (v === null) return 'NoneType';
  if (v instanceof Being) return v.what;
  if (v instanceof Dict) return 'dict';
  if (v instanceof Tuple) return 'tuple';
  switch (typeof v) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'float';
    case 'string':
      return 'str';
    default:
      return 'list';
  }
}

/** Python's truth: empty and zero are false. */
export function isTrue(v: Value): boolean {
  if (v === null) return false;
  if (v instanceof Being) return true;
  if (v instanceof Dict) return v.entries.size > 0;
  if (v instanceof Tuple) return v.items.length > 0;
  switch (typeof v) {
    case 'boolean':
      return v;
    case 'bigint':
      return v !== 0n;
    case 'number':
      return v !== 0;
    default:
      return v.length > 0;
  }
}

/** bool, int and float are one kind for comparing: True is 1 is 1.0. */
export function asNumber(v: Value): bigint | number | undefined {
  if (typeof v === 'boolean') return v ? 1n : 0n;
  return typeof v === 'bigint' || typeof v === 'number' ? v : undefined;
}

/** Python's `==`: text never equals a number, a list never a tuple. undefined: the budget is spent. */
export function isEqual(a: Value, b: Value, budget: Budget): boolean | undefined {
  if (!budget.spend(1)) return undefined;
  const [x, y] = [asNumber(a), asNumber(b)];
  if (x !== undefined && y !== undefined) return isSameNumber(x, y);
  if (a instanceof Dict && b instanceof Dict) return areEntriesEqual(a, b, budget);
  if (a instanceof Tuple && b instanceof Tuple) return areItemsEqual(a.items, b.items, budget);
  if (isList(a) && isList(b)) return areItemsEqual(a, b, budget);
  if (a instanceof Being && b instanceof Being) return a.what === b.what;
  return x === undefined && y === undefined && a === b;
}

/** Exact between a bigint and a float, as in Python; never true for NaN. */
function isSameNumber(x: bigint | number, y: bigint | number): boolean {
  return x <= y && x >= y;
}

function areItemsEqual(a: readonly Value[], b: readonly Value[], budget: Budget): boolean | undefined {
  if (a.length !== b.length) return false;
  for (const [i, item] of a.entries()) {
    const equal = isEqual(item, b[i] ?? null, budget);
    if (equal !== true) return equal;
  }
  return true;
}

function areEntriesEqual(a: Dict, b: Dict, budget: Budget): boolean | undefined {
  if (a.entries.size !== b.entries.size) return false;
  for (const [key, value] of a.entries) {
    const other = b.entries.get(key);
    const equal = other === undefined ? false : isEqual(value, other, budget);
    if (equal !== true) return equal;
  }
  return true;
}

export function isList(v: Value): v is readonly Value[] {
  return Array.isArray(v);
}

/** -1, 0 or 1 by code points, as Python orders text; UTF-16 order differs beyond U+FFFF. */
export function compareText(a: string, b: string): number {
  const [x, y] = [[...a], [...b]];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const d = (x[i]?.codePointAt(0) ?? 0) - (y[i]?.codePointAt(0) ?? 0);
    if (d !== 0) return Math.sign(d);
  }
  return Math.sign(x.length - y.length);
}

/** What `str()` and f-strings make of it; undefined for what only a `repr` could show. */
export function toText(v: Value): string | undefined {
  if (v === null) return 'None';
  switch (typeof v) {
    case 'string':
      return v;
    case 'boolean':
      return v ? 'True' : 'False';
    case 'bigint':
      return String(v);
    case 'number':
      return floatText(v);
    default:
      return undefined;
  }
}

/** Python's `repr` of a float: the shortest digits, an exponent of at least two digits below 1e-4 and from 1e16 on. */
function floatText(v: number): string {
  if (!Number.isFinite(v)) return Number.isNaN(v) ? 'nan' : v > 0 ? 'inf' : '-inf';
  if (Object.is(v, -0)) return '-0.0';
  const size = Math.abs(v);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits = '', exponent = ''] = v.toExponential().split('e');
    return `${digits}e${exponent.slice(0, 1)}${exponent.slice(1).padStart(2, '0')}`;
  }
  return Number.isInteger(v) ? `${BigInt(v)}.0` : String(v);
}

/** Characters are cheaper than elements. */
function textCost(text: string): number {
  return 1 + text.length / 16;
}

/** Text as a value, unless it is longer than texts may be or the budget is spent. */
export function boundedText(text: string, offset: number, budget: Budget): string | Failure {
  if (text.length > LONGEST_TEXT) return new Failure(offset, `a text grows beyond ${LONGEST_TEXT} characters`);
  return budget.spend(textCost(text)) ? text : new Failure(offset, TOO_MUCH);
}

export function boundedItems(items: readonly Value[], offset: number, budget: Budget): readonly Value[] | Failure {
  if (items.length > MOST_ITEMS) return new Failure(offset, `a list grows beyond ${MOST_ITEMS} elements`);
  return budget.spend(items.length) ? items : new Failure(offset, TOO_MUCH);
}

/** Whole numbers become ints: YAML and JSON have one kind of number. */
export function fromJson(json: Json): Value {
  if (json === null || typeof json === 'boolean' || typeof json === 'string') return json;
  if (typeof json === 'number') return Number.isSafeInteger(json) ? BigInt(json) : json;
  if (isJsonList(json)) return json.map(fromJson);
  return new Dict(new Map(Object.entries(json).map(([key, value]) => [key, fromJson(value)])));
}

function isJsonList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

/** The value as JSON; a sentence when it has none, or when it would be endless. */
export function toJson(v: Value, budget: Budget): { readonly json: Json } | string {
  if (!budget.spend(typeof v === 'string' ? textCost(v) : 1)) return TOO_MUCH;
  if (v instanceof Being) return `the ${v.what} itself is no value to return`;
  if (v instanceof Dict) return entriesToJson(v, budget);
  if (v instanceof Tuple) return itemsToJson(v.items, budget);
  if (isList(v)) return itemsToJson(v, budget);
  if (typeof v === 'bigint') return bigToJson(v);
  if (typeof v === 'number' && !Number.isFinite(v)) return `${floatText(v)} is no number of JSON`;
  return { json: v };
}

function bigToJson(v: bigint): { readonly json: Json } | string {
  const n = Number(v);
  return Number.isSafeInteger(n) ? { json: n } : `${String(v).slice(0, 40)} is too large a number`;
}

function itemsToJson(items: readonly Value[], budget: Budget): { readonly json: Json } | string {
  const out: Json[] = [];
  for (const item of items) {
    const one = toJson(item, budget);
    if (typeof one === 'string') return one;
    out.push(one.json);
  }
  return { json: out };
}

function entriesToJson(v: Dict, budget: Budget): { readonly json: Json } | string {
  const out: [string, Json][] = [];
  for (const [key, item] of v.entries) {
    const one = toJson(item, budget);
    if (typeof one === 'string') return one;
    out.push([key, one.json]);
  }
  return { json: Object.fromEntries(out) };
}
