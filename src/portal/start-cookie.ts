import { cookieNames } from '../core/cookie-names.ts';
import type { Secrets } from '../core/ports.ts';
import { removedCookie, setCookie } from '../core/text/cookie.ts';
import { all } from '../core/text/header-list.ts';
import type { Wire } from '../core/wire.ts';
import type { Seal } from './sealed.ts';

/**
 * A sign-in under way, kept by the browser on the app's own host, one for each tab:
 *
 *   name  = "__Host-lintel-start-" first 10 characters of SHA-256(nonce)
 *           "__Secure-lintel-start-" … where it is for a whole domain and no host of its own
 *   value = issued-at-in-seconds "." nonce "." kept "." mac        mac over origin and the rest
 *   kept  = base64url(rd), or "~" SHA-256(rd) where that is long
 *
 * The nonce proves to the callback that the code comes back to the browser that asked for it; only its hash travels
 * through the portal. Nothing is stored here, so anybody may begin as often as they like.
 */
const LIFE_S = 600;
/** As many tabs may be signing in at once; the oldest gives way. */
const MOST_ALIVE = 5;
/** All of them together: proxies refuse a request whose cookies grow past 8 KiB. */
const MOST_BYTES = 4096;
/** Characters of an address that is kept whole; of a longer one its hash is, and the callback has to bring it. */
export const MOST_KEPT = 2048;

const VALUE = /^([0-9]{1,12})\.([A-Za-z0-9_-]{43})\.(~?[A-Za-z0-9_-]*)\.([A-Za-z0-9_-]{43})$/;

/** A sign-in that this browser began, and that may end now. */
export interface Started {
  /** Of the cookie. */
  readonly name: string;
  readonly nonceHash: string;
  /** The address to return to, bytes as latin1. */
  readonly rd: string;
}

interface Begun {
  readonly nonceHash: string;
  /** Set-Cookie values: the new one, and the removal of those that give way. */
  readonly cookies: readonly string[];
}

interface Context {
  readonly seal: Seal;
  readonly secrets: Secrets;
  readonly origin: string;
  /** For an app that is a whole domain: the sign-in may begin on any host below it. */
  readonly domain: string | undefined;
  readonly secure: boolean;
  readonly nowMs: number;
}

/** Begins a hand-over for this tab, that ends at `rd`. */
export function begin(c: Context, wire: Wire, rd: string): Begun {
  const now = Math.floor(c.nowMs / 1000);
  const nonce = c.secrets.token();
  const nonceHash = c.secrets.hash(nonce);
  const kept = rd.length > MOST_KEPT ? `~${c.secrets.hash(rd)}` : Buffer.from(rd, 'latin1').toString('base64url');
  const text = `${now}.${nonce}.${kept}`;
  const value = `${text}.${c.seal.mac('start', `${c.origin}\n${text}`)}`;
  const cookie = setCookie(nameFor(c, nonceHash), value, LIFE_S, c);
  const dropped = crowded(wire, c, value.length);
  return { nonceHash, cookies: [cookie, ...dropped.map((name) => removedCookie(name, c))] };
}

function prefixOf({ secure, domain }: Pick<Context, 'secure' | 'domain'>): string {
  const names = cookieNames(secure);
  return domain === undefined ? names.start : names.sharedStart;
}

function nameFor(c: Context, nonceHash: string): string {
  return `${prefixOf(c)}${nonceHash.slice(0, 10)}`;
}

/** The cookies that have to go so that a new one of `size` fits: garbled ones first, then the oldest. */
function crowded(wire: Wire, c: Context, size: number): string[] {
  const present = [...startCookies(wire, prefixOf(c))].map(([name, value]) => {
    return { name, size: value.length, issuedAt: Number(VALUE.exec(value)?.[1] ?? 0) };
  });
  present.sort((a, b) => b.issuedAt - a.issuedAt);
  const room = present.findIndex((_, i) => {
    const kept = present.slice(0, i + 1).reduce((sum, p) => sum + p.size, size);
    return kept > MOST_BYTES || i >= MOST_ALIVE - 1;
  });
  return room < 0 ? [] : present.slice(room).map((p) => p.name);
}

/** Names (in full) and values of the start cookies that the browser sent; the first of a name counts. */
function startCookies(wire: Wire, prefix: string): Map<string, string> {
  const out = new Map<string, string>();
  for (const pair of all(wire.headers, 'cookie').flatMap((line) => line.split(';'))) {
    const eq = pair.indexOf('=');
    // Blanks as RFC 6265 has them: with any other in front it is a cookie that a browser lets every sibling host set.
    const name = pair.slice(0, Math.max(0, eq)).replace(/^[ \t]+/, '');
    if (name.startsWith(prefix) && /^[A-Za-z0-9_-]{10}$/.test(name.slice(prefix.length)) && !out.has(name)) {
      out.set(name, pair.slice(eq + 1).trim());
    }
  }
  return out;
}

/**
 * The start cookie of this browser that belongs to a nonce hash: signed by us for this origin, and not too old. `brought`:
 * the address that the callback was given, which counts for nothing but to be the long one that was begun with.
 */
export function find(c: Context, wire: Wire, nonceHash: string, brought: string): Started | undefined {
  const name = nameFor(c, nonceHash);
  const value = startCookies(wire, prefixOf(c)).get(name) ?? '';
  const m = VALUE.exec(value);
  if (m === null) return undefined;
  const [, issued = '', nonce = '', kept = '', mac = ''] = m;
  if (!c.seal.verify('start', `${c.origin}\n${issued}.${nonce}.${kept}`, mac)) return undefined;
  const age = Math.floor(c.nowMs / 1000) - Number(issued);
  if (age < 0 || age >= LIFE_S || c.secrets.hash(nonce) !== nonceHash) return undefined;
  return { name, nonceHash, rd: addressOf(c, kept, brought) };
}

function addressOf(c: Context, kept: string, brought: string): string {
  if (!kept.startsWith('~')) return Buffer.from(kept, 'base64url').toString('latin1');
  return c.secrets.hash(brought) === kept.slice(1) ? brought : `${c.origin}/`;
}
