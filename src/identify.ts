import { hasTokenForm, TOKEN_USER } from './core/app-token.ts';
import { cookieNames } from './core/cookie-names.ts';
import { carriesToken, type HeaderCredential, parseAuthorization } from './core/credential.ts';
import type { Strategy } from './core/endpoint.ts';
import { type Fault, fault } from './core/fault.ts';
import type { Candidates } from './core/policy/decide.ts';
import {
  type AuditSink,
  type BasicVerifier,
  type Clock,
  type MaybePromise,
  orElse,
  type PasswordVerifier,
  type Secrets,
  type SessionStore,
  type UserSource,
  whenReady,
} from './core/ports.ts';
import { stillHolds } from './core/routing.ts';
import {
  belongsTo,
  type FoundSecret,
  isAlive,
  isTouchDue,
  opens,
  parseToken,
  type SecretPurpose,
  type Session,
} from './core/session.ts';
import { ANONYMOUS, type Subject, type User } from './core/subject.ts';
import { known } from './core/target.ts';
import { pickCookies } from './core/text/cookie.ts';
import { all, first, type HeaderList, single } from './core/text/header-list.ts';
import { formatIp } from './core/text/ip.ts';
import { byToken } from './identify-token.ts';

export interface IdentifyPorts {
  readonly store: Pick<SessionStore, 'find' | 'touch' | 'revoke' | 'findToken' | 'touchToken'>;
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
  readonly refused: Refusal | undefined;
  /** Throttled or too busy to look: neither yes nor no. */
  readonly fault: Fault | undefined;
  /** The `Authorization` value was Lintel's own and must not reach the app. */
  readonly consumed: boolean;
}

/** Which strategy refused, and in which scheme the client spoke. */
export interface Refusal {
  readonly strategy: HeaderStrategy;
  readonly scheme: 'basic' | 'bearer';
}

export type HeaderStrategy = Exclude<Strategy, { kind: 'CookieSession' }>;

/** What the gate knows before anybody is identified. */
export interface Presented {
  readonly headers: HeaderList;
  readonly candidates: Candidates;
  /** Legacy endpoint with `auth=basic`: read `Authorization`, and its absence is a refusal. */
  readonly demandsBasic: boolean;
  /** Every Bearer for this app is Lintel's to judge; one that is no app password is refused, not skipped. */
  readonly interceptsBearer: boolean;
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
export function identify(ports: IdentifyPorts, strategies: readonly Strategy[], p: Presented): MaybePromise<Identity> {
  return whenReady(tryFrom(ports, strategies, p, 0, NOBODY), (who) => withheld(who, p));
}

/** None of Lintel's secrets ever reaches an app: an app password that was refused, or not even looked at, stays here too. */
function withheld(who: Identity, p: Presented): Identity {
  if (who.consumed || first(p.headers, 'authorization') === undefined) return who;
  return all(p.headers, 'authorization').some(carriesToken) ? { ...who, consumed: true } : who;
}

function tryFrom(
  ports: IdentifyPorts,
  strategies: readonly Strategy[],
  p: Presented,
  index: number,
  sofar: Identity,
): MaybePromise<Identity> {
  const strategy = strategies[index];
  if (strategy === undefined) return sofar;
  const tried = strategy.kind === 'CookieSession' ? bySession(ports, p) : byHeader(ports, strategy, p);
  return whenReady(tried, (next) =>
    next.subject.kind === 'user' ? next : tryFrom(ports, strategies, p, index + 1, both(sofar, next)),
  );
}

/** Nobody yet: what the strategies so far have to say taken together; the earlier one speaks first. */
function both(a: Identity, b: Identity): Identity {
  if (b === NOBODY) return a;
  return {
    subject: b.subject.kind === 'unavailable' ? b.subject : a.subject,
    refused: a.refused ?? b.refused,
    fault: a.fault ?? b.fault,
    consumed: false,
  };
}

function byHeader(ports: IdentifyPorts, strategy: HeaderStrategy, p: Presented): MaybePromise<Identity> {
  const name = headerOf(strategy, p.demandsBasic);
  const value = single(p.headers, name);
  if (value.kind === 'repeated') return refusedBy(strategy, 'basic');
  const credential = parseAuthorization(value.kind === 'one' ? value.value : '');
  switch (credential.kind) {
    case 'absent':
      return p.demandsBasic && strategy.kind === 'HeaderLegacy' ? refusedBy(strategy, 'basic') : NOBODY;
    case 'malformed':
      return refusedBy(strategy, 'basic');
    case 'bearer':
      return byBearer(ports, strategy, credential, p, name === 'authorization');
    case 'basic':
      return byBasic(ports, strategy, credential, p, name === 'authorization');
    default:
      return credential satisfies never;
  }
}

function refusedBy(strategy: HeaderStrategy, scheme: Refusal['scheme']): Identity {
  return { ...NOBODY, refused: { strategy, scheme } };
}

type Presentation<K> = Extract<HeaderCredential, { kind: K }>;

/** A Bearer that is not in the form of an app password is another party's: the app's own, an OAuth client's. */
function byBearer(
  ports: IdentifyPorts,
  strategy: HeaderStrategy,
  { token }: Presentation<'bearer'>,
  p: Presented,
  consumed: boolean,
): MaybePromise<Identity> {
  if (!strategy.schemes.includes('bearer')) return NOBODY;
  if (hasTokenForm(token)) return byAppPassword(ports, strategy, 'bearer', undefined, token, p, consumed);
  return p.interceptsBearer ? notAToken(ports, strategy, 'bearer', '', p) : NOBODY;
}

/** What has the form of an app password is one: it never falls through to the password check and its throttle. */
function byBasic(
  ports: IdentifyPorts,
  strategy: HeaderStrategy,
  { username, password }: Presentation<'basic'>,
  p: Presented,
  consumed: boolean,
): MaybePromise<Identity> {
  const takesPasswords = strategy.schemes.includes('basic');
  if (!takesPasswords && !strategy.schemes.includes('app-password')) return NOBODY;
  if (hasTokenForm(password)) return byAppPassword(ports, strategy, 'basic', username, password, p, consumed);
  if (!takesPasswords || username === TOKEN_USER) return notAToken(ports, strategy, 'basic', username, p);
  return byPassword(ports, strategy, username, password, p, consumed);
}

function byAppPassword(
  ports: IdentifyPorts,
  strategy: HeaderStrategy,
  scheme: Refusal['scheme'],
  typed: string | undefined,
  secret: string,
  p: Presented,
  consumed: boolean,
): MaybePromise<Identity> {
  const app = p.candidates.place?.app.app.name;
  return whenReady(byToken(ports, { secret, typed, app, client: clientOf(p) }), (outcome) => {
    switch (outcome.kind) {
      case 'user':
        return signedIn({ kind: 'user', user: outcome.user, level: 'one_factor', via: 'token' }, consumed);
      case 'refused':
        return refusedBy(strategy, scheme);
      case 'unavailable':
        return outcome.what === 'store' ? STORE_DOWN : SOURCE_DOWN;
      default:
        return outcome satisfies never;
    }
  });
}

function notAToken(
  ports: IdentifyPorts,
  strategy: HeaderStrategy,
  scheme: Refusal['scheme'],
  typed: string,
  p: Presented,
): Identity {
  ports.audit.record({ kind: 'sign-in-failed', typed, client: clientOf(p), why: 'not-a-token' });
  return refusedBy(strategy, scheme);
}

function clientOf(p: Presented): string {
  const { client } = p.candidates.target;
  return known(client) ? formatIp(client) : 'unknown';
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
  ports.audit.record({ kind: 'sign-in-failed', typed: username, client: clientOf(p), why: why.kind });
  switch (why.kind) {
    case 'refused':
    case 'throttled': // looks like a wrong password: whoever guesses learns nothing about the account (contract §4.4)
      return refusedBy(strategy, 'basic');
    case 'busy':
      return { ...refusedBy(strategy, 'basic'), fault: fault('VERIFIER-BUSY', 'Basic sign-in') };
    case 'unavailable':
      return { ...NOBODY, subject: { kind: 'unavailable', what: 'source' } };
    default:
      return why satisfies never;
  }
}

function bySession(ports: IdentifyPorts, p: Presented): MaybePromise<Identity> {
  const lines = all(p.headers, 'cookie');
  if (lines.length === 0) return NOBODY;
  return orElse(
    () =>
      whenReady(presentedSession(ports, lines, p), (found) => (found === undefined ? NOBODY : byUser(ports, found, p))),
    () => STORE_DOWN,
  );
}

const STORE_DOWN: Identity = { ...NOBODY, subject: { kind: 'unavailable', what: 'store' } };
const SOURCE_DOWN: Identity = { ...NOBODY, subject: { kind: 'unavailable', what: 'source' } };

/** By the app's own cookie, else by the shared one of its domain. */
function presentedSession(
  ports: IdentifyPorts,
  lines: readonly string[],
  p: Presented,
): MaybePromise<FoundSecret | undefined> {
  const { origin, domain } = p.candidates;
  const name = cookieNames(origin.startsWith('https:') || origin.startsWith('wss:')).app;
  const own = sessionOf(ports, lines, { name, opens: { kind: 'app', origin } }, p);
  if (domain === undefined) return own;
  const shared: Door = { name: domain.cookie, opens: { kind: 'gate', domain: domain.domain } };
  return whenReady(own, (found) => found ?? sessionOf(ports, lines, shared, p));
}

/** A cookie, and what its secret has to be for: no secret counts under the name of another. */
interface Door {
  readonly name: string;
  readonly opens: SecretPurpose;
}

/**
 * The living session that every cookie of this name points to. Two cookies that resolve differently are cookie
 * tossing (a sibling host set one of them), and nobody can tell which is the victim's: nobody is signed in.
 */
function sessionOf(
  ports: IdentifyPorts,
  lines: readonly string[],
  door: Door,
  p: Presented,
): MaybePromise<FoundSecret | undefined> {
  const { name } = door;
  const values = lines.length === 1 ? pickCookies(lines[0] ?? '', name) : lines.flatMap((l) => pickCookies(l, name));
  const value = values[0];
  if (value === undefined || values.length > 4) return undefined;
  const found = sessionOfToken(ports, value, door, p);
  return values.length === 1 ? found : commonSession(ports, found, values.slice(1), door, p);
}

async function commonSession(
  ports: IdentifyPorts,
  one: MaybePromise<FoundSecret | undefined>,
  others: readonly string[],
  door: Door,
  p: Presented,
): Promise<FoundSecret | undefined> {
  const found = await one;
  for (const value of others) {
    const other = await sessionOfToken(ports, value, door, p);
    if (other?.session.id !== found?.session.id) return undefined;
  }
  return found;
}

function sessionOfToken(
  ports: IdentifyPorts,
  value: string,
  door: Door,
  p: Presented,
): MaybePromise<FoundSecret | undefined> {
  const token = parseToken(value);
  if (token === undefined) return undefined;
  return whenReady(ports.store.find(ports.secrets.hash(token)), (found) => {
    const { place } = p.candidates;
    const good = found !== undefined && isAlive(found.session, ports.clock.now()) && opens(found.purpose, door.opens);
    return good && stillHolds(place?.app.app, found.routing) ? found : undefined;
  });
}

function byUser(ports: IdentifyPorts, found: FoundSecret, p: Presented): MaybePromise<Identity> {
  return orElse(
    () => whenReady(ports.users.lookup(found.session.user), (user) => ofUser(ports, found, user, p)),
    () => SOURCE_DOWN,
  );
}

function ofUser(
  ports: IdentifyPorts,
  { session, routing }: FoundSecret,
  user: User | undefined,
  p: Presented,
): MaybePromise<Identity> {
  if (user === undefined || !belongsTo(session, user)) return NOBODY;
  const claimed = first(p.headers, 'session-username');
  if (claimed !== undefined && claimed !== '' && claimed.toLowerCase() !== user.name.toLowerCase()) {
    return whenReady(ports.store.revoke({ kind: 'id', id: session.id }), () => NOBODY);
  }
  touch(ports, session);
  const chosen = p.candidates.place?.app.app.routing === undefined ? undefined : routing;
  return signedIn({ kind: 'user', user, level: session.level, via: 'session', routing: chosen }, false);
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
