import { argon2Sync, createHash, createHmac, pbkdf2Sync, scryptSync, timingSafeEqual } from 'node:crypto';
import type { PasswordHash } from './format.ts';
import { shaCrypt } from './sha-crypt.ts';

/** Longer passwords are wrong passwords: some kinds take time in proportion to the length, or its square. */
export const MAX_PASSWORD_BYTES = 1024;

/**
 * Does this password belong to this hash? Blocks its thread for as long as the hash is costly, so the server calls it in
 * a worker only. Comparison is in constant time. A password with NUL never matches: crypt(3) would cut it there.
 */
export async function verifyPassword(hash: PasswordHash, password: string): Promise<boolean> {
  const isOdd = Buffer.byteLength(password) > MAX_PASSWORD_BYTES || password.includes('\0');
  const matches = await matchesHash(hash, isOdd ? '' : password); // an odd one takes as long as any other
  return matches && !isOdd;
}

async function matchesHash(hash: PasswordHash, password: string): Promise<boolean> {
  switch (hash.kind) {
    case 'argon2':
      return isSame(hash.key, argon2Key(hash, password));
    case 'bcrypt':
      return isSame(Buffer.from(hash.key), Buffer.from(await bcryptKey(hash, password)));
    case 'pbkdf2':
      return isSame(hash.key, pbkdf2Sync(password, hash.salt, hash.iterations, hash.key.length, hash.digest));
    case 'scrypt':
      return isSame(hash.key, scryptKey(hash, password));
    case 'sha-crypt':
      return isSame(Buffer.from(hash.key), Buffer.from(shaCrypt(hash.digest, password, hash.salt, hash.rounds)));
    default:
      return hash satisfies never;
  }
}

function isSame(expected: Uint8Array, actual: Uint8Array): boolean {
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

function argon2Key(hash: PasswordHash & { kind: 'argon2' }, password: string): Uint8Array {
  return argon2Sync(hash.variant, {
    message: password,
    nonce: hash.salt,
    memory: hash.memoryKiB,
    passes: hash.passes,
    parallelism: hash.lanes,
    tagLength: hash.key.length,
  });
}

function scryptKey(hash: PasswordHash & { kind: 'scrypt' }, password: string): Uint8Array {
  const [N, r, p] = [2 ** hash.logN, hash.blockSize, hash.lanes];
  return scryptSync(password, hash.salt, hash.key.length, { N, r, p, maxmem: 128 * r * (N + p + 8) });
}

async function bcryptKey(hash: PasswordHash & { kind: 'bcrypt' }, password: string): Promise<string> {
  const { default: bcrypt } = await import('bcryptjs');
  return bcrypt.hashSync(bcryptFeed(hash, password), hash.setting).slice(-31);
}

/** passlib's bcrypt_sha256: version 1 hashes the password, version 2 keys that hash with the salt. */
function bcryptFeed(hash: PasswordHash & { kind: 'bcrypt' }, password: string): string {
  switch (hash.feed) {
    case 'password':
      return password;
    case 'sha256':
      return createHash('sha256').update(password).digest('base64');
    case 'hmac':
      return createHmac('sha256', hash.setting.slice(-22)).update(password).digest('base64');
    default:
      return hash.feed satisfies never;
  }
}
