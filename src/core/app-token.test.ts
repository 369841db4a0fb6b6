import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AppToken, hasTokenForm, holdsToken, isCurrent, isUseDue, opensApp, parseLabel } from './app-token.ts';
import { carriesToken, parseAuthorization } from './credential.ts';

const SECRET = `lintel_${'Ab3-_'.repeat(8)}xyz`;
const TOKEN: AppToken = {
  id: 'id',
  user: 'alice',
  label: 'Phone',
  apps: 'all',
  createdAt: 0,
  expiresAt: undefined,
  lastUsedAt: undefined,
  createdBy: 'self',
};
const base64 = (text: string) => Buffer.from(text).toString('base64');

test('only the exact form is an app password', () => {
  assert.equal(hasTokenForm(SECRET), true);
  const others = [
    '',
    'lintel_',
    SECRET.slice(1),
    SECRET.slice(0, -1),
    `${SECRET}a`,
    SECRET.toUpperCase(),
    ` ${SECRET}`,
  ];
  for (const text of [...others, `${SECRET.slice(0, -1)}+`, `${SECRET.slice(0, -1)}\n`]) {
    assert.equal(hasTokenForm(text), false, text);
  }
});

test('one is found wherever it stands in an Authorization value, and nothing else is taken for one', () => {
  const carrying = [
    `Bearer ${SECRET}`,
    SECRET,
    `Token token=${SECRET}`,
    `Bearer ${SECRET}trailing`,
    `Basic ${base64(`alice:${SECRET}`)}`,
    `basic   ${base64(`${SECRET}:`)}`,
    `BASIC\t${base64(`:${SECRET}`)}`,
    `Basic ${base64(`alice:${SECRET}`).replace(/=+$/, '')}`,
  ];
  for (const value of carrying) assert.equal(carriesToken(value), true, value);
  const others = ['', 'Basic', 'Basic !', 'Bearer x', `Basic ${base64('alice:lintel_short')}`, 'Bearer lintel_short'];
  for (const value of others) assert.equal(carriesToken(value), false, value);
  assert.equal(holdsToken('lintel_ '.repeat(20_000)), false);
});

test('a Bearer keeps its text, in any letter case of the scheme', () => {
  for (const scheme of ['Bearer', 'bearer', 'bEaReR']) {
    assert.deepEqual(parseAuthorization(`${scheme}  ${SECRET} `), { kind: 'bearer', token: SECRET });
  }
  for (const value of ['Bearer', 'Bearer ', 'Bearer a b', 'Bearer =', 'Bearer é']) {
    assert.equal(parseAuthorization(value).kind, 'malformed', value);
  }
});

test('at its end it is over; without one it is not', () => {
  assert.deepEqual(
    [9, 10].map((now) => isCurrent({ ...TOKEN, expiresAt: 10 }, now)),
    [true, false],
  );
  assert.equal(isCurrent(TOKEN, Number.MAX_SAFE_INTEGER), true);
});

test('it opens the apps it names, and a place of no app only when it is for all', () => {
  const some = { ...TOKEN, apps: ['dav'] };
  assert.deepEqual(
    ['dav', 'DAV', 'wiki', undefined].map((app) => opensApp(some, app)),
    [true, false, false, false],
  );
  assert.deepEqual(
    ['dav', undefined].map((app) => opensApp(TOKEN, app)),
    [true, true],
  );
  assert.equal(opensApp({ ...TOKEN, apps: [] }, 'dav'), false);
  assert.equal(opensApp({ ...TOKEN, apps: ['all'] }, 'dav'), false, 'an app may have that name');
});

test('the last use is due once a minute', () => {
  assert.equal(isUseDue(TOKEN, 0), true);
  assert.deepEqual(
    [59_999, 60_000].map((now) => isUseDue({ ...TOKEN, lastUsedAt: 0 }, now)),
    [false, true],
  );
});

test('a label is one line that shows as it is', () => {
  assert.equal(parseLabel('  Phone calendar 📱 '), 'Phone calendar 📱');
  assert.equal(parseLabel('x'.repeat(64)), 'x'.repeat(64));
  assert.equal(parseLabel('📱'.repeat(64)), '📱'.repeat(64));
  for (const text of ['', '   ', 'x'.repeat(65), 'a\nb', 'a\u0000b', 'a\u202eb', 'a\u2028b', 'a\u200bb']) {
    assert.equal(parseLabel(text), undefined, JSON.stringify(text));
  }
});
