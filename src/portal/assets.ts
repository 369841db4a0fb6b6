import { createHash } from 'node:crypto';
import type { Reply } from '../core/wire.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

interface Asset {
  readonly name: string;
  readonly type: string;
  readonly text: string;
}

function asset(extension: string, type: string, text: string): Asset {
  const digest = createHash('sha256').update(text).digest('base64url').replace(/[-_]/g, '').slice(0, 12);
  return { name: `portal.${digest}.${extension}`, type, text };
}

const STYLESHEET = asset('css', 'text/css; charset=utf-8', STYLE);
const SCRIPT_FILE = asset('js', 'text/javascript; charset=utf-8', SCRIPT);
const BY_NAME: ReadonlyMap<string, Asset> = new Map([STYLESHEET, SCRIPT_FILE].map((a) => [a.name, a]));

/** Style and script where they stand in a page itself, as sources of a Content-Security-Policy (CSP3 §2.3.1). */
export const INLINE_STYLE = inlineSource(STYLE);
export const INLINE_SCRIPT = inlineSource(SCRIPT);

function inlineSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

export const STYLE_NAME = STYLESHEET.name;
export const SCRIPT_NAME = SCRIPT_FILE.name;

/** The file, cacheable for ever because its name changes with its content; undefined: no such file. */
export function assetReply(name: string): Reply | undefined {
  const found = BY_NAME.get(name);
  if (found === undefined) return undefined;
  const headers = [
    'Content-Type',
    found.type,
    'Cache-Control',
    'public, max-age=31536000, immutable',
    'X-Content-Type-Options',
    'nosniff',
    'Cross-Origin-Resource-Policy',
    'same-origin',
  ];
  return { status: 200, headers, body: found.text };
}
