import type { Challenge, Decision } from './core/decision.ts';
import type { Endpoint, Strategy } from './core/endpoint.ts';
import { type Fault, fault } from './core/fault.ts';
import { describePeer, type TrustedPeer } from './core/peer.ts';
import type { Policy } from './core/policy/compile.ts';
import { type Candidates, candidatesFor, decide } from './core/policy/decide.ts';
import { type MaybePromise, type ParseUrl, whenReady } from './core/ports.ts';
import { signInFor, signInLocation } from './core/sign-in-address.ts';
import { ANONYMOUS, type Subject } from './core/subject.ts';
import { canonicalTarget, type Target, type TargetParts } from './core/target.ts';
import { first } from './core/text/header-list.ts';
import type { Reply, Wire } from './core/wire.ts';
import { type HeaderStrategy, type IdentifyPorts, type Identity, identify } from './identify.ts';

export interface GatePorts extends IdentifyPorts {
  /** The policy in force; a reload swaps it. */
  policy(): Policy;
  readonly parseUrl: ParseUrl;
}

/** What the gate needs of a dialect (see dialects/dialect.ts). */
export interface CheckDialect {
  readonly name: string;
  readonly hasDefaultPortal: boolean;
  read(
    wire: Wire,
    peer: TrustedPeer,
    endpointPath: string,
  ): { ok: true; value: { parts: TargetParts } } | { ok: false; error: Fault };
  portalOverride(wire: Wire): string | undefined;
  write(decision: Decision, context: GateRendering): Reply;
}

export interface GateRendering {
  readonly wire: Wire;
  readonly target: Target | undefined;
  readonly location: string | undefined;
  readonly identity: readonly string[];
  readonly authorization: string;
}

/** A judged request: the decision and what a renderer or forwarder needs to carry it out. */
export interface Judged {
  readonly decision: Decision;
  readonly target: Target | undefined;
  readonly subject: Subject;
  readonly candidates: Candidates | undefined;
  readonly location: string | undefined;
  readonly identity: readonly string[];
  readonly consumed: boolean;
}

/** One check request, top to bottom; the stages are those of docs/decisions/0001. Never throws for bad input. */
export function check(
  ports: GatePorts,
  endpoint: Endpoint,
  dialect: CheckDialect,
  wire: Wire,
  peer: TrustedPeer | undefined,
): MaybePromise<Reply> {
  const started = ports.clock.monotonic();
  const judged = peer === undefined ? untrusted(wire) : judgeAsked(ports, endpoint, dialect, wire, peer);
  return whenReady(judged, (j) => {
    witness(ports, j, dialect.name, wire, started);
    const { target, location, identity } = j;
    const authorization = j.consumed ? '' : (first(wire.headers, 'authorization') ?? '');
    return dialect.write(j.decision, { wire, target, location, identity, authorization });
  });
}

function untrusted(wire: Wire): Judged {
  const who = describePeer(wire.peer);
  return faulty(fault('PEER-UNTRUSTED', `The peer is ${who}; the line to add is  trusted_proxies: [${who}]`));
}

function judgeAsked(
  ports: GatePorts,
  endpoint: Endpoint,
  dialect: CheckDialect,
  wire: Wire,
  peer: TrustedPeer,
): MaybePromise<Judged> {
  const asked = dialect.read(wire, peer, endpoint.path);
  if (!asked.ok) return faulty(asked.error);
  const target = canonicalTarget(asked.value.parts);
  if (!target.ok) return faulty(target.error);
  return judge(ports, target.value, endpoint.strategies, wire, {
    override: dialect.portalOverride(wire),
    hasDefaultPortal: dialect.hasDefaultPortal,
    demandsBasic: dialect.name === 'Legacy' && /[?&]auth=basic(?:&|$)/.test(wire.target),
  });
}

export interface AskOptions {
  readonly override: string | undefined;
  readonly hasDefaultPortal: boolean;
  readonly demandsBasic: boolean;
}

/** Stages 3 to 5, the same for check endpoints and the proxy face: candidates, subject, decision. */
export function judge(
  ports: GatePorts,
  target: Target,
  strategies: readonly Strategy[],
  wire: Wire,
  options: AskOptions,
): MaybePromise<Judged> {
  const policy = ports.policy();
  const found = candidatesFor(policy, target);
  if (!found.ok) return { ...faulty(found.error), target };
  const candidates = found.value;
  const { override, hasDefaultPortal, demandsBasic } = options;
  const signIn = signInFor(candidates, override, policy.source.portal, hasDefaultPortal, ports.parseUrl);
  if (!signIn.ok) return { ...faulty(signIn.error), target };
  const presented = { headers: wire.headers, candidates, demandsBasic, interceptsBearer: false };
  return whenReady(identify(ports, strategies, presented), (who) => {
    const decision = answerCredentials(decide(candidates, who.subject), who, strategies);
    const headers = candidates.place?.app.headers ?? policy.headers;
    const user = decision.kind === 'allow' && decision.subject.kind === 'user' ? decision.subject.user : undefined;
    const location = decision.kind === 'challenge' ? signInLocation(signIn.value, candidates) : undefined;
    return {
      decision,
      target,
      subject: who.subject,
      candidates,
      location,
      identity: headers(user),
      consumed: who.consumed,
    };
  });
}

/**
 * Clients that chose a header scheme are answered in it (contract §2.4, §2.7): refused credentials get their challenge
 * unless the request is allowed anyway, also in place of a 403; and an endpoint whose last strategy is a header never
 * redirects.
 */
function answerCredentials(decision: Decision, who: Identity, strategies: readonly Strategy[]): Decision {
  if (decision.kind === 'allow' || decision.kind === 'fault') return decision;
  if (who.fault !== undefined) return { kind: 'fault', fault: who.fault };
  if (who.refused !== undefined) return credentials(decision, who.refused.strategy, true, who.refused.scheme);
  if (decision.kind === 'deny') return decision;
  const last = strategies.at(-1);
  const byHeader = who.subject.kind === 'user' && who.subject.via !== 'session';
  const header = byHeader ? strategies.find((s) => s.kind !== 'CookieSession') : last;
  return header === undefined || header.kind === 'CookieSession' ? decision : credentials(decision, header, false);
}

function credentials(
  decision: Extract<Decision, { kind: 'challenge' | 'deny' }>,
  strategy: HeaderStrategy,
  refused: boolean,
  scheme: 'basic' | 'bearer' = strategy.schemes.every((s) => s === 'bearer') ? 'bearer' : 'basic',
): Decision {
  const proxy = strategy.kind === 'HeaderProxyAuthorization';
  const how: Challenge = { kind: 'credentials', scheme, proxy, refused };
  return { kind: 'challenge', how, ground: decision.ground };
}

function faulty(f: Fault): Judged {
  return {
    decision: { kind: 'fault', fault: f },
    target: undefined,
    subject: ANONYMOUS,
    candidates: undefined,
    location: undefined,
    identity: [],
    consumed: false,
  };
}

/** Stage 6: the one place that tells log and metrics what was decided. */
export function witness(ports: GatePorts, judged: Judged, dialect: string, wire: Wire, started: number): void {
  const { decision, target, subject } = judged;
  const durationMs = ports.clock.monotonic() - started;
  ports.audit.record({ kind: 'decision', decision, target, subject, dialect, peer: wire.peer, durationMs });
}
