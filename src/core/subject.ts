import type { Routing } from './expression.ts';
import { type JsonObject, NO_ATTRIBUTES } from './json.ts';

/** How strongly somebody proved who they are. */
export type Level = 'one_factor' | 'two_factor';

/** A person as a source describes them. Compared by identity: a source hands out the same object until the data change. */
export interface User {
  /** Canonical account id: what rules, headers, throttling and sessions use, whatever was typed. */
  readonly name: string;
  readonly displayName: string;
  /** First is the primary one. */
  readonly emails: readonly string[];
  /** The groups that somebody was put into: what headers tell. */
  readonly groups: readonly string[];
  /** `groups` and all their ancestors: what rules and bindings compare. The same list where groups do not nest. */
  readonly memberships: readonly string[];
  /** 64 hex digits, stable for the account. */
  readonly uid: string;
  /** The account's own attributes. */
  readonly attributes: JsonObject;
  /** Those of the memberships by name ascending, then the account's own, merged (core/attributes.ts). */
  readonly mergedAttributes: JsonObject;
  /** Changes when the credentials change; a session of an older epoch is dead. Not a secret. */
  readonly epoch: string;
}

/** A user of a source that knows neither nested groups nor attributes. */
export function plainUser(
  u: Pick<User, 'name' | 'displayName' | 'emails' | 'groups' | 'epoch'> & { readonly uid?: string },
): User {
  const none = { attributes: NO_ATTRIBUTES, mergedAttributes: NO_ATTRIBUTES };
  return { ...none, memberships: u.groups, ...u, uid: u.uid ?? '' };
}

export type Subject =
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'user';
      readonly user: User;
      readonly level: Level;
      readonly via: 'session' | 'basic' | 'token';
      /** What the sign-in to this app chose; undefined where an app has nothing to choose. */
      readonly routing?: Routing | undefined;
    }
  /** A store or source is down: nobody knows who this is. Never treated as somebody. */
  | { readonly kind: 'unavailable'; readonly what: 'store' | 'source' };

export const ANONYMOUS: Subject = { kind: 'anonymous' };

/** Somebody whom an app is told about. */
export interface Who {
  readonly user: User;
  readonly level: Level;
  readonly routing: Routing | undefined;
}

/** Whom to tell an app about; undefined: nobody. */
export function whoIs(subject: Subject): Who | undefined {
  if (subject.kind !== 'user') return undefined;
  return { user: subject.user, level: subject.level, routing: subject.routing };
}

export function meets(level: Level, required: Level): boolean {
  return level === 'two_factor' || required === 'one_factor';
}
