import type { DatabaseSync } from 'node:sqlite';
import type { SessionFilter } from '../core/ports.ts';
import type { Secret, Session } from '../core/session.ts';
import { boundTo } from './purpose.ts';
import { routingText } from './routing-text.ts';
import { arrays, LEVEL_CODES, PURPOSE_CODES, SESSION_COLUMNS } from './sqlite-rows.ts';

/** The hot path: one search by key, one by number. */
export const FIND = `SELECT ${SESSION_COLUMNS}, k.kind, k.bound_to, k.routing
  FROM secrets k JOIN sessions s ON s.n = k.session WHERE k.key = ?`;

export const OVER = `SELECT n FROM sessions
  WHERE min(expires_at, ifnull(seen_at + idle_ms, expires_at)) <= ? LIMIT ?`;

/** Everything the store says to SQLite more than once, prepared when it opens. Rows come as arrays. */
export function prepareAll(main: DatabaseSync, relaxed: DatabaseSync) {
  const durable = (sql: string) => arrays(main.prepare(sql));
  const soon = (sql: string) => arrays(relaxed.prepare(sql));
  return {
    find: durable(FIND),
    addSession: durable(
      `INSERT INTO sessions (id, user, level, epoch, created_at, seen_at, expires_at, idle_ms, address, user_agent)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    addSecret: durable('INSERT INTO secrets (key, kind, bound_to, routing, session, place) VALUES (?, ?, ?, ?, ?, ?)'),
    removeSession: durable('DELETE FROM sessions WHERE id = ?'),
    nextPlace: durable(
      `SELECT s.n, ifnull(max(k.place) + 1, 0), count(k.key) FROM sessions s LEFT JOIN secrets k ON k.session = s.n
       WHERE s.id = ? GROUP BY s.n`,
    ),
    // The oldest one that is not the portal's, so that a long list of apps never signs anybody out there.
    removeOldest: durable(
      `DELETE FROM secrets WHERE key = (SELECT key FROM secrets WHERE session = ?
       ORDER BY kind = ${PURPOSE_CODES.portal}, place LIMIT 1)`,
    ),
    boundTo: durable('SELECT DISTINCT bound_to FROM secrets WHERE session = ? ORDER BY bound_to'),
    putHandOver: durable(
      'INSERT OR REPLACE INTO hand_overs (code, origin, nonce, session, expires_at) VALUES (?, ?, ?, ?, ?)',
    ),
    takeHandOver: durable('DELETE FROM hand_overs WHERE code = ? RETURNING origin, nonce, session, expires_at'),
    key: durable('SELECT value FROM installation_keys WHERE name = ?'),
    keys: durable('SELECT name, value FROM installation_keys'),
    putKey: durable('INSERT OR REPLACE INTO installation_keys (name, value) VALUES (?, ?)'),
    keysBetween: durable('SELECT name FROM installation_keys WHERE name >= ? AND name < ? LIMIT 1'),
    forgetKeys: durable('DELETE FROM installation_keys WHERE name >= ? AND name < ?'),
    touch: soon('UPDATE sessions SET seen_at = ? WHERE id = ? AND seen_at < ?'),
    sweepSessions: soon(`DELETE FROM sessions WHERE n IN (${OVER})`),
    sweepHandOvers: soon(
      'DELETE FROM hand_overs WHERE code IN (SELECT code FROM hand_overs WHERE expires_at <= ? LIMIT ?)',
    ),
  };
}

export type Statements = ReturnType<typeof prepareAll>;

export function sessionValues(s: Session) {
  const times = [s.createdAt, s.lastSeenAt, s.expiresAt, s.idleMs ?? null] as const;
  return [s.id, s.user, LEVEL_CODES[s.level], s.epoch, ...times, s.address, s.userAgent] as const;
}

export function secretValues({ key, purpose, routing }: Secret, session: number | bigint, place: number) {
  const decided = routing === undefined ? null : routingText(routing);
  return [key, PURPOSE_CODES[purpose.kind], boundTo(purpose), decided, session, place] as const;
}

/** The secrets that a filter means and no others of their sessions, with one value; undefined: it means whole sessions. */
export function boundSecrets({ kind }: SessionFilter): string | undefined {
  if (kind !== 'origin' && kind !== 'domain') return undefined;
  return `kind = ${kind === 'origin' ? PURPOSE_CODES.app : PURPOSE_CODES.gate} AND bound_to = ?`;
}

/** The sessions a filter means, as a condition on `s`. */
export function condition(filter: SessionFilter): { readonly where: string; readonly values: readonly string[] } {
  switch (filter.kind) {
    case 'all':
      return { where: '1', values: [] };
    case 'user':
      return { where: 's.user = ?', values: [filter.user] };
    case 'id':
      return { where: 's.id = ?', values: [filter.id] };
    case 'origin':
    case 'domain': {
      const where = `s.n IN (SELECT session FROM secrets WHERE ${boundSecrets(filter)})`;
      return { where, values: [filter.kind === 'origin' ? filter.origin : filter.domain] };
    }
    default:
      return filter satisfies never;
  }
}
