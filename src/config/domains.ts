import { isLintelCookie } from '../core/cookie-names.ts';
import { isWithin } from '../core/text/host.ts';
import { parseIp } from '../core/text/ip.ts';
import { configuredHost, parsePortal } from './address.ts';
import type { RawDomain } from './schema.ts';
import type { Scope } from './scope.ts';
import type { DomainSettings, PortalAddress } from './settings.ts';
import type { Path } from './tree.ts';

const DEFAULT_COOKIE = 'lintel-gate';
/** RFC 6265 §4.1.1: cookie-name is a token. */
const COOKIE = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
/** Public suffixes of two labels, the usual form; browsers know the whole list and refuse cookies there. */
const SUFFIX = /^(?:ac|co|com|edu|gob|gov|gouv|ltd|mil|net|or|org)\.[a-z]{2}$/;

export function readPortal(text: string, path: Path, scope: Scope): PortalAddress | undefined {
  const portal = parsePortal(text);
  if (!portal.ok) return scope.error(path, ...portal.error);
  const { scheme, host } = portal.value;
  if (scheme === 'http' && !isLoopback(host)) {
    scope.warn(path, `Passwords travel to ${host} in the clear.`, 'Serve the portal over https.');
  }
  return portal.value;
}

function isLoopback(host: string): boolean {
  return isWithin(host, 'localhost') || host === '127.0.0.1' || host === '[::1]';
}

/** `domains:`; none nests in another, and each portal lies inside its domain, because only there it can set the cookie. */
export function readDomains(
  raw: readonly RawDomain[],
  global: PortalAddress | undefined,
  scope: Scope,
): DomainSettings[] {
  const domains: DomainSettings[] = [];
  for (const [i, entry] of raw.entries()) {
    const path: Path = ['domains', i];
    const domain = readDomainName(entry.domain, [...path, 'domain'], scope);
    if (domain === undefined) continue;
    const other = domains.find((d) => isWithin(domain, d.domain) || isWithin(d.domain, domain));
    if (other !== undefined) {
      scope.error(
        [...path, 'domain'],
        `${domain} and ${other.domain} overlap; a browser would send both cookies.`,
        'Keep one of the domains.',
      );
    }
    const portal = domainPortal(entry, domain, global, path, scope);
    const cookie = readCookie(entry.cookie ?? DEFAULT_COOKIE, [...path, 'cookie'], scope);
    const defaultRedirect = readRedirect(entry.default_redirect, [...path, 'default_redirect'], scope);
    domains.push({ domain, portal, cookie, defaultRedirect, place: scope.place(path) });
  }
  return domains;
}

function readDomainName(text: string, path: Path, scope: Scope): string | undefined {
  const domain = configuredHost(text.replace(/^\./, ''));
  if (domain === undefined || text.startsWith('*') || text.includes(':')) {
    return scope.error(
      path,
      `${JSON.stringify(text)} is not a domain.`,
      'Write example.com, without scheme, port and wildcard.',
    );
  }
  if (!domain.includes('.') || parseIp(domain) !== undefined) {
    return scope.error(
      path,
      `No browser takes a cookie for the whole of ${domain}.`,
      'Name a domain of your own, such as example.com, or leave domains out.',
    );
  }
  if (SUFFIX.test(domain))
    scope.warn(
      path,
      `${domain} looks like a public suffix; browsers refuse cookies for it.`,
      'Name your own domain below it.',
    );
  return domain;
}

function domainPortal(
  entry: RawDomain,
  domain: string,
  global: PortalAddress | undefined,
  path: Path,
  scope: Scope,
): PortalAddress | undefined {
  const at: Path = entry.portal === undefined ? path : [...path, 'portal'];
  const portal = entry.portal === undefined ? global : readPortal(entry.portal, at, scope);
  if (portal === undefined) {
    if (entry.portal === undefined)
      scope.warn(at, `Nobody can sign in for ${domain}.`, `Add portal: https://auth.${domain}.`);
    return undefined;
  }
  if (isWithin(portal.host, domain)) return portal;
  return scope.error(
    at,
    `The portal ${portal.host} lies outside the domain ${domain}, so it cannot set its cookie.`,
    `Use a portal below ${domain}, such as https://auth.${domain}.`,
  );
}

function readCookie(text: string, path: Path, scope: Scope): string {
  if (!COOKIE.test(text))
    scope.error(
      path,
      `${JSON.stringify(text)} is not the name of a cookie.`,
      'Use letters, digits, dashes and underscores.',
    );
  else if (isLintelCookie(text, []))
    scope.error(path, `${text} is the name of another cookie of Lintel's.`, `Use ${DEFAULT_COOKIE}.`);
  else if (/^__host-/i.test(text))
    scope.error(path, 'Browsers refuse a __Host- cookie that is shared below a domain.', 'Use another name.');
  return text;
}

function readRedirect(text: string | undefined, path: Path, scope: Scope): string | undefined {
  if (text === undefined) return undefined;
  const url = parsePortal(text);
  return url.ok
    ? url.value.url
    : scope.error(path, `${text} is not an http or https address.`, 'Write it as https://www.example.com.');
}
