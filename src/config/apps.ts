import type { App, AppUrl } from '../core/app.ts';
import type { HostPattern, Rule } from '../core/policy/rule.ts';
import { parseAppUrl } from './address.ts';
import { readBindings, readPreflight, readUnauthenticated } from './bindings.ts';
import { readRouting } from './expression/app.ts';
import { checkHeaderName, readProfile } from './headers.ts';
import { readAppDomain, readBasicAuth, readEntitlements } from './provider.ts';
import { type Networks, readRule } from './rules.ts';
import type { RawApp } from './schema-app.ts';
import { listed, type Scope } from './scope.ts';
import type { Path } from './tree.ts';
import { readOrigins, readUpstream } from './upstream.ts';

/** `apps:`, in order; an app with something in it that cannot be understood is left out, and reported. */
export function readApps(raw: Readonly<Record<string, RawApp>> | undefined, networks: Networks, scope: Scope): App[] {
  const owners = new Map<string, string>();
  const apps: App[] = [];
  for (const [name, app] of Object.entries(raw ?? {})) {
    const read = readApp(name, app, networks, owners, scope);
    if (read !== undefined) apps.push(read);
  }
  return apps;
}

function readApp(
  name: string,
  raw: RawApp,
  networks: Networks,
  owners: Map<string, string>,
  scope: Scope,
): App | undefined {
  const path: Path = ['apps', name];
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) {
    scope.error(
      path,
      `${JSON.stringify(name)} cannot be the name of an app.`,
      'Use letters, digits, dots, dashes and underscores.',
    );
  }
  const urls = readUrls(name, raw, path, owners, scope);
  const profile = readProfile(raw.headers, name, [...path, 'headers'], scope);
  const upstream = raw.upstream === undefined ? undefined : readUpstream(raw.upstream, [...path, 'upstream'], scope);
  const whole = readAppDomain(raw, urls, name, path, scope);
  const rules = readAppRules(raw, path, networks, scope);
  if (raw.access?.length === 0) {
    // Whoever writes this means nobody, and policy.default may let people in where an app has no rule.
    scope.error(
      [...path, 'access'],
      `The access of app ${name} is empty.`,
      'Write access: [{deny: everyone}] for nobody.',
    );
  }
  if (raw.access === undefined && raw.bindings === undefined && !scope.isBroken([...path, 'access'])) {
    scope.warn(
      path,
      `app ${name} has no access rules.`,
      'Add access: [{allow: signed_in}], unless policy.rules covers it.',
    );
  }
  const routing = readRouting(raw, path, scope);
  const asserted = raw.assertion;
  if (asserted !== undefined) checkHeaderName(asserted, [...path, 'assertion'], scope);
  const lacks = (key: 'headers' | 'domain', value: unknown) => raw[key] !== undefined && value === undefined;
  if (urls.length === 0 || lacks('headers', profile) || lacks('domain', whole)) return undefined;
  return {
    name,
    title: raw.title ?? name,
    urls: whole?.urls ?? urls,
    profile,
    upstream,
    origins: readOrigins(raw.origins, [...path, 'origins'], scope),
    rules,
    domain: whole?.domain,
    entitlements: readEntitlements(raw, path, scope),
    basicAuth: readBasicAuth(raw, path, scope),
    ownsAuthorization: raw.intercept_header_auth === false,
    interceptsBearer: raw.intercept_header_auth ?? profile?.name === 'authentik',
    assertionHeader: asserted,
    tellsAdditional: raw.additional_headers,
    routing: routing?.route,
    allowsBackend: routing?.allows,
    mappedHeaders: routing?.headers ?? [],
  };
}

/** In the order that they are tried: what is open to everybody, then who may open the rest. */
function readAppRules(raw: RawApp, path: Path, networks: Networks, scope: Scope): Rule[] {
  const rules = [...readPreflight(raw, path, scope), ...readUnauthenticated(raw, path, scope)];
  for (const [i, r] of (raw.access ?? []).entries()) {
    const rule = readRule(r, [...path, 'access', i], networks, scope);
    if (rule !== undefined) rules.push(rule);
  }
  return [...rules, ...readBindings(raw, path, scope)];
}

function readUrls(name: string, raw: RawApp, path: Path, owners: Map<string, string>, scope: Scope): AppUrl[] {
  const urls: AppUrl[] = [];
  const entries = listed(raw.url, [...path, 'url']);
  if (entries.length === 0)
    scope.error([...path, 'url'], `app ${name} has no url.`, 'Add url: https://app.example.com.');
  for (const [text, at] of entries) {
    const url = parseAppUrl(text);
    if (!url.ok) {
      scope.error(at, ...url.error);
      continue;
    }
    const place = `${hostText(url.value.host)}:${url.value.port}`;
    const owner = owners.get(place);
    if (owner === undefined) owners.set(place, name);
    else
      scope.error(
        at,
        `${text} belongs to ${owner === name ? 'this app already' : `the app ${owner}`}.`,
        'Give each host and port to one app.',
      );
    urls.push(url.value);
  }
  return urls;
}

/** A host pattern as it is written in the configuration. */
export function hostText(pattern: HostPattern): string {
  switch (pattern.kind) {
    case 'exact':
      return pattern.host;
    case 'wildcard':
      return `*${pattern.suffix}`;
    case 'user':
    case 'group':
      return `{${pattern.kind}}${pattern.suffix}`;
    case 'regex':
      return pattern.regex.source;
    default:
      return pattern satisfies never;
  }
}
