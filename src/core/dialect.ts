import type { Decision } from './decision.ts';
import type { Implementation } from './endpoint.ts';
import type { Fault } from './fault.ts';
import type { TrustedPeer } from './peer.ts';
import type { Family } from './policy/compile.ts';
import type { Result } from './result.ts';
import type { Target, TargetParts } from './target.ts';
import type { Reply, Wire } from './wire.ts';

/** How one kind of reverse proxy speaks: read a target, write a decision. Nothing else knows header names of proxies. */
export interface Dialect {
  readonly name: Implementation;
  /** Which identity headers an app gets that chose none. */
  readonly family: Family;
  /** Methods that the endpoint answers; undefined: any. */
  readonly methods: readonly string[] | undefined;
  /** Reads exactly one header family; a missing or repeated fact is a fault, never a fallback (proxies.md §2.2). */
  read(wire: Wire, peer: TrustedPeer, endpointPath: string): Result<Asked, Fault>;
  /** True: the path of the original request stands behind that of the endpoint, so all below it is the endpoint's. */
  readonly takesSubpaths: boolean;
  /** The portal address that an operator's snippet asks for instead of the configured one. */
  portalOverride(wire: Wire): string | undefined;
  /** False: a challenge has no address unless the snippet names the portal (legacy). */
  readonly hasDefaultPortal: boolean;
  /**
   * What becomes of a request for Lintel's own pages on the host of an app: judged as any path, served with the check
   * answer, or let through as nobody, so that nginx does not send its own location to sign in (contract authentik.md §2).
   */
  readonly ownPaths: 'judge' | 'serve' | 'pass';
  /** True: the snippet asks for HTTP Basic and nothing else. */
  demandsBasic(wire: Wire): boolean;
  /** True: the check answer itself begins a sign-in and sends the browser to the portal. */
  beginsSignIn(wire: Wire): boolean;
  write(decision: Decision, context: Rendering): Reply;
}

export interface Asked {
  readonly parts: TargetParts;
  /** The Host that the check came with, of a proxy that keeps the one of the request it asks about. */
  readonly host?: string | undefined;
}

/** What a renderer may use besides the decision. */
export interface Rendering {
  readonly wire: Wire;
  /** Undefined when the target itself was at fault. */
  readonly target: Target | undefined;
  /** Where to send a browser that must sign in; made by the gate, never from the request alone. */
  readonly location: string | undefined;
  /** Set-Cookie values; at most one, because nginx relays only the first. */
  readonly cookies: readonly string[];
  /** The hosts that apps have, for an operator whose request found none; else empty. */
  readonly hosts: readonly string[];
  /** Identity headers to write on an allow: total, names and values flat. */
  readonly identity: readonly string[];
  /** What the app may see as `Authorization`: the client's own unless Lintel consumed it. */
  readonly authorization: string;
}
