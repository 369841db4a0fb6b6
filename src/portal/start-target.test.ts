import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuMs } from '../../test/black-box/cpu.ts';
import { rdOf } from './start-target.ts';

test('an address that stands in rd unescaped is everything to the end, as it stands', () => {
  for (const rd of [
    '/',
    '/a%20b/%C3%A9',
    '/c%2Fd',
    '/n&m=1%2B',
    '/a?x=1&y=%2F&rd=2',
    '/a+b',
    '/100%',
    'https://app.example.com/a%20b?x=1&y=%2F',
    'HTTP://app.example.com/',
  ]) {
    assert.equal(rdOf(`rd=${rd}`), rd);
    assert.equal(rdOf(`a=b&rd=${rd}`), rd);
  }
});

test('an escaped one is decoded once, into bytes, and ends where the next pair begins', () => {
  assert.equal(rdOf('rd=%2Fa%2520b%3Fx%3D1&y=2'), '/a%20b?x=1');
  assert.equal(rdOf('rd=%2Fa+b'), '/a b');
  assert.equal(rdOf('rd=%2F%C3%A9'), '/\xc3\xa9');
  assert.equal(rdOf('rd=https%3A%2F%2Fapp.example.com%2F&x'), 'https://app.example.com/');
});

test('one whose slashes were left alone is decoded when its query, or its path, is escaped', () => {
  assert.equal(rdOf('rd=/test%3Ffoo'), '/test?foo');
  assert.equal(rdOf('rd=https://app.example.com/test%3Ffoo%3D1%26b&x=1'), 'https://app.example.com/test?foo=1&b');
  assert.equal(rdOf('rd=https://app.example.com%2Fa%2520b%3Fx%3D1'), 'https://app.example.com/a%20b?x=1');
  assert.equal(rdOf('rd=https://app.example.com/a?x=%3F'), 'https://app.example.com/a?x=%3F');
});

test('nothing, half an escape and other keys are no address', () => {
  assert.equal(rdOf(undefined), undefined);
  assert.equal(rdOf('x=1'), undefined);
  assert.equal(rdOf('ard=/x'), undefined);
  assert.equal(rdOf('rd=%2Fa%2'), undefined);
});

test('a stranger cannot make it take longer than the text is long', async () => {
  for (const [piece, end] of [
    ['%3F', '?'],
    ['%3F', ''],
    ['%2F', '?'],
    ['a', '?'],
  ] as const) {
    const took = await cpuMs(() => {
      rdOf(`rd=/${piece.repeat(50_000)}${end}`);
      rdOf(`rd=https://${piece.repeat(50_000)}${end}`);
    });
    assert.ok(took < 2_000, `${piece} … ${end}: ${took} ms`);
  }
});
