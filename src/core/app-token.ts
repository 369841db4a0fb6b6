import type { SessionToken } from './session.ts';

/**
 * An app password: what a client without a browser signs in with (contract authentik.md §8). "Token" in code and
 * commands, "app password" to people. All times in milliseconds since the epoch.
 */
export interface AppToken {
  /** Public handle for lists and revocation; useless as a credential. */
  readonly id: string;
  /** Canonical account id. */
  readonly user: string;
  /** What its owner calls it. */
  readonly label: string;
  /** Names of the apps it opens; 'all' is said, never meant by leaving something out. */
  readonly apps: readonly string[] | 'all';
  readonly createdAt: number;
  /** undefined: until it is revoked. */
  readonly expiresAt: number | undefined;
  /** Written at most once a minute; undefined: never used. */
  readonly lastUsedAt: number | undefined;
  readonly createdBy: 'operator' | 'self';
}

/** App passwords that one account may hold; expired ones do not count. */
export const MAX_TOKENS = 100;

export const MAX_LABEL_CHARACTERS = 64;

/** So that people, and programs that look for leaked secrets, know one when they see it. */
const PREFIX = 'lintel_';

/** app-password = "lintel_" 43( ALPHA / DIGIT / "-" / "_" ): 256 bits in base64url without padding (RFC 4648 §5). */
const FORM = /^lintel_[A-Za-z0-9_-]{43}$/;

/** The user name of Basic that says: the password is a token, whoever's it is (contract authentik.md §8). */
export const TOKEN_USER = 'goauthentik.io/token';

/** True for text that has the form of an app password; nothing else is ever looked up as one. */
export function hasTokenForm(text: string): boolean {
  return text.length === PREFIX.length + 43 && FORM.test(text);
}

/** True when such text stands anywhere in this one. */
export function holdsToken(text: string): boolean {
  return text.includes(PREFIX) && /lintel_[A-Za-z0-9_-]{43}/.test(text);
}

/** The secret that its owner is shown once, from 256 fresh random bits. Never stored, never logged. */
export function tokenSecret(random: SessionToken): string {
  return PREFIX + random;
}

/** True before its end; at the boundary it is over. */
export function isCurrent(token: AppToken, now: number): boolean {
  return token.expiresAt === undefined || now < token.expiresAt;
}

/** May it open this app? A place that belongs to no app is for tokens of all apps. */
export function opensApp(token: AppToken, app: string | undefined): boolean {
  return token.apps === 'all' || (app !== undefined && token.apps.includes(app));
}

/** Writes of "last used" are throttled: at most one a minute. */
export function isUseDue(token: AppToken, now: number): boolean {
  return token.lastUsedAt === undefined || now - token.lastUsedAt >= 60_000;
}

/** A name as a person types it: one line of 1 to 64 characters, trimmed; undefined for anything else. */
export function parseLabel(text: string): string | undefined {
  const label = text.trim();
  const length = [...label].length;
  return length >= 1 && length <= MAX_LABEL_CHARACTERS && !UNSEEN.test(label) ? label : undefined;
}

/** Controls, and what a terminal or a page acts on without showing it (bidirectional overrides, line separators). */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;
