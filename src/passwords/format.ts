import { err, ok, type Result } from '../core/result.ts';

/**
 * Password hashes as user files hold them: the encodings of Authelia's `users_database.yml` but yescrypt, and Django's.
 *
 *   argon2        $argon2id$v=19$m=KIB,t=PASSES,p=LANES$SALT$KEY                      (PHC string, RFC 9106)
 *   bcrypt        $2b$COST$SALT22KEY31         and   $bcrypt-sha256$v=2,t=2b,r=COST$SALT22$KEY31
 *   pbkdf2        $pbkdf2-sha256$N$SALT$KEY    and   {PBKDF2-SHA256}N$SALT$KEY, "." for "+"
 *   Django        pbkdf2_sha256$N$SALT$KEY     the salt is text
 *   scrypt        $scrypt$ln=LOG2N,r=R,p=P$SALT$KEY                                   (RFC 7914)
 *   sha2-crypt    $5$ and $6$ [rounds=N$]SALT$KEY
 *
 * A leading {CRYPT} or {ARGON2} is cut. Reading bounds every parameter: a hash in the file must not be able to hang or
 * starve the server.
 */
export type PasswordHash =
  | {
      readonly kind: 'argon2';
      readonly variant: 'argon2id' | 'argon2i' | 'argon2d';
      readonly memoryKiB: number;
      readonly passes: number;
      readonly lanes: number;
      readonly salt: Uint8Array;
      readonly key: Uint8Array;
    }
  | {
      readonly kind: 'bcrypt';
      /** What is fed to bcrypt: the password, its SHA-256, or an HMAC of it under the salt. */
      readonly feed: 'password' | 'sha256' | 'hmac';
      readonly cost: number;
      /** "$2b$12$" and 22 characters of salt. */
      readonly setting: string;
      readonly key: string;
    }
  | {
      readonly kind: 'pbkdf2';
      readonly digest: Pbkdf2Digest;
      readonly iterations: number;
      readonly salt: Uint8Array;
      readonly key: Uint8Array;
    }
  | {
      readonly kind: 'scrypt';
      readonly logN: number;
      readonly blockSize: number;
      readonly lanes: number;
      readonly salt: Uint8Array;
      readonly key: Uint8Array;
    }
  | {
      readonly kind: 'sha-crypt';
      readonly digest: 'sha256' | 'sha512';
      readonly rounds: number;
      readonly salt: string;
      readonly key: string;
    };

export type Pbkdf2Digest = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

/** One check may take about this long (microseconds on one core of 2020) and this much memory. */
const MAX_COST_US = 5_000_000;
const MAX_MEMORY_KIB = 2_097_152;
/** A shorter key could be met by chance. */
const MIN_KEY_BYTES = 16;

const B64 = '[A-Za-z0-9+/.]+';
const ARGON2 = new RegExp(
  `^\\$(argon2id|argon2i|argon2d)\\$v=19\\$m=(\\d{1,10}),t=(\\d{1,10}),p=(\\d{1,4})\\$(${B64})=*\\$(${B64})=*$`,
);
const BCRYPT = /^\$2([abxy]?)\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/;
const BCRYPT_SHA256 =
  /^\$bcrypt-sha256\$(?:v=2,t=2b,r=(\d{1,2})|2[ab],(\d{1,2}))\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})$/;
const PBKDF2 = new RegExp(
  `^(?:\\$pbkdf2(?:-(sha(?:1|224|256|384|512)))?\\$|\\{PBKDF2(?:-(SHA(?:1|224|256|384|512)))?\\})(\\d{1,9})\\$(${B64})\\$(${B64})$`,
);
const DJANGO = /^pbkdf2_(sha1|sha256|sha512)\$(\d{1,9})\$([^$]+)\$([A-Za-z0-9+/]+)=*$/;
const SCRYPT = new RegExp(`^\\$scrypt\\$ln=(\\d{1,2}),r=(\\d{1,4}),p=(\\d{1,4})\\$(${B64})=*\\$(${B64})=*$`);
const SHA_CRYPT = /^\$([56])\$(?:rounds=(\d{1,9})\$)?([^$:\n]{0,16})\$([./A-Za-z0-9]{43}|[./A-Za-z0-9]{86})$/;

/** Reads one encoded hash. The error is a phrase that fits after "the password hash …" and never quotes the value. */
export function parseHash(encoded: string): Result<PasswordHash, string> {
  const text = encoded.trim().replace(/^\{(?:CRYPT|ARGON2)\}/i, '');
  const hash = argon2(text) ?? bcrypt(text) ?? pbkdf2(text) ?? django(text) ?? scrypt(text) ?? shaCrypt(text);
  if (hash === undefined) return err(whyUnknown(text));
  const problem = outOfBounds(hash);
  return problem === undefined ? ok(hash) : err(problem);
}

/** For sources: is this hash usable, and about how many microseconds does one check cost? */
export function checkHash(encoded: string): Result<number, string> {
  const hash = parseHash(encoded);
  return hash.ok ? ok(checkCost(hash.value)) : hash;
}

/** Rough cost of one check in microseconds, for comparing kinds with each other and with the bound. */
export function checkCost(hash: PasswordHash): number {
  switch (hash.kind) {
    case 'argon2':
      return hash.memoryKiB * hash.passes * 0.8;
    case 'bcrypt':
      return 2 ** hash.cost * 60;
    case 'pbkdf2':
      return hash.iterations * 0.5 * Math.ceil(hash.key.length / DIGEST_BYTES[hash.digest]);
    case 'scrypt':
      return 2 ** hash.logN * hash.blockSize * hash.lanes * 0.4;
    case 'sha-crypt':
      return hash.rounds * 1.2;
    default:
      return hash satisfies never;
  }
}

const DIGEST_BYTES: Record<Pbkdf2Digest, number> = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 };

function outOfBounds(hash: PasswordHash): string | undefined {
  if (!isSensible(hash)) return 'has parameters outside its standard';
  if (memoryKiB(hash) > MAX_MEMORY_KIB) return 'needs more than 2 GiB of memory for one check';
  if (checkCost(hash) > MAX_COST_US) return 'takes more than about 5 seconds for one check';
  return undefined;
}

function isSensible(hash: PasswordHash): boolean {
  switch (hash.kind) {
    case 'argon2':
      return isInside(hash.lanes, 1, 64) && hash.passes >= 1 && hash.memoryKiB >= 8 * hash.lanes && hasBytes(hash, 8);
    case 'bcrypt':
      return isInside(hash.cost, 4, 31);
    case 'pbkdf2':
      return hash.iterations >= 1 && hasBytes(hash, 1);
    case 'scrypt':
      return isInside(hash.logN, 1, 30) && hash.blockSize >= 1 && hash.lanes >= 1 && hasBytes(hash, 1);
    case 'sha-crypt':
      return hash.key.length === (hash.digest === 'sha256' ? 43 : 86);
    default:
      return hash satisfies never;
  }
}

function isInside(value: number, from: number, to: number): boolean {
  return value >= from && value <= to;
}

function hasBytes(hash: { readonly salt: Uint8Array; readonly key: Uint8Array }, minSalt: number): boolean {
  return isInside(hash.salt.length, minSalt, 128) && isInside(hash.key.length, MIN_KEY_BYTES, 256);
}

function memoryKiB(hash: PasswordHash): number {
  if (hash.kind === 'argon2') return hash.memoryKiB;
  return hash.kind === 'scrypt' ? (2 ** hash.logN * hash.blockSize) / 8 : 0;
}

function argon2(text: string): PasswordHash | undefined {
  const [, variant, m, t, p, salt, key] = ARGON2.exec(text) ?? [];
  if (variant !== 'argon2id' && variant !== 'argon2i' && variant !== 'argon2d') return undefined;
  return {
    kind: 'argon2',
    variant,
    memoryKiB: Number(m),
    passes: Number(t),
    lanes: Number(p),
    salt: bytes(salt),
    key: bytes(key),
  };
}

/** "$2x$" marks hashes of a C library with a sign bug; Go and Authelia check them like "$2b$", and so does this. */
function bcrypt(text: string): PasswordHash | undefined {
  const plain = BCRYPT.exec(text);
  if (plain !== null) {
    const [, minor = '', cost = '', salt = '', key = ''] = plain;
    const setting = `$2${minor === 'x' ? 'b' : minor}$${cost}$${salt}`;
    return { kind: 'bcrypt', feed: 'password', cost: Number(cost), setting, key };
  }
  const [, v2, v1, salt, key] = BCRYPT_SHA256.exec(text) ?? [];
  if (salt === undefined || key === undefined) return undefined;
  const cost = Number(v2 ?? v1);
  const setting = `$2b$${String(cost).padStart(2, '0')}$${salt}`;
  return { kind: 'bcrypt', feed: v2 === undefined ? 'sha256' : 'hmac', cost, setting, key };
}

function pbkdf2(text: string): PasswordHash | undefined {
  const [, lower, upper, iterations, salt, key] = PBKDF2.exec(text) ?? [];
  if (iterations === undefined) return undefined;
  const digest = pbkdf2Digest(lower ?? upper?.toLowerCase() ?? 'sha1');
  if (digest === undefined) return undefined;
  return { kind: 'pbkdf2', digest, iterations: Number(iterations), salt: bytes(salt), key: bytes(key) };
}

function django(text: string): PasswordHash | undefined {
  const [, name = '', iterations, salt = '', key] = DJANGO.exec(text) ?? [];
  const digest = pbkdf2Digest(name);
  if (digest === undefined) return undefined;
  return { kind: 'pbkdf2', digest, iterations: Number(iterations), salt: Buffer.from(salt), key: bytes(key) };
}

function pbkdf2Digest(name: string): Pbkdf2Digest | undefined {
  if (name === 'sha1' || name === 'sha224' || name === 'sha256' || name === 'sha384' || name === 'sha512') return name;
  return undefined;
}

function scrypt(text: string): PasswordHash | undefined {
  const [, logN, r, p, salt, key] = SCRYPT.exec(text) ?? [];
  if (logN === undefined) return undefined;
  return {
    kind: 'scrypt',
    logN: Number(logN),
    blockSize: Number(r),
    lanes: Number(p),
    salt: bytes(salt),
    key: bytes(key),
  };
}

/** Rounds are 5000 when not given and at least 1000 whatever is written, as crypt(3) has it. */
function shaCrypt(text: string): PasswordHash | undefined {
  const [, id, rounds, salt, key] = SHA_CRYPT.exec(text) ?? [];
  if (salt === undefined || key === undefined) return undefined;
  const digest = id === '5' ? 'sha256' : 'sha512';
  return { kind: 'sha-crypt', digest, rounds: Math.max(1000, Number(rounds ?? 5000)), salt, key };
}

function bytes(base64: string | undefined): Uint8Array {
  return Buffer.from((base64 ?? '').replaceAll('.', '+'), 'base64');
}

const UNKNOWN: readonly (readonly [RegExp, string])[] = [
  [/^\$g?y\$/, 'is yescrypt, which is not supported'],
  [/^\$7\$/, "is scrypt in crypt's own encoding, which is not supported"],
  [/^\$(?:1|apr1)\$/, 'is md5-crypt, which is not safe any more'],
  [/^\$sha1\$|^\{S?SHA\}|^\{S?MD5\}/i, 'is a kind that is not safe any more'],
  [/^\$argon2(?:id|i|d)\$(?!v=19\$)/, 'is argon2 of a version before 19 (1.3), which is not supported'],
  [
    /^(?:\$(?:argon2|2[abxy]?\$|bcrypt|pbkdf2|scrypt|[56]\$)|\{PBKDF2|pbkdf2_)/i,
    'is damaged: its end or a parameter is missing',
  ],
];

function whyUnknown(text: string): string {
  if (text === '') return 'is empty';
  for (const [pattern, reason] of UNKNOWN) if (pattern.test(text)) return reason;
  return 'is not a known kind of hash, or it is the password itself';
}
