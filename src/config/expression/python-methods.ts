import type { MethodName } from './python-tree.ts';
import {
  type Budget,
  boundedItems,
  boundedText,
  Dict,
  Failure,
  isList,
  Tuple,
  typeName,
  type Value,
} from './python-value.ts';
import { LONGEST_TEXT } from './refusal.ts';

interface Call {
  readonly offset: number;
  readonly args: readonly Value[];
  readonly budget: Budget;
}

/** A method of a dict or a text; `group_attributes` belongs to users and is answered elsewhere. */
export function callMethod(on: Value, name: Exclude<MethodName, 'group_attributes'>, call: Call): Value | Failure {
  if (name === 'get') return on instanceof Dict ? get(on, call) : lacks(on, name, call);
  if (typeof on !== 'string') return lacks(on, name, call);
  const [first = null, second = null] = call.args;
  switch (name) {
    case 'lower':
      return boundedText(on.toLowerCase(), call.offset, call.budget);
    case 'upper':
      return boundedText(on.toUpperCase(), call.offset, call.budget);
    case 'strip':
      return strip(on, call);
    case 'split':
      return split(on, call);
    case 'replace':
      return typeof first === 'string' && typeof second === 'string'
        ? replace(on, first, second, call)
        : wrong('replace takes two texts', call);
    case 'startswith':
      return isAtEdge(first, (t) => on.startsWith(t), name, call);
    case 'endswith':
      return isAtEdge(first, (t) => on.endsWith(t), name, call);
    case 'join':
      return join(on, first, call);
    default:
      return name satisfies never;
  }
}

function lacks(on: Value, name: string, call: Call): Failure {
  return new Failure(call.offset, `'${typeName(on)}' object has no attribute '${name}'`);
}

function wrong(message: string, call: Call): Failure {
  return new Failure(call.offset, message);
}

function get(on: Dict, call: Call): Value | Failure {
  const [key = null, otherwise = null] = call.args;
  if (!isHashable(key)) return wrong(`unhashable type: '${typeName(key)}'`, call);
  const found = typeof key === 'string' ? on.entries.get(key) : undefined;
  return found === undefined ? otherwise : found;
}

/** Whether Python could look for it in a dict. */
export function isHashable(v: Value): boolean {
  return !isList(v) && !(v instanceof Dict) && (!(v instanceof Tuple) || v.items.every(isHashable));
}

/** What Python takes for space (`str.isspace`): not the byte order mark that JavaScript trims, but 0x1c to 0x1f and 0x85. */
const SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const SPACES = new RegExp(`${SPACE}+`);
const ONE_SPACE = new RegExp(`^${SPACE}$`);

function strip(on: string, call: Call): Value | Failure {
  const [chars = null] = call.args;
  if (chars !== null && typeof chars !== 'string') return wrong('strip takes a text', call);
  const set = chars === null ? undefined : new Set(chars);
  const goes = (c: string | undefined) => c !== undefined && (set === undefined ? ONE_SPACE.test(c) : set.has(c));
  const all = [...on];
  let [from, to] = [0, all.length];
  while (from < to && goes(all[from])) from++;
  while (to > from && goes(all[to - 1])) to--;
  return boundedText(all.slice(from, to).join(''), call.offset, call.budget);
}

function split(on: string, call: Call): Value | Failure {
  const [separator = null] = call.args;
  if (separator === null)
    return boundedItems(
      on.split(SPACES).filter((w) => w !== ''),
      call.offset,
      call.budget,
    );
  if (typeof separator !== 'string') return wrong('split takes a text', call);
  if (separator === '') return wrong('empty separator', call);
  return boundedItems(on.split(separator), call.offset, call.budget);
}

function replace(on: string, from: string, to: string, call: Call): Value | Failure {
  if (from === '') return wrong('replace of the empty text does not run here', call);
  return joined(on.split(from), to, call);
}

function join(on: string, list: Value, call: Call): Value | Failure {
  const items = list instanceof Tuple ? list.items : list;
  if (!isList(items)) return wrong(`join takes a list of texts, not ${typeName(list)}`, call);
  const texts = items.filter((i) => typeof i === 'string');
  if (texts.length < items.length) return wrong('join takes a list of texts, and something else is in it', call);
  return joined(texts, on, call);
}

/** The length is known before the text is made: a replacement can make thousands of millions of characters of a page. */
function joined(pieces: readonly string[], glue: string, call: Call): Value | Failure {
  const length = pieces.reduce((sum, p) => sum + p.length, Math.max(0, pieces.length - 1) * glue.length);
  if (length > LONGEST_TEXT) return wrong(`a text grows beyond ${LONGEST_TEXT} characters`, call);
  return boundedText(pieces.join(glue), call.offset, call.budget);
}

function isAtEdge(what: Value, test: (text: string) => boolean, name: string, call: Call): boolean | Failure {
  const texts = what instanceof Tuple ? what.items : [what];
  for (const text of texts) if (typeof text !== 'string') return wrong(`${name} takes a text or a tuple of them`, call);
  return texts.some((text) => typeof text === 'string' && test(text));
}
