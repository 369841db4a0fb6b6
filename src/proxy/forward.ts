import type { UpstreamAddress } from '../core/app.ts';
import type { Fault } from '../core/fault.ts';
import type { Wire } from '../core/wire.ts';
import type { ClientRequest, ClientResponse } from '../server/client.ts';
import { abandon, hasUnframedBody } from './client.ts';
import { Exchange, type ExchangeOwner } from './exchange.ts';
import { HeaderNames } from './hop-by-hop.ts';
import { type Asserted, type HeadRules, requestHead } from './request-head.ts';
import { setCookieNames } from './set-cookie.ts';
import type { UpstreamConnection, UpstreamTimeouts } from './upstream-connection.ts';
import { UpstreamPools } from './upstream-pool.ts';

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
}

export interface Forwarder {
  forward(call: ForwardCall): void;
  /** For a reload: requests from now on are guarded by these. */
  guard(guards: ProxyGuards): void;
  /** Open connections to apps, busy and kept. */
  readonly connections: number;
  /** Closes all connections to apps at once. */
  close(): void;
}

const TIMEOUTS: UpstreamTimeouts = { connect: 5000, responseHead: 60_000, stall: 300_000, keepAlive: 4000 };
const LIMITS: ForwardLimits = {
  maxHeadBytes: 65536,
  maxHeaders: 256,
  maxRequestBytes: Number.POSITIVE_INFINITY,
  maxConnections: 4096,
  maxIdle: 128,
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
  const owner: ExchangeOwner = {
    maxRequestBytes: limits.maxRequestBytes,
    take: (address: UpstreamAddress, maxQuiet: number): UpstreamConnection | undefined => pools.take(address, maxQuiet),
    linger(req) {
      if (req.complete) return;
      lingering.set(req, pools.now + limits.lingerMs);
      pools.startClock();
    },
  };
  return {
    forward(call) {
      const { req, wire } = call;
      // The requests of an HTTP/2 connection are framed apart: none can be a part of another.
      const isAlone = req.stream === undefined;
      if (isAlone && condemned.has(req.socket)) return;
      const isHttp10 = req.httpVersionMajor === 1 && req.httpVersionMinor === 0;
      const head = requestHead({ wire, isHttp10, hasUnframedBody: hasUnframedBody(req) }, call, rules);
      if (head.ok) {
        new Exchange(owner, call, head.value).start();
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
    close: () => pools.close(),
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
