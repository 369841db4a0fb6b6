import { cookieNames } from '../core/cookie-names.ts';
import { NATIVE_DOOR, OUTPOST_DOOR } from '../core/door-path.ts';
import { type Fault, fault } from '../core/fault.ts';
import { err, ok, type Result } from '../core/result.ts';
import { routingFor, type SignInRequest } from '../core/routing.ts';
import type { HandOver, SecretPurpose } from '../core/session.ts';
import { doorOf, type Way } from '../core/sign-in-address.ts';
import { removedCookie, setCookie } from '../core/text/cookie.ts';
import { hostIn } from '../core/text/origin.ts';
import { parseQuery, queryComponent } from '../core/text/url-encode.ts';
import { attempt } from './attempt.ts';
import type { DoorRequest, PortalDeps } from './deps.ts';
import { doorMark } from './door-mark.ts';
import { isSecureOrigin, portalOf } from './door-presence.ts';
import { secondsLeft } from './open-session.ts';
import { holder, type SignedIn } from './presence.ts';
import type { Seal } from './sealed.ts';
import { begin, find } from './start-cookie.ts';
import { rdOf, startTarget } from './start-target.ts';

/** Characters of an escaped address: many servers read no more than 8 KiB in one line. A longer one becomes the front page. */
const MOST_TRAVELS = 7000;

/**
 * How a sign-in at the portal becomes a cookie on an app's own host:
 *
 *   app  /.lintel/start?rd=…          nonce and rd into a cookie of this browser, on this host
 *     -> portal ?rd=URL&state=HASH    HASH = SHA-256(nonce); signed in and let in by policy
 *     -> app /.lintel/callback?code&state
 *                                     code taken once, for this origin, by the browser that holds the nonce
 *     -> app rd                       with the app's own cookie
 *
 * The same pages have authentik's names below /outpost.goauthentik.io/: a hand-over ends by the name that it began by,
 * since a proxy may have a route for one of them alone. For an app that is a whole domain the origin is
 * its external one, and the cookies are the domain's.
 *
 * What a stolen link can do: nothing. A code works on one origin, once, within 30 s, and only beside the nonce; a
 * nonce never leaves the browser that it was made for.
 *
 * `start` begins. Below a cookie domain whose portal gives the cookie itself, the portal is only told where to.
 */
export function start(deps: PortalDeps, seal: Seal, r: DoorRequest): Result<Way, Fault> {
  return startFor(deps, seal, r, startTarget(deps, r, rdOf(r.query)));
}

/** As `start`, for an address of the app that is known: with the answer to a check. */
export function startFor(deps: PortalDeps, seal: Seal, r: DoorRequest, wanted: string): Result<Way, Fault> {
  const policy = deps.policy();
  const portal = portalOf(policy, r);
  if (portal === undefined) return err(fault('PORTAL-NONE', `no portal for ${r.origin}`));
  const { domain } = policy.lookup(hostIn(r.origin));
  const href = queryComponent(wanted).length > MOST_TRAVELS ? `${domain?.givenAt ?? r.origin}/` : wanted;
  const to = `${portal.url}${portal.url.includes('?') ? '&' : '?'}rd=${queryComponent(href)}&rm=GET`;
  if (domain !== undefined && domain.givenAt === undefined) return ok({ location: to, cookies: [] });
  const context = startContext(deps, seal, r);
  const { nonceHash: state, cookies } = begin(context, r.wire, href);
  const door = r.path.startsWith(OUTPOST_DOOR) ? OUTPOST_DOOR : NATIVE_DOOR;
  const mark = door === doorOf(r.app) ? '' : `&door=${doorMark(seal, { origin: context.origin, state }, door)}`;
  return ok({ location: `${to}&state=${state}${mark}`, cookies });
}

/** Bound to the origin where the cookie of the app is given: its own, or the external one of a whole domain. */
function startContext(deps: PortalDeps, seal: Seal, r: DoorRequest) {
  const { secrets, clock } = deps;
  const { domain } = deps.policy().lookup(hostIn(r.origin));
  const shared = domain?.givenAt === undefined ? undefined : domain;
  const origin = shared?.givenAt ?? r.origin;
  return { seal, secrets, origin, domain: shared?.domain, secure: isSecureOrigin(origin), nowMs: clock.now() };
}

/** `/.lintel/callback`: each check that fails says START-AGAIN; which one it was stands in the log alone. */
export async function callback(deps: PortalDeps, seal: Seal, r: DoorRequest): Promise<Result<Way, Fault>> {
  const pairs = parseQuery(r.query ?? '');
  const get = (key: string) => pairs.find((p) => p.key === key)?.value ?? '';
  // A browser without the nonce never gets as far as the store: anonymous requests change nothing there.
  const context = startContext(deps, seal, r);
  const started = find(context, r.wire, get('state'), get('rd'));
  if (started === undefined) return again('no start cookie of this browser belongs to this state');
  if (context.origin !== r.origin) return again(`the hand-over ends at ${context.origin}`);
  const who = await redeem(deps, r.origin, get('code'), started.nonceHash);
  if (!who.ok) return who;
  const given = await giveCookie(deps, r, who.value, started.rd);
  if (!given.ok) return given;
  return ok({ location: started.rd, cookies: [given.value, removedCookie(started.name, context)] });
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
): Promise<Result<SignedIn, Fault>> {
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
  return who.kind === 'somebody' ? ok(who) : again('the session is over');
}

function mismatch(h: HandOver | undefined, origin: string, nonceHash: string, now: number): string | undefined {
  if (h === undefined) return 'the code is unknown or was used';
  if (h.origin !== origin) return `the code was made for ${h.origin}`;
  if (h.nonceHash !== nonceHash) return 'the code was made for another browser';
  return now >= h.expiresAt ? 'the code is too old' : undefined;
}

/**
 * The cookie of the app, until the session's absolute end: for this origin only, or for a whole domain where the app is
 * one. With its secret goes what the app chooses at sign-in.
 */
async function giveCookie(
  deps: PortalDeps,
  r: DoorRequest,
  { user, session }: SignedIn,
  rd: string,
): Promise<Result<string, Fault>> {
  const { origin } = r;
  const host = hostIn(origin);
  const routing = routingFor(r.app, user, began(rd));
  if (!routing.ok) return routing;
  const { domain } = deps.policy().lookup(host);
  const token = deps.secrets.token();
  const purpose: SecretPurpose =
    domain === undefined ? { kind: 'app', origin } : { kind: 'gate', domain: domain.domain };
  const secret = { key: deps.secrets.hash(token), purpose, routing: routing.value };
  const attached = await attempt('STORE-WRITE', () => deps.store.attach(session.id, secret));
  if (!attached.ok) return attached;
  if (!attached.value) return again('the session ended meanwhile');
  const secure = isSecureOrigin(origin);
  const name = domain === undefined ? cookieNames(secure).app : domain.cookie;
  return ok(setCookie(name, token, secondsLeft(session, deps.clock.now()), { secure, domain: domain?.domain }));
}

/** Host and path of the address that somebody wanted to open. */
function began(rd: string): SignInRequest {
  const [, origin = '', path = ''] = /^([a-z]+:\/\/[^/?#]+)([^?#]*)/.exec(rd) ?? [];
  return { host: hostIn(origin), path };
}
