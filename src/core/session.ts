import type { Routing } from './expression.ts';
import type { Level, User } from './subject.ts';

/**
 * Three secrets point to one session record (architecture §6), and none opens another's door:
 *   portal  `__Host-lintel`        portal pages and changing API calls only
 *   app     `__Host-lintel-app`    one origin only, given by hand-over
 *   gate    `Domain=` cookie       check endpoints for hosts of one cookie domain only
 */
declare const tokenBrand: unique symbol;
declare const keyBrand: unique symbol;
/** The secret itself, as the browser holds it: 256 random bits, base64url. Never stored, never logged. */
export type SessionToken = string & { readonly [tokenBrand]: true };
/** SHA-256 of a token: what a store knows. */
export type SecretKey = string & { readonly [keyBrand]: true };

const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** A cookie value that has the form of a token. Anything else cannot be one and costs no store read. */
export function parseToken(text: string): SessionToken | undefined {
  return text.length === 43 && TOKEN.test(text) ? (text as SessionToken) : undefined;
}

/** For the hashing port only: marks a digest as the key of a secret. */
export function secretKey(digest: string): SecretKey {
  return digest as SecretKey;
}

export type SecretPurpose =
  | { readonly kind: 'portal'; readonly origin: string }
  | { readonly kind: 'app'; readonly origin: string }
  | { readonly kind: 'gate'; readonly domain: string };

export interface Secret {
  readonly key: SecretKey;
  readonly purpose: SecretPurpose;
  /** What the sign-in to the app decided about its requests. */
  readonly routing?: Routing | undefined;
}

/** All times in milliseconds since the epoch. */
export interface Session {
  /** Public handle for lists and revocation; useless as a credential. */
  readonly id: string;
  readonly user: string;
  readonly level: Level;
  readonly epoch: string;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  /** Absolute end. */
  readonly expiresAt: number;
  /** Idle time in milliseconds after which the session is dead; undefined: remembered, no idle limit. */
  readonly idleMs: number | undefined;
  /** Where it was opened from, for the person's own list. */
  readonly address: string;
  readonly userAgent: string;
}

export interface FoundSecret {
  readonly purpose: SecretPurpose;
  /** As it was attached; undefined: nothing was decided, the app's own settings hold. */
  readonly routing: Routing | undefined;
  readonly session: Session;
}

/** True while neither the absolute nor the idle end has come. At the boundary it is over. */
export function isAlive(s: Session, now: number): boolean {
  return now < s.expiresAt && (s.idleMs === undefined || now < s.lastSeenAt + s.idleMs);
}

/** A session made before the account's credentials changed is dead at once, on every app. */
export function belongsTo(s: Session, user: User): boolean {
  return s.user === user.name && s.epoch === user.epoch;
}

/** Touches are throttled: at most one a minute, or a tenth of the idle time when that is shorter. */
export function isTouchDue(s: Session, now: number): boolean {
  return s.idleMs !== undefined && now - s.lastSeenAt >= Math.min(60_000, s.idleMs / 10);
}

/**
 * Is a secret of this purpose the one that a door asks for? The name of a cookie says only which door its sender wants:
 * hosts below a domain see each other's shared cookie, and may show it under any name.
 */
export function opens(purpose: SecretPurpose, door: SecretPurpose): boolean {
  switch (purpose.kind) {
    case 'portal':
    case 'app':
      return door.kind === purpose.kind && door.origin === purpose.origin;
    case 'gate':
      return door.kind === 'gate' && door.domain === purpose.domain;
    default:
      return purpose satisfies never;
  }
}

/** A hand-over code: single use, 30 s, for one origin and one browser. */
export interface HandOver {
  readonly origin: string;
  /** SHA-256 of the nonce in the browser's state cookie. */
  readonly nonceHash: string;
  readonly sessionId: string;
  readonly expiresAt: number;
}
