import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { additionalHeaderNames, additionalHeaders, mergeAttributes } from './attributes.ts';
import { type Json, type JsonObject, NO_ATTRIBUTES } from './json.ts';
import { utf8Bytes } from './text/header-value.ts';

function json(text: string): JsonObject {
  return JSON.parse(text);
}

function headersOf(map: JsonObject): Record<string, string> {
  return Object.fromEntries(
    additionalHeaders({ additionalHeaders: map }).headers.map(({ name, value }) => [name, value]),
  );
}

function problemsOf(map: Json): readonly string[] {
  return additionalHeaders({ additionalHeaders: map }).problems;
}

test('later parts win, maps merge deeply, lists append', () => {
  const merged = mergeAttributes([
    { additionalHeaders: { 'X-A': 'brand', 'X-B': 'brand' }, list: [1], kind: { a: 1 }, gone: [1] },
    { additionalHeaders: { 'X-A': 'ga', 'X-C': 'ga' }, list: [2, 1], kind: [2] },
    { additionalHeaders: { 'X-A': 'gb' }, gone: null },
    { additionalHeaders: { 'X-C': 'user' } },
  ]);
  const headers = { 'X-A': 'gb', 'X-B': 'brand', 'X-C': 'user' };
  deepEqual(merged, { additionalHeaders: headers, list: [1, 2, 1], kind: [2], gone: null });
});

test('merging changes none of its parts, and hands out a lone part as it is', () => {
  const [a, b] = [
    { m: { x: 1 }, l: [1] },
    { m: { y: 2 }, l: [2] },
  ];
  mergeAttributes([a, b]);
  deepEqual(
    [a, b],
    [
      { m: { x: 1 }, l: [1] },
      { m: { y: 2 }, l: [2] },
    ],
  );
  equal(mergeAttributes([{}, a, {}]), a);
  equal(mergeAttributes([]), NO_ATTRIBUTES);
  equal(mergeAttributes([{}, {}]), NO_ATTRIBUTES);
});

test('keys that are names of JavaScript stay keys', () => {
  const hostile = json('{"__proto__": {"admin": true}, "constructor": {"prototype": {"admin": true}}}');
  const merged = mergeAttributes([hostile, json('{"__proto__": {"more": 1}, "x": 1}')]);
  equal(
    JSON.stringify(merged),
    '{"__proto__":{"admin":true,"more":1},"constructor":{"prototype":{"admin":true}},"x":1}',
  );
  equal(Object.getPrototypeOf(merged), Object.prototype);
  equal(Object.hasOwn(Object.prototype, 'admin'), false);
  deepEqual(additionalHeaders(json('{"__proto__": {"additionalHeaders": {"X-A": "1"}}}')).headers, []);
  deepEqual(headersOf(json('{"__proto__": "1"}')), Object.fromEntries([['__proto__', '1']]));
});

test('values: text as it is, null empty, the rest as JSON', () => {
  const given = {
    'X-Text': 'a b',
    'X-Num': 7,
    'X-Bool': true,
    'X-Null': null,
    'X-List': ['a', 1],
    'X-Map': { a: null },
  };
  deepEqual(headersOf(given), {
    ...{ 'X-Text': 'a b', 'X-Num': '7', 'X-Bool': 'true' },
    ...{ 'X-Null': '', 'X-List': '["a",1]', 'X-Map': '{"a":null}' },
  });
  deepEqual(headersOf({ 'X-Name': 'Ångström €' }), { 'X-Name': utf8Bytes('Ångström €') });
});

test('no attribute, null and an empty map are no headers; another kind is a problem', () => {
  for (const attributes of [{}, { additionalHeaders: null }, { additionalHeaders: {} }]) {
    deepEqual(additionalHeaders(attributes), { headers: [], problems: [] });
  }
  for (const wrong of ['X-A: 1', 1, true, ['X-A'], []]) {
    match(problemsOf(wrong).join(), /^"additionalHeaders" is not a map/);
    deepEqual(additionalHeaderNames({ additionalHeaders: wrong }), []);
  }
});

for (const value of [
  'a\r\nX-Inject: 1',
  'a\nb',
  'a\rb',
  'a\0b',
  '\u001b[31m',
  'a\u202eb',
  'a\u2028b',
  ' a',
  'a ',
  '\ud800',
  '\t',
]) {
  test(`the value ${JSON.stringify(value)} is never written, alone or in a list`, () => {
    const { headers, problems } = additionalHeaders({ additionalHeaders: { 'X-Bad': value, 'X-Ok': '1' } });
    deepEqual(headers, [{ name: 'X-Ok', value: '1' }]);
    match(problems.join('\n'), /^The header "X-Bad" is left out: its value[^\n]*$/);
    for (const line of Object.values(headersOf({ 'X-List': [value] }))) match(line, /^[\x20-\x7e\x80-\xff]*$/);
  });
}

for (const name of [
  '',
  ' ',
  'X A',
  'X:A',
  'X-Ä',
  'X-A\r\nX-B',
  'X-A\0',
  '"X"',
  'X-A,X-B',
  ':path',
  'X(A)',
  'X-\u202eA',
]) {
  test(`${JSON.stringify(name)} is no header name`, () => {
    const attributes = { additionalHeaders: { [name]: '1' } };
    deepEqual(additionalHeaders(attributes).headers, []);
    match(additionalHeaders(attributes).problems.join('\n'), /^"[^\p{C}]*" is left out: it is no header name\.$/u);
    deepEqual(additionalHeaderNames(attributes), []);
  });
}

for (const name of [
  ...['Host', 'host', 'Cookie', 'Set-Cookie', 'set_cookie', 'Content-Length', 'Transfer-Encoding', 'Connection'],
  ...['X-Forwarded-For', 'X_Forwarded_Host', 'X.Forwarded.Proto', 'X-Real-IP', 'Upgrade', 'Via', 'Location', 'TE'],
  ...['X-Original-URL', 'X-Lintel-Error', 'Proxy-Authorization', 'WWW-Authenticate', 'Forwarded'],
]) {
  test(`${name} is nobody's to set`, () => {
    deepEqual(headersOf({ [name]: '1' }), {});
    equal(problemsOf({ [name]: '1' }).length, 1);
    deepEqual(additionalHeaderNames({ additionalHeaders: { [name]: '1' } }), []);
  });
}

test('Authorization and identity headers may be set', () => {
  const given = { Authorization: 'Bearer static', 'X-authentik-username': 'override', 'X-Forwarded-User': 'u' };
  deepEqual(headersOf(given), given);
  deepEqual(additionalHeaderNames({ additionalHeaders: given }), Object.keys(given));
});

test('of two names that fold to one the later counts, with a problem', () => {
  const { headers, problems } = additionalHeaders({ additionalHeaders: { 'X-Role': 'a', 'X-B': '1', x_role: 'b' } });
  deepEqual(headers, [
    { name: 'X-B', value: '1' },
    { name: 'x_role', value: 'b' },
  ]);
  match(problems.join(), /^"X-Role" and "x_role" are one header/);
});

test('a name counts as one that may be set also while its value is left out', () => {
  deepEqual(additionalHeaderNames({ additionalHeaders: { 'X-Bad': 'a\nb', 'X-Ok': 1 } }), ['X-Bad', 'X-Ok']);
});
