import type { User } from '../subject.ts';
import { type Encoding, exactHeaderValue, headerValue } from '../text/header-value.ts';

/** Which part of a user fills a header. */
export type Field = 'user' | 'name' | 'email' | 'groups';

export interface ProfileHeader {
  readonly name: string;
  readonly field: Field;
  /** For `groups`. */
  readonly separator: string;
  readonly encoding: Encoding;
}

/** A profile is data: which identity headers exist and how they are filled. Owned names derive from it. */
export interface Profile {
  readonly name: string;
  readonly headers: readonly ProfileHeader[];
}

function header(name: string, field: Field, separator = ','): ProfileHeader {
  return { name, field, separator, encoding: 'utf8' };
}

/** Authelia's four (contract §2.6). */
export const REMOTE: Profile = {
  name: 'remote',
  headers: [
    header('Remote-User', 'user'),
    header('Remote-Groups', 'groups'),
    header('Remote-Name', 'name'),
    header('Remote-Email', 'email'),
  ],
};

/** Profiles by the name used in `headers:`. */
export const PROFILES: ReadonlyMap<string, Profile> = new Map([[REMOTE.name, REMOTE]]);

/**
 * The identity headers for somebody, flat (name, value, …), total: every name of the profile, empty when there is no
 * value, so that no proxy can leave a client's copy in place (GHSA-7r4p-vjf4-gxv4).
 */
export function identityHeaders(profile: Profile, user: User | undefined): readonly string[] {
  const out: string[] = [];
  for (const h of profile.headers) out.push(h.name, user === undefined ? '' : fill(h, user));
  return out;
}

function fill(h: ProfileHeader, user: User): string {
  switch (h.field) {
    case 'user':
      return exactHeaderValue(user.name, h.encoding);
    case 'name':
      return headerValue(user.displayName, h.encoding);
    case 'email':
      return exactHeaderValue(user.emails[0] ?? '', h.encoding);
    case 'groups':
      return user.groups
        .filter((g) => !g.includes(h.separator))
        .map((g) => exactHeaderValue(g, h.encoding))
        .filter((g) => g !== '')
        .join(h.separator);
    default:
      return h.field satisfies never;
  }
}

/** Groups that cannot be told apart once joined; left out of the header, reported at load. */
export function unjoinableGroups(profile: Profile, groups: readonly string[]): string[] {
  return groups.filter((g) => profile.headers.some((h) => h.field === 'groups' && g.includes(h.separator)));
}

/** Remembers the headers of each user object for one profile: an allow then costs one map look-up. */
export function compileProfile(profile: Profile): (user: User | undefined) => readonly string[] {
  const nobody = identityHeaders(profile, undefined);
  const cache = new WeakMap<User, readonly string[]>();
  return (user) => {
    if (user === undefined) return nobody;
    let headers = cache.get(user);
    if (headers === undefined) {
      headers = identityHeaders(profile, user);
      cache.set(user, headers);
    }
    return headers;
  };
}
