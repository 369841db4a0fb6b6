import type { DomainSettings, PortalAddress, Settings } from '../config/settings.ts';
import type { App } from '../core/app.ts';
import type { AssertionSigner } from '../core/assertion.ts';
import { isLintelCookie } from '../core/cookie-names.ts';
import { isDoorReading, JWKS_PATH, OUTPOST_DOOR } from '../core/door-path.ts';
import { type Endpoint, OUTPOST_ENDPOINTS } from '../core/endpoint.ts';
import { type Fault, fault } from '../core/fault.ts';
import { describePeer, type TrustedPeer, trustPeer } from '../core/peer.ts';
import { type AppPlace, compilePolicy, type Policy, placeOf } from '../core/policy/compile.ts';
import type { Clock, MaybePromise, UserSource } from '../core/ports.ts';
import { ownedFolds } from '../core/profile/owned-names.ts';
import type { TellFacts } from '../core/profile/tell.ts';
import { err } from '../core/result.ts';
import { doorOf } from '../core/sign-in-address.ts';
import type { Subject } from '../core/subject.ts';
import { effectivePort, isSecure, known, pageUrl, quote, quoteAddress, type Target } from '../core/target.ts';
import { first, type HeaderList } from '../core/text/header-list.ts';
import { formatIp, isLoopback } from '../core/text/ip.ts';
import type { Wire } from '../core/wire.ts';
import { type Asker, clientOf, directStrategies, readDirect, writeDirect } from '../dialects/direct.ts';
import { isBrowser, isProgram, waitsToBeAsked } from '../dialects/negotiate.ts';
import { unknownHost } from '../dialects/outpost-answer.ts';
import { errorReply } from '../dialects/page.ts';
import { DIALECTS } from '../dialects/table.ts';
import { type Counter, check, faulty, type GatePorts, type Judged, judge, witness } from '../gate.ts';
import { VERSION } from '../ops/version.ts';
import type { PortalSite } from '../portal/deps.ts';
import type { Door } from '../portal/door.ts';
import type { Portal } from '../portal/portal.ts';
import type { Forwarder, TunnelCall } from '../proxy/forward.ts';
import type { Upgrade } from '../server/client.ts';
import type { House, MountedEndpoint, PortalMount, ProxyCall } from '../server/dispatch.ts';
import { send } from '../server/wire.ts';
import { mayUpgrade, watchTunnel } from './tunnel-watch.ts';

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
  const strategies = directStrategies(settings.basicCacheMs);
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
    proxy: (call) => proxy(gate, rooms, strategies, call),
    client: clientOf,
    error: (wire, fault, extra, status) => errorReply(wire, fault.id, extra, status),
    stranger: strangers(settings, policy),
  };
}

/** Where Lintel is the proxy as authentik's outpost is, a host without an app gets the outpost's answer. */
function strangers({ apps }: Settings, policy: Policy): House['stranger'] {
  const isOutpost = apps.some((app) => app.upstream !== undefined && doorOf(app) === OUTPOST_DOOR);
  if (!isOutpost) return (wire) => errorReply(wire, 'HOST-NOT-PROXIED');
  return (wire, host, client) => {
    const hosts = known(client) && isLoopback(client) ? policy.hosts : [];
    return unknownHost(wire, 'HOST-NOT-PROXIED', host, hosts, 400);
  };
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

/** What headers can tell beside the person. */
export function tellFacts(settings: Settings, users: UserSource, signer: AssertionSigner | undefined): TellFacts {
  const { portal, outpost, additionalHeaders } = settings;
  return {
    headerNames: withDeclared(users, additionalHeaders),
    signer,
    issuer: portal?.origin ?? '',
    jwks: portal === undefined ? '' : `${portal.origin}${portal.basePath}${JWKS_PATH}`,
    outpost,
    version: `lintel/${VERSION}`,
  };
}

/** The names that accounts may set, and those that the configuration declares for accounts to come. */
function withDeclared(users: UserSource, declared: readonly string[]): () => readonly string[] {
  if (declared.length === 0) return () => users.headerNames();
  let known: readonly string[] | undefined;
  let all: readonly string[] = declared;
  return () => {
    const names = users.headerNames();
    if (names !== known) {
      known = names;
      all = [...declared, ...names];
    }
    return all;
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
        takesSubpaths: TAKES_SUBPATHS.has(endpoint.implementation),
        tidies: dialect.family === 'remote',
        check: (wire, peer) => check(gate, endpoint, dialect, wire, peer),
      };
    });
}

const TAKES_SUBPATHS: ReadonlySet<Endpoint['implementation']> = new Set(['ExtAuthz', 'Legacy', 'OutpostEnvoy']);

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
  const { wire, peer, req, res, upgrade } = call;
  // A page is nothing that somebody who asks for a tunnel can show, and a redirect nothing they can follow.
  const asker = upgrade === undefined ? wire : { ...wire, headers: PROGRAM };
  const started = gate.clock.monotonic();
  const judged = await judgeDirect(gate, strategies, wire, peer);
  witness(gate, judged, 'direct', wire, started);
  const { decision, target, candidates } = judged;
  if (decision.kind !== 'allow') {
    if (!req.complete) res.shouldKeepAlive = false;
    const asked = candidates?.place?.app.app;
    const who = upgrade === undefined ? askerOf(wire, asked) : 'script';
    const always302 = doorOf(asked) === OUTPOST_DOOR;
    send(res, writeDirect(decision, asker, { location: judged.location, asker: who, always302 }));
    return;
  }
  if (target?.path.readings.some(isDoorReading)) {
    send(res, errorReply(asker, 'NOT-FOUND')); // another spelling of a path that is Lintel's, never the app's
    return;
  }
  if (upgrade !== undefined && !mayUpgrade(judged, wire)) {
    const origin = fault('ORIGIN-NOT-ALLOWED', `Origin ${quote(first(wire.headers, 'origin') ?? '')}`);
    gate.audit.record({ kind: 'fault', fault: origin, where: 'upgrade', peer: describePeer(wire.peer) });
    send(res, errorReply(asker, origin.id));
    return;
  }
  const app = candidates?.place?.app.app;
  if (target === undefined || app?.upstream === undefined) throw new Error('an allowed request without an upstream');
  const forwarder = await rooms.forwarder();
  const onFault = (problem: Fault): void => {
    gate.audit.record({ kind: 'fault', fault: problem, where: `app ${app.name}`, peer: describePeer(wire.peer) });
    if (!res.headersSent) send(res, errorReply(asker, problem.id));
  };
  const backend = judged.subject.kind === 'user' ? judged.subject.routing?.backend : undefined;
  const upstream = backend === undefined ? app.upstream : forwarder.upstreamAt(backend, app.upstream);
  if (upstream === undefined)
    onFault(fault('ROUTING-REFUSED', `backend ${quoteAddress(backend ?? '')} cannot be used`));
  else {
    const tunnel = upgrade && { tunnel: tunnelOf(gate, rooms, strategies, upgrade, judged.subject, wire) };
    forwarder.forward({ req, res, wire, upstream, ...assertions(target, judged), ...tunnel, onFault });
  }
}

/** Judged again by the house in force, and by what that says of the peer. */
function tunnelOf(
  gate: GatePorts,
  rooms: Rooms,
  strategies: ReturnType<typeof directStrategies>,
  upgrade: Upgrade,
  subject: Subject,
  wire: Wire,
): TunnelCall {
  const watch = watchTunnel({
    subject,
    gate,
    judge(ports) {
      const { policy, proxies } = rooms.house();
      return judgeDirect({ ...gate, ...ports, policy: () => policy }, strategies, wire, trustPeer(wire.peer, proxies));
    },
    accepts: (judged) => judged.candidates?.place?.app.app.upstream !== undefined && mayUpgrade(judged, wire),
  });
  return { upgrade, watch };
}

/** An app that owns `Authorization` is never asked for with it. */
function askerOf(wire: Wire, app: App | undefined): Asker {
  if (app?.ownsAuthorization !== true && waitsToBeAsked(wire.method, wire.headers)) return 'program';
  const navigates = doorOf(app) === OUTPOST_DOOR ? !isProgram(wire.headers) : isBrowser(wire.headers);
  return navigates ? 'browser' : 'script';
}

function judgeDirect(
  gate: GatePorts,
  strategies: ReturnType<typeof directStrategies>,
  wire: Wire,
  peer: TrustedPeer | undefined,
): MaybePromise<Judged> {
  const target = readDirect(wire, peer);
  return target.ok ? judge(gate, target.value, strategies, wire, DIRECT) : faulty(target.error);
}

const PROGRAM: HeaderList = ['Accept', 'application/json'];
const DIRECT = {
  override: undefined,
  hasDefaultPortal: true,
  demandsBasic: false,
  family: 'remote',
  beginsSignIn: false,
  passes: false,
} as const;

function assertions(target: Target, judged: Judged) {
  return {
    identity: judged.told.identity,
    clientAddress: known(target.client) ? formatIp(target.client) : undefined,
    scheme: isSecure(target.scheme) ? 'https' : 'http',
    host: target.port === undefined ? target.host : `${target.host}:${target.port}`,
    port: effectivePort(target),
    hostHeader: judged.subject.kind === 'user' ? judged.subject.routing?.hostHeader : undefined,
    authorization: authorizationOf(judged),
  };
}

function authorizationOf({ told, consumed }: Judged): 'pass' | 'drop' | { readonly set: string } {
  if (told.authorization !== undefined) return { set: told.authorization };
  return consumed ? 'drop' : 'pass';
}

/** Folded names that the proxy face strips, and the cookies that no app may see or set. */
export function proxyGuards(settings: Settings, users: UserSource) {
  const gateNames = [...settings.domains, ...settings.apps.flatMap((a) => a.domain ?? [])].map((d) => d.cookie);
  const profiles = settings.apps.flatMap((a) => a.profile ?? []);
  const others = settings.apps.flatMap((a) => a.assertionHeader ?? []);
  return {
    ownedFolds: ownedFolds(profiles, [...others, ...settings.additionalHeaders, ...users.headerNames()]),
    isOurCookie: (name: string) => isLintelCookie(name, gateNames),
  };
}
