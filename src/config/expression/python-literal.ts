/**
 * Literals of Python (language reference §2.4).
 *
 *   string = [ prefix ] ( quote body quote )         prefix: r, u, f, rf in any case; b is refused
 *   quote  = ' | " | ''' | """                       on one line
 *   escape = "\" ( \ ' " a b f n r t v | 1*3 octal | x 2 hex | u 4 hex | U 8 hex )
 *   number = decimal | 0x | 0o | 0b, "_" between digits | float
 */
export interface Quoted {
  readonly isRaw: boolean;
  /** Where the body begins and ends in what was parsed. */
  readonly from: number;
  readonly to: number;
}

const OPENING = /^([a-zA-Z]{0,2})('''|"""|'|")/;

/** Where the body of a string literal is; a sentence when it is no text, or not whole. */
export function quoted(source: string): Quoted | string {
  const m = OPENING.exec(source);
  const prefix = m?.[1]?.toLowerCase() ?? '';
  const quote = m?.[2] ?? '';
  if (m === null || !['', 'r', 'u', 'f', 'rf', 'fr'].includes(prefix)) return 'only text is a literal here, not bytes';
  const to = source.length - quote.length;
  if (to < m[0].length || !source.endsWith(quote)) return 'this text does not end';
  // authentik indents the lines of a mapping before Python sees them, those inside of a text too: nobody means that.
  if (source.includes('\n')) return 'a text ends on the line where it begins here';
  return { isRaw: prefix.includes('r'), from: m[0].length, to };
}

const SIMPLE: ReadonlyMap<string, string> = new Map([
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
  ['a', '\u0007'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
]);

const ESCAPE = /\\(?:([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))/g;

/** The text that a body stands for. An unknown escape stays as it is, as in Python; undefined: none that Lintel takes. */
export function unescaped(body: string): string | undefined {
  let isGood = true;
  const text = body.replace(ESCAPE, (whole, octal, x, u, U, other) => {
    if (typeof other === 'string') {
      if (other === 'N' || other === 'x' || other === 'u' || other === 'U') isGood = false;
      return SIMPLE.get(other) ?? whole;
    }
    const code = typeof octal === 'string' ? Number.parseInt(octal, 8) : Number.parseInt(x ?? u ?? U, 16);
    const isCharacter = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    isGood &&= isCharacter;
    return isCharacter ? String.fromCodePoint(code) : '';
  });
  return isGood ? text : undefined;
}

const INTEGER = /^(?:0(?:_?0)*|[1-9](?:_?[0-9])*|0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+)$/;
const FLOAT = /^(?:(?:[0-9](?:_?[0-9])*)?\.[0-9](?:_?[0-9])*|[0-9](?:_?[0-9])*\.?)(?:[eE][-+]?[0-9](?:_?[0-9])*)?$/;

/** An int as a bigint, a float as a number; undefined: neither, or larger than anybody writes. */
export function parseNumber(source: string): bigint | number | undefined {
  if (source.length > 40) return undefined;
  const digits = source.replaceAll('_', '');
  if (INTEGER.test(source)) return BigInt(digits);
  const value = FLOAT.test(source) && /[.eE]/.test(source) ? Number(digits) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}
