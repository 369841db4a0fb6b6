import type { ParseUrl } from '../core/ports.ts';

/** WHATWG parsing, as browsers do it. */
export const parseUrl: ParseUrl = (text, base) => URL.parse(text, base) ?? undefined;
