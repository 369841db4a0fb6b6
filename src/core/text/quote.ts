/**
 * Text from outside as it stands in messages and log lines: in the quotes of JSON (RFC 8259 §7), where line ends, controls
 * below U+0020 and lone surrogates are escapes already.
 */

/** C1 controls (U+009B begins a command as ESC [ does) and marks that turn the direction of text. */
const TERMINAL = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
/** All that is not seen: controls, formatting, unassigned, separators of lines and paragraphs. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
const MOST_CHARACTERS = 200;

/** Whole, however long it is; no byte of it is acted on by a terminal. */
export function quoteWhole(text: string): string {
  return JSON.stringify(text).replace(TERMINAL, escaped);
}

/** For log lines: at most 200 characters of it. */
export function quote(text: string): string {
  return quoteWhole(text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text);
}

/** As `quote`, for addresses: without the query, where tokens live. */
export function quoteAddress(text: string): string {
  const mark = text.indexOf('?');
  return quote(mark < 0 ? text : `${text.slice(0, mark)}?…`);
}

/** For names that people chose: whatever is not seen is an escape, so that two which look alike do not read alike. */
export function quoteName(text: string): string {
  return JSON.stringify(text).replace(UNSEEN, escaped);
}

function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
}
