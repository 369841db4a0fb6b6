import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { cpuMs } from '../../../test/black-box/cpu.ts';
import { additionalHeaders } from '../../core/attributes.ts';
import { type JsonObject, NO_ATTRIBUTES } from '../../core/json.ts';
import { checkHash } from '../../passwords/format.ts';
import { judgeUserFile } from './file-source.ts';

const HASH = '$argon2id$v=19$m=256,t=2,p=2$61jK+Po407hRJ+ECboKdeQ$e5nzb7pvL8NNym665jVVBpuO+hTcHarAg7tNzFiE4cc';

interface Read {
  readonly attributes: JsonObject;
  readonly uid: string;
  readonly headerNames: readonly string[];
  /** "severity line:column message", joined. */
  readonly said: string;
}

/** Bob with these lines below his name, from the third line of the file on. */
async function read(lines: string, others = ''): Promise<Read> {
  const text = `users:\n  bob:\n${lines}    displayname: Bob\n    password: '${HASH}'\n${others}`;
  const options = { search: { email: false, caseInsensitive: false }, checkHash };
  const { directory, problems } = await judgeUserFile(Buffer.from(text), options);
  const bob = directory?.accounts.get('bob')?.user;
  const said = problems.map((p) => `${p.severity} ${p.line}:${p.column} ${p.message}`).join('\n');
  const { attributes = { failed: true }, uid = '' } = bob ?? {};
  return { attributes, uid, headerNames: directory?.headerNames ?? [], said };
}

const SCALARS = `      a: text
      b: 7
      c: -1.5
      d: true
      e: FALSE
      f: null
      g: ~
      h:
      i: "7"
      j: 'true'
      k: yes
      l: 2024-05-06
      m: [1, x, null]
      n:
        - 1
        - "1"
      o: {}
      p:
        deep: {er: [[1], {x: y}]}
      7: seven
      true: yes
      q: 0.5
`;

test('scalars keep the types of YAML 1.2, read plainly or in full', async () => {
  const expected: unknown = JSON.parse(JSON.stringify(parse(SCALARS)));
  const full = await read(`    attributes:\n${SCALARS}`);
  deepEqual([full.attributes, full.said], [expected, '']);
  const plainLines = SCALARS.split('\n').filter((l) => !/[{}]|deep|p:$|h:$/.test(l));
  const plain = await read(`    attributes:\n${plainLines.join('\n')}`);
  deepEqual([plain.attributes, plain.said], [JSON.parse(JSON.stringify(parse(plainLines.join('\n')))), '']);
});

test('every plain spelling means what the YAML library says it means', async () => {
  const spellings =
    'true True TRUE tRUE t false False FALSE fALSE yes no on off null Null NULL nULL ~ 0 -0 +1 1 007 08 0x1F 0xg 0o17 0o8 1. .5 +.5 . - 1.5 1.50 1e3 1E-3 -1.5e+3 e3 1e 1_000 1:30 0b1 12e03 --1 Infinity NaN .infinity 9007199254740991'.split(
      ' ',
    );
  for (const spelling of spellings.filter((s) => s !== '-')) {
    const { attributes } = await read(`    attributes:\n      x: ${spelling}\n`);
    deepEqual(attributes, JSON.parse(JSON.stringify(parse(`x: ${spelling}`))), spelling);
  }
});

test('a number that would lose something stays a text, or is asked about', async () => {
  for (const [given, kept] of [
    ['9007199254740993', '9007199254740993'],
    ['12345678901234567890', '12345678901234567890'],
    ['1e999', '1e999'],
    ['.inf', '.inf'],
    ['.NaN', '.NaN'],
  ] as const) {
    const { attributes, said } = await read(`    attributes: {x: ${given}}\n`);
    deepEqual(attributes, { x: kept });
    match(said, /^warning 3:21 In the attributes of "bob" .* is taken as a text/);
  }
  for (const [given, number] of [
    ['00123', 123],
    ['+49301234', 49301234],
    ['1.10', 1.1],
  ] as const) {
    const { attributes, said } = await read(`    attributes: {x: ${given}}\n`);
    deepEqual(attributes, { x: number });
    ok(said.includes(` In the attributes of "bob" ${given} is the number ${number} in YAML.`), said);
  }
});

test('tags, block scalars and aliases count as in YAML', async () => {
  const { attributes, said } = await read(
    '    attributes:\n      a: !!str 12\n      b: !!int "12"\n      c: |\n        x\n        y\n      d: &d {e: [1]}\n      f: *d\n      g: [*d, *d]\n',
  );
  const d = { e: [1] };
  deepEqual([attributes, said], [{ a: '12', b: 12, c: 'x\ny\n', d, f: d, g: [d, d] }, '']);
});

test('keys that are names of JavaScript are keys like any other', async () => {
  for (const more of ['', '      full: {parser: 1}\n']) {
    const { attributes } = await read(
      `    attributes:\n      __proto__:\n        admin: true\n      constructor: 1\n      toString: 2\n${more}`,
    );
    equal(Object.getPrototypeOf(attributes), Object.prototype);
    equal('admin' in attributes, false);
    deepEqual(Object.keys(attributes).slice(0, 3), ['__proto__', 'constructor', 'toString']);
    deepEqual(Object.getOwnPropertyDescriptor(attributes, '__proto__')?.value, { admin: true });
  }
  const hostile = await read('    attributes: {__proto__: {additionalHeaders: {X-A: 1}}}\n');
  deepEqual([additionalHeaders(hostile.attributes).headers, hostile.headerNames], [[], []]);
});

test('nothing below attributes is no attributes, and any other kind is refused', async () => {
  for (const nothing of ['', ' ~', ' {}', ' null']) {
    const { attributes, said } = await read(`    attributes:${nothing}\n`);
    equal(attributes, NO_ATTRIBUTES);
    equal(said, '');
  }
  for (const wrong of ['x', '[a]', '1', '""', '\n      - a']) {
    match((await read(`    attributes: ${wrong}\n`)).said, /^error \d:\d+ The attributes of "bob" are not a map\.$/);
  }
});

test("Authelia's extra is attributes, behind those below attributes", async () => {
  const { attributes, headerNames } = await read(
    '    extra:\n      a: extra\n      b: [1, 2]\n    attributes:\n      a: own\n      additionalHeaders: {X-A: 1}\n',
  );
  deepEqual(attributes, { a: 'own', b: [1, 2], additionalHeaders: { 'X-A': 1 } });
  deepEqual(headerNames, ['X-A']);
});

for (const [what, lines, problem] of [
  ['a key twice', '    attributes: {a: 1, b: {c: 1, c: 2}}\n', /^error 3:34 "c" of "bob" is there twice/],
  ['a merge key', '    attributes: {<<: {a: 1}}\n', /^warning 3:18 "<<" in the attributes of "bob" is ignored/],
  [
    '17 levels',
    `    attributes: ${'{a: '.repeat(17)}1${'}'.repeat(17)}\n`,
    /^error 3:\d+ .* nested more than 16 levels deep/,
  ],
  ['10,001 values', `    attributes: {a: [${'1,'.repeat(10_001)}]}\n`, /^error 3:\d+ .* are more than 10,000 values/],
  ['a large text', `    attributes: {a: ${'x'.repeat(65_536)}}\n`, /^error 3:\d+ .* or 65,536 characters/],
  ['a large key', `    attributes: {${'x'.repeat(65_537)}: 1}\n`, /^error 3:\d+ .* or 65,536 characters/],
  ['an alias in itself', '    attributes: &a {b: *a}\n', /^error 3:24 The alias \*a stands inside its anchor/],
  [
    'billions of aliases',
    `    attributes:\n      a0: &a0 [x, x]\n${Array.from({ length: 40 }, (_, i) => `      a${i + 1}: &a${i + 1} [*a${i}, *a${i}]\n`).join('')}`,
    /^error \d+:\d+ The aliases of this file stand for too much/,
  ],
  ['a uid that is none', '    uid: abc\n', /^error 3:10 The uid of "bob" is not 64 hexadecimal digits/],
  ['a uid that is a list', `    uid: [${'a'.repeat(64)}]\n`, /^error 3:10 The uid of "bob"/],
  [
    'headers that are no map',
    '    attributes: {additionalHeaders: [1]}\n',
    /^warning 3:18 "additionalHeaders" is not a map/,
  ],
  [
    'a header with a line break',
    '    attributes:\n      additionalHeaders:\n        X-Ok: 1\n        X-Bad: "a\\r\\nX-I: 1"\n',
    /^warning 6:9 The header "X-Bad" is left out: its value/,
  ],
  [
    'a forbidden header',
    '    attributes:\n      additionalHeaders:\n        Cookie: a\n',
    /^warning 5:9 The header "Cookie" is left out/,
  ],
  [
    'no header name',
    '    attributes:\n      additionalHeaders:\n        "X A": a\n',
    /^warning 5:9 "X A" is left out: it is no header name/,
  ],
] as const) {
  test(`${what} is told with its place`, async () => {
    const took = await cpuMs(async () => {
      const { said } = await read(lines);
      match(said, problem);
      equal(said.split('\n').length, 1, said);
    });
    ok(took < 5_000, `${took} ms`);
  });
}

test('two spellings of one header are told at the attribute, or where another account has them', async () => {
  const twins = await read('    attributes:\n      additionalHeaders:\n        X-Role: a\n        x_role: b\n');
  equal(twins.said, 'warning 4:7 "X-Role" and "x_role" are one header to many apps; the later one counts.');
  deepEqual(twins.headerNames, ['X-Role']);
  const ann = `  ann:\n    displayname: Ann\n    password: '${HASH}'\n    attributes: {additionalHeaders: {x-role: 1}}\n`;
  const { said, headerNames } = await read('    attributes: {additionalHeaders: {X-Role: a}}\n', ann);
  equal(said, 'warning 6:1 The header "x-role" is written "X-Role" in line 2; to apps they are one.');
  deepEqual(headerNames, ['X-Role']);
});

test("a uid of one's own is kept, in lower case, and belongs to one account", async () => {
  const uid = 'ABCDEF0123456789'.repeat(4);
  equal((await read(`    uid: ${uid}\n`)).uid, uid.toLowerCase());
  const { uid: derived } = await read('');
  match(derived, /^[0-9a-f]{64}$/);
  const ann = (own: string) => `  ann:\n    displayname: Ann\n    password: '${HASH}'\n    uid: ${own}\n`;
  match(
    (await read(`    uid: ${uid}\n`, ann(uid.toLowerCase()))).said,
    /^error \d:1 "ann" has the same uid as "bob" in line 2/,
  );
  match((await read('', ann(derived))).said, /^error 2:1 "bob" has the same uid as "ann" in line 5/);
});
