import type { Decision } from '../core/decision.ts';
import type { Implementation } from '../core/endpoint.ts';
import type { Fault } from '../core/fault.ts';
import type { TrustedPeer } from '../core/peer.ts';
import type { Result } from '../core/result.ts';
import type { Target, TargetParts } from '../core/target.ts';
import type { Reply, Wire } from '../core/wire.ts';

/** How one kind of reverse proxy speaks: read a target, write a decision. Nothing else knows header names of proxies. */
export interface Dialect {
  readonly name: Implementation;
  /** Methods that the endpoint answers; undefined: any. */
  readonly methods: readonly string[] | undefined;
  /** Reads exactly one header family; a missing or repeated fact is a fault, never a fallback (proxies.md §2.2). */
  read(wire: Wire, peer: TrustedPeer, endpointPath: string): Result<Asked, Fault>;
  /** The portal address that an operator's snippet asks for instead of the configured one. */
  portalOverride(wire: Wire): string | undefined;
  /** False: a challenge has no address unless the snippet names the portal (legacy). */
  readonly hasDefaultPortal: boolean;
  write(decision: Decision, context: Rendering): Reply;
}

export interface Asked {
  readonly parts: TargetParts;
}

/** What a renderer may use besides the decision. */
export interface Rendering {
  readonly wire: Wire;
  /** Undefined when the target itself was at fault. */
  readonly target: Target | undefined;
  /** Where to send a browser that must sign in; made by the gate, never from the request alone. */
  readonly location: string | undefined;
  /** Identity headers to write on an allow: total, names and values flat. */
  readonly identity: readonly string[];
  /** What the app may see as `Authorization`: the client's own unless Lintel consumed it. */
  readonly authorization: string;
}
