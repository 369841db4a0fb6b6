import { NO_HEADER_NAMES, type UserSource } from '../../core/ports.ts';
import { plainUser, type User } from '../../core/subject.ts';
import { randomKey } from '../../ops/secrets.ts';
import { hashPassword, NOBODYS_HASH } from '../../passwords/hash.ts';
import { inventPassword } from '../accounts/new-password.ts';

/** Somebody who can sign in to the demo, with a password that exists until it ends. */
export interface Person {
  readonly user: User;
  readonly password: string;
}

/** Alice, who is an admin, and Bob, who is not. Takes some tenths of a second: passwords are hashed as real ones are. */
export function inventPeople(): readonly Person[] {
  return [person('alice', 'Alice Adams', ['admins']), person('bob', 'Bob Baker', [])];
}

function person(name: string, displayName: string, groups: readonly string[]): Person {
  const user = plainUser({ name, displayName, emails: [`${name}@example.com`], groups, epoch: 'demo' });
  return { user, password: inventPassword(3) };
}

/** A source that lives in memory and never changes. */
export function sourceOf(people: readonly Person[]): UserSource & { nobodysHash(): string } {
  const accounts = new Map(
    people.map(({ user, password }) => [user.name, { user, passwordHash: hashPassword(password, randomKey(16)) }]),
  );
  return {
    lookup: (name) => accounts.get(name)?.user,
    resolve: (typed) => accounts.get(typed.trim().toLowerCase()),
    onChange: () => {},
    headerNames: () => NO_HEADER_NAMES,
    count: () => accounts.size,
    close: () => {},
    nobodysHash: () => NOBODYS_HASH,
  };
}
