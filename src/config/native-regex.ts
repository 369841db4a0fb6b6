/**
 * The part of RE2's language that the engine of JavaScript runs in linear time with the same answers, as a regular
 * expression of JavaScript; everything else goes to re2js, which costs up to fifty times as much for each test.
 *
 *   pattern  = [ "^" ] sequence [ "$" ]
 *   sequence = *( atom [ "?" / "*" / "+" ] )             groups: "?" only
 *   atom     = literal / "\" punctuation / "\d" / "\w" / "." / class / group
 *   group    = "(" [ "?:" / "?P<" name ">" / "?<" name ">" ] sequence *( "|" sequence ) ")"
 *   class    = "[" [ "^" ] 1*( char [ "-" char ] ) "]"   letters, digits and a few marks
 *
 * Same answers: these forms mean the same in both; "." becomes [^\n], as in RE2. Only for texts without surrogates: RE2
 * works on code points, and the "u" flag, which would do the same here, is broken at the end of a text in V8 14.6
 * (/[^\n]-$/u does not find "😀-").
 * Linear: a "*" or "+" is allowed only behind "^", and each but the last must be followed by a character that it cannot
 * itself consume, so that its end is forced; the choices of "?" and "|" multiply to at most 64. native-regex.test.ts
 * compares both engines on random patterns and texts.
 */
export interface NativeRegex {
  /** Valid for texts for which `isNativeText` holds. */
  readonly regex: RegExp;
  /** Names of the capturing groups in order; '' for those without. */
  readonly groups: readonly string[];
}

type Item = One | Group;
interface One {
  readonly kind: 'one';
  readonly js: string;
  /** The character itself, when it can be only one. */
  readonly literal: string | undefined;
  readonly quantifier: string;
}
interface Group {
  readonly kind: 'group';
  readonly open: string;
  readonly alternatives: readonly (readonly Item[])[];
  readonly quantifier: string;
}

const MOST_CHOICES = 64;
const SYNTAX = /[\\^$.*+?()[\]{}|/]/;
const CLASS = /^\[\^?(?:[A-Za-z0-9](?:-[A-Za-z0-9])?|[_.~/:@%+=,!])+-?\]/;

/** undefined: outside the part of the language that this file can vouch for (a wrong pattern is, too). */
export function nativeRegex(source: string): NativeRegex | undefined {
  if (source === '' || source.length > 2000 || !isNativeText(source)) return undefined;
  const parser = new Parser(source);
  const start = parser.take('^');
  const items = parser.sequence(0);
  const end = parser.take('$');
  if (items === undefined || !parser.done) return undefined;
  if (!isLinear(items, start)) return undefined;
  const js = `${start ? '^' : ''}${items.map(write).join('')}${end ? '$' : ''}`;
  return { regex: new RegExp(js), groups: parser.groups };
}

const SURROGATE = /[\ud800-\udfff]/;

/** True when each code unit is a character. */
export function isNativeText(text: string): boolean {
  return !SURROGATE.test(text);
}

class Parser {
  readonly groups: string[] = [];
  #rest: string;

  constructor(source: string) {
    this.#rest = source;
  }

  get done(): boolean {
    return this.#rest === '';
  }

  take(text: string): boolean {
    if (!this.#rest.startsWith(text)) return false;
    this.#rest = this.#rest.slice(text.length);
    return true;
  }

  sequence(depth: number): Item[] | undefined {
    const items: Item[] = [];
    while (this.#rest !== '' && !/^(?:[|)]|\$$)/.test(this.#rest)) {
      const item = this.take('(') ? this.#group(depth + 1) : this.#one();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }

  #group(depth: number): Group | undefined {
    const head = /^\?(?::|P?<([A-Za-z_][A-Za-z0-9_]*)>)/.exec(this.#rest);
    if (depth > 4 || (head === null && this.#rest.startsWith('?'))) return undefined;
    if (head !== null) this.take(head[0]);
    const captures = head?.[0] !== '?:';
    const name = head?.[1] ?? '';
    if (captures && name !== '' && this.groups.includes(name)) return undefined;
    if (captures) this.groups.push(name);
    const alternatives: Item[][] = [];
    do {
      const items = this.sequence(depth);
      if (items === undefined) return undefined;
      alternatives.push(items);
    } while (this.take('|'));
    if (!this.take(')')) return undefined;
    const quantifier = this.#quantifier();
    if (quantifier === undefined || quantifier === '*' || quantifier === '+') return undefined;
    // "(a?)?" on "": the group took part for Go, and did not for JavaScript.
    if (quantifier === '?' && alternatives.some((a) => a.every(mayBeEmpty))) return undefined;
    return { kind: 'group', open: captures ? '(' : '(?:', alternatives, quantifier };
  }

  #one(): One | undefined {
    const atom = this.#atom();
    const quantifier = atom === undefined ? undefined : this.#quantifier();
    return atom === undefined || quantifier === undefined ? undefined : { kind: 'one', ...atom, quantifier };
  }

  #atom(): Pick<One, 'js' | 'literal'> | undefined {
    const set = CLASS.exec(this.#rest)?.[0];
    if (set !== undefined) return this.take(set) && isOrdered(set) ? { js: set, literal: undefined } : undefined;
    if (this.take('.')) return { js: '[^\\n]', literal: undefined };
    if (this.take('\\d')) return { js: '[0-9]', literal: undefined };
    if (this.take('\\w')) return { js: '[A-Za-z0-9_]', literal: undefined };
    const escaped = /^\\([\\^$.*+?()[\]{}|/-])/.exec(this.#rest);
    const char = escaped?.[1] ?? this.#rest.charAt(0);
    if (escaped === null && SYNTAX.test(char) && char !== '/') return undefined;
    this.take(escaped?.[0] ?? char);
    return { js: SYNTAX.test(char) ? `\\${char}` : char, literal: char };
  }

  /** One quantifier; undefined for what follows it in other dialects ("*?", "++", "{2}"). */
  #quantifier(): string | undefined {
    const q = /^[*+?]/.exec(this.#rest)?.[0] ?? '';
    this.take(q);
    return /^[*+?{]/.test(this.#rest) ? undefined : q;
  }
}

function mayBeEmpty(item: Item): boolean {
  if (item.quantifier === '?' || item.quantifier === '*') return true;
  return item.kind === 'group' && item.alternatives.some((a) => a.every(mayBeEmpty));
}

function isOrdered(set: string): boolean {
  return [...set.matchAll(/([A-Za-z0-9])-([A-Za-z0-9])/g)].every(([, a, b]) => (a ?? '') <= (b ?? ''));
}

function isLinear(items: readonly Item[], anchored: boolean): boolean {
  if (choices(items) > MOST_CHOICES) return false;
  const open = unbounded(items, undefined);
  if (open.length > 0 && !anchored) return false;
  return open.slice(0, -1).every(({ item, next }) => isEndForced(item, next));
}

/** How many ways there are through the "?" and "|" of a sequence. */
function choices(items: readonly Item[]): number {
  let product = 1;
  for (const item of items) {
    const own = item.kind === 'one' ? 1 : item.alternatives.reduce((sum, a) => sum + choices(a), 0);
    product *= item.quantifier === '?' ? own + 1 : own;
  }
  return product;
}

interface Open {
  readonly item: One;
  readonly next: Item | undefined;
}

/** Every "*" and "+" in the order of the text, each with what must come right behind it. */
function unbounded(items: readonly Item[], after: Item | undefined): Open[] {
  return items.flatMap((item, i) => {
    const next = i + 1 < items.length ? items[i + 1] : after;
    if (item.kind === 'group') return item.alternatives.flatMap((a) => unbounded(a, next));
    return item.quantifier === '*' || item.quantifier === '+' ? [{ item, next }] : [];
  });
}

function isEndForced(item: One, next: Item | undefined): boolean {
  if (next?.kind !== 'one' || next.literal === undefined || next.quantifier !== '') return false;
  return !new RegExp(`^${item.js}$`).test(next.literal);
}

function write(item: Item): string {
  if (item.kind === 'one') return item.js + item.quantifier;
  return `${item.open}${item.alternatives.map((a) => a.map(write).join('')).join('|')})${item.quantifier}`;
}
