import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { nativeRegex } from './native-regex.ts';

/** Usual expressions of access rules: these must not cost the slow engine. */
const USUAL = [
  '^/api/',
  '^/api/.*$',
  '^/case/[a-z]+$',
  'embedded',
  '^/path\\?query=value$',
  '^/(?P<User>[a-zA-Z0-9]+)/personal(/|/.*)?$',
  '^(?P<User>[a-zA-Z0-9]+)\\.regex.com$',
  '^.*\\.(one|two)\\.com$',
  '^group-(?<Group>\\w+)\\.example\\.com$',
  '^/users/\\d+/?$',
  '^/api/v[0-9]+/[a-z]+/[0-9]+',
];

test('usual expressions run natively', () => {
  const slow = USUAL.filter((source) => nativeRegex(source) === undefined);
  assert.deepEqual(slow, []);
});

/** Wrong, different in the two languages, or not linear in the engine of JavaScript. */
const FOREIGN = [
  ...['(a+)+$', '^(a*)*b', '^a*a*b', '^.*x.*y', 'a+', '^(a|b)*$', '^(a*|b*)c*', '^(a?){9}', '^(a*|b)+', '^(a?)?'],
  ...['a{2}', '\\s', '\\b', '\\pL', '(?i)a', '(?=a)', '(a)\\1', '[[:alpha:]]', '[z-a]', '[^\\]]', 'a|b', '^a|b$'],
  ...[
    '*a',
    '(a',
    'a)',
    '[a',
    'a**',
    'a*?',
    'a\\',
    '(?P<x>a)(?P<x>b)',
    '',
    ']',
    '{',
    '\ud800',
    '😀',
    '$a',
    'a^b',
    '^^a',
  ],
  `^${'(a|b)?'.repeat(7)}`,
];
for (const source of FOREIGN) {
  test(`${JSON.stringify(source)} is left to RE2`, () => assert.equal(nativeRegex(source), undefined));
}

const atom = fc.constantFrom(...'abc/-', '.', '\\.', '\\-', '[a-c]', '[^/]', '[a-b-]', '\\d', '\\w', 'é', '€', '%');
const quantified = fc.tuple(atom, fc.constantFrom('', '', '', '?', '*', '+')).map((t) => t.join(''));
const sequence = fc.array(quantified, { minLength: 1, maxLength: 4 }).map((a) => a.join(''));
const group = fc
  .tuple(
    fc.constantFrom('(', '(?:', '(?P<User>', '(?<Group>'),
    fc.array(sequence, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', '?'),
  )
  .map(([open, alternatives, q]) => `${open}${alternatives.join('|')})${q}`);
const pattern = fc
  .tuple(
    fc.constantFrom('^', '^', ''),
    fc.array(fc.oneof({ weight: 3, arbitrary: quantified }, { weight: 1, arbitrary: group }), { maxLength: 5 }),
    fc.constantFrom('', '$'),
  )
  .map(([start, body, end]) => `${start}${body.join('')}${end}`);
const text = fc
  .array(fc.constantFrom(...'abc/-.%09_ ', '\n', '\r', '\u2028', 'é', '€'), { maxLength: 9 })
  .map((a) => a.join(''));

test('both engines agree on matches and captures', () => {
  let compared = 0;
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 4, maxLength: 8 }), (source, texts) => {
      const native = nativeRegex(source);
      if (native === undefined) return;
      const re2 = RE2JS.compile(source);
      for (const t of texts) {
        compared++;
        const found = native.regex.exec(t);
        const m = re2.matcher(t);
        assert.equal(found !== null, m.find(), `${source} on ${JSON.stringify(t)}`);
        for (const [i] of native.groups.entries()) {
          if (found !== null)
            assert.equal(found[i + 1] ?? null, m.group(i + 1), `${source} on ${JSON.stringify(t)}, group ${i + 1}`);
        }
      }
    }),
    { numRuns: 4000 },
  );
  assert.ok(compared > 3000, `only ${compared} comparisons`);
});

test('time stays linear on the worst texts', () => {
  const texts = [16_000, 64_000].map((n) => `/${'a'.repeat(n)}\n`);
  for (const source of ['^/a*$', '^/(?P<User>[a-z]+)/b(/|/.*)?$', `^${'(/|a)?'.repeat(3)}.*$`, 'aaaaaaaaaaaaaaaab']) {
    const { regex } = nativeRegex(source) ?? assert.fail(source);
    const [small = 0, large = 0] = texts.map((t) => fastest(() => regex.test(t)));
    assert.ok(large < 20 * small + 5, `${source}: ${small} ms, then ${large} ms for four times as much`);
  }
});

function fastest(run: () => void): number {
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  });
  return Math.min(...times);
}
