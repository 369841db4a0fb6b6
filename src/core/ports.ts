import type { AppToken } from './app-token.ts';
import type { Decision } from './decision.ts';
import type { Fault } from './fault.ts';
import type { Peer } from './peer.ts';
import type { Result } from './result.ts';
import type { FoundSecret, HandOver, Secret, SecretKey, Session, SessionToken } from './session.ts';
import type { Subject, User } from './subject.ts';
import type { Target } from './target.ts';
import type { Ip } from './text/ip.ts';

/**
 * Hot-path stores and sources answer at once where they can (memory, SQLite), and later where they must. A request
 * whose answers are all at hand is served without a single promise; `whenReady` is where the two ways meet.
 */
export type MaybePromise<T> = T | Promise<T>;

/** Goes on with a value that is there or will be. Throws and rejections pass through. */
export function whenReady<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Runs something that may throw now or reject later; either way `failed` gives the value to go on with. */
export function orElse<T>(run: () => MaybePromise<T>, failed: (error: unknown) => T): MaybePromise<T> {
  try {
    const value = run();
    return value instanceof Promise ? value.catch(failed) : value;
  } catch (error) {
    return failed(error);
  }
}

/**
 * Sessions and one-time things. Every method may throw: the caller turns that into `unavailable` or STORE-WRITE.
 * Garbled rows are absent rows. Liveness (idle, lifetime) is judged by the caller with `isAlive`; rows that can no
 * longer come alive are swept. Contract suite: stores/store.contract.ts.
 */
export interface SessionStore extends TokenStore {
  readonly kind: string;
  /** The session behind a secret. Must see a revocation that any process acknowledged before this call began. */
  find(key: SecretKey): MaybePromise<FoundSecret | undefined>;
  /** Stores session and secrets at once, durably before it returns, and removes the session `replaces` with them. */
  open(session: Session, secrets: readonly Secret[], replaces?: string): MaybePromise<void>;
  /** Adds a secret to a living session; false when the session is gone. At most 200 secrets: the oldest goes. */
  attach(sessionId: string, secret: Secret): MaybePromise<boolean>;
  /** Moves `lastSeenAt` forward, never back. */
  touch(sessionId: string, now: number): MaybePromise<void>;
  /** Stores a hand-over code by its hash. */
  putHandOver(codeHash: string, handOver: HandOver): MaybePromise<void>;
  /** Takes it, atomically: of any number of takers one gets it. Expiry is judged by the caller. */
  takeHandOver(codeHash: string): MaybePromise<HandOver | undefined>;
  list(filter: SessionFilter): MaybePromise<readonly SessionSummary[]>;
  /** Removes matching sessions with all their secrets; for `origin` and `domain` those secrets alone. Returns how many. */
  revoke(filter: SessionFilter): MaybePromise<number>;
  /** Removes sessions that are over at `now`, hand-over codes and tokens past their end; at most `limit` a call. */
  sweep(now: number, limit: number): MaybePromise<number>;
  /**
   * A key of this installation, made on first use with `make` (16 bytes at least) and the same for every process on
   * this store. At rest it is encrypted; one that cannot be decrypted throws and is never replaced.
   */
  installationKey(name: string, make: () => Uint8Array): MaybePromise<Uint8Array>;
  /** Why none of the keys that are there can be opened, in words for the operator; undefined: they can, or there are none. */
  checkInstallationKeys(): MaybePromise<string | undefined>;
  /** Removes the keys whose names are at or after `from` and before `before`, by code units. Returns how many. */
  forgetInstallationKeys(from: string, before: string): MaybePromise<number>;
  /**
   * A number that differs from the one of any call before when anything was committed in between, by any process; when
   * in doubt it differs. Cheap enough for several calls a second.
   */
  changes(): number;
  /** Throws when the store cannot be read. */
  ping(): MaybePromise<void>;
  close(): MaybePromise<void>;
}

export type SessionFilter =
  | { readonly kind: 'all' }
  | { readonly kind: 'user'; readonly user: string }
  | { readonly kind: 'id'; readonly id: string }
  /** Secrets of kind app bound to this origin. */
  | { readonly kind: 'origin'; readonly origin: string }
  /** Secrets of kind gate for this cookie domain. */
  | { readonly kind: 'domain'; readonly domain: string };

export interface SessionSummary {
  readonly session: Session;
  /** Origins and domains that hold a secret of this session. */
  readonly openFor: readonly string[];
}

/** App passwords, in the same store as the sessions and with the same promises. */
export interface TokenStore {
  /** The token behind a secret, its end not judged. Must see a revocation that any process acknowledged before this call began. */
  findToken(key: SecretKey): MaybePromise<AppToken | undefined>;
  /** Stores it, durably before it returns; false, and nothing is stored, when its user holds MAX_TOKENS already. */
  addToken(token: AppToken, key: SecretKey): MaybePromise<boolean>;
  /** Moves `lastUsedAt` forward, never back. */
  touchToken(id: string, now: number): MaybePromise<void>;
  /** The newest first. */
  listTokens(filter: TokenFilter): MaybePromise<readonly AppToken[]>;
  /** Returns how many it removed. */
  revokeTokens(filter: TokenFilter): MaybePromise<number>;
}

export type TokenFilter =
  | { readonly kind: 'all' }
  | { readonly kind: 'user'; readonly user: string }
  | { readonly kind: 'id'; readonly id: string };

/** Where identities come from. `lookup` is on the hot path. Contract suite: sources/source.contract.ts. */
export interface UserSource {
  /** The account with this canonical name; undefined: unknown or disabled. Throws when the source is down. */
  lookup(name: string): MaybePromise<User | undefined>;
  /** The account that a person means by what they typed (name, e-mail, letter case as configured), with its hash. */
  resolve(typed: string): MaybePromise<{ readonly user: User; readonly passwordHash: string } | undefined>;
  /**
   * Called after the data changed. `ended`: names of the accounts that are gone, disabled or of other credentials since, whose
   * sessions are to end for good.
   */
  onChange(listener: (ended: readonly string[]) => void): void;
  /**
   * Every header name that `additionalHeaders` of any account or group may set, each fold once in its first spelling,
   * sorted. Disabled accounts and groups without members count too. The same array until the data change.
   */
  headerNames(): readonly string[];
  /** For `users list` and the launcher of operators. */
  count(): number;
  close(): void;
}

/** Of a source that knows no attributes. */
export const NO_HEADER_NAMES: readonly string[] = [];

export type PasswordFailure =
  /** Wrong password, unknown name or disabled account: on purpose one answer. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number }
  | { readonly kind: 'busy'; readonly retryAfterSeconds: number }
  | { readonly kind: 'unavailable' };

/** The one verifier behind portal, API and Basic: same throttle table, same constant work for unknown names. */
export interface PasswordVerifier {
  verify(typed: string, password: string, client: Ip | undefined): Promise<Result<User, PasswordFailure>>;
}

/** The cached form of it for Basic on the gate: keyed hash, bounded, short-lived, dropped when the user changes. */
export interface BasicVerifier {
  verify(typed: string, password: string, client: Ip | undefined): MaybePromise<Result<User, PasswordFailure>>;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds of a clock that never goes back, for durations. */
  monotonic(): number;
}

/** Hashing and randomness, from `ops/`. */
export interface Secrets {
  /** 256 random bits, base64url without padding. */
  token(): SessionToken;
  /** Short random id for things people may see. */
  id(): string;
  /** SHA-256, base64url. */
  hash(token: string): SecretKey;
}

/** What happened, for log and metrics; derived in one place from decisions. Holds no secret. */
export interface AuditSink {
  record(event: AuditEvent): void;
}

/** Why an app password was refused; to whoever presented it all are one answer. */
export type TokenFailure =
  | 'token-unknown'
  | 'token-expired'
  | 'token-other-app'
  | 'token-other-user'
  | 'token-no-account'
  /** An account password, or a foreign Bearer, where only app passwords count. */
  | 'not-a-token';

export type AuditEvent =
  | {
      readonly kind: 'decision';
      readonly decision: Decision;
      readonly target: Target | undefined;
      readonly subject: Subject;
      readonly dialect: string;
      readonly peer: Peer;
      readonly durationMs: number;
    }
  | { readonly kind: 'sign-in'; readonly user: string; readonly client: string; readonly sessionId: string }
  | {
      readonly kind: 'sign-in-failed';
      readonly typed: string;
      readonly client: string;
      readonly why: PasswordFailure['kind'] | TokenFailure | 'store';
      /** Public id of the app password that was refused. */
      readonly token?: string | undefined;
    }
  /** An app password came, went, or was used for the first time. */
  | {
      readonly kind: 'token';
      readonly what: 'added' | 'revoked' | 'first-use';
      readonly user: string;
      readonly token: string;
      readonly label: string;
      readonly client: string;
    }
  | { readonly kind: 'sign-out'; readonly user: string; readonly client: string; readonly sessions: number }
  | { readonly kind: 'fault'; readonly fault: Fault; readonly where: string; readonly peer: string }
  | { readonly kind: 'touch-failed'; readonly error: string };

/** A URL as a browser parses it (WHATWG URL Standard); undefined when a browser would not navigate there. */
export type ParseUrl = (text: string, base?: string) => BrowserUrl | undefined;
export interface BrowserUrl {
  /** With the colon. */
  readonly protocol: string;
  readonly hostname: string;
  /** Empty for the default port of the scheme. */
  readonly port: string;
  readonly username: string;
  readonly password: string;
  readonly pathname: string;
  /** With "?" or empty. */
  readonly search: string;
  readonly hash: string;
  readonly href: string;
}
