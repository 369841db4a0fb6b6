import type { StatementSync } from 'node:sqlite';
import type { FoundSecret, HandOver, SecretPurpose, Session } from '../core/session.ts';
import type { Level } from '../core/subject.ts';
import { parseRouting } from './routing-text.ts';

/** The columns that `session` reads, in its order. */
export const SESSION_COLUMNS =
  's.id, s.user, s.level, s.epoch, s.created_at, s.seen_at, s.expires_at, s.idle_ms, s.address, s.user_agent';

export const LEVEL_CODES = { one_factor: 1, two_factor: 2 } as const satisfies Record<Level, number>;
export const PURPOSE_CODES = { portal: 1, app: 2, gate: 3 } as const satisfies Record<SecretPurpose['kind'], number>;

/** A row of `find`: the session's columns, then kind, bound_to and routing. Garbled: undefined. */
export function foundSecret(row: unknown): FoundSecret | undefined {
  const cells = cellsOf(row);
  const found = session(cells);
  const purpose = secretPurpose(cells[10], cells[11]);
  if (found === undefined || purpose === undefined) return undefined;
  if (cells[12] === null) return { purpose, routing: undefined, session: found };
  const routing = typeof cells[12] === 'string' ? parseRouting(cells[12]) : undefined;
  return routing === undefined ? undefined : { purpose, routing, session: found };
}

/** The session in the first ten cells; undefined when any of them is not what this build writes. */
export function session(cells: readonly unknown[]): Session | undefined {
  const [id, user, code, epoch, createdAt, lastSeenAt, expiresAt, idle, address, userAgent] = cells;
  const level = code === 1 ? 'one_factor' : code === 2 ? 'two_factor' : undefined;
  const idleMs = idle === null ? undefined : idle;
  if (typeof id !== 'string' || typeof user !== 'string' || typeof epoch !== 'string') return undefined;
  if (typeof address !== 'string' || typeof userAgent !== 'string' || level === undefined) return undefined;
  if (!isTime(createdAt) || !isTime(lastSeenAt) || !isTime(expiresAt)) return undefined;
  if (idleMs !== undefined && !isTime(idleMs)) return undefined;
  return { id, user, level, epoch, createdAt, lastSeenAt, expiresAt, idleMs, address, userAgent };
}

export function secretPurpose(code: unknown, boundTo: unknown): SecretPurpose | undefined {
  if (typeof boundTo !== 'string') return undefined;
  if (code === PURPOSE_CODES.app) return { kind: 'app', origin: boundTo };
  if (code === PURPOSE_CODES.portal) return { kind: 'portal', origin: boundTo };
  return code === PURPOSE_CODES.gate ? { kind: 'gate', domain: boundTo } : undefined;
}

/** origin, nonce, session, expires_at. Garbled: undefined. */
export function handOver(row: unknown): HandOver | undefined {
  const [origin, nonceHash, sessionId, expiresAt] = cellsOf(row);
  if (typeof origin !== 'string' || typeof nonceHash !== 'string' || typeof sessionId !== 'string') return undefined;
  return isTime(expiresAt) ? { origin, nonceHash, sessionId, expiresAt } : undefined;
}

/** The statement, its rows coming as arrays. */
export function arrays(statement: StatementSync): StatementSync {
  statement.setReturnArrays(true);
  return statement;
}

export function cellsOf(row: unknown): readonly unknown[] {
  return Array.isArray(row) ? row : [];
}

/** Milliseconds as this build writes them. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}
