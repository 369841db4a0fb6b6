import { doorway, isDoorReading } from '../core/door-path.ts';
import { pageUrl, type Target } from '../core/target.ts';
import { isWithin } from '../core/text/host.ts';
import { hostIn } from '../core/text/origin.ts';
import { returnTo } from '../core/text/return-to.ts';
import type { DoorRequest, PortalDeps } from './deps.ts';

/** Path and query of the app in visible ASCII; anything else may be read as another address. */
const LOCAL = /^\/(?!\/)[\x21\x22\x24-\x5b\x5d-\x7e]*$/;
/** Where in the page: apps that find their way in the browser keep it there, and it never reaches a server. */
const FRAGMENT = /^(?:#[\x21-\x5b\x5d-\x7e]*)?$/;

/**
 * Where a sign-in that begins at an app's own host is to end (contract authentik.md §3): path and query, or an address
 * of the app itself; of a whole domain, any host below it; a fragment stays. Anything else is ignored, and the sign-in
 * ends at the front page: of the app, or of the external host of a domain.
 */
export function startTarget(deps: PortalDeps, r: DoorRequest, rd: string | undefined): string {
  const policy = deps.policy();
  const { domain } = policy.lookup(hostIn(r.origin));
  const front = `${domain?.givenAt ?? r.origin}/`;
  if (rd === undefined || rd === '') return front;
  const { address, fragment } = split(rd);
  const isLocal = address.startsWith('/');
  if ((isLocal && !LOCAL.test(address)) || !FRAGMENT.test(fragment)) return front;
  const to = returnTo(policy, isLocal ? `${r.origin}${address}` : address, deps.parseUrl);
  if (to === undefined || isOwn(to.target)) return front;
  const mine = to.origin === r.origin || (domain?.givenAt !== undefined && isWithin(to.target.host, domain.domain));
  return mine && to.target.scheme !== 'wss' && to.target.scheme !== 'ws' ? pageUrl(to.target) + fragment : front;
}

/** The query may hold what nobody reads as anything else there; before it, a backslash could end the host. */
function split(rd: string) {
  const given = rd.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
  const hash = given.indexOf('#');
  const whole = hash < 0 ? given : given.slice(0, hash);
  const mark = whole.indexOf('?');
  const address = mark < 0 ? whole : whole.slice(0, mark) + whole.slice(mark).replaceAll('\\', '%5C');
  return { address, fragment: given.slice(whole.length) };
}

/** A page of Lintel's own, by its path in any reading or by a mark in the query: nobody signs in to sign out. */
function isOwn(target: Target): boolean {
  return target.path.readings.some(isDoorReading) || doorway(target) !== undefined;
}

/**
 * The value of `rd`, decoded once into bytes as latin1, so that what comes back is what was asked for.
 *
 *   rd=https%3A%2F%2Fapp%2Fa%3Fb         escaped as a whole: ends where the next pair begins
 *   rd=/a%3Fb  rd=https://app/a%3Fb      slashes left alone: the escaped "?" shows it
 *   rd=https://app%2Fa%3Fb               $scheme://$http_host$escaped_request_uri, as ingress controllers write it
 *   rd=https://app/a%20b?c=1&d=2         unescaped, as authentik's snippets for nginx write it: everything to the end of
 *   rd=/a%20b?c=1&d=2                    the query, its own escapes untouched (contract authentik.md §11)
 */
export function rdOf(query: string | undefined): string | undefined {
  const at = query === undefined ? -1 : query.search(/(?:^|&)rd=/);
  if (query === undefined || at < 0) return undefined;
  const rest = query.slice(query.indexOf('=', at) + 1);
  if (UNESCAPED.test(rest) && !hasEscapedQuery(rest) && !ESCAPED_PATH.test(rest)) return rest;
  const text = (rest.split('&', 1)[0] ?? '').replaceAll('+', ' ');
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return undefined;
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

const UNESCAPED = /^(?:https?:\/)?\//i;
const ESCAPED_PATH = /^https?:\/\/[^/?#&%]+%2F/i;

/** A "?" stands escaped before the end, or before where another pair would begin. (One expression for it took quadratic time.) */
function hasEscapedQuery(rest: string): boolean {
  const end = rest.search(/[?&]/);
  return rest[end] !== '?' && /%3F/i.test(end < 0 ? rest : rest.slice(0, end));
}
