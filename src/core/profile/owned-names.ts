import { foldName } from '../text/header-list.ts';
import { PROFILES, type Profile } from './profile.ts';

/**
 * Names of the field that carry an identity somewhere: the families of other gateways and of app presets. The proxy
 * face takes all of them out of every client request, whether or not an app of this configuration uses them, because
 * an app that trusts one is an app that can be fooled by it (contracts: apps.md, HDR-08).
 */
const FIELD_NAMES: readonly string[] = [
  ...['Remote-User', 'Remote-Groups', 'Remote-Name', 'Remote-Email', 'Remote-Sub'],
  ...['X-Remote-User', 'X-Remote-Groups', 'X-Remote-Group', 'X-Remote-Name', 'X-Remote-Email', 'X-Remote-Extra'],
  ...['X-authentik-username', 'X-authentik-groups', 'X-authentik-entitlements', 'X-authentik-email'],
  ...['X-authentik-name', 'X-authentik-uid', 'X-authentik-jwt', 'X-authentik-meta-jwks', 'X-authentik-meta-outpost'],
  ...['X-authentik-meta-provider', 'X-authentik-meta-app', 'X-authentik-meta-version'],
  ...['X-Auth-Request-User', 'X-Auth-Request-Email', 'X-Auth-Request-Groups', 'X-Auth-Request-Preferred-Username'],
  ...['X-Auth-Request-Access-Token', 'X-Auth-User', 'X-Auth-Username', 'X-Auth-Email', 'X-Auth-Groups', 'X-Auth-Name'],
  ...['X-Forwarded-User', 'X-Forwarded-Email', 'X-Forwarded-Groups', 'X-Forwarded-Preferred-Username'],
  ...['X-Forwarded-Access-Token', 'X-WebAuth-User', 'X-WebAuth-Email', 'X-WebAuth-Name', 'X-WebAuth-Fullname'],
  ...['X-WebAuth-Groups', 'X-WebAuth-Role', 'X-WebAuth-Roles', 'X-Identity-Assertion', 'X-Pomerium-Jwt-Assertion'],
  ...['X-Pomerium-Claim-Email', 'X-Pomerium-Claim-User', 'X-Pomerium-Claim-Groups'],
  ...['Cf-Access-Authenticated-User-Email', 'Cf-Access-Jwt-Assertion', 'X-Goog-Authenticated-User-Email'],
  ...['X-Goog-Authenticated-User-Id', 'X-Goog-Iap-Jwt-Assertion', 'X-Amzn-Oidc-Identity', 'X-Amzn-Oidc-Data'],
  ...['X-Amzn-Oidc-Accesstoken', 'X-Ms-Client-Principal', 'X-Ms-Client-Principal-Name', 'X-Ms-Client-Principal-Id'],
  ...['Tailscale-User-Login', 'Tailscale-User-Name', 'X-Token-User-Email', 'X-Token-User-Name', 'X-Token-Subject'],
  ...['X-User', 'X-Username', 'X-User-Name', 'X-User-Id', 'X-User-Email', 'X-Email', 'X-Groups', 'X-Roles', 'X-Role'],
  ...['Ssl-Client-Cert', 'X-Ssl-Client-Cert', 'X-Ssl-Client-S-Dn', 'X-Client-Cert', 'X-Forwarded-Client-Cert'],
];

/**
 * The one list that strips: folded names of every profile given, every built-in profile, the field's families, and
 * `others`: what accounts and apps bring. `Authorization` is nobody's to own; it is replaced where Lintel has one to give.
 */
export function ownedFolds(profiles: Iterable<Profile>, others: Iterable<string> = []): ReadonlySet<string> {
  const names = [...FIELD_NAMES, ...others].filter((name) => foldName(name) !== 'authorization');
  for (const profile of [...PROFILES.values(), ...profiles]) names.push(...profile.headers.map((h) => h.name));
  return new Set(names.map(foldName));
}

/** Names that no profile may own: framing, hop-by-hop, cookies, host and what proxies say about the request. */
export function isForbiddenOwnedName(name: string): boolean {
  const fold = foldName(name);
  return FORBIDDEN.has(fold) || (fold.startsWith('x-forwarded-') && !FORWARDED_IDENTITY.has(fold));
}

const FORWARDED_IDENTITY = new Set(
  FIELD_NAMES.map(foldName).filter((n) => n.startsWith('x-forwarded-') && n !== 'x-forwarded-client-cert'),
);
const FORBIDDEN = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer'],
  ...[
    'proxy-authentication-info',
    'http2-settings',
    'transfer-encoding',
    'upgrade',
    'content-length',
    'content-type',
    'content-encoding',
    'host',
    'cookie',
  ],
  ...['set-cookie', 'expect', 'date', 'location', 'forwarded', 'via', 'x-real-ip', 'cache-control', 'authorization'],
  ...['www-authenticate', 'x-lintel-error', 'x-original-url', 'x-original-method', 'x-original-uri'],
]);
