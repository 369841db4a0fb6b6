import { createHash } from 'node:crypto';
import type { AppToken } from '../core/app-token.ts';
import { type HandOver, type Secret, type SecretKey, type Session, secretKey } from '../core/session.ts';

/** When the sessions below begin; milliseconds since the epoch. */
export const T0 = 1_790_000_000_000;
export const ORIGIN = 'https://app.example.com';

export function keyOf(token: string): SecretKey {
  return secretKey(createHash('sha256').update(token).digest('base64url'));
}

export function portalSecret(token: string): Secret {
  return { key: keyOf(token), purpose: { kind: 'portal', origin: 'https://auth.example.com' } };
}

export function appSecret(token: string, origin = ORIGIN): Secret {
  return { key: keyOf(token), purpose: { kind: 'app', origin } };
}

export function sessionOf(id: string, over: Partial<Session> = {}): Session {
  return {
    id,
    user: 'alice',
    level: 'one_factor',
    epoch: 'e1',
    createdAt: T0,
    lastSeenAt: T0,
    expiresAt: T0 + 12 * 3_600_000,
    idleMs: 3_600_000,
    address: '192.0.2.7',
    userAgent: 'Mozilla/5.0',
    ...over,
  };
}

export function handOverOf(over: Partial<HandOver> = {}): HandOver {
  return { origin: ORIGIN, nonceHash: 'nonce', sessionId: 's1', expiresAt: T0 + 30_000, ...over };
}

export function tokenOf(id: string, over: Partial<AppToken> = {}): AppToken {
  return {
    id,
    user: 'alice',
    label: 'Phone',
    apps: 'all',
    createdAt: T0,
    expiresAt: undefined,
    lastUsedAt: undefined,
    createdBy: 'self',
    ...over,
  };
}
