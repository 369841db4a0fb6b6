import type { Settings } from '../config/settings.ts';
import type { App } from '../core/app.ts';
import { isLintelCookie } from '../core/cookie-names.ts';
import type { Decision } from '../core/decision.ts';
import { isDoorReading, OUTPOST_DOOR } from '../core/door-path.ts';
import type { Strategy } from '../core/endpoint.ts';
import { type Fault, fault } from '../core/fault.ts';
import { describePeer, type TrustedPeer, trustPeer } from '../core/peer.ts';
import type { MaybePromise, UserSource } from '../core/ports.ts';
import { ownedFolds } from '../core/profile/owned-names.ts';
import { doorOf } from '../core/sign-in-address.ts';
import { effectivePort, known, pageScheme, type Target, targetAuthority } from '../core/target.ts';
import { first, type HeaderList } from '../core/text/header-list.ts';
import { formatIp } from '../core/text/ip.ts';
import { quote, quoteAddress } from '../core/text/quote.ts';
import type { Reply, Wire } from '../core/wire.ts';
import { type Asker, readDirect, writeDirect } from '../dialects/direct.ts';
import { isBrowser, isProgram, waitsToBeAsked } from '../dialects/negotiate.ts';
import { errorReply } from '../dialects/page.ts';
import { ASKED_DIRECTLY, faulty, type GatePorts, type Judged, judge, witness } from '../gate.ts';
import type { ForwardCall, Forwarder } from '../proxy/forward.ts';
import type { TunnelWatch } from '../proxy/tunnel.ts';
import type { Upgrade } from '../server/client.ts';
import type { House, ProxyCall } from '../server/dispatch.ts';
import { send } from '../server/wire.ts';
import { mayUpgrade, watchTunnel } from './tunnel-watch.ts';

/** What the proxy face needs beside the gate. */
export interface ProxyRooms {
  readonly forwarder: () => Promise<Forwarder>;
  /** The house in force: what stays open is judged by it. */
  readonly house: () => House;
}

/** The proxy face: the `direct` dialect, the same judgement as everywhere, then forward (architecture §3). */
export function proxyFace(gate: GatePorts, rooms: ProxyRooms, strategies: readonly Strategy[]): House['proxy'] {
  return async (call) => {
    const { wire, peer, req, res } = call;
    const started = gate.clock.monotonic();
    const judged = await judgeDirect(gate, strategies, wire, peer);
    witness(gate, judged, 'direct', wire, started);
    const instead = inPlaceOfTheApp(gate, judged, call);
    if (instead === undefined) {
      await forward(gate, rooms, strategies, judged, call);
      return;
    }
    if (!req.complete) res.shouldKeepAlive = false;
    send(res, instead);
  };
}

function judgeDirect(
  gate: GatePorts,
  strategies: readonly Strategy[],
  wire: Wire,
  peer: TrustedPeer | undefined,
): MaybePromise<Judged> {
  const target = readDirect(wire, peer);
  return target.ok ? judge(gate, target.value, strategies, wire, ASKED_DIRECTLY) : faulty(target.error);
}

/** Everything that is answered here; undefined: the app answers. */
function inPlaceOfTheApp(gate: GatePorts, judged: Judged, { wire, upgrade }: ProxyCall): Reply | undefined {
  const asker = askerWire(wire, upgrade);
  const { decision, target } = judged;
  if (decision.kind !== 'allow') return refusal(decision, judged, asker, upgrade !== undefined);
  // Another spelling of a path that is Lintel's, never the app's.
  if (target?.path.readings.some(isDoorReading)) return errorReply(asker, 'NOT-FOUND');
  if (upgrade === undefined || mayUpgrade(judged, wire)) return undefined;
  const origin = fault('ORIGIN-NOT-ALLOWED', `Origin ${quote(first(wire.headers, 'origin') ?? '')}`);
  gate.audit.record({ kind: 'fault', fault: origin, where: 'upgrade', peer: describePeer(wire.peer) });
  return errorReply(asker, origin.id);
}

/** A page is nothing that somebody who asks for a tunnel can show, and a redirect nothing they can follow. */
function askerWire(wire: Wire, upgrade: Upgrade | undefined): Wire {
  return upgrade === undefined ? wire : { ...wire, headers: PROGRAM };
}

const PROGRAM: HeaderList = ['Accept', 'application/json'];

function refusal(
  decision: Exclude<Decision, { kind: 'allow' }>,
  { candidates, location, target }: Judged,
  wire: Wire,
  isUpgrade: boolean,
): Reply {
  const app = candidates?.place?.app.app;
  const asker = isUpgrade ? 'script' : askerOf(wire, app);
  return writeDirect(decision, wire, {
    host: target && targetAuthority(target),
    location,
    asker,
    always302: doorOf(app) === OUTPOST_DOOR,
  });
}

/** An app that owns `Authorization` is never asked for with it. */
function askerOf(wire: Wire, app: App | undefined): Asker {
  if (app?.ownsAuthorization !== true && waitsToBeAsked(wire.method, wire.headers)) return 'program';
  const navigates = doorOf(app) === OUTPOST_DOOR ? !isProgram(wire.headers) : isBrowser(wire.headers);
  return navigates ? 'browser' : 'script';
}

async function forward(
  gate: GatePorts,
  rooms: ProxyRooms,
  strategies: readonly Strategy[],
  judged: Judged,
  { req, res, wire, upgrade }: ProxyCall,
): Promise<void> {
  const { target, candidates, subject } = judged;
  const app = candidates?.place?.app.app;
  if (target === undefined || app?.upstream === undefined) throw new Error('an allowed request without an upstream');
  const forwarder = await rooms.forwarder();
  const onFault = (problem: Fault): void => {
    gate.audit.record({ kind: 'fault', fault: problem, where: `app ${app.name}`, peer: describePeer(wire.peer) });
    if (!res.headersSent) send(res, faultOfApp(askerWire(wire, upgrade), problem, app, target, gate));
  };
  const backend = subject.kind === 'user' ? subject.routing?.backend : undefined;
  const upstream = backend === undefined ? app.upstream : forwarder.upstreamAt(backend, app.upstream);
  if (upstream === undefined) {
    onFault(fault('ROUTING-REFUSED', `backend ${quoteAddress(backend ?? '')} cannot be used`));
    return;
  }
  const watch = (accepts: (now: Judged) => boolean) => watchOf(gate, rooms, strategies, judged, wire, accepts);
  const tunnel = upgrade && { tunnel: { upgrade, watch: watch((now) => mayUpgrade(now, wire)) } };
  forwarder.forward({
    ...{ req, res, wire, upstream, onFault },
    ...assertions(target, judged),
    ...tunnel,
    watch: () => watch(() => true),
  });
}

/** Asked once more, a form would be sent anew without what it held: only what reads is offered again. */
function faultOfApp(wire: Wire, problem: Fault, { title }: App, target: Target, gate: GatePorts): Reply {
  const app = { title, host: targetAuthority(target) };
  if (problem.id !== 'ROUTING-REFUSED') {
    return errorReply(wire, problem.id, { scene: { app, again: wire.method === 'GET' || wire.method === 'HEAD' } });
  }
  const { domain } = gate.policy().lookup(target.host);
  const portal = domain === undefined ? gate.policy().source.portal : domain.portal;
  const primary = portal && { href: portal.url, text: 'Go to your apps' };
  return errorReply(wire, problem.id, { scene: { app, primary } });
}

/** Judged again by the house in force, and by what that says of the peer. */
function watchOf(
  gate: GatePorts,
  rooms: ProxyRooms,
  strategies: readonly Strategy[],
  opened: Judged,
  wire: Wire,
  accepts: (now: Judged) => boolean,
): TunnelWatch {
  return watchTunnel({
    opened,
    gate,
    judge(ports) {
      const { policy, proxies } = rooms.house();
      return judgeDirect({ ...gate, ...ports, policy: () => policy }, strategies, wire, trustPeer(wire.peer, proxies));
    },
    accepts: (judged) => judged.candidates?.place?.app.app.upstream !== undefined && accepts(judged),
  });
}

type Asserted = Pick<
  ForwardCall,
  'identity' | 'clientAddress' | 'scheme' | 'host' | 'port' | 'hostHeader' | 'authorization'
>;

function assertions(target: Target, { subject, told, consumed }: Judged): Asserted {
  return {
    identity: told.identity,
    clientAddress: known(target.client) ? formatIp(target.client) : undefined,
    scheme: pageScheme(target.scheme),
    host: targetAuthority(target),
    port: effectivePort(target),
    hostHeader: subject.kind === 'user' ? subject.routing?.hostHeader : undefined,
    authorization: told.authorization !== undefined ? { set: told.authorization } : consumed ? 'drop' : 'pass',
  };
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
