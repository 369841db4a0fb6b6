import { cookieNames } from '../core/cookie-names.ts';
import type { Policy, PortalAddress } from '../core/policy/compile.ts';
import { opens, type SecretPurpose } from '../core/session.ts';
import { hostIn } from '../core/text/origin.ts';
import type { DoorRequest, PortalDeps } from './deps.ts';
import { type Presence, presence } from './presence.ts';

export function isSecureOrigin(origin: string): boolean {
  return origin.startsWith('https:');
}

/** The portal of the cookie domain that the app lies in, else the main one. */
export function portalOf(policy: Policy, r: DoorRequest): PortalAddress | undefined {
  const { domain } = policy.lookup(hostIn(r.origin));
  return domain === undefined ? policy.source.portal : domain.portal;
}

/** Where somebody ends up who signed out. */
export function signedOutUrl({ origin, basePath }: PortalAddress): string {
  return `${origin}${basePath}/signed-out`;
}

/** Who is signed in to this app: by its own cookie, or by the shared one where the host lies in a cookie domain. */
export async function doorPresence(deps: PortalDeps, r: DoorRequest): Promise<Presence> {
  const at = (cookie: string, door: SecretPurpose) => presence(deps, r.wire, cookie, (p) => opens(p, door));
  const { origin } = r;
  const own = await at(cookieNames(isSecureOrigin(origin)).app, { kind: 'app', origin });
  const { domain } = deps.policy().lookup(hostIn(origin));
  if (own.kind !== 'nobody' || domain === undefined) return own;
  return at(domain.cookie, { kind: 'gate', domain: domain.domain });
}
