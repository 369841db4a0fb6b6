import { deepEqual, doesNotMatch, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { quote, quoteAddress, quoteName, quoteWhole } from './quote.ts';

const HOSTILE = 'a"b\\c\r\n\0\u001b[2J\u009b31m\u202eevil\u2066\u2028\u200f\u007f';

test('nothing that a terminal acts on is left, and every letter is', () => {
  for (const write of [quoteWhole, quote, quoteAddress, quoteName]) {
    const text = write(HOSTILE);
    doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/, write.name);
    equal(JSON.parse(text), HOSTILE, write.name);
    equal(write('Zoë 李 🚪'), '"Zoë 李 🚪"', write.name);
  }
});

test('a log line quotes at most 200 characters, and no query', () => {
  equal(quote('x'.repeat(200)).length, 202);
  equal(quote('x'.repeat(100_000)).length, 203);
  equal(quoteWhole('x'.repeat(1000)).length, 1002);
  deepEqual(
    ['/a?token=s3cret', '/a', '?'].map((text) => quoteAddress(text)),
    ['"/a?…"', '"/a"', '"?…"'],
  );
});

test('names that look alike do not read alike', () => {
  for (const unseen of ['\u200b', '\u00ad', '\ufeff', '\ue000', '\u{e0041}', '\ud800']) {
    ok(/^"a\\u[0-9a-f]{4,6}"$/.test(quoteName(`a${unseen}`)), JSON.stringify(unseen));
  }
});
