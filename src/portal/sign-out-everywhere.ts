import { cookieNames } from '../core/cookie-names.ts';
import { ASKED_SIGN_OUT, OUTPOST_DOOR } from '../core/door-path.ts';
import type { Fault } from '../core/fault.ts';
import { ok, type Result } from '../core/result.ts';
import { describeClient } from '../core/target.ts';
import { removedCookie } from '../core/text/cookie.ts';
import { first } from '../core/text/header-list.ts';
import { hostIn } from '../core/text/origin.ts';
import type { Reply, Wire } from '../core/wire.ts';
import { attempt } from './attempt.ts';
import type { DoorRequest, PortalDeps } from './deps.ts';
import { doorPresence, isSecureOrigin, portalOf, signedOutUrl } from './door-presence.ts';
import { named, type Presence } from './presence.ts';
import { cookieHeaders, redirect } from './replies.ts';
import { foreignChange } from './same-site.ts';

/** What becomes of a request to sign out everywhere. */
export type Leaving =
  | { readonly kind: 'gone'; readonly reply: Reply }
  | { readonly kind: 'ask'; readonly user: string }
  | { readonly kind: 'fault'; readonly fault: Fault };

/**
 * authentik's `sign_out`: ends all sessions of this person, on every app, at once, the portal's too (contract
 * authentik.md §2). It acts on GET, as people's bookmarks and apps' log-out links expect, unless the browser says that
 * another site or a part of a page asks: an image in a forum must not sign anybody out. Then a page asks first, and
 * always where the request is a signature in the query of some page. A POST comes from that page, or from a program that
 * says nothing of where it stands and is believed as with GET. Nobody signed in: on to the signed-out page.
 */
export async function leave(deps: PortalDeps, r: DoorRequest): Promise<Leaving> {
  const isMark = r.path === ASKED_SIGN_OUT;
  const isForm = r.wire.method === 'POST' && !isMark;
  const foreign = isForm ? foreignChange(r.wire, r.origin, 'json') : undefined;
  if (foreign !== undefined) return { kind: 'fault', fault: foreign };
  const who = await doorPresence(deps, r);
  if (who.kind === 'fault') return who;
  const [session] = named(who);
  if (session !== undefined && !isForm && (isMark || isDoubtful(r.wire))) {
    return { kind: 'ask', user: session.user };
  }
  const ended = await endAll(deps, r, who);
  return ended.ok ? { kind: 'gone', reply: onward(deps, r) } : { kind: 'fault', fault: ended.error };
}

/** Where the page that asks posts to. */
export const SIGN_OUT_ACTION = `${OUTPOST_DOOR}sign_out`;

/**
 * Browsers without fetch metadata say nothing, and are believed. What a browser loads ahead (`Sec-Purpose: prefetch`, for
 * an address half typed) looks like a navigation, and nobody has asked for it yet.
 */
function isDoubtful({ headers }: Wire): boolean {
  if (AHEAD.some((name) => first(headers, name)?.toLowerCase().includes('pre') === true)) return true;
  const site = first(headers, 'sec-fetch-site');
  const dest = first(headers, 'sec-fetch-dest');
  const mode = first(headers, 'sec-fetch-mode');
  return (
    site === 'cross-site' || (dest !== undefined && dest !== 'document') || (mode !== undefined && mode !== 'navigate')
  );
}

const AHEAD = ['sec-purpose', 'purpose', 'x-moz'] as const;

async function endAll(
  deps: PortalDeps,
  r: DoorRequest,
  who: Exclude<Presence, { kind: 'fault' }>,
): Promise<Result<number, Fault>> {
  let all = 0;
  for (const user of new Set(named(who).map((s) => s.user))) {
    const ended = await attempt('STORE-WRITE', () => deps.store.revoke({ kind: 'user', user }));
    if (!ended.ok) return ended;
    all += ended.value;
    deps.audit.record({ kind: 'sign-out', user, client: describeClient(r.client), sessions: ended.value });
  }
  return ok(all);
}

function onward(deps: PortalDeps, r: DoorRequest): Reply {
  const policy = deps.policy();
  const portal = portalOf(policy, r);
  const secure = isSecureOrigin(r.origin);
  const { domain } = policy.lookup(hostIn(r.origin));
  const name = domain === undefined ? cookieNames(secure).app : domain.cookie;
  const gone = removedCookie(name, { secure, domain: domain?.domain });
  return redirect(302, portal === undefined ? '/' : signedOutUrl(portal), cookieHeaders([gone]));
}
