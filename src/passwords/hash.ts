import { argon2Sync } from 'node:crypto';

/** RFC 9106 §4, second recommended option: 64 MiB, three passes, four lanes. Authelia's default too. */
const DEFAULT = { memory: 65_536, passes: 3, parallelism: 4, tagLength: 32 } as const;

/** A new argon2id hash. `salt` is 16 fresh random bytes. Blocks its thread for about a tenth of a second. */
export function hashPassword(password: string, salt: Uint8Array): string {
  const key = argon2Sync('argon2id', { message: password, nonce: salt, ...DEFAULT });
  const { memory, passes, parallelism } = DEFAULT;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(key)}`;
}

/** Nobody's hash, with the cost of a new one: what an unknown name is checked against where no account exists. */
export const NOBODYS_HASH = `$argon2id$v=19$m=65536,t=3,p=4$${'A'.repeat(22)}$${'A'.repeat(43)}`;

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}
