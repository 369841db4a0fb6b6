import type { AppDomain, AppUrl, BasicAuth, Entitlement } from '../core/app.ts';
import { isWithin } from '../core/text/host.ts';
import { parseIp } from '../core/text/ip.ts';
import { configuredHost } from './address.ts';
import { readSubjectList } from './outcome.ts';
import type { RawApp } from './schema-app.ts';
import { listed, type Scope } from './scope.ts';
import type { Path } from './tree.ts';

/** The url of an app that is a whole domain: its external host, and everything at and below the domain. */
export interface DomainApp {
  readonly urls: readonly AppUrl[];
  readonly domain: AppDomain;
}

/**
 * `domain:` of an app: authentik's forward_domain (contract authentik.md §1). The external url has to lie in the domain,
 * since only there a browser takes the domain's cookie. undefined: none, or reported.
 */
export function readAppDomain(
  raw: RawApp,
  urls: readonly AppUrl[],
  app: string,
  path: Path,
  scope: Scope,
): DomainApp | undefined {
  const at = [...path, 'domain'];
  if (raw.domain === undefined) return undefined;
  const domain = configuredHost(raw.domain.replace(/^\./, ''));
  const [external, ...others] = urls;
  if (domain === undefined || !domain.includes('.') || parseIp(domain) !== undefined || raw.domain.startsWith('*')) {
    return scope.error(
      at,
      `${JSON.stringify(raw.domain)} is not a domain.`,
      'Write example.com, without scheme and wildcard.',
    );
  }
  if (raw.upstream !== undefined) {
    return scope.error(
      at,
      `app ${app} has an upstream, and one app cannot be the proxy of a whole domain.`,
      'Take upstream or domain out.',
    );
  }
  if (
    external === undefined ||
    others.length > 0 ||
    external.host.kind !== 'exact' ||
    !isWithin(external.host.host, domain)
  ) {
    return scope.error(
      at,
      `app ${app} needs one url, on a host at or below ${domain}, where sign-ins end and the cookie is given.`,
      `Write url: https://auth.${domain}.`,
    );
  }
  scope.warn(
    at,
    `Each app below ${domain} gets the cookie of app ${app} from browsers and can replay it to the others.`,
    'Give each app an entry of its own instead, or trust every app below the domain.',
  );
  const { scheme, port } = external;
  const whole: AppUrl[] = [
    { scheme, port, host: { kind: 'exact', host: domain } },
    { scheme, port, host: { kind: 'wildcard', suffix: `.${domain}` } },
  ];
  const isSame = external.host.host === domain;
  // A browser takes no __Secure- cookie from a page over plain http, where anybody on the way could set one.
  const cookie = `${scheme === 'https' ? '__Secure-' : ''}lintel-domain-${app}`;
  return { urls: [external, ...whole.slice(isSame ? 1 : 0)], domain: { domain, cookie } };
}

/** `entitlements:`, name → the people who have it. */
export function readEntitlements(raw: RawApp, path: Path, scope: Scope): Entitlement[] {
  const out: Entitlement[] = [];
  for (const [name, people] of Object.entries(raw.entitlements ?? {})) {
    const at = [...path, 'entitlements', name];
    if (name === '' || name.includes('|') || /[\u0000-\u001f\u007f]/.test(name)) {
      scope.error(at, `${JSON.stringify(name)} cannot be the name of an entitlement.`, 'Use visible text without "|".');
      continue;
    }
    const subjects = readSubjectList(listed(people, at), scope);
    if (subjects !== undefined)
      out.push({
        name,
        people: subjects,
        place: scope.place(at),
        holds: (user) =>
          subjects.some((s) => (s.kind === 'user' ? s.name === user.name : user.memberships.includes(s.name))),
      });
  }
  return out;
}

/** `basic_auth:` */
export function readBasicAuth(raw: RawApp, path: Path, scope: Scope): BasicAuth | undefined {
  const basic = raw.basic_auth;
  if (basic === undefined) return undefined;
  if (raw.intercept_header_auth === false) {
    scope.error(
      [...path, 'basic_auth'],
      'The app has its own Authorization header and one made by Lintel.',
      'Take basic_auth or intercept_header_auth: false out.',
    );
  }
  return { userAttribute: basic.user_attribute ?? '', passwordAttribute: basic.password_attribute };
}
