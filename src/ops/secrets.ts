import { hash, randomBytes } from 'node:crypto';
import type { Secrets } from '../core/ports.ts';
import { parseToken, secretKey } from '../core/session.ts';

/** Hashing and randomness by node:crypto. One-shot `hash` costs half of a `createHash` chain. */
export const systemSecrets: Secrets = {
  token() {
    const token = parseToken(randomBytes(32).toString('base64url'));
    if (token === undefined) throw new Error('a fresh token does not have the form of a token');
    return token;
  },
  // People give these to commands: one that begins with a dash would be taken for an option.
  id: () => randomBytes(9).toString('hex'),
  hash: (token) => secretKey(hash('sha256', token, 'base64url')),
};

/** Key material of the given length. */
export function randomKey(bytes: number): Uint8Array {
  return randomBytes(bytes);
}
