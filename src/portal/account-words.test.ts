import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ago, ahead, device } from './account-words.ts';

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

test('devices are told apart by the mark that no other browser has', () => {
  const cases = [
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0',
      'Edge on Windows',
    ],
    [
      'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
      'Chrome on Android',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
      'Safari on iPhone',
    ],
    ['curl/8.5.0', 'curl/8.5.0'],
    ['', 'Unknown device'],
    ['\u202e\u0007', 'Unknown device'],
  ] as const;
  for (const [userAgent, words] of cases) equal(device(userAgent), words);
});
