import { cookieNames } from '../core/cookie-names.ts';
import type { SecretPurpose } from '../core/session.ts';
import type { PortalDeps, PortalRequest } from './deps.ts';
import { type Presence, presence } from './presence.ts';

/** Who is signed in at this portal: by its own cookie alone, never by that of an app or of the gate. */
export function portalPresence(deps: PortalDeps, r: PortalRequest): Promise<Presence> {
  const fits = (p: SecretPurpose) => p.kind === 'portal' && p.origin === r.site.origin;
  return presence(deps, r.wire, cookieNames(r.site.secure).portal, fits);
}
