import { NATIVE_DOOR } from '../core/door-path.ts';
import type { Fault } from '../core/fault.ts';
import { type CookieDomain, placeOf } from '../core/policy/compile.ts';
import { err, ok, type Result } from '../core/result.ts';
import { doorOf, type Way } from '../core/sign-in-address.ts';
import type { ReturnTo } from '../core/text/return-to.ts';
import { queryComponent, queryText } from '../core/text/url-encode.ts';
import { attempt } from './attempt.ts';
import type { PortalDeps, PortalRequest } from './deps.ts';
import { markedDoor } from './door-mark.ts';
import { judge } from './judge.ts';
import { arrive } from './loop.ts';
import { newGateSecret } from './open-session.ts';
import { presence, type SignedIn, subjectOf } from './presence.ts';
import type { Seal } from './sealed.ts';
import { MOST_KEPT } from './start-cookie.ts';
import type { Wish } from './wish.ts';

type ToApp = Extract<Wish, { kind: 'app' }>;

/** How long a hand-over code may be on its way. */
const CODE_MS = 30_000;

/** What becomes of somebody who is signed in and came from an app. */
export type Return =
  | ({ readonly kind: 'go' } & Way)
  | { readonly kind: 'denied' }
  | { readonly kind: 'level' }
  | { readonly kind: 'loop'; readonly cookies: readonly string[] }
  | { readonly kind: 'fault'; readonly fault: Fault };

/**
 * Whether and how somebody who is signed in gets to the app they came from. Policy is asked first, so that nobody
 * bounces between a portal that sends and a gate that refuses.
 *
 *   host below the portal's cookie domain    straight to the address, with the gate cookie
 *   host below another cookie domain         straight to the address: its gate knows its portal
 *   any other, begun by the app's host       to its callback, with a code for that origin and that browser
 *   any other                                to its start, which comes back here as the line above
 *   host of an app that is a whole domain    as any other, at the external origin of the app
 *
 * `fresh`: the sign-in happened with this very request and brings its own gate cookie.
 */
export async function wayBack(
  deps: PortalDeps,
  seal: Seal,
  r: PortalRequest,
  who: SignedIn,
  wish: ToApp,
  fresh: boolean,
): Promise<Return> {
  const policy = deps.policy();
  const verdict = judge(policy, { ...wish.to.target, client: r.client }, subjectOf(who));
  if (verdict.kind === 'fault' || verdict.kind === 'level') return verdict;
  if (verdict.kind === 'deny') return { kind: 'denied' };
  const domain = policy.lookup(wish.to.target.host).domain;
  // Somebody who types a password is no loop, and a way by the app's start comes back here to be counted.
  const direct = domain !== undefined && domain.givenAt === undefined;
  const counts = !fresh && (direct || wish.state !== undefined);
  const arrival = counts ? arrive(seal, r.site, r.wire, wish.to.href, deps.clock.now()) : undefined;
  const counted = arrival === undefined ? [] : [arrival.cookie];
  if (arrival?.loops === true) return { kind: 'loop', cookies: counted };
  const next = await passage(deps, seal, domain, r, who, wish, fresh);
  if (!next.ok) return { kind: 'fault', fault: next.error };
  return { kind: 'go', location: next.value.location, cookies: [...counted, ...next.value.cookies] };
}

async function passage(
  deps: PortalDeps,
  seal: Seal,
  domain: CookieDomain | undefined,
  r: PortalRequest,
  who: SignedIn,
  wish: ToApp,
  fresh: boolean,
): Promise<Result<Way, Fault>> {
  if (domain !== undefined && domain.givenAt === undefined) {
    const ours = domain.domain === r.site.domain?.domain;
    const cookies = ours && !fresh ? await gateCookie(deps, r, who) : ok([]);
    return cookies.ok ? ok({ location: wish.to.href, cookies: cookies.value }) : cookies;
  }
  const app = placeOf(deps.policy(), wish.to.target)?.app.app;
  const origin = domain?.givenAt ?? wish.to.origin;
  const { state } = wish;
  if (state === undefined) return ok({ location: startUrl(`${origin}${doorOf(app)}`, wish.to), cookies: [] });
  const door = markedDoor(seal, { origin, state }, wish.asked.door ?? '') ?? doorOf(app);
  const given = await code(deps, origin, state, who.session.id);
  if (!given.ok) return given;
  return ok({ location: `${origin}${door}callback?${given.value}${brought(wish.asked.rd)}`, cookies: [] });
}

/** Begins the hand-over at the app's own host. */
function startUrl(door: string, to: ReturnTo): string {
  const { href, origin } = to;
  return `${door}start?rd=${queryComponent(door.endsWith(NATIVE_DOOR) ? href.slice(origin.length) : href)}`;
}

/** An address too long for the cookie of the start, which knows it by its hash. */
function brought(rd: string | undefined): string {
  return rd !== undefined && rd.length > MOST_KEPT ? `&rd=${queryText(rd)}` : '';
}

/** The query of the callback. */
async function code(
  deps: PortalDeps,
  origin: string,
  nonceHash: string,
  sessionId: string,
): Promise<Result<string, Fault>> {
  const token = deps.secrets.token();
  const expiresAt = deps.clock.now() + CODE_MS;
  const stored = await attempt('STORE-WRITE', () =>
    deps.store.putHandOver(deps.secrets.hash(token), { origin, nonceHash, sessionId, expiresAt }),
  );
  return stored.ok ? ok(`code=${token}&state=${nonceHash}`) : stored;
}

/** A new gate cookie, unless the browser holds one for this very session: without it the gate would send it back. */
async function gateCookie(
  deps: PortalDeps,
  r: PortalRequest,
  who: SignedIn,
): Promise<Result<readonly string[], Fault>> {
  const { domain } = r.site;
  if (domain === undefined) return ok([]);
  const held = await presence(deps, r.wire, domain.cookie, (p) => p.kind === 'gate' && p.domain === domain.domain);
  if (held.kind === 'fault') return err(held.fault);
  if (held.kind === 'somebody' && held.session.id === who.session.id) return ok([]);
  const { secret, cookie } = newGateSecret(deps, r.site, domain, who.session);
  const stored = await attempt('STORE-WRITE', () => deps.store.attach(who.session.id, secret));
  if (!stored.ok) return stored;
  return ok(stored.value ? [cookie] : []);
}
