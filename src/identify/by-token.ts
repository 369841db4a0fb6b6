import { type AppToken, isCurrent, isUseDue, opensApp, TOKEN_USER } from '../core/app-token.ts';
import {
  type AuditEvent,
  type AuditSink,
  type Clock,
  type MaybePromise,
  orElse,
  type Secrets,
  type TokenStore,
  type UserSource,
  whenReady,
} from '../core/ports.ts';
import type { User } from '../core/subject.ts';
import { unwaited } from './unwaited.ts';

export interface TokenPorts {
  readonly store: Pick<TokenStore, 'findToken' | 'touchToken'>;
  readonly users: Pick<UserSource, 'lookup' | 'resolve'>;
  readonly secrets: Pick<Secrets, 'hash'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly audit: AuditSink;
}

/** An app password as it was presented: text that has the form of one (core/app-token.ts). */
export interface PresentedToken {
  readonly secret: string;
  /** The user name beside it in Basic; undefined in Bearer. */
  readonly typed: string | undefined;
  /** Name of the app that is asked for; undefined: a place of no app. */
  readonly app: string | undefined;
  /** Address of the client, for the audit. */
  readonly client: string;
}

export type TokenOutcome =
  | { readonly kind: 'user'; readonly user: User }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unavailable'; readonly what: 'store' | 'source' };

const REFUSED: TokenOutcome = { kind: 'refused' };
const STORE_DOWN: TokenOutcome = { kind: 'unavailable', what: 'store' };
const SOURCE_DOWN: TokenOutcome = { kind: 'unavailable', what: 'source' };

/**
 * Whose app password it is. Looked up by its hash, so the work is the same for every wrong one; with 256 bits there is
 * nothing to guess and nothing to throttle. It opens only the apps it was made for, before its end, while its account is
 * there and enabled, and beside no other user name than its owner's or the reserved one.
 */
export function byToken(ports: TokenPorts, p: PresentedToken): MaybePromise<TokenOutcome> {
  return orElse(
    () => whenReady(ports.store.findToken(ports.secrets.hash(p.secret)), (token) => judged(ports, token, p)),
    () => STORE_DOWN,
  );
}

function judged(ports: TokenPorts, token: AppToken | undefined, p: PresentedToken): MaybePromise<TokenOutcome> {
  if (token === undefined) return refuse(ports, p, 'token-unknown');
  if (!isCurrent(token, ports.clock.now())) return refuse(ports, p, 'token-expired', token);
  if (!opensApp(token, p.app)) return refuse(ports, p, 'token-other-app', token);
  return orElse(
    () => whenReady(ports.users.lookup(token.user), (user) => ofOwner(ports, token, user, p)),
    () => SOURCE_DOWN,
  );
}

function ofOwner(
  ports: TokenPorts,
  token: AppToken,
  user: User | undefined,
  p: PresentedToken,
): MaybePromise<TokenOutcome> {
  if (user === undefined) return refuse(ports, p, 'token-no-account', token);
  if (p.typed === undefined || p.typed === TOKEN_USER) return accept(ports, token, user, p);
  return whenReady(ports.users.resolve(p.typed), (meant) =>
    meant?.user.name === user.name ? accept(ports, token, user, p) : refuse(ports, p, 'token-other-user', token),
  );
}

function accept(ports: TokenPorts, token: AppToken, user: User, p: PresentedToken): TokenOutcome {
  const now = ports.clock.now();
  if (!isUseDue(token, now)) return { kind: 'user', user };
  if (token.lastUsedAt === undefined) {
    const { id, label } = token;
    ports.audit.record({ kind: 'token', what: 'first-use', user: user.name, token: id, label, client: p.client });
  }
  unwaited(ports.audit, () => ports.store.touchToken(token.id, now));
  return { kind: 'user', user };
}

type Why = Extract<AuditEvent, { kind: 'sign-in-failed' }>['why'];

function refuse(ports: TokenPorts, p: PresentedToken, why: Why, token?: AppToken): TokenOutcome {
  ports.audit.record({ kind: 'sign-in-failed', typed: p.typed ?? '', client: p.client, why, token: token?.id });
  return REFUSED;
}
