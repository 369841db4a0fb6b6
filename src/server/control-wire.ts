import type { AppToken } from '../core/app-token.ts';
import type { SessionFilter, SessionSummary, TokenFilter } from '../core/ports.ts';
import type { SecretKey, Session } from '../core/session.ts';
import { appToken, isRecord, tokenFilter, tokenKey } from './control-token.ts';

/** The two sides may be of different releases: each reads with care what the other wrote. */
export type Ask =
  | { readonly do: 'list'; readonly filter: SessionFilter }
  | { readonly do: 'revoke'; readonly filter: SessionFilter }
  | { readonly do: 'list-tokens'; readonly filter: TokenFilter }
  | { readonly do: 'revoke-tokens'; readonly filter: TokenFilter }
  /** Only the hash of the app password crosses the socket. */
  | { readonly do: 'add-token'; readonly token: AppToken; readonly key: SecretKey };

export type Answer =
  | { readonly ok: true; readonly sessions: readonly SessionSummary[] }
  | { readonly ok: true; readonly revoked: number }
  | { readonly ok: true; readonly tokens: readonly AppToken[] }
  | { readonly ok: true; readonly added: boolean }
  | { readonly ok: false; readonly error: string };

/** One line. An end or a use that is not there is said (null): left out it would be garbled, never "no end". */
export function toWire(message: Ask | Answer): string {
  return JSON.stringify(message, (name, value) => (value === undefined && SAID.includes(name) ? null : value));
}

const SAID: readonly string[] = ['expiresAt', 'lastUsedAt'] satisfies (keyof AppToken)[];

export function parseAsk(line: string): Ask | undefined {
  const value = parseJson(line);
  if (!isRecord(value)) return undefined;
  if (value.do === 'list' || value.do === 'revoke') {
    const filter = sessionFilter(value.filter);
    return filter === undefined ? undefined : { do: value.do, filter };
  }
  if (value.do === 'list-tokens' || value.do === 'revoke-tokens') {
    const filter = tokenFilter(value.filter);
    return filter === undefined ? undefined : { do: value.do, filter };
  }
  const [token, key] = [appToken(value.token), tokenKey(value.key)];
  if (value.do !== 'add-token' || token === undefined || key === undefined) return undefined;
  return { do: value.do, token, key };
}

export function parseAnswer(line: string): Answer | undefined {
  const value = parseJson(line);
  if (!isRecord(value)) return undefined;
  if (value.ok === false && typeof value.error === 'string') return { ok: false, error: value.error };
  if (value.ok === true && typeof value.revoked === 'number') return { ok: true, revoked: value.revoked };
  if (value.ok === true && typeof value.added === 'boolean') return { ok: true, added: value.added };
  if (value.ok === true && Array.isArray(value.tokens)) {
    const tokens = value.tokens.map(appToken).filter((t) => t !== undefined);
    return tokens.length === value.tokens.length ? { ok: true, tokens } : undefined;
  }
  if (value.ok !== true || !Array.isArray(value.sessions)) return undefined;
  const sessions = value.sessions.map(summary).filter((s) => s !== undefined);
  return sessions.length === value.sessions.length ? { ok: true, sessions } : undefined;
}

function sessionFilter(value: unknown): SessionFilter | undefined {
  if (!isRecord(value)) return undefined;
  const { kind, user, id, origin, domain } = value;
  if (kind === 'all') return { kind };
  if (kind === 'user' && typeof user === 'string') return { kind, user };
  if (kind === 'id' && typeof id === 'string') return { kind, id };
  if (kind === 'domain' && typeof domain === 'string') return { kind, domain };
  return kind === 'origin' && typeof origin === 'string' ? { kind, origin } : undefined;
}

function summary(value: unknown): SessionSummary | undefined {
  if (!isRecord(value) || !Array.isArray(value.openFor)) return undefined;
  const openFor = value.openFor.filter((text) => typeof text === 'string');
  const found = session(value.session);
  return found === undefined ? undefined : { session: found, openFor };
}

function session(value: unknown): Session | undefined {
  if (!isRecord(value)) return undefined;
  const { id, user, level, epoch, createdAt, lastSeenAt, expiresAt, idleMs, address, userAgent } = value;
  if (level !== 'one_factor' && level !== 'two_factor') return undefined;
  if (typeof id !== 'string' || typeof user !== 'string' || typeof epoch !== 'string') return undefined;
  if (typeof createdAt !== 'number' || typeof lastSeenAt !== 'number' || typeof expiresAt !== 'number')
    return undefined;
  if (typeof address !== 'string' || typeof userAgent !== 'string') return undefined;
  if (idleMs !== undefined && typeof idleMs !== 'number') return undefined;
  return { id, user, level, epoch, createdAt, lastSeenAt, expiresAt, idleMs, address, userAgent };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
