import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cpuMs } from '../../../test/black-box/cpu.ts';
import type { ExpressionInput } from '../../core/expression.ts';
import { compileCel } from './cel.ts';
import { position } from './refusal.ts';

const INPUT: ExpressionInput = {
  user: {
    name: 'alice',
    displayName: 'Alice A.',
    email: 'alice@example.com',
    uid: 'ab12',
    groups: ['dev', 'team-red'],
    attributes: { team: 'red', none: null, n: 1, f: 1.5, list: ['a', 1], constructor: 'c', map: { k: 'v' } },
    groupAttributes: { tenant: 't1' },
  },
  request: { host: 'app.example.com', path: '/x', app: 'lab' },
};

function run(text: string, input = INPUT): unknown {
  const compiled = compileCel(text);
  if (!compiled.ok) return assert.fail(`${position(text, compiled.error.offset)} ${compiled.error.message}`);
  const result = compiled.value.run(input);
  return result.ok ? result.value : { error: result.error };
}

const VALUES: readonly (readonly [text: string, value: string])[] = [
  ['"http://foo.bar.baz/" + user.name', 'http://foo.bar.baz/alice'],
  ['user.username + user.displayName + user.email + user.uid', 'aliceAlice A.alice@example.comab12'],
  ['"dev" in user.groups ? "http://a" : "http://b"', 'http://a'],
  ['user.groups.exists(g, g == "ops") ? "y" : "n"', 'n'],
  ['user.groups.filter(g, g.startsWith("team-"))[0].substring(5)', 'red'],
  ['user.email.split("@")[1]', 'example.com'],
  ['user.groups.map(g, g.upperAscii()).join("|")', 'DEV|TEAM-RED'],
  ['user.group_attributes.tenant + request.host + request.path + request.app', 't1app.example.com/xlab'],
  ['string(user.attributes.n) + string(user.attributes.f) + string(user.attributes.n + 1)', '11.52'],
  ['has(user.attributes.team) ? user.attributes.team : "none"', 'red'],
  ['has(user.attributes.nope) ? "y" : "n"', 'n'],
  ['user.attributes.none == null ? "null" : "not"', 'null'],
  ['user.attributes.map.k', 'v'],
  ['user.name == user.attributes.n ? "y" : "n"', 'n'],
  ['user.name.replace("a", "aa")', 'aalice'],
  ['user.name.matches("^al.*e$") ? "y" : "n"', 'y'],
  // An attribute may be called as it likes; nothing of JavaScript shows through.
  ['user.attributes.constructor', 'c'],
  ['"toString" in user.attributes || has(user.attributes.__proto__) ? "y" : "n"', 'n'],
  // The Kelvin sign is no K.
  ['"\\u212A".lowerAscii() == "k" ? "y" : "n"', 'n'],
  ['"AbC".lowerAscii() + "aß".upperAscii()', 'abcAß'],
];

for (const [text, value] of VALUES) test(text, () => assert.equal(run(text), value));

const ERRORS: readonly (readonly [text: string, error: RegExp])[] = [
  ['user.attributes.nope', /^line 1, column 17: No such key: nope$/],
  ['user.attributes["__proto__"]', /No such key: __proto__/],
  ['user.attributes.toString', /No such key: toString/],
  ['user.attributes.map.constructor', /No such key: constructor/],
  ['user.groups[7]', /index out of bounds/],
  ['user.attributes.none', /^the result is null, not text$/],
  ['user.attributes.n', /^the result is a bigint, not text$/],
  ['user.attributes.list.join(",")', /join takes a list of texts/],
  ['user.name + user.attributes.none', /no such overload/],
  ['user.attributes.map.k.matches(user.attributes.map.k + "(")? "y" : "n"', /is no expression of RE2/],
];

for (const [text, error] of ERRORS)
  test(`fails: ${text}`, () => {
    const result = run(text);
    assert.ok(typeof result === 'object' && result !== null && 'error' in result, JSON.stringify(result));
    assert.match(String(result.error), error);
  });

const REFUSED: readonly (readonly [text: string, refusal: RegExp])[] = [
  ['usr.name', /^line 1, column 1: Unknown variable: usr\. \| user has name,/],
  ['"a" + user.nam', /^line 1, column 12: No such key: nam\. \| user has name,/],
  ['user.constructor', /No such key: constructor\./],
  ['user.groups\n  .exists(g,\n    g == 1) ? "a" : "b"', /^line 3, column 5: no such overload: string == int\./],
  ['user.name +', /^line 1, column 12: Unexpected token: EOF\./],
  ['user.name == "a"', /^line 1, column 1: This makes a bool, not a text\./],
  ['user.name + 1', /no such overload: string \+ int\. \| string\(…\) makes a text of a number\./],
  ['user.groups', /This makes a list<string>, not a text\./],
  ['"a" ? "b" : "c"', /Ternary condition must be bool, got 'string'\./],
  ['true ? "a" : null', /Ternary branches must have the same type/],
  ['cel.bind(x, user.name, x + x)', /^line 1, column 1: No method here is called bind\./],
  ['string(timestamp("2020-01-01T00:00:00Z"))', /No function here is called timestamp\./],
  ['user.name.boundedJoin()', /No method here is called boundedJoin\./],
  ['user.name.matches("(a")', /^line 1, column 19: This is no expression of RE2: missing closing \)/],
  ['user.name.matches("a(?=b)") ? "" : ""', /This is no expression of RE2/],
  ['string(b"abc")', /Bytes and unsigned numbers do not run here\./],
  ['string(1u)', /Bytes and unsigned numbers do not run here\./],
  ['', /There is no expression\./],
  [`"${'x'.repeat(20_000)}"`, /at most 16384 characters/],
  [`${'('.repeat(300)}"a"${')'.repeat(300)}`, /Exceeded maxDepth \(100\)\./],
  [`"a"${' + "a"'.repeat(600)}`, /Exceeded maxAstNodes \(1000\)\./],
  ['user.groups.map(a, user.groups.map(b, user.groups.map(c, c)))[0][0][0]', /^line 1, column 39: map inside so many/],
  ['user.name.matches(1) ? "a" : "b"', /found no matching overload for 'string\.matches\(int\)'\./],
];

for (const [text, expected] of REFUSED)
  test(`refused: ${text.slice(0, 60)}`, () => {
    const compiled = compileCel(text);
    assert.ok(!compiled.ok, 'it runs');
    const { offset, message, hint } = compiled.error;
    assert.match(`${position(text, offset)}: ${message} | ${hint ?? ''}`, expected);
  });

test('matches is RE2 wherever it stands: no pattern and no name keep it busy', async () => {
  const hostile: ExpressionInput = { ...INPUT, request: { ...INPUT.request, path: `/${'a'.repeat(5000)}!` } };
  const texts = [
    'request.path.matches("^/(a+)+$") ? "y" : "n"',
    'user.groups.exists(g, request.path.matches("^/(a|a)*$")) ? "y" : "n"',
    'user.groups.all(g, request.path.matches("^/(a|a)*$")) ? "y" : "n"',
    'user.groups.filter(g, request.path.matches("^/(a+)+$")).size() == 0 ? "n" : "y"',
    'user.groups.map(g, request.path.matches("^/(a+)+$") ? "y" : "n")[0]',
    'user.groups.map(g, request.path.matches("^/(a+)+$"), g).size() == 0 ? "n" : "y"',
    '[request.path.matches("^/(a+)+$")][0] ? "y" : "n"',
    '{"k": request.path.matches("^/(a+)+$")}.k ? "y" : "n"',
    '!request.path.matches("^/(a+)+$") && true ? "n" : "y"',
    'request.path.matches("^/(a" + "+)+$") ? "y" : "n"',
    'user.groups.exists_one(g, request.path.matches("^/(a+)+$")) ? "y" : "n"',
  ];
  const took = await cpuMs(() => {
    for (const text of texts) assert.equal(run(text, hostile), 'n', text);
  });
  assert.ok(took < 2000, `${took} ms`);
});

test('what a stranger sends cannot make an expression grow', () => {
  const hostile: ExpressionInput = { ...INPUT, request: { ...INPUT.request, path: '/'.repeat(60_000) } };
  for (const text of [
    'request.path.split("").join("xx")',
    'request.path.split("/").map(c, request.path).join("")',
    'request.path.replace("/", request.path)',
    'user.groups.map(g, request.path).join(request.path)',
    'request.path + request.path',
  ]) {
    const result = run(text, hostile);
    assert.ok(typeof result === 'object' && result !== null && 'error' in result, text);
    assert.match(String(result.error), /more than 1000 parts|grows beyond|too long a text/);
  }
});

test('one evaluation leaves nothing to the next', () => {
  const text = 'user.groups.map(g, g).join(",") + string(user.attributes.list.filter(x, true).size())';
  const compiled = compileCel(text);
  assert.ok(compiled.ok);
  for (const _ of [1, 2, 3]) assert.deepEqual(compiled.value.run(INPUT), { ok: true, value: 'dev,team-red2' });
});

test('any text is an expression or a refusal inside the text, and an evaluation a text or a sentence', () => {
  const token = fc.constantFrom(
    ...[
      'user',
      'request',
      '.',
      'name',
      'groups',
      'attributes',
      '[',
      ']',
      '(',
      ')',
      '{',
      '}',
      '"',
      "'",
      '+',
      '==',
      'in',
      ' ',
    ],
    ...[
      'exists(g, ',
      'map(g, ',
      'g',
      'has(',
      '?',
      ':',
      '&&',
      '||',
      '!',
      '-',
      '1',
      'null',
      'true',
      '\n',
      '😀',
      'r"',
      '__proto__',
    ],
  );
  const text = fc.oneof(
    fc.array(token, { maxLength: 25 }).map((t) => t.join('')),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (source) => {
      const compiled = compileCel(source);
      if (!compiled.ok) return compiled.error.offset >= 0 && compiled.error.offset <= source.length;
      const result = compiled.value.run(INPUT);
      return result.ok ? typeof result.value === 'string' : result.error !== '';
    }),
    { numRuns: 2000 },
  );
});
