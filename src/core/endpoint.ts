import { OUTPOST_CHECKS } from './door-path.ts';

/** A check endpoint: where it stands, which dialect it speaks, and which credentials it looks at in which order. */
export interface Endpoint {
  /** Of Authelia's: last part of `/api/authz/<name>`; "legacy" of the defaults stands at `/api/verify`. */
  readonly name: string;
  readonly path: string;
  readonly implementation: Implementation;
  readonly strategies: readonly Strategy[];
}

export type Implementation = AutheliaImplementation | OutpostImplementation;
/** Authelia's, with names that `endpoints:` uses. */
export type AutheliaImplementation = 'ForwardAuth' | 'AuthRequest' | 'ExtAuthz' | 'Legacy';
/** authentik's, always where its outpost has them. */
export type OutpostImplementation = 'OutpostTraefik' | 'OutpostCaddy' | 'OutpostNginx' | 'OutpostEnvoy';

/** Where credentials are looked for (Authelia contract §2.7). The first that yields somebody ends the search. */
export type Strategy =
  | { readonly kind: 'CookieSession' }
  | {
      readonly kind:
        | 'HeaderAuthorization'
        | 'HeaderProxyAuthorization'
        | 'HeaderAuthRequestProxyAuthorization'
        | 'HeaderLegacy';
      /** Enabled schemes; a known one that is not enabled is skipped, an unknown one is refused. */
      readonly schemes: readonly Scheme[];
      /** Milliseconds that an accepted Basic password may be remembered in memory; 0: not at all. */
      readonly basicCacheMs: number;
    };

/**
 * basic         name and account password, or an app password in its place
 * app-password  Basic with an app password; account passwords are refused (what authentik's endpoints do)
 * bearer        an app password as Bearer; one that is not in its form is another party's and is skipped, unless the
 *               app's Bearers are all Lintel's (`Presented.interceptsBearer`)
 */
export type Scheme = 'basic' | 'app-password' | 'bearer';

const COOKIE: Strategy = { kind: 'CookieSession' };

/** The four endpoints of Authelia with their default strategies; an own `endpoints:` map replaces them all. */
export function defaultEndpoints(basicCacheMs: number): readonly Endpoint[] {
  const header = { schemes: ['basic', 'bearer'], basicCacheMs } as const;
  const modern: readonly Strategy[] = [{ kind: 'HeaderAuthorization', ...header }, COOKIE];
  return [
    { name: 'forward-auth', path: '/api/authz/forward-auth', implementation: 'ForwardAuth', strategies: modern },
    { name: 'auth-request', path: '/api/authz/auth-request', implementation: 'AuthRequest', strategies: modern },
    { name: 'ext-authz', path: '/api/authz/ext-authz', implementation: 'ExtAuthz', strategies: modern },
    {
      name: 'legacy',
      path: '/api/verify',
      implementation: 'Legacy',
      strategies: [{ kind: 'HeaderLegacy', ...header }, COOKIE],
    },
  ];
}

/** The checks of authentik's outpost. The session comes first: whoever is signed in keeps their `Authorization` header. */
export const OUTPOST_ENDPOINTS: readonly Endpoint[] = [
  outpost('traefik', 'OutpostTraefik'),
  outpost('caddy', 'OutpostCaddy'),
  outpost('nginx', 'OutpostNginx'),
  outpost('envoy', 'OutpostEnvoy'),
];

function outpost(name: string, implementation: OutpostImplementation): Endpoint {
  const header: Strategy = { kind: 'HeaderAuthorization', schemes: ['app-password', 'bearer'], basicCacheMs: 0 };
  return { name, path: `${OUTPOST_CHECKS}${name}`, implementation, strategies: [COOKIE, header] };
}
