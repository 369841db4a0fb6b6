import { hash, randomBytes } from 'node:crypto';
import type { Secrets } from '../core/ports.ts';
import { parseToken, type SecretKey, secretKey } from '../core/session.ts';

const MAX_RECENT = 4096;
const recent = new Map<string, SecretKey>();

/** A browser sends one token hundreds of times a minute; its hash is worked out once. Memory only, and bounded. */
function hashOf(token: string): SecretKey {
  const known = recent.get(token);
  if (known !== undefined) return known;
  if (recent.size >= MAX_RECENT) recent.clear();
  const key = secretKey(hash('sha256', token, 'base64url'));
  recent.set(token, key);
  return key;
}

/** Hashing and randomness by node:crypto. One-shot `hash` costs half of a `createHash` chain. */
export const systemSecrets: Secrets = {
  token() {
    const token = parseToken(randomBytes(32).toString('base64url'));
    if (token === undefined) throw new Error('a fresh token does not have the form of a token');
    return token;
  },
  // People give these to commands: one that begins with a dash would be taken for an option.
  id: () => randomBytes(9).toString('hex'),
  hash: hashOf,
};

/** Key material of the given length. */
export function randomKey(bytes: number): Uint8Array {
  return randomBytes(bytes);
}
