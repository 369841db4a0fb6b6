import { cookieNames } from '../core/cookie-names.ts';
import { type MaybePromise, orElse, whenReady } from '../core/ports.ts';
import { stillHolds } from '../core/routing.ts';
import {
  belongsTo,
  type FoundSecret,
  isAlive,
  isTouchDue,
  opens,
  parseToken,
  type SecretPurpose,
  type Session,
} from '../core/session.ts';
import type { User } from '../core/subject.ts';
import { pickCookies } from '../core/text/cookie.ts';
import { all, first } from '../core/text/header-list.ts';
import {
  type IdentifyPorts,
  type Identity,
  NOBODY,
  type Presented,
  SOURCE_DOWN,
  STORE_DOWN,
  signedIn,
} from './identity.ts';
import { unwaited } from './unwaited.ts';

/** By the cookies of app and domain; a store or source that is down makes nobody of anybody. */
export function bySession(ports: IdentifyPorts, p: Presented): MaybePromise<Identity> {
  const lines = all(p.headers, 'cookie');
  if (lines.length === 0) return NOBODY;
  return orElse(
    () =>
      whenReady(presentedSession(ports, lines, p), (found) => (found === undefined ? NOBODY : byUser(ports, found, p))),
    () => STORE_DOWN,
  );
}

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

/** One for each path and domain that may have set it; more are an attempt to make a request costly. */
const MAX_COOKIES_OF_ONE_NAME = 4;

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
  if (value === undefined || values.length > MAX_COOKIES_OF_ONE_NAME) return undefined;
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
  if (claimed !== undefined && claimed.toLowerCase() !== user.name.toLowerCase()) {
    return whenReady(ports.store.revoke({ kind: 'id', id: session.id }), () => NOBODY);
  }
  touch(ports, session);
  const chosen = p.candidates.place?.app.app.routing === undefined ? undefined : routing;
  return signedIn({ kind: 'user', user, level: session.level, via: 'session', routing: chosen }, false);
}

function touch(ports: IdentifyPorts, session: Session): void {
  const now = ports.clock.now();
  if (isTouchDue(session, now)) unwaited(ports.audit, () => ports.store.touch(session.id, now));
}
