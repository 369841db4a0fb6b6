/** App passwords, written to the store that the running server reads. */
import { randomBytes } from 'node:crypto';
import type { AppToken } from '../../src/core/app-token.ts';
import type { TokenStore } from '../../src/core/ports.ts';
import { keyOf } from './sessions.ts';

/** An app password of alice's for every app, unless said otherwise. Returns the secret and its record. */
export async function plantToken(store: TokenStore, over: Partial<AppToken> = {}) {
  const secret = `lintel_${randomBytes(32).toString('base64url')}`;
  const token: AppToken = {
    id: randomBytes(9).toString('hex'),
    user: 'alice',
    label: 'Phone',
    apps: 'all',
    createdAt: Date.now(),
    expiresAt: undefined,
    lastUsedAt: undefined,
    createdBy: 'self',
    ...over,
  };
  if (!(await store.addToken(token, keyOf(secret)))) throw new Error('the store took no more app passwords');
  return { secret, token };
}

export function basic(name: string, password: string): string {
  return `Authorization: Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

export function bearer(secret: string): string {
  return `Authorization: Bearer ${secret}`;
}
