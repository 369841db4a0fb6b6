import { constants } from 'node:fs';
import { chown, type FileHandle, open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { err, ok, type Result } from '../../core/result.ts';
import { codeOf, messageOf } from '../../core/thrown.ts';

/**
 * Puts `text` in the place of a file at once: whoever reads it, a crash included, finds the old or the new text whole.
 * Keeps mode and owner; a new file gets mode 0600. `before` is what the file held when the change was thought out
 * (undefined: nothing was there); when it holds something else by now, nothing is written. A symlink stays one.
 * The error is a sentence.
 */
export async function replaceFile(
  path: string,
  text: string,
  before: Buffer | undefined,
): Promise<Result<undefined, string>> {
  try {
    const target = before === undefined ? path : await realpath(path);
    const temporary = `${target}.${process.pid}.new`;
    const isDone = await writeTemporary(temporary, target, text, before).catch(async (error: unknown) => {
      await unlink(temporary).catch(() => undefined);
      throw error;
    });
    return isDone
      ? ok(undefined)
      : err(`${path} was changed by somebody else meanwhile. Nothing was written; try again.`);
  } catch (error) {
    return err(`${path} cannot be written: ${messageOf(error)}.`);
  }
}

async function writeTemporary(
  temporary: string,
  target: string,
  text: string,
  before: Buffer | undefined,
): Promise<boolean> {
  const old = before === undefined ? undefined : await stat(target);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const file = await open(temporary, flags, old === undefined ? 0o600 : old.mode & 0o777);
  try {
    if (old !== undefined) await file.chmod(old.mode & 0o777);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  if (old !== undefined) await keepOwner(temporary, old);
  if (!(await isStill(target, before))) {
    await unlink(temporary);
    return false;
  }
  await rename(temporary, target);
  await syncDirectory(dirname(target));
  return true;
}

/** Else an edit as root would leave a 0600 file that the server may not read. */
async function keepOwner(path: string, old: { uid: number; gid: number }): Promise<void> {
  const made = await stat(path);
  if (made.uid !== old.uid || made.gid !== old.gid) await chown(path, old.uid, old.gid);
}

async function isStill(path: string, before: Buffer | undefined): Promise<boolean> {
  try {
    const now = await readFile(path);
    return before?.equals(now) ?? false;
  } catch (error) {
    if (before === undefined && codeOf(error) === 'ENOENT') return true;
    throw error;
  }
}

/** Without it the rename itself may be lost in a power cut. Windows cannot do it, and does not need to. */
async function syncDirectory(path: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY);
    await handle.sync();
  } catch {
    // not every file system can
  } finally {
    await handle?.close();
  }
}
