import { isDoorReading } from '../core/door-path.ts';
import { targetUrl } from '../core/target.ts';
import { isWithin } from '../core/text/host.ts';
import { returnTo } from '../core/text/return-to.ts';
import type { DoorRequest, PortalDeps } from './deps.ts';
import { hostOf } from './door-presence.ts';

/** Path and query of the app, in visible latin1; anything else may be read as another address. */
const LOCAL = /^\/[\x21-\x5b\x5d-\x7e\x80-\xff]*$/;

/**
 * Where a sign-in that begins at an app's own host is to end (contract authentik.md §3): path and query, or an address
 * of the app itself; of a whole domain, any host below it. Anything else is ignored, and the sign-in ends at the front
 * page: of the app, or of the external host of a domain.
 */
export function startTarget(deps: PortalDeps, r: DoorRequest, rd: string | undefined): string {
  const policy = deps.policy();
  const { domain } = policy.lookup(hostOf(r.origin));
  const front = `${domain?.givenAt ?? r.origin}/`;
  if (rd === undefined || rd === '') return front;
  if (rd.startsWith('/')) return isLocal(rd) ? `${r.origin}${rd}` : front;
  const to = returnTo(policy, rd, deps.parseUrl);
  if (to === undefined || to.target.path.readings.some(isDoorReading)) return front;
  const mine = to.origin === r.origin || (domain?.givenAt !== undefined && isWithin(to.target.host, domain.domain));
  return mine && to.target.scheme !== 'wss' && to.target.scheme !== 'ws' ? targetUrl(to.target) : front;
}

function isLocal(rd: string): boolean {
  return (
    LOCAL.test(rd) &&
    !rd.startsWith('//') &&
    !rd.includes('#') &&
    !/^\/(?:\.lintel|outpost\.goauthentik\.io)(?:\/|$)/i.test(rd)
  );
}

/**
 * The value of `rd`, decoded once into bytes as latin1, so that what comes back is what was asked for. authentik's
 * snippets for nginx write the address, or path and query, unescaped: the first slash shows it, and then it is everything
 * to the end of the query, its own escapes untouched (§11).
 */
export function rdOf(query: string | undefined): string | undefined {
  const at = query === undefined ? -1 : query.search(/(?:^|&)rd=/);
  if (query === undefined || at < 0) return undefined;
  const rest = query.slice(query.indexOf('=', at) + 1);
  if (/^(?:https?:\/)?\//i.test(rest)) return rest;
  const text = (rest.split('&', 1)[0] ?? '').replaceAll('+', ' ');
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return undefined;
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
