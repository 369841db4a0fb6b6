import type { DatabaseSync } from 'node:sqlite';
import type { AppToken } from '../core/app-token.ts';
import type { TokenFilter } from '../core/ports.ts';
import type { SecretKey } from '../core/session.ts';
import { arrays, cellsOf, isTime } from './sqlite-rows.ts';

/** The columns that `appToken` reads, in its order. */
const COLUMNS = 'id, user, label, apps, created_at, expires_at, used_at, created_by';

/** One search by key. */
export const FIND_TOKEN = `SELECT ${COLUMNS} FROM tokens WHERE key = ?`;

export const TOKENS_OVER = 'SELECT key FROM tokens WHERE expires_at <= ? LIMIT ?';

const CREATOR_CODES = { operator: 1, self: 2 } as const satisfies Record<AppToken['createdBy'], number>;

export function prepareTokens(main: DatabaseSync, relaxed: DatabaseSync) {
  const durable = (sql: string) => arrays(main.prepare(sql));
  const soon = (sql: string) => arrays(relaxed.prepare(sql));
  return {
    find: durable(FIND_TOKEN),
    held: durable('SELECT count(*) FROM tokens WHERE user = ? AND (expires_at IS NULL OR expires_at > ?)'),
    add: durable(`INSERT INTO tokens (key, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    touch: soon('UPDATE tokens SET used_at = ? WHERE id = ? AND ifnull(used_at, 0) < ?'),
    sweep: soon(`DELETE FROM tokens WHERE key IN (${TOKENS_OVER})`),
  };
}

export function tokenValues(t: AppToken, key: SecretKey) {
  const times = [t.createdAt, t.expiresAt ?? null, t.lastUsedAt ?? null] as const;
  return [key, t.id, t.user, t.label, JSON.stringify(t.apps), ...times, CREATOR_CODES[t.createdBy]] as const;
}

export function listTokens(db: DatabaseSync, filter: TokenFilter): AppToken[] {
  const { where, values } = tokenCondition(filter);
  const sql = `SELECT ${COLUMNS} FROM tokens WHERE ${where} ORDER BY created_at DESC, id`;
  return arrays(db.prepare(sql))
    .all(...values)
    .flatMap((row) => appToken(row) ?? []);
}

export function revokeTokens(db: DatabaseSync, filter: TokenFilter): number {
  const { where, values } = tokenCondition(filter);
  return Number(db.prepare(`DELETE FROM tokens WHERE ${where}`).run(...values).changes);
}

function tokenCondition(filter: TokenFilter): { readonly where: string; readonly values: readonly string[] } {
  switch (filter.kind) {
    case 'all':
      return { where: '1', values: [] };
    case 'user':
      return { where: 'user = ?', values: [filter.user] };
    case 'id':
      return { where: 'id = ?', values: [filter.id] };
    default:
      return filter satisfies never;
  }
}

/** A row of these columns. Garbled: undefined; a list of apps that cannot be read is never "all". */
export function appToken(row: unknown): AppToken | undefined {
  const [id, user, label, appsText, createdAt, ends, used, creator] = cellsOf(row);
  const apps = appNames(appsText);
  const expiresAt = ends === null ? undefined : ends;
  const lastUsedAt = used === null ? undefined : used;
  const createdBy = creator === 1 ? 'operator' : creator === 2 ? 'self' : undefined;
  if (typeof id !== 'string' || typeof user !== 'string' || typeof label !== 'string') return undefined;
  if (apps === undefined || createdBy === undefined || !isTime(createdAt)) return undefined;
  if ((expiresAt !== undefined && !isTime(expiresAt)) || (lastUsedAt !== undefined && !isTime(lastUsedAt))) {
    return undefined;
  }
  return { id, user, label, apps, createdAt, expiresAt, lastUsedAt, createdBy };
}

function appNames(text: unknown): AppToken['apps'] | undefined {
  const value = typeof text === 'string' ? parse(text) : undefined;
  if (value === 'all') return value;
  if (!Array.isArray(value)) return undefined;
  const names = value.filter((name) => typeof name === 'string');
  return names.length === value.length ? names : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
