import { cookieNames } from '../core/cookie-names.ts';
import { type Fault, fault } from '../core/fault.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { HandOver, Session } from '../core/session.ts';
import { setCookie } from '../core/text/cookie.ts';
import { parseQuery, queryComponent } from '../core/text/url-encode.ts';
import { attempt } from './attempt.ts';
import type { DoorRequest, PortalDeps } from './deps.ts';
import { hostOf, isSecureOrigin, portalOf } from './door-presence.ts';
import { secondsLeft } from './open-session.ts';
import { holder } from './presence.ts';
import type { Seal } from './sealed.ts';
import { begin, find, removal } from './start-cookie.ts';

/**
 * How a sign-in at the portal becomes a cookie on an app's own host:
 *
 *   app  /.lintel/start?rd=PATH       nonce and rd into a cookie of this browser, on this host
 *     -> portal ?rd=URL&state=HASH    HASH = SHA-256(nonce); signed in and let in by policy
 *     -> app /.lintel/callback?code&state
 *                                     code taken once, for this origin, by the browser that holds the nonce
 *     -> app PATH                     with the app's own cookie
 *
 * What a stolen link can do: nothing. A code works on one origin, once, within 30 s, and only beside the nonce; a
 * nonce never leaves the browser that it was made for.
 */
export interface Way {
  readonly location: string;
  /** Set-Cookie values. */
  readonly cookies: readonly string[];
}

/** Path and query of the app, in visible latin1; anything else may be read as another address. */
const LOCAL = /^\/[\x21-\x5b\x5d-\x7e\x80-\xff]*$/;

/** `/.lintel/start`: begins. Below a shared cookie domain there is nothing to hand over; the portal is told where to. */
export function start(deps: PortalDeps, seal: Seal, r: DoorRequest): Result<Way, Fault> {
  const policy = deps.policy();
  const portal = portalOf(policy, r);
  if (portal === undefined) return err(fault('PORTAL-NONE', `no portal for ${r.origin}`));
  const path = localPath(r.query);
  const to = `${portal.url}${portal.url.includes('?') ? '&' : '?'}rd=${queryComponent(r.origin + path)}&rm=GET`;
  if (policy.lookup(hostOf(r.origin)).domain !== undefined) return ok({ location: to, cookies: [] });
  const { nonceHash, cookies } = begin(startContext(deps, seal, r), r.wire, path);
  return ok({ location: `${to}&state=${nonceHash}`, cookies });
}

function startContext(deps: PortalDeps, seal: Seal, r: DoorRequest) {
  const { secrets, clock } = deps;
  return { seal, secrets, origin: r.origin, secure: isSecureOrigin(r.origin), nowMs: clock.now() };
}

function localPath(query: string | undefined): string {
  const rd = rawValue(query ?? '', 'rd');
  return rd !== undefined && LOCAL.test(rd) && !rd.includes('#') && !/^\/\.lintel(?:\/|$)/i.test(rd) ? rd : '/';
}

/** The first value of a key, decoded once into bytes as latin1, so that what comes back is what was asked for. */
function rawValue(query: string, key: string): string | undefined {
  const part = query.split('&').find((p) => p.startsWith(`${key}=`));
  if (part === undefined) return undefined;
  const text = part.slice(key.length + 1).replaceAll('+', ' ');
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return undefined;
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** `/.lintel/callback`: each check that fails says START-AGAIN; which one it was stands in the log alone. */
export async function callback(deps: PortalDeps, seal: Seal, r: DoorRequest): Promise<Result<Way, Fault>> {
  const pairs = parseQuery(r.query ?? '');
  const get = (key: string) => pairs.find((p) => p.key === key)?.value ?? '';
  // A browser without the nonce never gets as far as the store: anonymous requests change nothing there.
  const started = find(startContext(deps, seal, r), r.wire, get('state'));
  if (started === undefined) return again('no start cookie of this browser belongs to this state');
  const session = await redeem(deps, r.origin, get('code'), started.nonceHash);
  if (!session.ok) return session;
  const given = await giveCookie(deps, r.origin, session.value);
  if (!given.ok) return given;
  const cleared = removal(started.name, isSecureOrigin(r.origin));
  return ok({ location: `${r.origin}${started.rd}`, cookies: [given.value, cleared] });
}

function again(detail: string): Result<never, Fault> {
  return err(fault('START-AGAIN', detail));
}

/** Takes the code, which ends it whatever comes of it, and finds the living session behind it. */
async function redeem(
  deps: PortalDeps,
  origin: string,
  code: string,
  nonceHash: string,
): Promise<Result<Session, Fault>> {
  if (!/^[A-Za-z0-9_-]{43}$/.test(code)) return again('no code');
  const taken = await attempt('STORE-WRITE', () => deps.store.takeHandOver(deps.secrets.hash(code)));
  if (!taken.ok) return taken;
  const wrong = mismatch(taken.value, origin, nonceHash, deps.clock.now());
  if (wrong !== undefined || taken.value === undefined) return again(wrong ?? 'the code is unknown or was used');
  const id = taken.value.sessionId;
  const found = await attempt('STORE-UNAVAILABLE', () => deps.store.list({ kind: 'id', id }));
  if (!found.ok) return found;
  const session = found.value[0]?.session;
  if (session === undefined) return again('the session is gone');
  const who = await holder(deps, session);
  if (who.kind === 'fault') return err(who.fault);
  return who.kind === 'somebody' ? ok(session) : again('the session is over');
}

function mismatch(h: HandOver | undefined, origin: string, nonceHash: string, now: number): string | undefined {
  if (h === undefined) return 'the code is unknown or was used';
  if (h.origin !== origin) return `the code was made for ${h.origin}`;
  if (h.nonceHash !== nonceHash) return 'the code was made for another browser';
  return now >= h.expiresAt ? 'the code is too old' : undefined;
}

/** The app's own cookie: for this origin only, until the session's absolute end. */
async function giveCookie(deps: PortalDeps, origin: string, session: Session): Promise<Result<string, Fault>> {
  const token = deps.secrets.token();
  const secret = { key: deps.secrets.hash(token), purpose: { kind: 'app', origin } } as const;
  const attached = await attempt('STORE-WRITE', () => deps.store.attach(session.id, secret));
  if (!attached.ok) return attached;
  if (!attached.value) return again('the session ended meanwhile');
  const secure = isSecureOrigin(origin);
  const maxAge = secondsLeft(session, deps.clock.now());
  return ok(setCookie(cookieNames(secure).app, token, { maxAge, secure, sameSite: 'Lax' }));
}
