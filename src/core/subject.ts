/** How strongly somebody proved who they are. */
export type Level = 'one_factor' | 'two_factor';

/** A person as a source describes them. Compared by identity: a source hands out the same object until the data change. */
export interface User {
  /** Canonical account id: what rules, headers, throttling and sessions use, whatever was typed. */
  readonly name: string;
  readonly displayName: string;
  /** First is the primary one. */
  readonly emails: readonly string[];
  readonly groups: readonly string[];
  /** Changes when the credentials change; a session of an older epoch is dead. Not a secret. */
  readonly epoch: string;
}

export type Subject =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'user'; readonly user: User; readonly level: Level; readonly via: 'session' | 'basic' }
  /** A store or source is down: nobody knows who this is. Never treated as somebody. */
  | { readonly kind: 'unavailable'; readonly what: 'store' | 'source' };

export const ANONYMOUS: Subject = { kind: 'anonymous' };

export function meets(level: Level, required: Level): boolean {
  return level === 'two_factor' || required === 'one_factor';
}
