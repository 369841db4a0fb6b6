import { hasTokenForm, TOKEN_USER } from '../core/app-token.ts';
import { type HeaderCredential, parseAuthorization } from '../core/credential.ts';
import { fault } from '../core/fault.ts';
import { type MaybePromise, type PasswordFailure, whenReady } from '../core/ports.ts';
import { describeClient, known } from '../core/target.ts';
import { single } from '../core/text/header-list.ts';
import { byToken } from './by-token.ts';
import {
  type HeaderStrategy,
  type IdentifyPorts,
  type Identity,
  NOBODY,
  type Presented,
  type Refusal,
  SOURCE_DOWN,
  STORE_DOWN,
  signedIn,
} from './identity.ts';

/** By `Authorization` or `Proxy-Authorization`, as the strategy says (contract authelia.md §2.7). */
export function byHeader(ports: IdentifyPorts, strategy: HeaderStrategy, p: Presented): MaybePromise<Identity> {
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

/**
 * A Bearer that is not in the form of an app password is another party's: the app's own, an OAuth client's. The legacy
 * strategy of Authelia knows no other scheme than Basic and refuses it.
 */
function byBearer(
  ports: IdentifyPorts,
  strategy: HeaderStrategy,
  { token }: Presentation<'bearer'>,
  p: Presented,
  consumed: boolean,
): MaybePromise<Identity> {
  const enabled = strategy.schemes.includes('bearer');
  if (enabled && hasTokenForm(token)) return byAppPassword(ports, strategy, 'bearer', undefined, token, p, consumed);
  if (strategy.kind === 'HeaderLegacy') return refusedBy(strategy, 'basic');
  if (!enabled) return NOBODY;
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
        return signedIn({ kind: 'user', user: outcome.user, level: 'one_factor', via: 'token' }, consumed, strategy);
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
  return describeClient(p.candidates.target.client);
}

function headerOf(strategy: HeaderStrategy, demandsBasic: boolean): 'authorization' | 'proxy-authorization' {
  if (strategy.kind === 'HeaderAuthorization') return 'authorization';
  return strategy.kind === 'HeaderLegacy' && demandsBasic ? 'authorization' : 'proxy-authorization';
}

function byPassword(
  ports: IdentifyPorts,
  strategy: HeaderStrategy,
  username: string,
  password: string,
  p: Presented,
  consumed: boolean,
): MaybePromise<Identity> {
  const { client } = p.candidates.target;
  const verifier = strategy.basicCacheMs > 0 ? ports.basic : ports.verifier;
  return whenReady(verifier.verify(username, password, known(client) ? client : undefined), (checked) => {
    if (!checked.ok) return notByPassword(ports, strategy, username, checked.error, p);
    return signedIn({ kind: 'user', user: checked.value, level: 'one_factor', via: 'basic' }, consumed, strategy);
  });
}

function notByPassword(
  ports: IdentifyPorts,
  strategy: HeaderStrategy,
  username: string,
  why: PasswordFailure,
  p: Presented,
): Identity {
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
