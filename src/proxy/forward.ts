import type { UpstreamAddress } from '../core/app.ts';
import { type Fault, fault } from '../core/fault.ts';
import type { Wire } from '../core/wire.ts';
import type { ClientRequest, ClientResponse, Upgrade } from '../server/client.ts';
import { agreement } from './agreement.ts';
import { abandon, hasUnframedBody } from './client.ts';
import { Copies } from './copies.ts';
import { Exchange, type ExchangeCall, type ExchangeOwner } from './exchange.ts';
import { HeaderNames } from './hop-by-hop.ts';
import { type Asserted, type HeadRules, requestHead } from './request-head.ts';
import { setCookieNames } from './set-cookie.ts';
import { Tunnel, type TunnelWatch } from './tunnel.ts';
import { TunnelRegistry } from './tunnel-registry.ts';
import { upstreamAt } from './upstream-at.ts';
import type { UpstreamConnection, UpstreamTimeouts } from './upstream-connection.ts';
import { UpstreamPools, type Wanted } from './upstream-pool.ts';

/** What no app may be told by a client, and no client by an app. Follows from the configuration. */
export interface ProxyGuards {
  /** Folded names (`foldName`) of every identity header of every profile and preset. */
  readonly ownedFolds: ReadonlySet<string>;
  /** True for a cookie name that Lintel uses, on this or any other host. */
  readonly isOurCookie: (name: string) => boolean;
}

export interface ForwarderOptions extends ProxyGuards {
  /** Told when an app tried to set such a cookie; the header was left out. */
  readonly onRefusedCookie: (name: string) => void;
  /**
   * A number that differs from any before when what a tunnel or stream was allowed by may have changed: policy, users, sessions.
   * Absent: nothing ever does.
   */
  readonly changes?: () => number;
  readonly timeouts?: Partial<UpstreamTimeouts>;
  readonly limits?: Partial<ForwardLimits>;
}

export interface ForwardLimits {
  /** Bytes of a response head. */
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  /** Bytes of a request body. */
  readonly maxRequestBytes: number;
  /** To one app. */
  readonly maxConnections: number;
  /** Kept connections to one app. */
  readonly maxIdle: number;
  /** Upgrades of one app, open tunnels among them. */
  readonly maxTunnels: number;
  /** Milliseconds that the rest of a body may go on after the answer. */
  readonly lingerMs: number;
}

/** One allowed request. */
export interface ForwardCall extends Asserted {
  readonly req: ClientRequest;
  readonly res: ClientResponse;
  /** What was judged: method, target and headers go to the app from here. */
  readonly wire: Wire;
  readonly upstream: UpstreamAddress;
  /**
   * Called at most once, when there will be no answer from the app. `res.headersSent` false: the caller answers now;
   * true: the client's connection was cut already, and only the log is left to do. Not called when the client left.
   */
  readonly onFault: (fault: Fault) => void;
  /** Why an answer or upload without a known end may go on, made when one takes long enough to ask. */
  readonly watch?: () => TunnelWatch;
  /** Given when the client may leave HTTP with this request. */
  readonly tunnel?: TunnelCall;
}

export interface TunnelCall {
  readonly upgrade: Upgrade;
  readonly watch: TunnelWatch;
}

export interface Forwarder {
  forward(call: ForwardCall): void;
  /** For a reload: requests from now on are guarded by these. */
  guard(guards: ProxyGuards): void;
  /** Open connections to apps, busy and kept. */
  readonly connections: number;
  /** See upstream-at.ts. */
  upstreamAt(url: string, like: UpstreamAddress): UpstreamAddress | undefined;
  /** Open tunnels. */
  readonly tunnels: number;
  /** Cuts all tunnels, and those that come later: the listeners are about to close. */
  closeTunnels(): void;
  /** Closes all connections to apps at once. */
  close(): void;
}

const TIMEOUTS: UpstreamTimeouts = {
  connect: 5000,
  responseHead: 60_000,
  stall: 300_000,
  tunnel: 3_600_000,
  keepAlive: 4000,
};
const LIMITS: ForwardLimits = {
  maxHeadBytes: 65536,
  maxHeaders: 256,
  maxRequestBytes: Number.POSITIVE_INFINITY,
  maxConnections: 4096,
  maxIdle: 128,
  maxTunnels: 32_768,
  lingerMs: 5000,
};

/**
 * The proxy face behind the decision: sends an allowed request to its app and the answer back, streaming both ways.
 * The received request-target goes on byte for byte; framing is written anew on both sides; nothing of the client's
 * can name an identity, remove what Lintel adds, or reach the app as a second request.
 */
export function createForwarder(options: ForwarderOptions): Forwarder {
  const limits = { ...LIMITS, ...options.limits };
  const names = new HeaderNames(options.ownedFolds);
  let rules: HeadRules = { names, isOurCookie: options.isOurCookie };
  const lingering = new Map<ClientRequest, number>();
  const condemned = new WeakSet<object>();
  const refusesCookie = (value: string): boolean => {
    const ours = setCookieNames(value).find(rules.isOurCookie);
    if (ours !== undefined) options.onRefusedCookie(ours);
    return ours !== undefined;
  };
  const pools = new UpstreamPools({ ...limits, names, refusesCookie }, { ...TIMEOUTS, ...options.timeouts }, (now) =>
    endLingering(lingering, now),
  );
  const changes = options.changes ?? (() => 0);
  const streams = new TunnelRegistry(changes);
  const owner: ExchangeOwner = {
    streams,
    maxRequestBytes: limits.maxRequestBytes,
    copies: new Copies(),
    take: (address: UpstreamAddress, wanted: Wanted): UpstreamConnection | undefined => pools.take(address, wanted),
    linger(req) {
      if (req.complete) return;
      lingering.set(req, pools.now + limits.lingerMs);
      pools.startClock();
    },
  };
  const tunnels = new TunnelRegistry(changes);
  return {
    forward(call) {
      const { req, wire } = call;
      // The requests of an HTTP/2 connection are framed apart: none can be a part of another.
      const isAlone = req.stream === undefined;
      if (isAlone && condemned.has(req.socket)) return;
      const isHttp10 = req.httpVersionMajor === 1 && req.httpVersionMinor === 0;
      const mayUpgrade = call.tunnel !== undefined;
      const source = { wire, isHttp10, hasUnframedBody: hasUnframedBody(req), mayUpgrade };
      const head = requestHead(source, call, rules);
      if (head.ok) {
        new Exchange(owner, mayUpgrade ? tunnelling(call, tunnels) : call, head.value).start();
        return;
      }
      if (isAlone) condemned.add(req.socket);
      refuse(call, head.error, owner);
    },
    guard(guards) {
      names.own(guards.ownedFolds);
      rules = { names, isOurCookie: guards.isOurCookie };
    },
    get connections() {
      return pools.size;
    },
    upstreamAt,
    get tunnels() {
      return tunnels.size;
    },
    closeTunnels: () => tunnels.close(),
    close() {
      tunnels.close();
      streams.close();
      pools.close();
    },
  };
}

/** The exchange of a request that may become a tunnel. */
function tunnelling(call: ForwardCall, tunnels: TunnelRegistry): ExchangeCall {
  const { tunnel: wanted, wire, onFault } = call;
  if (wanted === undefined) return call;
  return {
    ...call,
    onSwitch(head, connection, early) {
      const text = agreement(head, wire.headers);
      if (text === undefined) {
        connection.destroy();
        onFault(fault('UPSTREAM-MALFORMED', '101 with an answer to another handshake: Sec-WebSocket-Accept'));
        return;
      }
      const { upgrade, watch } = wanted;
      const tunnel = new Tunnel(upgrade.take(), connection, watch, tunnels);
      tunnel.start(text, early, upgrade.early);
      tunnels.add(tunnel);
    },
  };
}

/**
 * The connection ends with the answer: what follows on it was framed by somebody who is wrong or lying. Node may have
 * parsed that already as a pipelined request; it is never forwarded and never answered.
 */
function refuse(call: ForwardCall, problem: Fault, owner: ExchangeOwner): void {
  call.res.shouldKeepAlive = false;
  call.onFault(problem);
  owner.linger(call.req);
}

/** Cuts clients that go on sending a body which nobody reads. True while some are left to watch. */
function endLingering(lingering: Map<ClientRequest, number>, now: number): boolean {
  for (const [req, until] of lingering) {
    if (!req.complete && now < until) continue;
    lingering.delete(req);
    if (!req.complete) abandon(req);
  }
  return lingering.size > 0;
}
