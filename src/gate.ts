import type { AssertionSigner } from './core/assertion.ts';
import type { Decision } from './core/decision.ts';
import type { Dialect } from './core/dialect.ts';
import { doorPage, doorway, isBelowOutpost, NATIVE_DOOR, OUTPOST_DOOR } from './core/door-path.ts';
import type { Endpoint, Strategy } from './core/endpoint.ts';
import { type Fault, fault } from './core/fault.ts';
import { type TrustedPeer, untrusted } from './core/peer.ts';
import type { Policy } from './core/policy/compile.ts';
import { type Candidates, candidatesFor, decide } from './core/policy/decide.ts';
import { isOtherApp } from './core/policy/other-app.ts';
import { type MaybePromise, orElse, type ParseUrl, whenReady } from './core/ports.ts';
import { NOTHING_TOLD, type Tell, type Told } from './core/profile/tell.ts';
import { err, ok, type Result } from './core/result.ts';
import { routingFor } from './core/routing.ts';
import { type SignIn, signInFor, signInLocation, type Way } from './core/sign-in-address.ts';
import { ANONYMOUS, type Subject, whoIs } from './core/subject.ts';
import { canonicalTarget, known, type Target, withHeaders } from './core/target.ts';
import { first } from './core/text/header-list.ts';
import { isLoopback } from './core/text/ip.ts';
import { quote } from './core/text/quote.ts';
import { notAllowing, type Reply, type Wire } from './core/wire.ts';
import { type AnswerManner, answerCredentials } from './identify/answer-credentials.ts';
import { identify } from './identify/identify.ts';
import type { IdentifyPorts } from './identify/identity.ts';

export interface GatePorts extends IdentifyPorts {
  /** The policy in force; a reload swaps it. */
  policy(): Policy;
  readonly parseUrl: ParseUrl;
  /** What the portal and the doors of apps do for a check endpoint that answers in their place. */
  readonly counter: Counter;
  readonly signer: AssertionSigner | undefined;
}

/** Where a check endpoint turns to for what is no decision: the pages and cookies of sign-in. */
export interface Counter {
  /** Begins a sign-in with the check answer itself: the portal's address and the cookie that keeps its state. */
  begin(wire: Wire, candidates: Candidates): MaybePromise<Result<Way, Fault>>;
  /** Answers a request for one of Lintel's own paths that another proxy asks about. */
  serve(wire: Wire, target: Target, path: string): MaybePromise<Reply>;
}

/** A judged request: the decision and what a renderer or forwarder needs to carry it out. */
export interface Judged {
  readonly decision: Decision;
  readonly target: Target | undefined;
  readonly subject: Subject;
  readonly candidates: Candidates | undefined;
  readonly location: string | undefined;
  readonly cookies: readonly string[];
  readonly told: Told;
  readonly consumed: boolean;
}

/** One check request, top to bottom; the stages are those of docs/decisions/0001. Never throws for bad input. */
export function check(
  ports: GatePorts,
  endpoint: Endpoint,
  dialect: Dialect,
  wire: Wire,
  peer: TrustedPeer | undefined,
): MaybePromise<Reply> {
  const started = ports.clock.monotonic();
  const asked = peer === undefined ? err(untrusted(wire.peer)) : readTarget(ports, dialect, wire, peer, endpoint.path);
  const own = asked.ok && dialect.ownPaths === 'serve' ? doorway(asked.value) : undefined;
  if (asked.ok && own !== undefined) return whenReady(ports.counter.serve(wire, asked.value, own), notAllowing);
  const passes = asked.ok && dialect.ownPaths === 'pass' && PASSED.has(doorPage(asked.value) ?? '');
  const judged = asked.ok ? judgeAsked(ports, endpoint, dialect, wire, asked.value, passes) : faulty(asked.error);
  return whenReady(judged, (found) => {
    const j = dialect.family === 'authentik' && !passes ? noneOfTheApps(found, wire) : found;
    witness(ports, j, dialect.name, wire, started);
    const { target, location, cookies, told } = j;
    const authorization = authorizationFor(j, wire);
    const hosts = knownHosts(ports, j);
    return dialect.write(j.decision, {
      wire,
      target,
      location,
      cookies,
      hosts,
      identity: told.identity,
      authorization,
    });
  });
}

/**
 * Proxies hand all that is below the prefix to Lintel, its checks included, and ask about none of it: whoever is let through
 * there asks a check itself, from outside, and would read in the answer what is for the app alone.
 */
function noneOfTheApps(judged: Judged, { headers }: Wire): Judged {
  const { decision, target } = judged;
  if (decision.kind !== 'allow' || target === undefined || !isBelowOutpost(target.path, headers)) return judged;
  return { ...faulty(fault('NOT-FOUND', `no page ${quote(target.path.received)}`)), target };
}

/** What the app gets as `Authorization`: what it was promised, nothing where Lintel used it up, else what came; "": none. */
export function authorizationFor({ told, consumed }: Judged, wire: Wire): string {
  return told.authorization ?? (consumed ? '' : (first(wire.headers, 'authorization') ?? ''));
}

/** For the operator on this very machine alone: strangers need not know which hosts there are. */
function knownHosts(ports: GatePorts, { decision, target }: Judged): readonly string[] {
  if (decision.kind !== 'fault' || decision.fault.id !== 'HOST-UNKNOWN' || target === undefined) return [];
  const { client } = target;
  return known(client) && isLoopback(client) ? ports.policy().hosts : [];
}

/** Lintel's own paths that lead nowhere else: nginx asks about them too, and must not send them to sign in. */
const PASSED: ReadonlySet<string> = new Set(
  ['start', 'callback', 'sign_out', 'ping'].map((page) => `${OUTPOST_DOOR}${page}`),
);

function readTarget(
  ports: GatePorts,
  dialect: Dialect,
  wire: Wire,
  peer: TrustedPeer,
  path: string,
): Result<Target, Fault> {
  const asked = dialect.read(wire, peer, path);
  if (!asked.ok) return asked;
  const { parts, host } = asked.value;
  const target = canonicalTarget(withHeaders(parts, wire.headers, 'chosen'));
  return target.ok && host !== undefined && isOtherApp(ports.policy(), host, target.value)
    ? err(fault('TARGET-CONFLICT', `Host ${quote(host)}, X-Forwarded-Host ${target.value.host}`))
    : target;
}

function judgeAsked(
  ports: GatePorts,
  endpoint: Endpoint,
  dialect: Dialect,
  wire: Wire,
  target: Target,
  passes: boolean,
): MaybePromise<Judged> {
  return judge(ports, target, endpoint.strategies, wire, {
    override: dialect.portalOverride(wire),
    hasDefaultPortal: dialect.hasDefaultPortal,
    demandsBasic: dialect.demandsBasic(wire),
    family: dialect.family,
    refusalStands: true,
    door: dialect.family === 'authentik' ? OUTPOST_DOOR : NATIVE_DOOR,
    beginsSignIn: dialect.beginsSignIn,
    passes,
  });
}

export interface AskOptions extends AnswerManner {
  readonly override: string | undefined;
  readonly hasDefaultPortal: boolean;
  readonly demandsBasic: boolean;
  /** By which of its names whoever asks knows the pages of sign-in; undefined: by the one of the app. */
  readonly door: string | undefined;
  readonly beginsSignIn: Dialect['beginsSignIn'];
  /** The target is one of Lintel's own pages behind nginx: let through as nobody, whatever the rules say. */
  readonly passes: boolean;
}

/** For a request that comes to Lintel itself, or through a proxy that tells all there is. */
export const ASKED_DIRECTLY: AskOptions = {
  override: undefined,
  hasDefaultPortal: true,
  demandsBasic: false,
  family: 'remote',
  refusalStands: false,
  door: undefined,
  beginsSignIn: () => false,
  passes: false,
};

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
  const { override, hasDefaultPortal, demandsBasic, family } = options;
  const tell = (candidates.place?.app ?? policy).tell[family];
  if (options.passes) return passed(ports, candidates, tell);
  const signIn = signInFor(candidates, override, policy.source.portal, hasDefaultPortal, ports.parseUrl);
  if (!signIn.ok) return { ...faulty(signIn.error), target };
  const looked = candidates.place?.app.app.ownsAuthorization === true ? COOKIE_ONLY : strategies;
  const interceptsBearer = family === 'authentik' || candidates.place?.app.app.interceptsBearer === true;
  const presented = { headers: wire.headers, candidates, demandsBasic, interceptsBearer };
  return whenReady(identify(ports, looked, presented), (who) => {
    const decision = answerCredentials(decide(candidates, who.subject), who, looked, options);
    const judged = { decision, target, subject: who.subject, candidates, consumed: who.consumed };
    switch (decision.kind) {
      case 'allow':
        return allowed(ports, judged, tell);
      case 'challenge':
        return challenged(ports, judged, wire, signIn.value, options);
      case 'deny':
      case 'fault':
        return { ...judged, ...NO_WAY, told: NOTHING_TOLD };
      default:
        return decision satisfies never;
    }
  });
}

const COOKIE_ONLY: readonly Strategy[] = [{ kind: 'CookieSession' }];
const NO_WAY = { location: undefined, cookies: [] } as const;

type Bare = Pick<Judged, 'decision' | 'subject' | 'consumed'> & {
  readonly target: Target;
  readonly candidates: Candidates;
};

function passed(ports: GatePorts, candidates: Candidates, tell: Tell): Judged {
  const ground = { rule: undefined, app: candidates.place?.app.app };
  const decision: Decision = { kind: 'allow', subject: { kind: 'anonymous' }, ground };
  const told = tell.to(undefined, ports.clock.now());
  return { decision, target: candidates.target, subject: ANONYMOUS, candidates, ...NO_WAY, told, consumed: false };
}

/** Nobody is let through without the assertion that the app was promised: a store without its keys is a fault. */
function allowed(ports: GatePorts, bare: Bare, tell: Tell): MaybePromise<Judged> {
  const now = ports.clock.now();
  const routed = routedOf(bare);
  if (!routed.ok) return { ...faulty(routed.error), ...where(bare) };
  const judged = routed.value;
  const who = whoIs(judged.subject);
  const say = (): Judged => ({ ...judged, ...NO_WAY, told: tell.to(who, now) });
  const { signer } = ports;
  if (who === undefined || signer === undefined || !tell.asserts) return say();
  return orElse(
    () => whenReady(signer.ready(now), say),
    (error) => ({ ...faulty(fault('STORE-UNAVAILABLE', `no key for assertions: ${String(error)}`)), ...where(judged) }),
  );
}

/** Without a session nothing was chosen at sign-in, so it is chosen with the request. */
function routedOf(bare: Bare): Result<Bare, Fault> {
  const { subject, target, candidates } = bare;
  const app = candidates.place?.app.app;
  if (app?.routing === undefined || subject.kind !== 'user' || subject.via === 'session') return ok(bare);
  const routing = routingFor(app, subject.user, { host: target.host, path: target.path.received });
  return routing.ok ? ok({ ...bare, subject: { ...subject, routing: routing.value } }) : routing;
}

function where({ target, subject, candidates }: Bare) {
  return { target, subject, candidates };
}

/**
 * Where to sign in. A check may begin that by itself, with one cookie; where older cookies of sign-ins have to give way
 * (a page of another site can open this address in a hundred frames), the start page takes them out first.
 */
function challenged(
  ports: GatePorts,
  judged: Bare,
  wire: Wire,
  signIn: SignIn,
  { door, beginsSignIn }: AskOptions,
): MaybePromise<Judged> {
  const { candidates } = judged;
  const there = { ...judged, location: signInLocation(signIn, candidates, door), cookies: [], told: NOTHING_TOLD };
  if (signIn.kind !== 'hand-over' || !beginsSignIn(wire)) return there;
  return whenReady(ports.counter.begin(wire, candidates), (way) => {
    if (!way.ok) return { ...faulty(way.error), ...where(judged) };
    const { location, cookies } = way.value;
    return cookies.length > 1 ? there : { ...there, location, cookies };
  });
}

/** A request that could not be judged. */
export function faulty(f: Fault): Judged {
  return {
    decision: { kind: 'fault', fault: f },
    target: undefined,
    subject: ANONYMOUS,
    candidates: undefined,
    ...NO_WAY,
    told: NOTHING_TOLD,
    consumed: false,
  };
}

/** Stage 6: the one place that tells log and metrics what was decided. */
export function witness(ports: GatePorts, judged: Judged, dialect: string, wire: Wire, started: number): void {
  const { decision, target, subject } = judged;
  const durationMs = ports.clock.monotonic() - started;
  ports.audit.record({ kind: 'decision', decision, target, subject, dialect, peer: wire.peer, durationMs });
}
