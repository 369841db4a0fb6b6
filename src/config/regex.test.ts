import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuMs } from '../../test/black-box/cpu.ts';
import { compileRegex, isAnchored } from './regex.ts';

function compiled(source: string) {
  const regex = compileRegex(source);
  return regex.ok ? regex.value : assert.fail(regex.error);
}

/** Where Go's expressions and those of JavaScript differ, Go's meaning holds. */
const SEMANTICS: readonly [source: string, text: string, matches: boolean][] = [
  ['^a$', 'a\n', false],
  ['a.b', 'a\rb', true],
  ['a.b', 'a\u2028b', true],
  ['a.b', 'a\nb', false],
  ['(?s)a.b', 'a\nb', true],
  ['(?i)straße', 'STRASSE', false],
  ['(?i)^admin', 'ADMIN', true],
  ['\\d', '٣', false],
  ['\\s', '\u00a0', false],
  ['^\\A/x\\z$', '/x', true],
  ['[[:alpha:]]', 'q', true],
  ['^(?P<User>[a-z]+)\\.x$', 'bob.x', true],
  ['(?m)^b$', 'a\nb\nc', true],
  ['\\Qa.b\\E', 'a.b', true],
  ['\\Qa.b\\E', 'axb', false],
  ['.-$', '😀-', true],
  ['^.$', '😀', true],
  ['^[^/]-$', '😀-', true],
  ['^/(?P<User>.)$', '/😀', true],
  ['😀$', '/😀', true],
];
for (const [source, text, matches] of SEMANTICS) {
  test(`${source} on ${JSON.stringify(text)}: ${matches}`, () => assert.equal(compiled(source).test(text), matches));
}

test('what Go does not have is refused', () => {
  for (const source of [
    '(?=a)',
    '(?<=a)b',
    '(a)\\1',
    'a{1001}',
    '(',
    '[b-a]',
    '*',
    "(?'User'a)",
    '(?P<User>a)(?P<User>b)',
  ]) {
    assert.equal(compileRegex(source).ok, false, source);
  }
});

test('an expression that would take years in JavaScript takes none', async () => {
  const regex = compiled('^(([a-z])+.)+[A-Z]([a-z])+$');
  const took = await cpuMs(() => assert.equal(regex.test('a'.repeat(20_000)), false));
  assert.ok(took < 2000, `${took} ms`);
});

for (const source of ['^(?P<User>[a-z]+)\\.x(?P<Group>-[a-z]+)?$', '(?i)^(?P<uSER>[a-z]+)\\.x(?<GROUP>-[a-z]+)?$']) {
  test(`groups of ${source}`, () => {
    const regex = compiled(source);
    assert.equal(regex.bindsSubject, true);
    assert.deepEqual(regex.captures('bob.x-dev'), { user: 'bob', group: '-dev' });
    // A group that took no part is empty, and so nobody's; undefined would mean that the expression has no such group.
    assert.deepEqual(regex.captures('bob.x'), { user: 'bob', group: '' });
    assert.equal(regex.captures('.x'), undefined);
  });
}

test('an expression without these names binds nobody', () => {
  assert.equal(compiled('^(?P<Tenant>[a-z]+)$').bindsSubject, false);
  assert.deepEqual(compiled('^(?P<Tenant>[a-z]+)$').captures('x'), { user: undefined, group: undefined });
});

test('User and user at once are refused by both engines', () => {
  for (const source of ['^(?P<User>a)(?P<user>b)', '(?i)(?P<Group>a)(?P<GROUP>b)'])
    assert.equal(compileRegex(source).ok, false);
});

test('anchors', () => {
  const both: readonly [string, boolean][] = [
    ['^a$', true],
    ['(?i)^a$', true],
    ['\\Aa\\z', true],
    ['^a\\$', false],
    ['^a\\\\$', true],
    ['^a|b$', false],
    ['^(a|b)$', true],
    ['^[|]$', true],
    ['a$', false],
    ['^a', false],
    ['.*', true],
  ];
  for (const [source, expected] of both) assert.equal(isAnchored(source, 'both'), expected, source);
  assert.equal(isAnchored('^a', 'start'), true);
  assert.equal(isAnchored('a', 'start'), false);
});
