import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readFullYaml } from './full-yaml.ts';
import type { Node } from './node.ts';
import { readPlainMapping } from './plain-yaml.ts';

/** Without the place of an empty value: the two readers put it at different ends of the line, and nothing shows it. */
function comparable(node: Node): unknown {
  if (node.kind === 'scalar') {
    const { text, isPlain, line, column } = node;
    return text === '' && isPlain ? 'nothing' : { text, isPlain, line, column };
  }
  if (node.kind === 'list') return node.items.map(comparable);
  return node.pairs.map((p) => [comparable(p.key), comparable(p.value)]);
}

async function bothRead(text: string): Promise<'same' | 'left to the full parser'> {
  const plain = readPlainMapping(text.split('\n'), 1);
  if (plain === undefined) return 'left to the full parser';
  const full = await readFullYaml(text, 1);
  assert.ok(full.ok, `the full parser refuses ${JSON.stringify(text)} ${JSON.stringify(full)}`);
  assert.deepEqual(comparable(plain), comparable(full.value), JSON.stringify(text));
  return 'same';
}

const value = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', '', 'b c', '"q"', '[a, b]', "'s' # c", 'x#y', '$5$s$k/.') },
  fc.constantFrom(
    ...[
      '',
      '~',
      'true',
      '12',
      '1990-01-31',
      'a b',
      'a#b',
      'a # b',
      'a: b',
      'a:b',
      'a:',
      '#c',
      '[a, b]',
      '[a b , c]',
      '[]',
    ],
    ...[
      '[a,]',
      '[a: b]',
      '[ "a" ]',
      '{a: b}',
      '"q"',
      '"q" # c',
      "'q'",
      "'it''s'",
      '"a\\nb"',
      '"open',
      '|',
      '>-',
      '&a b',
    ],
    ...[
      '*a',
      '!!str x',
      '- a',
      '-a',
      '-',
      '? a',
      '%a',
      '@a',
      '`a',
      'ä',
      'a\u00a0',
      '\u00a0a',
      'a\tb',
      'a\u2028b',
      '\u{1f600}',
    ],
    ...[
      '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$YQ',
      'https://x.y:1/?a=b#c',
      "x'y",
      'x"y',
      '=',
      '<<',
      'a\r',
      '\u0085',
    ],
  ),
  fc.string({ maxLength: 6, unit: fc.constantFrom(...'ab:#-[]{},"\'&*!|>% \t\\\u00e4~') }),
);
const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b', 'c', 'password') },
  fc.constantFrom(
    'a',
    'b',
    'password',
    '"q k"',
    "'q'",
    'é',
    '12',
    'a b',
    '-a',
    '.',
    '<<',
    '@a',
    '?',
    'a ',
    '"a"b',
    'null',
  ),
  fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom(...'a-.:#"\'@ ') }),
);
const line = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.nat(3), key, value).map(([i, k, v]) => `${'  '.repeat(i)}${k}: ${v}`) },
  { weight: 2, arbitrary: fc.tuple(fc.nat(3), key).map(([i, k]) => `${'  '.repeat(i)}${k}:`) },
  { weight: 3, arbitrary: fc.tuple(fc.nat(3), value).map(([i, v]) => `${'  '.repeat(i)}- ${v}`) },
  { weight: 1, arbitrary: fc.constantFrom('', '  ', '# c', '    # c', '\t', '---', '...', '  -', '\r', ' odd: 1') },
);

const RUNS = 2000;

test('what is read plainly is read as the full parser reads it', async () => {
  let same = 0;
  const text = fc.array(line, { minLength: 1, maxLength: 7 }).map((lines) => lines.join('\n'));
  await fc.assert(
    fc.asyncProperty(text, async (t) => {
      if ((await bothRead(t)) === 'same') same++;
    }),
    { numRuns: RUNS },
  );
  assert.ok(same > RUNS / 20, `only ${same} texts were read plainly`);
});

test('the usual shape is read plainly', async () => {
  const text =
    '  john:\n    disabled: false\n    displayname: "John Doe"\n    password: "$argon2id$v=19$m=1,t=1,p=1$YQ$YQ"  # new\n' +
    "    email: john@example.com\n\n    # groups\n    groups:\n      - 'admins'\n      - dev ops\n    address:\n      locality: ''\n";
  assert.equal(await bothRead(text), 'same');
  assert.equal(await bothRead(text.replaceAll('\n', '\r\n')), 'same');
});
