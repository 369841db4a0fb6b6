import { err, ok, type Result } from '../../core/result.ts';
import { randomKey } from '../../ops/secrets.ts';
import { hashPassword } from '../../passwords/hash.ts';
import { MAX_PASSWORD_BYTES } from '../../passwords/verify.ts';
import type { Io } from '../command.ts';

/** 32 letters and digits that nobody mistakes for another: five bits each. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';

/** Groups of four letters and digits, 20 random bits each: 100 bits unless fewer groups are asked for. */
export function inventPassword(groups = 5): string {
  const letters = [...randomKey(4 * groups)].map((byte) => ALPHABET[byte & 31]).join('');
  return (letters.match(/.{4}/g) ?? []).join('-');
}

/** Standard input without the line end that `echo` and editors add. The error is a sentence. */
export async function readPassword(io: Io): Promise<Result<string, string>> {
  return usable((await io.stdin()).replace(/\r?\n$/, ''));
}

export function usable(password: string): Result<string, string> {
  if (password === '') return err('The password is empty.');
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) return err('The password is longer than 1024 bytes.');
  if (/[\0\r\n]/.test(password)) return err('The password has more than one line, or a NUL in it.');
  return ok(password);
}

export function newHash(password: string): string {
  return hashPassword(password, randomKey(16));
}
