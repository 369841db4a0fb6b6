import type { AppToken } from '../core/app-token.ts';
import type { TokenFilter } from '../core/ports.ts';
import { type SecretKey, secretKey } from '../core/session.ts';

export function tokenFilter(value: unknown): TokenFilter | undefined {
  if (!isRecord(value)) return undefined;
  const { kind, user, id } = value;
  if (kind === 'all') return { kind };
  if (kind === 'user' && typeof user === 'string') return { kind, user };
  return kind === 'id' && typeof id === 'string' ? { kind, id } : undefined;
}

/** An app password as the other side wrote it; null, never absence, says that it has no end or was not used. */
export function appToken(value: unknown): AppToken | undefined {
  if (!isRecord(value)) return undefined;
  const { id, user, label, createdAt, createdBy } = value;
  const [apps, expiresAt, lastUsedAt] = [appNames(value.apps), time(value.expiresAt), time(value.lastUsedAt)];
  if (typeof id !== 'string' || typeof user !== 'string' || typeof label !== 'string') return undefined;
  if (typeof createdAt !== 'number' || (createdBy !== 'operator' && createdBy !== 'self')) return undefined;
  if (apps === undefined || expiresAt === 'garbled' || lastUsedAt === 'garbled') return undefined;
  return { id, user, label, apps, createdAt, expiresAt, lastUsedAt, createdBy };
}

/** A SHA-256 in base64url. */
export function tokenKey(value: unknown): SecretKey | undefined {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{43}$/.test(value) ? secretKey(value) : undefined;
}

function appNames(value: unknown): AppToken['apps'] | undefined {
  if (value === 'all') return value;
  if (!Array.isArray(value)) return undefined;
  const names = value.filter((name) => typeof name === 'string');
  return names.length === value.length ? names : undefined;
}

function time(value: unknown): number | undefined | 'garbled' {
  if (value === null) return undefined;
  return typeof value === 'number' ? value : 'garbled';
}

/** Any JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
