/**
 * Header values that Lintel writes.
 *
 *   field-value = *( VCHAR / SP / HTAB / obs-text ), no CR, LF or NUL   (RFC 9110 §5.5)
 *
 * Node writes header strings as latin1, so UTF-8 is written as a string of its bytes. Control and invisible
 * formatting characters (bidi overrides, zero-width) are taken out: they forge what an admin reads in an app's log.
 */
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;
const ASCII = /^[\x20-\x7e]*$/;
const NOT_LATIN1 = /[^\u0020-\u007e\u00a0-\u00ff]/u;

export type Encoding = 'utf8' | 'percent' | 'latin1';

/** A value that is safe in a header line in the given encoding. Never throws; unpaired surrogates become U+FFFD. */
export function headerValue(text: string, encoding: Encoding): string {
  const clean = text.replace(INVISIBLE, '').trim();
  if (ASCII.test(clean)) return encoding === 'percent' ? clean.replaceAll('%', '%25') : clean;
  switch (encoding) {
    case 'utf8':
      return utf8Bytes(clean);
    case 'percent':
      return percentEncode(clean);
    case 'latin1':
      return clean.replace(/[^\u0020-\u007e\u00a0-\u00ff]/gu, '?');
    default:
      return encoding satisfies never;
  }
}

/** A value that tells people or groups apart: empty when the encoding would have to drop or replace anything of it. */
export function exactHeaderValue(text: string, encoding: Encoding): string {
  const holds = text === text.replace(INVISIBLE, '').trim() && text.isWellFormed();
  const fits = encoding !== 'latin1' || !NOT_LATIN1.test(text);
  return holds && fits ? headerValue(text, encoding) : '';
}

function percentEncode(text: string): string {
  return utf8Bytes(text).replace(
    /[%\u0080-\u00ff]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** UTF-8 as a string with one character for each byte. */
export function utf8Bytes(text: string): string {
  let out = '';
  for (const char of text.toWellFormed()) {
    const p = char.codePointAt(0) ?? 0;
    if (p < 0x80) out += char;
    else if (p < 0x800) out += String.fromCharCode(0xc0 | (p >> 6), 0x80 | (p & 63));
    else if (p < 0x10000) out += String.fromCharCode(0xe0 | (p >> 12), 0x80 | ((p >> 6) & 63), 0x80 | (p & 63));
    else {
      out += String.fromCharCode(0xf0 | (p >> 18), 0x80 | ((p >> 12) & 63), 0x80 | ((p >> 6) & 63), 0x80 | (p & 63));
    }
  }
  return out;
}
