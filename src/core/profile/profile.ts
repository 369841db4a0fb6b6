import type { Encoding } from '../text/header-value.ts';

/** Which part of what is known fills a header. */
export type Field =
  | 'user'
  | 'name'
  | 'email'
  | 'groups'
  | 'uid'
  | 'entitlements'
  | 'assertion'
  | 'jwks'
  | 'outpost'
  | 'provider'
  | 'app'
  | 'version';

export interface ProfileHeader {
  readonly name: string;
  readonly field: Field;
  /** For `groups` and `entitlements`. */
  readonly separator: string;
  readonly encoding: Encoding;
}

/** A profile is data: which identity headers exist and how they are filled. Owned names derive from it. */
export interface Profile {
  readonly name: string;
  readonly headers: readonly ProfileHeader[];
  /** The `additionalHeaders` of accounts and groups are told too (contract authentik.md §4). */
  readonly tellsAdditional: boolean;
}

function header(name: string, field: Field, separator = ','): ProfileHeader {
  return { name, field, separator, encoding: 'utf8' };
}

/** Authelia's four (contract authelia.md §2.6). */
export const REMOTE: Profile = {
  name: 'remote',
  headers: [
    header('Remote-User', 'user'),
    header('Remote-Groups', 'groups'),
    header('Remote-Name', 'name'),
    header('Remote-Email', 'email'),
  ],
  tellsAdditional: false,
};

/** authentik's twelve (contract authentik.md §4). */
export const AUTHENTIK: Profile = {
  name: 'authentik',
  headers: [
    header('X-authentik-username', 'user'),
    header('X-authentik-groups', 'groups', '|'),
    header('X-authentik-entitlements', 'entitlements', '|'),
    header('X-authentik-email', 'email'),
    header('X-authentik-name', 'name'),
    header('X-authentik-uid', 'uid'),
    header('X-authentik-jwt', 'assertion'),
    header('X-authentik-meta-jwks', 'jwks'),
    header('X-authentik-meta-outpost', 'outpost'),
    header('X-authentik-meta-provider', 'provider'),
    header('X-authentik-meta-app', 'app'),
    header('X-authentik-meta-version', 'version'),
  ],
  tellsAdditional: true,
};

/** Profiles by the name used in `headers:`. */
export const PROFILES: ReadonlyMap<string, Profile> = new Map([REMOTE, AUTHENTIK].map((p) => [p.name, p]));
