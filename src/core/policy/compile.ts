import type { App, AppUrl } from '../app.ts';
import { AUTHENTIK, REMOTE } from '../profile/profile.ts';
import { compileTell, NO_FACTS, type Tell, type TellFacts } from '../profile/tell.ts';
import { effectivePort, isSecure, type Scheme, type Target } from '../target.ts';
import { isWithin } from '../text/host.ts';
import { webAuthority, webOrigin } from '../text/origin.ts';
import { type CompiledRule, compileRule, hostCovers } from './match.ts';
import type { HostPattern, Outcome, Rule } from './rule.ts';

/** One cookie for every host below a domain: of `domains:`, or of an app that is a whole domain. */
export interface CookieDomain {
  readonly domain: string;
  readonly cookie: string;
  /** undefined: nobody can sign in here. */
  readonly portal: PortalAddress | undefined;
  /** The origin where a hand-over ends and gives the cookie; absent: the portal lies in the domain and gives it itself. */
  readonly givenAt?: string | undefined;
}

/** The header family of whoever asks, for apps that chose none. */
export type Family = 'remote' | 'authentik';

/** Where people sign in. `url` ends in "/". */
export interface PortalAddress {
  readonly url: string;
  readonly origin: string;
  readonly host: string;
  readonly basePath: string;
}

export interface PolicySource {
  readonly apps: readonly App[];
  readonly rules: readonly Rule[];
  readonly defaultOutcome: Outcome;
  readonly domains: readonly CookieDomain[];
  readonly portal: PortalAddress | undefined;
  /** What headers can tell beside the person; absent: nothing. */
  readonly facts?: TellFacts;
}

export interface CompiledApp {
  readonly app: App;
  readonly rules: readonly CompiledRule[];
  readonly tell: Readonly<Record<Family, Tell>>;
}

/** All that is known of a host, found in time that does not grow with the number of hosts. */
export interface HostEntry {
  /** The apps of the most specific url that covers the host: exact, else the longest wildcard. */
  readonly apps: readonly AppOfHost[];
  /** `policy.rules` whose hosts cover it, in order. */
  readonly rules: readonly CompiledRule[];
  readonly domain: CookieDomain | undefined;
}

interface AppOfHost {
  readonly url: AppUrl;
  readonly app: CompiledApp;
  readonly place: AppPlace;
}

export interface Policy {
  readonly source: PolicySource;
  readonly apps: readonly CompiledApp[];
  lookup(host: string): HostEntry;
  /** For a host without an app. */
  readonly tell: Readonly<Record<Family, Tell>>;
  /** Hosts that apps have, as they are configured; expressions aside. */
  readonly hosts: readonly string[];
}

const MAX_RECENT_HOSTS = 4096;

/** Compiles rules and apps into a host index: a request does map look-ups, one for each label of its host at most. */
export function compilePolicy(source: PolicySource): Policy {
  const facts = source.facts ?? NO_FACTS;
  const apps = source.apps.map((app) => compileApp(app, facts));
  const rules = new HostIndex(source.rules.map((r) => ({ hosts: r.hosts, value: compileRule(r) })));
  const urls = new HostIndex(
    apps.flatMap((app) => app.app.urls.map((url) => ({ hosts: [url.host], value: { url, app } }))),
  );
  const compute = (host: string): HostEntry => {
    const found = mostSpecific(urls.covering(host));
    return {
      apps: found.map(({ url, app }) => ({ url, app, place: placeAt(url, app, host) })),
      rules: rules.covering(host),
      domain: source.domains.find((d) => isWithin(host, d.domain)) ?? domainOf(found[0]?.app.app, source.portal),
    };
  };
  const exact = new Map<string, HostEntry>();
  for (const host of [...rules.exactHosts(), ...urls.exactHosts()]) exact.set(host, compute(host));
  const recent = new Map<string, HostEntry>();
  const lookup = (host: string): HostEntry => {
    const known = exact.get(host) ?? recent.get(host);
    if (known !== undefined) return known;
    // Hosts below a wildcard are without number and chosen by strangers: remembered, and all forgotten when full.
    if (recent.size >= MAX_RECENT_HOSTS) recent.clear();
    const entry = compute(host);
    recent.set(host, entry);
    return entry;
  };
  return { source, apps, tell: tellers(undefined, facts), hosts: hostNames(source.apps), lookup };
}

function hostNames(apps: readonly App[]): string[] {
  const names = apps.flatMap((app) =>
    app.urls.flatMap(({ scheme, host, port }) => {
      const name = host.kind === 'exact' ? host.host : host.kind === 'wildcard' ? `*${host.suffix}` : undefined;
      return name === undefined ? [] : webAuthority(scheme, name, port);
    }),
  );
  return [...new Set(names)].sort();
}

function compileApp(app: App, facts: TellFacts): CompiledApp {
  return { app, rules: app.rules.map(compileRule), tell: tellers(app, facts) };
}

function tellers(app: App | undefined, facts: TellFacts): Readonly<Record<Family, Tell>> {
  if (app?.profile !== undefined) {
    const chosen = compileTell(app.profile, app, facts);
    return { remote: chosen, authentik: chosen };
  }
  return { remote: compileTell(REMOTE, app, facts), authentik: compileTell(AUTHENTIK, app, facts) };
}

/** The cookie domain that an app is. Its sign-ins end at its first url, as authentik's do at the external host. */
function domainOf(app: App | undefined, portal: PortalAddress | undefined): CookieDomain | undefined {
  const external = app?.urls[0];
  if (app?.domain === undefined || external?.host.kind !== 'exact') return undefined;
  return { ...app.domain, portal, givenAt: urlOrigin(external, external.host.host) };
}

function mostSpecific<T extends { readonly url: AppUrl }>(found: readonly T[]): readonly T[] {
  const rank = ({ url: { host } }: { url: AppUrl }) =>
    host.kind === 'exact' ? 1e6 : host.kind === 'regex' ? 0 : host.suffix.length;
  const best = Math.max(...found.map(rank));
  return found.filter((f) => rank(f) === best);
}

/** Values by host pattern: exact hosts in one map, wildcards by suffix, expressions in a list; order is kept. */
class HostIndex<T> {
  readonly #exact = new Map<string, Numbered<T>[]>();
  readonly #suffix = new Map<string, Numbered<T>[]>();
  readonly #regex: (Numbered<T> & { readonly pattern: HostPattern })[] = [];
  readonly #everywhere: Numbered<T>[] = [];

  constructor(entries: readonly { readonly hosts: readonly HostPattern[]; readonly value: T }[]) {
    for (const [number, { hosts, value }] of entries.entries()) {
      if (hosts.length === 0) this.#everywhere.push({ number, value });
      for (const pattern of hosts) this.#add(pattern, { number, value });
    }
  }

  #add(pattern: HostPattern, entry: Numbered<T>): void {
    switch (pattern.kind) {
      case 'exact':
        push(this.#exact, pattern.host, entry);
        break;
      case 'wildcard':
      case 'user':
      case 'group':
        push(this.#suffix, pattern.suffix, entry);
        break;
      case 'regex':
        this.#regex.push({ ...entry, pattern });
        break;
      default:
        pattern satisfies never;
    }
  }

  exactHosts(): Iterable<string> {
    return this.#exact.keys();
  }

  covering(host: string): T[] {
    const found = new Map<number, T>();
    const take = (list: readonly Numbered<T>[] | undefined) => {
      for (const e of list ?? []) found.set(e.number, e.value);
    };
    take(this.#everywhere);
    take(this.#exact.get(host));
    for (let dot = host.indexOf('.', 1); dot > 0; dot = host.indexOf('.', dot + 1))
      take(this.#suffix.get(host.slice(dot)));
    for (const e of this.#regex) if (hostCovers(e.pattern, host)) found.set(e.number, e.value);
    return [...found].sort((a, b) => a[0] - b[0]).map(([, value]) => value);
  }
}

interface Numbered<T> {
  readonly number: number;
  readonly value: T;
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** The app a URL belongs to, and the origin it is declared with. */
export interface AppPlace {
  readonly app: CompiledApp;
  /** scheme://host[:port] of the declaration with the request's host: where sign-ins return and cookies bind. */
  readonly origin: string;
  readonly secure: boolean;
  /** Effective port of the declaration. */
  readonly port: number;
}

/**
 * The app for a host. Proxies often leave the port out (nginx's $host), so the port chooses among the apps of a host
 * and does not hide the only one; with several and none fitting there is no app. To an app with authentik's headers a
 * port that is written and is not its own is another host, as it is to authentik's outpost (contract authentik.md §2).
 */
export function appAt(
  entry: HostEntry,
  t: { readonly scheme: Scheme; readonly port: number | undefined },
): AppPlace | undefined {
  const secure = isSecure(t.scheme);
  const port = effectivePort(t);
  const fit =
    entry.apps.find((a) => a.url.port === port && (a.url.scheme === 'https') === secure) ??
    entry.apps.find((a) => a.url.port === port) ??
    (entry.apps.length === 1 && !(t.port !== undefined && minds(entry.apps[0])) ? entry.apps[0] : undefined);
  return fit?.place;
}

function placeAt(url: AppUrl, app: CompiledApp, host: string): AppPlace {
  return { app, origin: urlOrigin(url, host), secure: url.scheme === 'https', port: url.port };
}

function minds(found: HostEntry['apps'][number] | undefined): boolean {
  const app = found?.app.app;
  return app?.profile?.name === 'authentik' && app.domain === undefined;
}

/** The origin of a declared url at one of the hosts that it covers. */
export function urlOrigin(url: AppUrl, host: string): string {
  return webOrigin(url.scheme, host, url.port);
}

/** As `appAt`, for a URL whose parts are at hand. */
export function appFor(policy: Policy, scheme: Scheme, host: string, port: number | undefined): AppPlace | undefined {
  return appAt(policy.lookup(host), { scheme, port });
}

/** The app's own place for a target, or undefined when no app names its host. */
export function placeOf(policy: Policy, target: Target): AppPlace | undefined {
  return appAt(policy.lookup(target.host), target);
}
