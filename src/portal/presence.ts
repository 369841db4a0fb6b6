import type { Fault } from '../core/fault.ts';
import {
  belongsTo,
  isAlive,
  isTouchDue,
  parseToken,
  type SecretPurpose,
  type Session,
  type SessionToken,
} from '../core/session.ts';
import type { Subject, User } from '../core/subject.ts';
import { pickCookies } from '../core/text/cookie.ts';
import { all } from '../core/text/header-list.ts';
import type { Wire } from '../core/wire.ts';
import { attempt } from './attempt.ts';
import type { PortalDeps } from './deps.ts';

export interface SignedIn {
  readonly kind: 'somebody';
  readonly session: Session;
  readonly user: User;
}

/**
 * Who a cookie of ours says is there. `sessions` of nobody: those that its cookies name all the same, of which one opens
 * nothing any more, and several contradict each other. They are there to be ended.
 */
export type Presence =
  | SignedIn
  | { readonly kind: 'nobody'; readonly sessions: readonly Session[] }
  | { readonly kind: 'fault'; readonly fault: Fault };

const NOBODY: Presence = { kind: 'nobody', sessions: [] };
/** More cookies of one name than this is nobody's browser. */
const MOST_COOKIES = 4;

/** The tokens in cookies of this name; none when there are suspiciously many. */
export function tokens(wire: Wire, cookie: string): SessionToken[] {
  const values = all(wire.headers, 'cookie').flatMap((line) => pickCookies(line, cookie));
  const found = new Set(values.map(parseToken).filter((t) => t !== undefined));
  return found.size > MOST_COOKIES ? [] : [...found];
}

/**
 * Finds who is behind a cookie whose secret fits the purpose asked for. Cookies of one name that resolve to different
 * sessions are cookie tossing and count as nobody.
 */
export async function presence(
  deps: PortalDeps,
  wire: Wire,
  cookie: string,
  fits: (purpose: SecretPurpose) => boolean,
): Promise<Presence> {
  const sessions = new Map<string, Session>();
  for (const token of tokens(wire, cookie)) {
    const found = await attempt('STORE-UNAVAILABLE', () => deps.store.find(deps.secrets.hash(token)));
    if (!found.ok) return { kind: 'fault', fault: found.error };
    if (found.value !== undefined && fits(found.value.purpose))
      sessions.set(found.value.session.id, found.value.session);
  }
  const [session, ...others] = sessions.values();
  if (session === undefined) return NOBODY;
  return others.length > 0 ? { kind: 'nobody', sessions: [session, ...others] } : holder(deps, session);
}

/** The person of a session, when the session lives and the account is still the one that opened it. */
export async function holder(deps: PortalDeps, session: Session): Promise<Presence> {
  const now = deps.clock.now();
  if (!isAlive(session, now)) return { kind: 'nobody', sessions: [session] };
  const user = await attempt('SOURCE-UNAVAILABLE', () => deps.users.lookup(session.user));
  if (!user.ok) return { kind: 'fault', fault: user.error };
  if (user.value === undefined || !belongsTo(session, user.value)) return { kind: 'nobody', sessions: [session] };
  await touch(deps, session, now);
  return { kind: 'somebody', session, user: user.value };
}

/** A visit that cannot be noted down is still a visit. */
async function touch(deps: PortalDeps, session: Session, now: number): Promise<void> {
  if (!isTouchDue(session, now)) return;
  const touched = await attempt('STORE-WRITE', () => deps.store.touch(session.id, now));
  if (!touched.ok) deps.audit.record({ kind: 'touch-failed', error: touched.error.detail });
}

/** The sessions that the cookies name, whatever they open. */
export function named(who: Exclude<Presence, { kind: 'fault' }>): readonly Session[] {
  return who.kind === 'somebody' ? [who.session] : who.sessions;
}

export function subjectOf(who: SignedIn): Subject {
  return { kind: 'user', user: who.user, level: who.session.level, via: 'session' };
}
