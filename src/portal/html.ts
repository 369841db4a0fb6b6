import { escapeHtml } from '../core/text/html.ts';

declare const brand: unique symbol;
/** Text that is safe to stand in a page. Only the functions of this file make it. */
export interface Html {
  readonly text: string;
  readonly [brand]: 'Html';
}

export type Piece = Html | string | number | undefined | false;

function write(piece: Piece): string {
  if (piece === undefined || piece === false) return '';
  return typeof piece === 'object' ? piece.text : escapeHtml(String(piece));
}

/** A template whose every value is escaped unless it is Html already; undefined and false leave nothing. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  let text = strings[0] ?? '';
  for (const [i, piece] of pieces.entries()) text += write(piece) + (strings[i + 1] ?? '');
  return safe(text);
}

/** Text of this program itself, never of a request, that stands in a page as it is: style and script. */
export function verbatim(text: string): Html {
  return safe(text);
}

export function join(pieces: readonly Piece[]): Html {
  return safe(pieces.map(write).join(''));
}

function safe(text: string): Html {
  return { text } as Html;
}
