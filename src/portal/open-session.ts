import { cookieNames } from '../core/cookie-names.ts';
import type { Fault } from '../core/fault.ts';
import type { PasswordFailure } from '../core/ports.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { Secret, Session } from '../core/session.ts';
import type { User } from '../core/subject.ts';
import { describeClient, known } from '../core/target.ts';
import { removedCookie, setCookie } from '../core/text/cookie.ts';
import { first } from '../core/text/header-list.ts';
import { attempt } from './attempt.ts';
import type { PortalDeps, PortalRequest, PortalSite } from './deps.ts';
import { portalPresence } from './portal-presence.ts';
import { named, type SignedIn } from './presence.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly remember: boolean;
}

export interface Opened {
  readonly who: SignedIn;
  /** Set-Cookie values. */
  readonly cookies: readonly string[];
}

export type SignInFailure = PasswordFailure | { readonly kind: 'store'; readonly fault: Fault };

/**
 * Checks the password and opens a session: new id, new secrets, and the session that the browser held before is gone.
 * Nothing is stored for a sign-in that fails; a cookie is given only once the store has the session safely.
 */
export async function signIn(
  deps: PortalDeps,
  r: PortalRequest,
  c: Credentials,
): Promise<Result<Opened, SignInFailure>> {
  if (c.username === '' || c.password === '') return err({ kind: 'refused' });
  const client = describeClient(r.client);
  const fail = (failure: SignInFailure) => {
    deps.audit.record({ kind: 'sign-in-failed', typed: c.username.slice(0, 200), client, why: failure.kind });
    return err(failure);
  };
  const verified = await deps.verifier.verify(c.username, c.password, known(r.client) ? r.client : undefined);
  if (!verified.ok) return fail(verified.error);
  const opened = await openSession(deps, r, verified.value, c.remember);
  if (!opened.ok) return fail({ kind: 'store', fault: opened.error });
  const { user, session } = opened.value.who;
  deps.audit.record({ kind: 'sign-in', user: user.name, client, sessionId: session.id });
  return opened;
}

async function openSession(
  deps: PortalDeps,
  r: PortalRequest,
  user: User,
  remember: boolean,
): Promise<Result<Opened, Fault>> {
  const before = await portalPresence(deps, r);
  if (before.kind === 'fault' && before.fault.id === 'STORE-UNAVAILABLE') return err(before.fault);
  const [replaces, ...others] = before.kind === 'fault' ? [] : named(before);
  const session = newSession(deps, r, user, remember);
  const given = newSecrets(deps, r.site, session);
  const stored = await attempt('STORE-WRITE', () =>
    deps.store.open(session, given.secrets, others.length === 0 ? replaces?.id : undefined),
  );
  return stored.ok ? ok({ who: { kind: 'somebody', session, user }, cookies: given.cookies }) : stored;
}

function newSession(deps: PortalDeps, r: PortalRequest, user: User, remember: boolean): Session {
  const now = deps.clock.now();
  const { idleMs, lifetimeMs, rememberMs } = deps.times();
  const remembered = remember && rememberMs > 0;
  return {
    id: deps.secrets.id(),
    user: user.name,
    level: 'one_factor',
    epoch: user.epoch,
    createdAt: now,
    lastSeenAt: now,
    expiresAt: now + (remembered ? rememberMs : lifetimeMs),
    idleMs: remembered ? undefined : idleMs,
    address: describeClient(r.client),
    userAgent: (first(r.wire.headers, 'user-agent') ?? '').slice(0, 200),
  };
}

/** A secret for the portal and, where it has a cookie domain, another for the gate: never one for both. */
function newSecrets(deps: PortalDeps, site: PortalSite, session: Session) {
  const portal = deps.secrets.token();
  const secrets: Secret[] = [{ key: deps.secrets.hash(portal), purpose: { kind: 'portal', origin: site.origin } }];
  const maxAge = secondsLeft(session, deps.clock.now());
  const { secure } = site;
  const cookies = [setCookie(cookieNames(secure).portal, portal, maxAge, { secure })];
  if (site.domain !== undefined) {
    const gate = newGateSecret(deps, site, site.domain, session);
    secrets.push(gate.secret);
    cookies.push(gate.cookie);
  }
  return { secrets, cookies };
}

/** The shared cookie of a domain, and the secret that the store has to know before it is given out. */
export function newGateSecret(
  deps: PortalDeps,
  site: PortalSite,
  domain: NonNullable<PortalSite['domain']>,
  session: Session,
): { readonly secret: Secret; readonly cookie: string } {
  const token = deps.secrets.token();
  const maxAge = secondsLeft(session, deps.clock.now());
  return {
    secret: { key: deps.secrets.hash(token), purpose: { kind: 'gate', domain: domain.domain } },
    cookie: setCookie(domain.cookie, token, maxAge, { secure: site.secure, domain: domain.domain }),
  };
}

/** Max-Age is the absolute end; the idle end is the server's to enforce. */
export function secondsLeft(session: Session, now: number): number {
  return Math.max(1, Math.floor((session.expiresAt - now) / 1000));
}

/** Set-Cookie values that take the portal's cookies out of the browser again. */
export function clearedCookies(site: PortalSite): string[] {
  const { secure, domain } = site;
  const { portal, loop } = cookieNames(secure);
  const own = [removedCookie(portal, { secure }), removedCookie(loop, { secure })];
  return domain === undefined ? own : [...own, removedCookie(domain.cookie, { secure, domain: domain.domain })];
}
