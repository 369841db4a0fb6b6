import { equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ERRORS_DOC, errorsDoc } from '../scripts/errors-doc.ts';
import { FAULTS } from '../src/core/fault.ts';

test('docs/errors.md is what the table of errors says; "npm run docs" writes it', () => {
  equal(readFileSync(ERRORS_DOC, 'utf8'), errorsDoc());
});

test('every error says what happened and what to do, in whole sentences', () => {
  for (const [id, { says, fix }] of Object.entries(FAULTS)) {
    for (const sentence of [says, fix]) {
      ok(/^[A-Z].*\.$/s.test(sentence), `${id}: "${sentence}" is a sentence`);
      ok(!/!|\bplease\b|\boops\b/i.test(sentence), `${id}: "${sentence}" keeps the tone`);
    }
  }
});
