import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ago, ahead, duration } from './time-words.ts';

test('times gone by are rounded down, times to come up', () => {
  const now = 1_000_000_000_000;
  const cases = [
    [-5, 'just now'],
    [59, 'just now'],
    [60, '1 minute ago'],
    [3599, '59 minutes ago'],
    [3600, '1 hour ago'],
    [86_399, '23 hours ago'],
    [200_000, '2 days ago'],
  ] as const;
  for (const [seconds, words] of cases) equal(ago(now - seconds * 1000, now), words);
  equal(ahead(now + 59_000, now), 'in less than a minute');
  const ends = [
    [61_000, 'in 2 minutes'],
    [3_599_000, 'in 1 hour'],
    [86_399_000, 'in 1 day'],
    [365 * 86_400_000 - 1, 'in 365 days'],
    [90 * 86_400_000, 'in 90 days'],
  ] as const;
  for (const [ms, words] of ends) equal(ahead(now + ms, now), words);
});

test('a time to wait is in the largest unit that fits, rounded up', () => {
  const cases = [
    [0, '1 second'],
    [0.2, '1 second'],
    [59, '59 seconds'],
    [60, '1 minute'],
    [61, '2 minutes'],
    [3600, '1 hour'],
    [86_400 * 30, '30 days'],
  ] as const;
  for (const [seconds, words] of cases) equal(duration(seconds), words);
});
