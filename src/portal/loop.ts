import { createHash } from 'node:crypto';
import { cookieNames } from '../core/cookie-names.ts';
import { pickCookies, setCookie } from '../core/text/cookie.ts';
import { all } from '../core/text/header-list.ts';
import type { Wire } from '../core/wire.ts';
import type { PortalSite } from './deps.ts';
import type { Seal } from './sealed.ts';

/**
 * Notices a redirect loop without storing anything: a signed cookie counts how often each address was sent back.
 *
 *   value = entry *( "~" entry ) "." mac          entry = hash ":" count ":" first-seen-in-seconds
 */
const WINDOW_S = 30;
const MOST_ENTRIES = 5;
const ENTRY = /^([A-Za-z0-9_-]{16}):([1-9]):([0-9]{1,12})$/;

interface Entry {
  readonly hash: string;
  readonly count: number;
  readonly since: number;
}

export interface Arrival {
  /** True from the third sending back of one address within 30 s on. */
  readonly loops: boolean;
  /** The Set-Cookie value that remembers it. */
  readonly cookie: string;
}

export function arrive(seal: Seal, site: PortalSite, wire: Wire, href: string, nowMs: number): Arrival {
  const now = Math.floor(nowMs / 1000);
  const name = cookieNames(site.secure).loop;
  const hash = createHash('sha256').update(href).digest('base64url').slice(0, 16);
  const entries = read(seal, wire, name).filter((e) => e.since <= now && now - e.since < WINDOW_S);
  const before = entries.find((e) => e.hash === hash);
  const entry = { hash, count: Math.min(9, (before?.count ?? 0) + 1), since: before?.since ?? now };
  const kept = [entry, ...entries.filter((e) => e !== before)].slice(0, MOST_ENTRIES);
  const text = kept.map((e) => `${e.hash}:${e.count}:${e.since}`).join('~');
  const value = `${text}.${seal.mac('loop', text)}`;
  return {
    loops: entry.count >= 3,
    cookie: setCookie(name, value, WINDOW_S, { secure: site.secure }),
  };
}

function read(seal: Seal, wire: Wire, name: string): Entry[] {
  const [value] = all(wire.headers, 'cookie').flatMap((line) => pickCookies(line, name));
  const dot = value?.indexOf('.') ?? -1;
  if (value === undefined || dot < 0) return [];
  const text = value.slice(0, dot);
  if (!seal.verify('loop', text, value.slice(dot + 1))) return [];
  return text.split('~').flatMap((part) => {
    const m = ENTRY.exec(part);
    return m === null ? [] : [{ hash: m[1] ?? '', count: Number(m[2]), since: Number(m[3]) }];
  });
}
