import type { Target } from '../target.ts';
import { parseAuthority } from '../text/host.ts';
import { appFor, type Policy } from './compile.ts';

/**
 * True when a check came with the Host of one app and asks about another: whoever wrote X-Forwarded-Host chose what is
 * judged, and the request goes on to the app of the Host. Hosts that no app has of its own say nothing: the address of
 * Lintel, the portal, what lies in a whole domain.
 */
export function isOtherApp(policy: Policy, host: string, target: Target): boolean {
  const told = parseAuthority(host);
  if (told === undefined || told.host === target.host) return false;
  const app = appFor(policy, target.scheme, told.host, told.port)?.app.app;
  return app !== undefined && app.domain === undefined;
}
