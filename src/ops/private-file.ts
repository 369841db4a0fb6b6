import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Puts a file of the owner's alone (0600) in this place. It is written beside the place and renamed: whoever looks finds
 * it whole, with its text on disk, or finds what was there before; a link in the way is replaced, never followed.
 * Throws Node's error, and then leaves nothing behind. The name itself is on disk only once its directory is.
 */
export function writePrivateFile(path: string, text: string): void {
  const unfinished = `${path}.${randomBytes(9).toString('base64url')}`;
  try {
    // It goes on after a short write, where `writeSync` would leave part of a key on a disk that is nearly full.
    writeFileSync(unfinished, text, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}
