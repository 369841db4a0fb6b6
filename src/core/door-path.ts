import type { Target } from './target.ts';
import { all, type HeaderList } from './text/header-list.ts';
import { type Path, parsePath } from './text/path.ts';
import { parseQuery } from './text/url-encode.ts';

/**
 * Lintel's own pages on the hosts of apps: the native names, and authentik's for the same pages (contract authentik.md
 * §2). They never reach an app.
 */
export const NATIVE_DOOR = '/.lintel/';
export const OUTPOST_DOOR = '/outpost.goauthentik.io/';
/** Where check endpoints stand below authentik's prefix. */
export const OUTPOST_CHECKS = `${OUTPOST_DOOR}auth/`;
/** The public keys of assertions, on the host of every app and on every portal, there below its base path. */
export const JWKS_PATH = `${NATIVE_DOOR}jwks.json`;
export const PING = `${OUTPOST_DOOR}ping`;
/** Sign-out that always asks first, since a link to any page of the app can carry its signature. */
export const ASKED_SIGN_OUT = `${OUTPOST_DOOR}sign_out/ask`;

const CALLBACK_MARK = 'X-authentik-auth-callback';
const LOGOUT_MARK = 'X-authentik-logout';

function isDoorPath(path: string): boolean {
  return path.startsWith(NATIVE_DOOR) || path.startsWith(OUTPOST_DOOR);
}

/** True when some app might take the path for one below these prefixes; `reading`: one way to read it. */
export function isDoorReading(reading: string): boolean {
  return isDoorPath(reading) || reading === NATIVE_DOOR.slice(0, -1) || reading === OUTPOST_DOOR.slice(0, -1);
}

/** The page that a path and query ask for on the host of an app, by name or by a signature on any path; else undefined. */
export function doorPath(path: string, query: string | undefined): string | undefined {
  if (isDoorPath(path)) return path;
  return query === undefined ? undefined : signedPath(query);
}

function signedPath(query: string): string | undefined {
  if (!query.includes('authentik')) return undefined;
  const pairs = parseQuery(query);
  const has = (mark: string) => pairs.some((p) => p.key === mark && p.value === 'true');
  if (has(CALLBACK_MARK)) return `${OUTPOST_DOOR}callback`;
  return has(LOGOUT_MARK) ? ASKED_SIGN_OUT : undefined;
}

/** As `doorPath`, for a target that another proxy asks about. */
export function doorway(target: Target): string | undefined {
  return doorPage(target) ?? (target.query === undefined ? undefined : signedPath(target.query));
}

/** The page that the path alone names. One with several readings, or escapes, names none; what the query says is no path. */
export function doorPage({ path }: Target): string | undefined {
  const [reading] = path.readings;
  const plain = path.readings.length === 1 && reading === path.received;
  return plain && isDoorPath(reading) ? reading : undefined;
}

/**
 * Did this come from below authentik's prefix? By its path, or by what nginx and HAProxy say in X-Original-URL whichever
 * check it ends at. Where nobody can tell, it did.
 */
export function isBelowOutpost(path: Path, headers: HeaderList): boolean {
  return isReadBelow(path) || all(headers, 'x-original-url').some(isUrlBelow);
}

function isReadBelow({ readings }: Path): boolean {
  return readings.some((reading) => reading.startsWith(OUTPOST_DOOR));
}

function isUrlBelow(url: string): boolean {
  const path = parsePath(url.replace(/^[a-z]+:\/\/[^/?#]*/i, '').replace(/\?.*$/s, ''));
  return !path.ok || isReadBelow(path.value);
}
