import type { DomainSettings, PortalAddress, Settings } from '../config/settings.ts';
import { OUTPOST_DOOR } from '../core/door-path.ts';
import { type Endpoint, OUTPOST_ENDPOINTS } from '../core/endpoint.ts';
import { FAULTS, fault } from '../core/fault.ts';
import { type AppPlace, compilePolicy, type Policy, placeOf } from '../core/policy/compile.ts';
import type { Clock } from '../core/ports.ts';
import type { TellFacts } from '../core/profile/tell.ts';
import { err } from '../core/result.ts';
import { doorOf } from '../core/sign-in-address.ts';
import { known, pageUrl, type Target, type Unknown } from '../core/target.ts';
import { all } from '../core/text/header-list.ts';
import { type Ip, isLoopback, parseIp } from '../core/text/ip.ts';
import type { Wire } from '../core/wire.ts';
import { clientOf, directStrategies } from '../dialects/direct.ts';
import { hostsSeen, unknownHost } from '../dialects/outpost-answer.ts';
import { errorReply } from '../dialects/page.ts';
import { DIALECTS } from '../dialects/table.ts';
import { type Counter, check, type GatePorts } from '../gate.ts';
import type { PortalSite } from '../portal/deps.ts';
import type { Door } from '../portal/door.ts';
import type { Portal } from '../portal/portal.ts';
import type { Forwarder } from '../proxy/forward.ts';
import type { House, MountedEndpoint, PortalMount } from '../server/dispatch.ts';
import { proxyFace } from './proxy-face.ts';
import { tellFacts } from './tell-facts.ts';

/** What outlives a reload. */
export interface Rooms {
  readonly gate: Omit<GatePorts, 'policy' | 'counter'>;
  readonly portal: () => Promise<Portal>;
  readonly door: () => Promise<Door>;
  readonly forwarder: () => Promise<Forwarder>;
  /** The one in force: what stays open is judged by it. */
  readonly house: () => House;
  readonly clock: Clock;
}

/** The faces of one configuration, and the gate that they all ask. */
export interface BuiltHouse extends House {
  readonly gate: GatePorts;
}

/** Everything that follows from the configuration, as one value that a reload swaps at once. */
export function buildHouse(settings: Settings, rooms: Rooms): BuiltHouse {
  const policy = policyOf(settings, tellFacts(settings, rooms.gate.users, rooms.gate.signer));
  const gate: GatePorts = { ...rooms.gate, policy: () => policy, counter: counterOf(policy, rooms) };
  const sites = portalSites(settings);
  return {
    gate,
    proxies: settings.trustedProxies,
    policy,
    endpoints: mount(gate, [...settings.endpoints, ...OUTPOST_ENDPOINTS]),
    portals: new Map([...sites].map(([host, site]) => [host, mountOf(site)])),
    async portal(call) {
      const site = sites.get(call.host);
      if (site === undefined) throw new Error(`no portal at ${call.host}`);
      return (await rooms.portal()).handle({ ...call, site });
    },
    door: async (call) => (await rooms.door()).handle(call),
    proxy: proxyFace(gate, rooms, directStrategies(settings.basicCacheMs)),
    client: clientOf,
    error: (wire, fault, extra) => errorReply(wire, fault.id, { extra }),
    stranger: strangers(settings, policy),
  };
}

/** Where there are apps as behind authentik's outpost, and on its paths, a host without an app gets the outpost's answer. */
function strangers({ apps }: Settings, policy: Policy): House['stranger'] {
  const isOutpost = apps.some((app) => doorOf(app) === OUTPOST_DOOR);
  return (wire, host, client) => {
    const hosts = isHere(wire, client) ? policy.hosts : [];
    if (!isOutpost && !wire.target.startsWith(OUTPOST_DOOR)) {
      return errorReply(wire, 'HOST-NOT-PROXIED', { scene: { seen: hostsSeen(host, hosts) } });
    }
    return unknownHost(wire, 'HOST-UNKNOWN', host, hosts, FAULTS['HOST-UNKNOWN'].status);
  };
}

/** Asked by somebody on this very machine. A proxy here that nobody listed speaks with its own address for all who come. */
function isHere({ headers }: Wire, client: Ip | Unknown): boolean {
  const told = all(headers, 'x-forwarded-for').flatMap((line) => line.split(','));
  const addresses = [client, ...told.map((entry) => parseIp(entry.trim()))];
  return addresses.every((ip) => ip !== undefined && known(ip) && isLoopback(ip));
}

/** What a check endpoint asks of the doors of apps. Loaded when somebody has to sign in, not before. */
function counterOf(policy: Policy, rooms: Rooms): Counter {
  const request = (place: AppPlace, wire: Wire, target: Target, path: string) => {
    const { client, query } = target;
    return { wire, app: place.app.app, origin: place.origin, path, query, client };
  };
  return {
    async begin(wire, { target, place }) {
      if (place === undefined) return err(fault('PORTAL-NONE', `no app has the host ${target.host}`));
      return (await rooms.door()).begin(request(place, wire, target, `${OUTPOST_DOOR}start`), pageUrl(target));
    },
    async serve(wire, target, path) {
      const place = placeOf(policy, target);
      if (place === undefined) return errorReply(wire, 'HOST-UNKNOWN');
      const method = known(target.method) ? target.method : 'GET';
      return (await rooms.door()).handle(request(place, { ...wire, method }, target, path));
    },
  };
}

/** `facts`: what headers can tell; without them `explain` and checks of the policy alone need no users and no keys. */
export function policyOf(settings: Settings, facts?: TellFacts): Policy {
  return compilePolicy({
    ...(facts === undefined ? {} : { facts }),
    apps: settings.apps,
    rules: settings.rules,
    defaultOutcome: settings.defaultOutcome,
    domains: settings.domains,
    portal: settings.portal,
  });
}

/** Longest path first, so that an own endpoint `a/b` is not taken for a subpath of `a`. */
function mount(gate: GatePorts, endpoints: readonly Endpoint[]): MountedEndpoint[] {
  return [...endpoints]
    .sort((a, b) => b.path.length - a.path.length)
    .map((endpoint) => {
      const dialect = DIALECTS[endpoint.implementation];
      return {
        path: endpoint.path,
        methods: dialect.methods,
        takesSubpaths: dialect.takesSubpaths,
        tidies: dialect.family === 'remote',
        check: (wire, peer) => check(gate, endpoint, dialect, wire, peer),
      };
    });
}

function portalSites(settings: Settings): Map<string, PortalSite> {
  const sites = new Map<string, PortalSite>();
  const { portal } = settings;
  if (portal !== undefined) sites.set(portal.host, siteOf(portal, undefined));
  for (const domain of settings.domains) {
    if (domain.portal !== undefined) sites.set(domain.portal.host, siteOf(domain.portal, domain));
  }
  return sites;
}

function siteOf(portal: PortalAddress, domain: DomainSettings | undefined): PortalSite {
  const { origin, basePath } = portal;
  const secure = portal.scheme === 'https';
  return { origin, basePath, secure, domain, defaultRedirect: domain?.defaultRedirect };
}

function mountOf(site: PortalSite): PortalMount {
  return { basePath: site.basePath, origin: site.origin };
}
