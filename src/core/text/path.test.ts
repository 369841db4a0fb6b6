import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePath } from './path.ts';

function readings(path: string): readonly string[] | string {
  const parsed = parsePath(path);
  return parsed.ok ? parsed.value.readings : parsed.error;
}

test('a plain path has one reading, the bytes themselves', () => {
  for (const path of ['/', '/a', '/a/b.css', '/a/', '/~x/@y:z', "/a!$&'()*+,=b", '/wiki/Main_Page']) {
    assert.deepEqual(readings(path), [path]);
  }
  assert.deepEqual(readings(''), ['/']);
});

test('dot segments are resolved, escapes decoded once', () => {
  const table: [string, string[]][] = [
    ['/public/../admin', ['/admin']],
    ['/public/%2e%2e/admin', ['/admin']],
    ['/public/.%2e/admin', ['/admin']],
    ['/a/./b/.', ['/a/b/']],
    ['/a/..', ['/']],
    ['/%61dmin', ['/admin']],
    ['/a%2520b', ['/a%20b', '/a b']],
    ['/J%C3%BCrgen', ['/Jürgen']],
    ['/.well-known/x', ['/.well-known/x']],
  ];
  for (const [path, expected] of table) assert.deepEqual(readings(path), expected, path);
});

test('what servers read differently has every reading', () => {
  const table: [string, string[]][] = [
    ['/public%2f..%2fadmin', ['/public%2F..%2Fadmin', '/admin']],
    ['/public\\..\\admin', ['/public\\..\\admin', '/admin']],
    ['/public/..;/admin', ['/public/..;/admin', '/admin']],
    ['/admin;x=1', ['/admin;x=1', '/admin']],
    ['/public%3b/../admin', ['/admin']],
    ['/admin%3f/public', ['/admin?/public', '/admin']],
    ['//admin', ['//admin', '/admin']],
    ['/a//../b', ['/a/b', '/b']],
  ];
  for (const [path, expected] of table) assert.deepEqual([...readings(path)].sort(), [...expected].sort(), path);
});

test('refused outright', () => {
  const table: [string, string][] = [
    ['admin', 'does not begin with a slash'],
    ['/%zz', 'bad percent escape'],
    ['/a%2', 'bad percent escape'],
    ['/a%00.js', 'control byte'],
    ['/a%0d%0aX: b', 'control byte'],
    ['/a\tb', 'control byte'],
    ['/a%7f', 'control byte'],
    ['/%c2%85', 'control byte'],
    ['/%c0%afadmin', 'invalid UTF-8'],
    ['/%ff', 'invalid UTF-8'],
    ['/%ed%a0%80', 'invalid UTF-8'],
    ['/a#b', 'fragment'],
    ['/admin%20', 'trailing space'],
    ['/../etc/passwd', 'climbs above the root'],
    ['/a/../../b', 'climbs above the root'],
    ['/%2e%2e%2fetc', 'climbs above the root'],
  ];
  for (const [path, problem] of table) assert.equal(readings(path), problem, path);
});

test('property: the fast path never hides a reading that the slow one finds', () => {
  const piece = fc.constantFrom(
    'a',
    'B',
    '.',
    '..',
    '/',
    '//',
    ';',
    '%2f',
    '%2e',
    '\\',
    '%5c',
    '~',
    '=',
    '%41',
    '@',
    '-',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const path = `/${pieces.join('')}`;
      const fast = parsePath(path);
      if (!fast.ok) return;
      const escaped = path.replace('a', '%61'); // the same path, forced through the slow way
      const slow = parsePath(escaped);
      assert.ok(slow.ok);
      assert.deepEqual([...slow.value.readings].sort(), [...fast.value.readings].sort());
    }),
  );
});

test('property: no reading keeps a dot segment, and every reading begins with a slash', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab./;%2eE5cfF\\') }), (text) => {
      const parsed = parsePath(`/${text}`);
      if (!parsed.ok) return;
      for (const reading of parsed.value.readings) {
        assert.ok(reading.startsWith('/'));
        assert.ok(!reading.split('/').some((s) => s === '.' || s === '..'), reading);
      }
    }),
  );
});
