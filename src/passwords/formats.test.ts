import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHash, parseHash } from './format.ts';
import { hashPassword, NOBODYS_HASH } from './hash.ts';
import { shaCrypt } from './sha-crypt.ts';
import { verifyPassword } from './verify.ts';

async function matches(encoded: string, password: string): Promise<boolean> {
  const hash = parseHash(encoded);
  assert.ok(hash.ok, hash.ok ? '' : `${encoded} ${hash.error}`);
  return verifyPassword(hash.value, password);
}

/** Made with argon2-cffi, bcrypt, passlib, Django, hashlib and crypt(3) of glibc: [what, password, hash]. */
const VECTORS: readonly (readonly [string, string, string])[] = [
  [
    'argon2id',
    'correct horse',
    '$argon2id$v=19$m=256,t=2,p=2$61jK+Po407hRJ+ECboKdeQ$e5nzb7pvL8NNym665jVVBpuO+hTcHarAg7tNzFiE4cc',
  ],
  [
    'argon2i',
    'correct horse',
    '$argon2i$v=19$m=256,t=2,p=2$ULx8e4eE8bwJp9aTG8eULQ$1/4fL+wcqFE4mkGwHShCNpFDLwJc0XVMbtnYTbpNtyY',
  ],
  [
    'argon2d',
    'correct horse',
    '$argon2d$v=19$m=256,t=2,p=2$xEsRX9IEpUF1eqLYHPaSOg$S4wI6B/NdOSqvk73go9gmdWwSUQNBcvhKzVikUDi5qU',
  ],
  [
    'argon2id utf8',
    'pässwörd €',
    '$argon2id$v=19$m=64,t=1,p=1$V3tsrtJ6lltHydQ0j71YDA$2p8o4ghIJEmVNOAocagBWahsfQI1zLFM/xwPVeJliOk',
  ],
  ['bcrypt 2b', 'correct horse', '$2b$04$fZL8wyHs38w6JK2eXpkTfulA0Sv6JyOl4RsGaXEVDb9WbtG8CfSpy'],
  ['bcrypt 2a', 'correct horse', '$2a$04$RDiPquojF/TzU8rLVy4lsuQiOVixc88uN9wD4yOHCJ7T6EtOqggey'],
  ['bcrypt 2y utf8', 'pässwörd €', '$2y$04$6VjsQ9Nxvgywqwz9pdq6xek4MT/npliWecPD6u2eVmjZosw2ZXM7q'],
  ['bcrypt 2b 80 bytes', 'x'.repeat(80), '$2b$04$KR9FDLp/ZPIhSUbdOFdCfO4dzRYiYTIiZ/BDZ7WIe/jMV.1IKWG/m'],
  [
    'bcrypt-sha256 v2',
    'correct horse',
    '$bcrypt-sha256$v=2,t=2b,r=4$prLn4xFOxxKgnhIilDmJge$gvxgp/mGKSEmSI6Abz598XaeDCCUwSS',
  ],
  ['bcrypt-sha256 v1', 'correct horse', '$bcrypt-sha256$2b,4$SmrK6GTpX2uPoJPF9cyP4O$lvgSkKuGcCcdiCNahSIUd7Bf40rHkn.'],
  [
    'bcrypt-sha256 v2 long',
    'y'.repeat(100),
    '$bcrypt-sha256$v=2,t=2b,r=4$hT5O8XVGGl0URMo1HRi0qu$Z/ozSXVgLYy3GgbWrmBuJJiS5Jjpvy2',
  ],
  ['pbkdf2', 'correct horse', '$pbkdf2$1000$6j1n7H2vtbbWGoPQmvMeww$3IvUM9brAz0Ls9pFTooWZDCbRqU'],
  [
    'pbkdf2-sha256',
    'correct horse',
    '$pbkdf2-sha256$1000$7X0PIYTQGmNszZlTCkGI0Q$A0TsVzzGu2tjA0XEamtwG/mfKci/BZmMXvt.9EF/GxI',
  ],
  [
    'pbkdf2-sha512',
    'pässwörd €',
    '$pbkdf2-sha512$1000$TYmRUgqB0ForBUBICcH4Pw$RBvQ9LBHvKUe6JBd9AxVcbD5MgXWCbDJ1TYwZCFjxglac235Me4wwfR/lMOwK/VvcElhr/JpKnuUqwh0aV8FOg',
  ],
  [
    'pbkdf2-sha224',
    'correct horse',
    '$pbkdf2-sha224$1000$AAECAwQFBgcICQoLDA0ODw$X2PjXttojxAW.gBWuBrtK5n/w7lDglfPOOsE4w',
  ],
  [
    'pbkdf2-sha384',
    'correct horse',
    '$pbkdf2-sha384$1000$AAECAwQFBgcICQoLDA0ODw$ptrUImDmhCOJ1MRgszc3nYWTon44/if94XSYTuApsyKipl.4DI.WCvYHN2dldZr.',
  ],
  [
    '{PBKDF2-SHA256}',
    'correct horse',
    '{PBKDF2-SHA256}1000$izGGUOqdc05JibG2NiYEoA$vuKtfHVZ0Bs3kWh8RbCrjk4clrjL75wXDporkmYPV44',
  ],
  [
    'django pbkdf2_sha256',
    'correct horse',
    'pbkdf2_sha256$1000$seasalt123$KuEnssc6S4MzVSS8Tu48m1RDSrTAn7j3CfgvvjkvfWA=',
  ],
  [
    'scrypt',
    'correct horse',
    '$scrypt$ln=10,r=8,p=2$AQIDBAUGBwgJCgsMDQ4PEA$9L1PjSChig3MnVD1MqflrR5v9CzmN+UB8+J75EnV+R4',
  ],
  ['sha256-crypt', 'correct horse', '$5$rounds=1000$saltsaltsalt$JF3rrH21h5jPz83Fdlmgpe2orguumnb8a3vAUfrvB78'],
  [
    'sha512-crypt',
    'correct horse',
    '$6$rounds=1500$anothersalt$oIc8cxlniDjeYFIcrt2yLvn1/hVqz.xP/ezOqUIHCwOrq7KY/QW5l8zprTE090weafH06.3zvTlgTsqAe4RMn1',
  ],
  [
    'sha512-crypt default',
    'pässwörd €',
    '$6$s$IfdZbb7n/sb/3EVfNCK/yZwSlYgTDSY05/fmW//5Ze2ktoOmbzeRyFNyypwTz0yPnZzQgrJP5mOCPQlhsvBsI/',
  ],
  [
    '{CRYPT}',
    'correct horse',
    '{CRYPT}$6$rounds=1000$kRbqzemMouALsSm9$CSAapmysTwik.5L1ROng9Iklid9mlfWl6D1k6l8v/kVQdelDG5IUF600bsZuAmY5XueTbtpct.u748573f7Aw1',
  ],
  [
    '{ARGON2}',
    'correct horse',
    '{ARGON2}$argon2id$v=19$m=256,t=2,p=2$61jK+Po407hRJ+ECboKdeQ$e5nzb7pvL8NNym665jVVBpuO+hTcHarAg7tNzFiE4cc',
  ],
];

for (const [what, password, hash] of VECTORS) {
  test(`${what} made elsewhere is accepted, and no other password`, async () => {
    assert.equal(await matches(hash, password), true);
    assert.equal(await matches(hash, `X${password}`), false);
    assert.equal(await matches(hash, ''), false);
  });
}

/** Settings and passwords of Drepper's SHA-crypt text, with its results. */
const SHA_CRYPT: readonly (readonly ['sha256' | 'sha512', string, number, string, string])[] = [
  ['sha256', 'saltstring', 5000, 'Hello world!', '5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'],
  ['sha256', 'saltstringsaltstring', 10000, 'Hello world!', '3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA'],
  ['sha256', 'toolongsaltstring', 5000, 'This is just a test', 'Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5'],
  [
    'sha256',
    'anotherlongsaltstring',
    1400,
    'a very much longer text to encrypt.  This one even stretches over morethan one line.',
    'Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1',
  ],
  [
    'sha256',
    'short',
    77777,
    'we have a short salt string but not a short password',
    'JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/',
  ],
  ['sha256', 'asaltof16chars..', 123456, 'a short string', 'gP3VQ/6X7UUEW3HkBn2w1/Ptq2jxPyzV/cZKmF/wJvD'],
  [
    'sha256',
    'roundstoolow',
    1000,
    'the minimum number is still observed',
    'yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC',
  ],
  [
    'sha512',
    'saltstring',
    5000,
    'Hello world!',
    'svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
  ],
  [
    'sha512',
    'saltstringsaltstring',
    10000,
    'Hello world!',
    'OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
  ],
  [
    'sha512',
    'toolongsaltstring',
    5000,
    'This is just a test',
    'lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0',
  ],
  [
    'sha512',
    'anotherlongsaltstring',
    1400,
    'a very much longer text to encrypt.  This one even stretches over morethan one line.',
    'POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1',
  ],
  [
    'sha512',
    'short',
    77777,
    'we have a short salt string but not a short password',
    'WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0',
  ],
  [
    'sha512',
    'asaltof16chars..',
    123456,
    'a short string',
    'BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu.Ec6ycULevoBK25fs2xXgMNrCzIMVcgEJAstJeonj1',
  ],
  [
    'sha512',
    'roundstoolow',
    1000,
    'the minimum number is still observed',
    'kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX.',
  ],
];

test('sha-crypt gives the published results', () => {
  for (const [digest, salt, rounds, password, expected] of SHA_CRYPT) {
    assert.equal(shaCrypt(digest, password, salt, rounds), expected, `${digest} ${salt}`);
  }
});

test('sha-crypt raises fewer than 1000 rounds to 1000', async () => {
  const [, salt, , password, key] = SHA_CRYPT[6]!;
  assert.equal(await matches(`$5$rounds=10$${salt}$${key}`, password), true);
});

test('a new hash is argon2id with 64 MiB, and its own password opens it', async () => {
  const hash = hashPassword('new one', Buffer.alloc(16, 7));
  assert.match(hash, /^\$argon2id\$v=19\$m=65536,t=3,p=4\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.equal(await matches(hash, 'new one'), true);
  assert.equal(await matches(hash, 'new one '), false);
});

test("nobody's hash costs as much as a new one and opens to nothing likely", async () => {
  assert.deepEqual(checkHash(NOBODYS_HASH), checkHash(hashPassword('x', Buffer.alloc(16))));
  assert.equal(await matches(NOBODYS_HASH, ''), false);
});

test('a password with NUL, or longer than 1024 bytes, is a wrong one', async () => {
  const bcrypt = '$2b$04$KR9FDLp/ZPIhSUbdOFdCfO4dzRYiYTIiZ/BDZ7WIe/jMV.1IKWG/m';
  assert.equal(await matches(bcrypt, 'x'.repeat(1024)), true); // bcrypt reads 72 bytes
  assert.equal(await matches(bcrypt, 'x'.repeat(1025)), false);
  assert.equal(await matches(bcrypt, `${'x'.repeat(80)}\0`), false);
});

const key = 'A'.repeat(43);
const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  ['yescrypt', '$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7', /yescrypt/],
  ['md5-crypt', '$1$3azHgidD$SrJPt7B.9rekpmwJwtON31', /md5-crypt/],
  ['apr1', '$apr1$zjaB8hkb$2s0Oxn/2jVSnVFb7cmMBy/', /md5-crypt/],
  ['SSHA', '{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr', /not safe/],
  ['plain text', 'hunter2', /password itself/],
  ['nothing', '', /empty/],
  ['argon2 of 2014', `$argon2i$m=4096,t=3,p=1$c29tZXNhbHQ$${key}`, /before 19/],
  ['argon2 cut off', '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ', /damaged/],
  ['bcrypt cut off', '$2b$12$KR9FDLp/ZPIhSUbdOFdCfO4dzRYiYTIiZ', /damaged/],
  ['a key of three bytes', '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$AAAA', /outside its standard/],
  ['argon2 over 2 GiB', `$argon2id$v=19$m=4194304,t=1,p=4$c29tZXNhbHQ$${key}`, /2 GiB/],
  ['argon2 with a million passes', `$argon2id$v=19$m=65536,t=1000000,p=4$c29tZXNhbHQ$${key}`, /5 seconds/],
  ['bcrypt of cost 31', '$2b$31$KR9FDLp/ZPIhSUbdOFdCfO4dzRYiYTIiZ/BDZ7WIe/jMV.1IKWG/m', /5 seconds/],
  ['bcrypt of cost 3', '$2b$03$KR9FDLp/ZPIhSUbdOFdCfO4dzRYiYTIiZ/BDZ7WIe/jMV.1IKWG/m', /outside its standard/],
  ['pbkdf2 of 900 million rounds', `$pbkdf2-sha256$900000000$c29tZXNhbHQ$${key}`, /5 seconds/],
  ['scrypt over 2 GiB', `$scrypt$ln=24,r=8,p=1$c29tZXNhbHQ$${key}`, /2 GiB/],
  ['scrypt with 4096 lanes', `$scrypt$ln=16,r=8,p=4096$c29tZXNhbHQ$${key}`, /5 seconds/],
  ['sha-crypt of 999,999,999 rounds', `$5$rounds=999999999$salt$${key}`, /5 seconds/],
  ['sha512-crypt with a key of sha256', `$6$salt$${key}`, /outside its standard/],
];

for (const [what, hash, reason] of REFUSED) {
  test(`${what} is refused with its reason, and the value is not quoted`, () => {
    const checked = checkHash(hash);
    assert.equal(checked.ok, false);
    if (checked.ok) return;
    assert.match(checked.error, reason);
    if (hash !== '') assert.equal(checked.error.includes(hash), false);
  });
}

test('the bounds let through what is recommended', () => {
  const recommended = [
    `$argon2id$v=19$m=2097152,t=1,p=4$c29tZXNhbHQ$${key}`, // RFC 9106 §4, first
    '$2b$14$KR9FDLp/ZPIhSUbdOFdCfO4dzRYiYTIiZ/BDZ7WIe/jMV.1IKWG/m',
    `$pbkdf2-sha512$1000000$c29tZXNhbHQ$${'A'.repeat(86)}`,
    `$scrypt$ln=17,r=8,p=1$c29tZXNhbHQ$${key}`,
    `$6$rounds=656000$salt$${'A'.repeat(86)}`,
  ];
  for (const hash of recommended) assert.equal(checkHash(hash).ok, true, hash);
});
