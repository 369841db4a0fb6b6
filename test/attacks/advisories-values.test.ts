import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Profile } from '../../src/core/profile/profile.ts';
import { compileTell, NO_FACTS } from '../../src/core/profile/tell.ts';
import { plainUser, type User } from '../../src/core/subject.ts';
import { quote } from '../../src/core/text/quote.ts';

/**
 * Class 3, one name for two things, turned around: two people for one value. An encoding that cannot hold a name must
 * not replace what it cannot hold: 李 and 王 are both "?", and "adm\u200bin" without its zero-width space is "admin".
 * Whoever comes second would open the account of the first. The header is empty instead, and nobody is signed in.
 */
test('no two people, groups or addresses become one value', () => {
  const person = (name: string): User =>
    plainUser({ name, displayName: name, emails: [name], groups: [name], epoch: 'e' });
  for (const encoding of ['latin1', 'utf8', 'percent'] as const) {
    const header = (name: string, field: 'user' | 'groups' | 'email') => ({ name, field, separator: ',', encoding });
    const headers = [header('Remote-User', 'user'), header('Remote-Groups', 'groups'), header('Remote-Email', 'email')];
    const profile: Profile = { name: 'p', headers, tellsAdditional: false };
    const tell = compileTell(profile, undefined, NO_FACTS);
    const identityOf = (name: string) =>
      tell.to({ user: person(name), level: 'one_factor', routing: undefined }, 0).identity;
    const names = [
      '李',
      '王',
      '?',
      'admin',
      'adm\u200bin',
      'admin ',
      'admin\u202e',
      'ad\u0007min',
      'é',
      'e\u0301',
      '\ud800',
    ];
    for (const at of [1, 3, 5]) {
      const values = names.map((n) => identityOf(n)[at] ?? '').filter((v) => v !== '');
      assert.deepEqual(values, [...new Set(values)], encoding);
      assert.ok(values.includes('admin') && values.includes('?'));
    }
  }
});

/** What strangers write reaches the log of somebody with a terminal: U+009B begins a command there, as ESC [ does. */
test('no quoted text holds a character that a terminal acts on', () => {
  assert.match(quote('/a\u009b2J\u007f\u202e\u2028\u001b[2J\r\n'), /^[\x20-\x7e]+$/);
});
