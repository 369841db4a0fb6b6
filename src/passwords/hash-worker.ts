import { parentPort } from 'node:worker_threads';
import { parseHash } from './format.ts';
import { verifyPassword } from './verify.ts';

/** One check after the other; `failed` when the hash cannot be checked at all. */
export type HashAnswer = 'match' | 'mismatch' | 'failed';

parentPort?.on('message', async ({ hash, password }: { hash: string; password: string }) => {
  parentPort?.postMessage(await check(hash, password));
});

async function check(encoded: string, password: string): Promise<HashAnswer> {
  try {
    const hash = parseHash(encoded);
    if (!hash.ok) return 'failed';
    return (await verifyPassword(hash.value, password)) ? 'match' : 'mismatch';
  } catch {
    return 'failed'; // out of memory for argon2 or scrypt; the hash itself was checked when it was loaded
  }
}
