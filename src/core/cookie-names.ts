/**
 * The names of Lintel's own cookies, in one place: what sets them, what reads them and what takes them out of a request
 * before an app sees it agree by construction.
 *
 *   https   __Host-lintel…   the browser itself refuses a copy set by a sibling host, or over plain http
 *   http    lintel…          a browser takes no __Host- cookie there (the demo on *.localhost)
 */
const PREFIX = '__Host-';

export interface CookieNames {
  /** Opens the portal's own pages. */
  readonly portal: string;
  /** Opens one app, on the origin it was given to. */
  readonly app: string;
  /** A sign-in under way, one for each tab; the rest of the name tells them apart. */
  readonly start: string;
  /** As `start`, for an app that is a whole domain: a cookie of a domain cannot be a __Host- one. */
  readonly sharedStart: string;
  /** Counts how often one address came back for sign-in within seconds. */
  readonly loop: string;
}

const PLAIN: CookieNames = {
  portal: 'lintel',
  app: 'lintel-app',
  start: 'lintel-start-',
  sharedStart: 'lintel-start-',
  loop: 'lintel-loop',
};
const SECURE: CookieNames = {
  portal: PREFIX + PLAIN.portal,
  app: PREFIX + PLAIN.app,
  start: PREFIX + PLAIN.start,
  sharedStart: `__Secure-${PLAIN.start}`,
  loop: PREFIX + PLAIN.loop,
};

/** `secure`: the origin that the cookies are for is https. */
export function cookieNames(secure: boolean): CookieNames {
  return secure ? SECURE : PLAIN;
}

const FIXED: ReadonlySet<string> = new Set(
  [PLAIN, SECURE].flatMap((n) => [n.portal, n.app, n.loop]).map((n) => n.toLowerCase()),
);

/**
 * True for every cookie that must not reach an app; `gateNames`: the names of the shared cookies of `domains:`.
 * Letter case is ignored, since some servers look cookies up without it.
 */
export function isLintelCookie(name: string, gateNames: readonly string[]): boolean {
  const lower = name.toLowerCase();
  return (
    FIXED.has(lower) ||
    lower.startsWith(PLAIN.start) ||
    lower.startsWith(SECURE.start.toLowerCase()) ||
    lower.startsWith(SECURE.sharedStart.toLowerCase()) ||
    gateNames.some((g) => g.toLowerCase() === lower)
  );
}
