import type { Fault } from '../core/fault.ts';
import { err, ok, type Result } from '../core/result.ts';
import { describeClient, type Unknown } from '../core/target.ts';
import type { Ip } from '../core/text/ip.ts';
import type { Reply } from '../core/wire.ts';
import { attempt } from './attempt.ts';
import type { PortalDeps } from './deps.ts';
import { clearedCookies } from './open-session.ts';
import { signedOutSheet, signOutSheet } from './pages.ts';
import { portalPresence } from './portal-presence.ts';
import { named, type Presence } from './presence.ts';
import { cookieHeaders, redirect } from './replies.ts';
import { at, fromForm, fromQuery, HOME, ownForm, placeName, refuse, show, type Visit, wishOf } from './visit.ts';
import type { Wish } from './wish.ts';

/**
 * `GET /sign-out`: asks with one button, since a link or an image must not sign anybody out. `GET /signed-out`, where every
 * sign-out ends, is the same page: whoever signed out of an app that they were not signed in to may still be signed in here.
 */
export async function askSignOut(v: Visit): Promise<Reply> {
  const wish = wishOf(v, fromQuery(v));
  const who = await portalPresence(v.deps, v.r);
  if (who.kind === 'fault') return refuse(v, who.fault);
  const [session] = named(who);
  if (session === undefined) return signedOut(v);
  const sheet = signOutSheet({
    place: placeName(v),
    user: session.user,
    action: at(v, '/sign-out'),
    rd: wish.kind === 'app' ? wish.asked.rd : undefined,
    stay: at(v, HOME),
  });
  return show(v, 200, sheet, [], wish.kind === 'app' ? [wish.to.origin] : []);
}

function signedOut(v: Visit): Reply {
  return show(v, 200, signedOutSheet(placeName(v), at(v, HOME)));
}

/** `POST /sign-out`. */
export async function doSignOut(v: Visit): Promise<Reply> {
  const form = await ownForm(v);
  if (!form.ok) return refuse(v, form.error);
  const wish = wishOf(v, fromForm(form.value));
  const done = await endPortalSession(v);
  if (!done.ok) return refuse(v, done.error);
  return redirect(303, afterwards(v, wish), cookieHeaders(clearedCookies(v.r.site)));
}

function afterwards(v: Visit, wish: Wish): string {
  return wish.kind === 'app' ? wish.to.href : at(v, '/signed-out');
}

/** Ends the session that the portal's cookie names, everywhere; also one that opens nothing any more. */
export async function endPortalSession(v: Visit): Promise<Result<number, Fault>> {
  const who = await portalPresence(v.deps, v.r);
  return endSession(v.deps, who, v.r.client);
}

/**
 * Revokes by id, so that every secret of the session dies with it: of every session that the cookies name, since whoever
 * tosses a second cookie must not keep the first alive.
 */
export async function endSession(
  deps: PortalDeps,
  who: Presence,
  client: Ip | Unknown,
): Promise<Result<number, Fault>> {
  if (who.kind === 'fault') return err(who.fault);
  let ended = 0;
  for (const { id, user } of named(who)) {
    const revoked = await attempt('STORE-WRITE', () => deps.store.revoke({ kind: 'id', id }));
    if (!revoked.ok) return revoked;
    ended += revoked.value;
    deps.audit.record({ kind: 'sign-out', user, client: describeClient(client), sessions: revoked.value });
  }
  return ok(ended);
}
