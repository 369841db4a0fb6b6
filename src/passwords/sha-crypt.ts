import { createHash } from 'node:crypto';

/**
 * SHA-crypt, `$5$` and `$6$` of crypt(3), after Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512" (0.6, 2016);
 * the letters in comments are the steps of that text. Returns the last part of the encoded hash.
 */
export function shaCrypt(digest: 'sha256' | 'sha512', password: string, salt: string, rounds: number): string {
  const key = Buffer.from(password, 'utf8');
  const saltBytes = Buffer.from(salt, 'utf8').subarray(0, 16);
  let sum = firstSum(digest, key, saltBytes);
  const p = stretched(digest, repeated(key, key.length), key.length); // M–P
  const s = stretched(digest, repeated(saltBytes, 16 + (sum[0] ?? 0)), saltBytes.length); // Q–T
  for (let round = 0; round < rounds; round++) {
    const hash = createHash(digest).update(round & 1 ? p : sum); // U
    if (round % 3 !== 0) hash.update(s);
    if (round % 7 !== 0) hash.update(p);
    sum = hash.update(round & 1 ? sum : p).digest();
  }
  return encode(sum, digest === 'sha256' ? ORDER_256 : ORDER_512);
}

/** Steps A–L: the password mixed with digest B by the bits of its length. */
function firstSum(digest: string, key: Buffer, salt: Buffer): Buffer {
  const b = createHash(digest).update(key).update(salt).update(key).digest();
  const a = createHash(digest).update(key).update(salt).update(fit(b, key.length));
  for (let n = key.length; n > 0; n >>= 1) a.update(n & 1 ? b : key);
  return a.digest();
}

function stretched(digest: string, input: Buffer, length: number): Buffer {
  return fit(createHash(digest).update(input).digest(), length);
}

/** `block` over and over until it is `length` bytes long. */
function fit(block: Buffer, length: number): Buffer {
  return Buffer.alloc(length, block);
}

function repeated(part: Buffer, times: number): Buffer {
  return part.length === 0 ? part : Buffer.alloc(part.length * times, part);
}

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Three bytes make four characters, lowest bits first; the bytes come in steps of 10 (SHA-256) or 21 (SHA-512). */
const ORDER_256 = groups(10, [0, 10, 20], 30, 21);
const ORDER_512 = groups(21, [0, 21, 42], 63, 22);

function groups(count: number, start: readonly number[], modulus: number, step: number): number[][] {
  return Array.from({ length: count }, (_, i) => start.map((first) => (first + step * i) % modulus));
}

function encode(sum: Buffer, order: readonly (readonly number[])[]): string {
  const at = (i: number | undefined) => (i === undefined ? 0 : (sum[i] ?? 0));
  const triples = order.map(([a, b, c]) => text24((at(a) << 16) | (at(b) << 8) | at(c), 4));
  const last = sum.length === 32 ? text24((at(31) << 8) | at(30), 3) : text24(at(63), 2);
  return triples.join('') + last;
}

function text24(value: number, characters: number): string {
  let out = '';
  for (let i = 0; i < characters; i++) out += ALPHABET[(value >> (6 * i)) & 63];
  return out;
}
