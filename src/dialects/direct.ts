import type { Decision } from '../core/decision.ts';
import type { Strategy } from '../core/endpoint.ts';
import { type Fault, fault } from '../core/fault.ts';
import { forwardedClient, type TrustedPeer } from '../core/peer.ts';
import { err, ok, type Result } from '../core/result.ts';
import { canonicalTarget, type Target, type Unknown, withHeaders } from '../core/target.ts';
import { single } from '../core/text/header-list.ts';
import type { Ip } from '../core/text/ip.ts';
import { quoteAddress } from '../core/text/quote.ts';
import type { Reply, Wire } from '../core/wire.ts';
import { authenticate, redirectStatus } from './answer.ts';
import { isProgram } from './negotiate.ts';
import { errorReply, signInJson } from './page.ts';
import { connectionScheme, forwardedOr } from './read.ts';

/** What the proxy face looks at: Basic and app passwords, then the app's session cookie. */
export function directStrategies(basicCacheMs: number): readonly Strategy[] {
  return [{ kind: 'HeaderAuthorization', schemes: ['basic', 'bearer'], basicCacheMs }, { kind: 'CookieSession' }];
}

/**
 * The request itself is the original one: nobody in between tells about it. A trusted proxy in front may say the
 * scheme and the client's address; host and path always come from the request line and `Host`.
 */
export function readDirect(wire: Wire, peer: TrustedPeer | undefined): Result<Target, Fault> {
  const host = single(wire.headers, 'host');
  if (host.kind !== 'one') return err(fault('REQUEST-MALFORMED', `Host is ${host.kind}`));
  if (!wire.target.startsWith('/')) return err(fault('REQUEST-MALFORMED', `target ${quoteAddress(wire.target)}`));
  const own = connectionScheme(wire);
  const scheme =
    peer === undefined ? ok(own) : forwardedOr(peer, wire.headers, 'x-forwarded-proto', 'X-Forwarded-Proto', own);
  if (!scheme.ok) return scheme;
  const client = clientOf(wire, peer);
  const parts = { scheme: scheme.value, authority: host.value, uri: wire.target, method: wire.method, client };
  return canonicalTarget(withHeaders(parts, wire.headers, 'all'));
}

/** The client: the TCP peer, unless that is a trusted proxy, which then says who it speaks for. */
export function clientOf(wire: Wire, peer: TrustedPeer | undefined): Ip | Unknown {
  if (peer !== undefined) return forwardedClient(wire.headers, peer);
  return wire.peer.kind === 'ip' ? wire.peer.ip : { missing: 'an address (unix socket)' };
}

/** Who asks: a browser that can follow a sign-in, a script that cannot, a program that waits to be asked for Basic. */
export type Asker = 'browser' | 'script' | 'program';

/** The way to a sign-in. `always302`: as authentik's outpost answers, whatever the method was. */
export interface WayIn {
  /** As they wrote it. */
  readonly host: string | undefined;
  readonly location: string | undefined;
  readonly asker: Asker;
  readonly always302: boolean;
}

/** Renders everything but an allow, which is forwarded. */
export function writeDirect(decision: Exclude<Decision, { kind: 'allow' }>, wire: Wire, way: WayIn): Reply {
  switch (decision.kind) {
    case 'challenge':
      return challenged(decision, wire, way);
    case 'deny':
      return denied(decision, wire, way.host);
    case 'fault':
      return errorReply(wire, decision.fault.id, decision.fault.id === 'HOST-UNKNOWN' ? { status: 403 } : {});
    default:
      return decision satisfies never;
  }
}

function denied(d: Extract<Decision, { kind: 'deny' }>, wire: Wire, host: string | undefined): Reply {
  const id = d.reason.kind === 'unknown-fact' ? 'FACT-UNKNOWN' : 'ACCESS-DENIED';
  const { app } = d.ground;
  const scene = {
    app: app && host !== undefined ? { title: app.title, host } : undefined,
    user: d.subject.kind === 'user' ? { name: d.subject.user.name, canSwitch: d.subject.via === 'session' } : undefined,
  };
  return errorReply(wire, id, { scene });
}

function challenged(
  d: Extract<Decision, { kind: 'challenge' }>,
  wire: Wire,
  { location, asker, always302 }: WayIn,
): Reply {
  if (d.how.kind === 'credentials') {
    const id = d.how.refused ? 'CREDENTIALS-REFUSED' : 'SIGN-IN-NEEDED';
    return errorReply(wire, id, { status: 401, extra: ['WWW-Authenticate', authenticate(d.how)] });
  }
  if (asker === 'program' && d.how.kind === 'sign-in') {
    const basic = authenticate({ kind: 'credentials', scheme: 'basic', proxy: false, refused: false });
    return signInNeeded(wire, location, ['WWW-Authenticate', basic]);
  }
  if (location === undefined || asker !== 'browser') return signInNeeded(wire, location, []);
  const headers = ['Location', location, 'Cache-Control', 'no-store', 'Referrer-Policy', 'no-referrer'];
  return { status: always302 ? 302 : redirectStatus(wire.method), headers, body: '' };
}

/** Whoever shows that it is a script or program gets JSON with the address to open; else as it asked. */
function signInNeeded(wire: Wire, location: string | undefined, extra: readonly string[]): Reply {
  if (location === undefined) return errorReply(wire, 'SIGN-IN-NEEDED', { status: 401, extra });
  return isProgram(wire.headers)
    ? signInJson(location, extra)
    : errorReply(wire, 'SIGN-IN-NEEDED', { status: 401, extra: [...extra, 'Location', location] });
}
