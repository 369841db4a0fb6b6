import { first, type HeaderList } from '../core/text/header-list.ts';

/**
 * Is this a browser that can follow a sign-in? As Authelia decides (contract §2.5): some element of Accept is
 * text/html, in these very letters, or the first one is any type; and no XMLHttpRequest mark. Fetch metadata that says
 * "not a navigation" counts too.
 */
export function isBrowser(headers: HeaderList): boolean {
  if ((first(headers, 'x-requested-with') ?? '').toLowerCase() === 'xmlhttprequest') return false;
  const mode = first(headers, 'sec-fetch-mode');
  if (mode !== undefined && mode !== '' && mode !== 'navigate') return false;
  const types = mediaTypes(headers);
  return types[0] === '*/*' || types.includes('text/html');
}

/**
 * A positive sign that whoever asks cannot follow a sign-in: a script, a program, a WebSocket. authentik's snippets pass
 * on few headers or none, so that no sign means a browser (contract authentik.md, table of differences).
 */
export function isProgram(headers: HeaderList): boolean {
  if ((first(headers, 'x-requested-with') ?? '').toLowerCase() === 'xmlhttprequest') return true;
  const mode = first(headers, 'sec-fetch-mode');
  if (mode !== undefined && mode !== '' && mode !== 'navigate') return true;
  if (first(headers, 'upgrade') !== undefined) return true;
  const accept = first(headers, 'accept');
  return accept !== undefined && accept.trim() !== '' && !accepted(headers).some((t) => HTML.has(t));
}

const HTML: ReadonlySet<string> = new Set(['text/html', 'text/*', 'application/xhtml+xml', '*/*']);

/**
 * A program that sends name and password once it is asked for them (RFC 7235 §2.1), as git and calendar programs do: its
 * method is none that opens a page, or it says that it is git. A browser would open a password window of its own for the
 * same question, so nothing that a browser's script sends beside such a method may be there.
 */
export function waitsToBeAsked(method: string, headers: HeaderList): boolean {
  if (SCRIPTED.some((name) => first(headers, name) !== undefined)) return false;
  return !OPENS_PAGES.has(method) || /^git\//.test(first(headers, 'user-agent') ?? '');
}

const OPENS_PAGES: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST']);
const SCRIPTED = [
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-fetch-dest',
  'origin',
  'x-requested-with',
  'upgrade',
] as const;

/** Asks for a page by name: what browsers do when they navigate, and programs hardly ever. */
export function asksForPage(headers: HeaderList): boolean {
  return accepted(headers).includes('text/html');
}

/** Asks for JSON and does not ask for a page. */
export function prefersJson(headers: HeaderList): boolean {
  const types = accepted(headers);
  return !types.includes('text/html') && types.some((t) => t === 'application/json' || t.endsWith('+json'));
}

function accepted(headers: HeaderList): string[] {
  return mediaTypes(headers).map((type) => type.toLowerCase());
}

function mediaTypes(headers: HeaderList): string[] {
  const accept = first(headers, 'accept');
  if (accept === undefined) return [];
  return accept.split(',').map((type) => (type.split(';')[0] ?? '').trim());
}
