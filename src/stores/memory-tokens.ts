import { type AppToken, isCurrent, MAX_TOKENS } from '../core/app-token.ts';
import type { TokenFilter } from '../core/ports.ts';
import type { SecretKey } from '../core/session.ts';

/** The app passwords of one process. */
export class MemoryTokens {
  readonly #tokens = new Map<SecretKey, AppToken>();

  find(key: SecretKey): AppToken | undefined {
    return this.#tokens.get(key);
  }

  add(token: AppToken, key: SecretKey): boolean {
    const all = [...this.#tokens.values()];
    if (this.#tokens.has(key) || all.some((t) => t.id === token.id)) {
      throw new Error('The memory store holds this app password already.');
    }
    const held = all.filter((t) => t.user === token.user && isCurrent(t, token.createdAt)).length;
    if (held >= MAX_TOKENS) return false;
    this.#tokens.set(key, token);
    return true;
  }

  touch(id: string, now: number): void {
    for (const [key, token] of this.#tokens) {
      if (token.id === id && (token.lastUsedAt ?? 0) < now) this.#tokens.set(key, { ...token, lastUsedAt: now });
    }
  }

  list(filter: TokenFilter): readonly AppToken[] {
    return [...this.#tokens.values()]
      .filter((token) => isMeant(token, filter))
      .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
  }

  revoke(filter: TokenFilter): number {
    return this.#remove((token) => isMeant(token, filter), Number.POSITIVE_INFINITY);
  }

  sweep(now: number, limit: number): number {
    return this.#remove((token) => !isCurrent(token, now), limit);
  }

  #remove(leaves: (token: AppToken) => boolean, limit: number): number {
    let removed = 0;
    for (const [key, token] of this.#tokens) {
      if (removed >= limit) break;
      if (!leaves(token)) continue;
      this.#tokens.delete(key);
      removed += 1;
    }
    return removed;
  }
}

function isMeant(token: AppToken, filter: TokenFilter): boolean {
  switch (filter.kind) {
    case 'all':
      return true;
    case 'user':
      return token.user === filter.user;
    case 'id':
      return token.id === filter.id;
    default:
      return filter satisfies never;
  }
}
