import type { DomainSettings, PortalAddress, Settings } from '../config/settings.ts';
import { isLintelCookie } from '../core/cookie-names.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { describePeer, type TrustedPeer } from '../core/peer.ts';
import { compilePolicy, type Policy } from '../core/policy/compile.ts';
import type { Clock } from '../core/ports.ts';
import { ownedFolds } from '../core/profile/owned-names.ts';
import { effectivePort, isSecure, known, type Target } from '../core/target.ts';
import { formatIp } from '../core/text/ip.ts';
import type { Wire } from '../core/wire.ts';
import { clientOf, directStrategies, readDirect, writeDirect } from '../dialects/direct.ts';
import { errorReply } from '../dialects/page.ts';
import { DIALECTS } from '../dialects/table.ts';
import { check, type GatePorts, type Judged, judge, witness } from '../gate.ts';
import type { PortalSite } from '../portal/deps.ts';
import type { Door } from '../portal/door.ts';
import type { Portal } from '../portal/portal.ts';
import type { Forwarder } from '../proxy/forward.ts';
import type { House, MountedEndpoint, PortalMount, ProxyCall } from '../server/dispatch.ts';
import { send } from '../server/wire.ts';

/** What outlives a reload. */
export interface Rooms {
  readonly gate: Omit<GatePorts, 'policy'>;
  readonly portal: () => Promise<Portal>;
  readonly door: () => Promise<Door>;
  readonly forwarder: () => Promise<Forwarder>;
  readonly clock: Clock;
}

/** Everything that follows from the configuration, as one value that a reload swaps at once. */
export function buildHouse(settings: Settings, rooms: Rooms): House {
  const policy = policyOf(settings);
  const gate: GatePorts = { ...rooms.gate, policy: () => policy };
  const sites = portalSites(settings);
  const strategies = directStrategies(settings.basicCacheMs);
  return {
    proxies: settings.trustedProxies,
    policy,
    endpoints: mount(gate, settings.endpoints),
    portals: new Map([...sites].map(([host, site]) => [host, mountOf(site)])),
    async portal(call) {
      const site = sites.get(call.host);
      if (site === undefined) throw new Error(`no portal at ${call.host}`);
      return (await rooms.portal()).handle({ ...call, site });
    },
    door: async (call) => (await rooms.door()).handle(call),
    proxy: (call) => proxy(gate, rooms, strategies, call),
    client: clientOf,
    error: (wire, fault, extra, status) => errorReply(wire, fault.id, extra, status),
  };
}

export function policyOf(settings: Settings): Policy {
  return compilePolicy({
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
        takesSubpaths: endpoint.implementation === 'ExtAuthz' || endpoint.implementation === 'Legacy',
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

/** The proxy face: the `direct` dialect, the same judgement as everywhere, then forward (architecture §3). */
async function proxy(
  gate: GatePorts,
  rooms: Rooms,
  strategies: ReturnType<typeof directStrategies>,
  call: ProxyCall,
): Promise<void> {
  const { wire, peer, req, res } = call;
  const started = gate.clock.monotonic();
  const judged = await judgeDirect(gate, strategies, wire, peer);
  witness(gate, judged, 'direct', wire, started);
  const { decision, target, candidates } = judged;
  if (decision.kind !== 'allow') {
    if (!req.complete) res.shouldKeepAlive = false;
    send(res, writeDirect(decision, wire, judged.location));
    return;
  }
  if (target?.path.readings.some((path) => DOOR.test(path))) {
    send(res, errorReply(wire, 'NOT-FOUND')); // another spelling of a path that is Lintel's, never the app's
    return;
  }
  const app = candidates?.place?.app.app;
  if (target === undefined || app?.upstream === undefined) throw new Error('an allowed request without an upstream');
  const forwarder = await rooms.forwarder();
  forwarder.forward({
    req,
    res,
    wire,
    upstream: app.upstream,
    ...assertions(target, judged),
    onFault(fault) {
      gate.audit.record({ kind: 'fault', fault, where: `app ${app.name}`, peer: describePeer(wire.peer) });
      if (!res.headersSent) send(res, errorReply(wire, fault.id));
    },
  });
}

async function judgeDirect(
  gate: GatePorts,
  strategies: ReturnType<typeof directStrategies>,
  wire: Wire,
  peer: TrustedPeer | undefined,
): Promise<Judged> {
  const target = readDirect(wire, peer);
  if (target.ok) return judge(gate, target.value, strategies, wire, DIRECT);
  const decision = { kind: 'fault', fault: target.error } as const;
  return {
    decision,
    target: undefined,
    subject: { kind: 'anonymous' },
    candidates: undefined,
    location: undefined,
    identity: [],
    consumed: false,
  };
}

const DOOR = /^\/\.lintel(?:\/|$)/;
const DIRECT = { override: undefined, hasDefaultPortal: true, demandsBasic: false } as const;

function assertions(target: Target, judged: Judged) {
  return {
    identity: judged.identity,
    clientAddress: known(target.client) ? formatIp(target.client) : undefined,
    scheme: isSecure(target.scheme) ? 'https' : 'http',
    host: target.port === undefined ? target.host : `${target.host}:${target.port}`,
    port: effectivePort(target),
    hostHeader: undefined,
    authorization: judged.consumed ? ('drop' as const) : ('pass' as const),
  };
}

/** Folded names that the proxy face strips, and the cookies that no app may see or set. */
export function proxyGuards(settings: Settings) {
  const gateNames = settings.domains.map((d) => d.cookie);
  return {
    ownedFolds: ownedFolds(settings.apps.map((a) => a.profile)),
    isOurCookie: (name: string) => isLintelCookie(name, gateNames),
  };
}
