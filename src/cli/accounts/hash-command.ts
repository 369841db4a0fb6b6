import { parseHash } from '../../passwords/format.ts';
import { verifyPassword } from '../../passwords/verify.ts';
import type { Io } from '../command.ts';
import { inkFor } from '../terminal.ts';
import { newHash, readPassword, usable } from './new-password.ts';
import type { AccountOptions } from './options.ts';

/** Makes a hash, or checks one: exit code 0 when the password belongs to it, 1 when not, 2 when it is no hash. */
export async function hashCommand(given: string | undefined, options: AccountOptions, io: Io): Promise<number> {
  const password = given === undefined ? await readPassword(io) : usable(given);
  if (!password.ok) {
    io.err(`lintel users: ${password.error}\n`);
    return 2;
  }
  if (options.verify !== undefined) return verify(options.verify, password.value, options, io);
  const hash = newHash(password.value);
  io.out(options.json === true ? `${JSON.stringify({ hash })}\n` : `${hash}\n`);
  return 0;
}

async function verify(encoded: string, password: string, options: AccountOptions, io: Io): Promise<number> {
  const ink = inkFor(io);
  const hash = parseHash(encoded);
  if (!hash.ok) {
    io.err(`lintel users: the password hash ${hash.error}. Shells expand "$": put it in single quotes.\n`);
    return 2;
  }
  const matches = await verifyPassword(hash.value, password);
  if (options.json === true) io.out(`${JSON.stringify({ matches })}\n`);
  else
    io.out(matches ? `${ink.good('Yes')}: the password belongs to this hash.\n` : `${ink.bad('No')}: it does not.\n`);
  return matches ? 0 : 1;
}
