import { cookieNames } from './core/cookie-names.ts';
import { parseAuthorization } from './core/credential.ts';
import type { Strategy } from './core/endpoint.ts';
import { type Fault, fault } from './core/fault.ts';
import type { Candidates } from './core/policy/decide.ts';
import type {
  AuditSink,
  BasicVerifier,
  Clock,
  PasswordVerifier,
  Secrets,
  SessionStore,
  UserSource,
} from './core/ports.ts';
import { belongsTo, type FoundSecret, isAlive, isTouchDue, opens, parseToken, type Session } from './core/session.ts';
import { ANONYMOUS, type Subject } from './core/subject.ts';
import { known } from './core/target.ts';
import { pickCookies } from './core/text/cookie.ts';
import { all, first, type HeaderList, single } from './core/text/header-list.ts';

export interface IdentifyPorts {
  readonly store: SessionStore;
  readonly users: UserSource;
  readonly verifier: PasswordVerifier;
  /** The same verifier behind a short-lived cache. */
  readonly basic: BasicVerifier;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly audit: AuditSink;
}

/** Who it turned out to be, and what became of the credentials that were presented. */
export interface Identity {
  readonly subject: Subject;
  /** The header strategy whose credentials were not accepted; it answers with its own challenge unless somebody else gets in. */
  readonly refused: HeaderStrategy | undefined;
  /** Throttled or too busy to look: neither yes nor no. */
  readonly fault: Fault | undefined;
  /** The `Authorization` value was Lintel's own and must not reach the app. */
  readonly consumed: boolean;
}

export type HeaderStrategy = Exclude<Strategy, { kind: 'CookieSession' }>;

/** What the gate knows before anybody is identified. */
export interface Presented {
  readonly headers: HeaderList;
  readonly candidates: Candidates;
  /** Legacy endpoint with `auth=basic`: read `Authorization`, and its absence is a refusal. */
  readonly demandsBasic: boolean;
}

function signedIn(subject: Subject, consumed: boolean): Identity {
  return { subject, refused: undefined, fault: undefined, consumed };
}

const NOBODY: Identity = { subject: ANONYMOUS, refused: undefined, fault: undefined, consumed: false };

/**
 * Credential → subject, by the endpoint's strategies in order; the first that yields somebody ends the search. Unlike
 * Authelia, refused header credentials do not end it: a valid session beside them still counts (contract, first
 * table). The only IO of the hot path: one store read by key, one user look-up.
 */
export async function identify(ports: IdentifyPorts, strategies: readonly Strategy[], p: Presented): Promise<Identity> {
  let result = NOBODY;
  for (const strategy of strategies) {
    const next = strategy.kind === 'CookieSession' ? await bySession(ports, p) : await byHeader(ports, strategy, p);
    if (next.subject.kind === 'user') return next;
    result = {
      subject: next.subject.kind === 'unavailable' ? next.subject : result.subject,
      refused: result.refused ?? next.refused,
      fault: result.fault ?? next.fault,
      consumed: false,
    };
  }
  return result;
}

async function byHeader(ports: IdentifyPorts, strategy: HeaderStrategy, p: Presented): Promise<Identity> {
  const name = headerOf(strategy, p.demandsBasic);
  const value = single(p.headers, name);
  const refused: Identity = { ...NOBODY, refused: strategy };
  if (value.kind === 'repeated') return refused;
  const credential = parseAuthorization(value.kind === 'one' ? value.value : '');
  switch (credential.kind) {
    case 'absent':
      return p.demandsBasic && strategy.kind === 'HeaderLegacy' ? refused : NOBODY;
    case 'bearer':
      return NOBODY; // a known scheme; tokens of this kind are not issued here, so it is another party's
    case 'malformed':
      return refused;
    case 'basic':
      if (!strategy.schemes.includes('basic')) return NOBODY;
      return byPassword(ports, strategy, credential.username, credential.password, p, name === 'authorization');
    default:
      return credential satisfies never;
  }
}

function headerOf(strategy: HeaderStrategy, demandsBasic: boolean): 'authorization' | 'proxy-authorization' {
  if (strategy.kind === 'HeaderAuthorization') return 'authorization';
  return strategy.kind === 'HeaderLegacy' && demandsBasic ? 'authorization' : 'proxy-authorization';
}

async function byPassword(
  ports: IdentifyPorts,
  strategy: HeaderStrategy,
  username: string,
  password: string,
  p: Presented,
  consumed: boolean,
): Promise<Identity> {
  const { client } = p.candidates.target;
  const verifier = strategy.basicCacheMs > 0 ? ports.basic : ports.verifier;
  const checked = await verifier.verify(username, password, known(client) ? client : undefined);
  if (checked.ok) {
    return signedIn({ kind: 'user', user: checked.value, level: 'one_factor', via: 'basic' }, consumed);
  }
  const why = checked.error;
  switch (why.kind) {
    case 'refused':
      return { ...NOBODY, refused: strategy };
    case 'throttled':
      return {
        ...NOBODY,
        refused: strategy,
        fault: fault('THROTTLED', `Basic sign-in, retry in ${why.retryAfterSeconds} s`),
      };
    case 'busy':
      return { ...NOBODY, refused: strategy, fault: fault('VERIFIER-BUSY', 'Basic sign-in') };
    case 'unavailable':
      return { ...NOBODY, subject: { kind: 'unavailable', what: 'source' } };
    default:
      return why satisfies never;
  }
}

async function bySession(ports: IdentifyPorts, p: Presented): Promise<Identity> {
  const lines = all(p.headers, 'cookie');
  if (lines.length === 0) return NOBODY;
  const { origin, domain, target } = p.candidates;
  const names = [cookieNames(origin.startsWith('https:') || origin.startsWith('wss:')).app];
  if (domain !== undefined) names.push(domain.cookie);
  try {
    for (const name of names) {
      const session = await sessionOf(ports, lines, name, origin, target.host);
      if (session !== undefined) return await byUser(ports, session, p);
    }
    return NOBODY;
  } catch {
    return { ...NOBODY, subject: { kind: 'unavailable', what: 'store' } };
  }
}

/**
 * The living session that every cookie of this name points to. Two cookies that resolve differently are cookie
 * tossing (a sibling host set one of them), and nobody can tell which is the victim's: nobody is signed in.
 */
async function sessionOf(
  ports: IdentifyPorts,
  lines: readonly string[],
  name: string,
  origin: string,
  host: string,
): Promise<Session | undefined> {
  const values = lines.length === 1 ? pickCookies(lines[0] ?? '', name) : lines.flatMap((l) => pickCookies(l, name));
  if (values.length === 0 || values.length > 4) return undefined;
  const now = ports.clock.now();
  let common: Session | undefined;
  for (const value of values) {
    const token = parseToken(value);
    if (token === undefined) return undefined;
    const pending = ports.store.find(ports.secrets.hash(token));
    const found = pending instanceof Promise ? await pending : pending;
    if (!isGood(found, origin, host, now)) return undefined;
    if (common !== undefined && common.id !== found.session.id) return undefined;
    common = found.session;
  }
  return common;
}

function isGood(found: FoundSecret | undefined, origin: string, host: string, now: number): found is FoundSecret {
  return found !== undefined && isAlive(found.session, now) && opens(found.purpose, origin, host);
}

async function byUser(ports: IdentifyPorts, session: Session, p: Presented): Promise<Identity> {
  let user: Awaited<ReturnType<UserSource['lookup']>>;
  try {
    const pending = ports.users.lookup(session.user);
    user = pending instanceof Promise ? await pending : pending;
  } catch {
    return { ...NOBODY, subject: { kind: 'unavailable', what: 'source' } };
  }
  if (user === undefined || !belongsTo(session, user)) return NOBODY;
  const claimed = first(p.headers, 'session-username');
  if (claimed !== undefined && claimed !== '' && claimed.toLowerCase() !== user.name.toLowerCase()) {
    await ports.store.revoke({ kind: 'id', id: session.id });
    return NOBODY;
  }
  touch(ports, session);
  return signedIn({ kind: 'user', user, level: session.level, via: 'session' }, false);
}

/** Throttled and never waited for: a full disk must not turn into a refused request. */
function touch(ports: IdentifyPorts, session: Session): void {
  const now = ports.clock.now();
  if (!isTouchDue(session, now)) return;
  const failed = (error: unknown) => ports.audit.record({ kind: 'touch-failed', error: String(error) });
  try {
    Promise.resolve(ports.store.touch(session.id, now)).catch(failed);
  } catch (error) {
    failed(error);
  }
}
