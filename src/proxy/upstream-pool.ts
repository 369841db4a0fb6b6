import type { UpstreamAddress, UpstreamServer } from '../core/app.ts';
import type { ParserLimits } from './response-parser.ts';
import { type ConnectionOwner, UpstreamConnection, type UpstreamTimeouts } from './upstream-connection.ts';

export interface PoolLimits extends ParserLimits {
  /** Connections to one server, busy and kept. */
  readonly maxConnections: number;
  /** Kept connections to one server. */
  readonly maxIdle: number;
  /** Connections to one server for upgrades, tunnels among them. */
  readonly maxTunnels: number;
}

/** Less than a socket's high-water mark (64 KiB): what one read brought is no reason to wait where it is written at once. */
const READ_BYTES = 61440;
/** A server that failed is left alone for so long, twice as long after each further failure, at most `MAX_REST_MS`. */
const REST_MS = 1000;
const MAX_REST_MS = 30_000;

/** Kept connections, used last in first out, so that those not needed grow old and are closed. */
class Pool {
  readonly idle: UpstreamConnection[] = [];
  size = 0;
  upgrades = 0;
  failures = 0;
  restsUntil = 0;
}

/** What a request asks of a connection. */
export interface Wanted {
  /** A kept connection was used at most so many milliseconds ago; negative: a new one. */
  readonly maxQuiet: number;
  readonly forUpgrade: boolean;
  /** Servers that were tried for this request already. */
  readonly tried: ReadonlySet<UpstreamServer>;
}

/** The connections to all apps, one pool for each server object: a reloaded configuration begins with fresh ones. */
export class UpstreamPools implements ConnectionOwner {
  readonly limits: PoolLimits;
  readonly readBuffer: Buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  now = 0;
  readonly #timeouts: UpstreamTimeouts;
  readonly #ownTimeouts = new WeakMap<UpstreamAddress, UpstreamTimeouts>();
  readonly #pools = new WeakMap<UpstreamServer, Pool>();
  readonly #turns = new WeakMap<UpstreamAddress, number>();
  readonly #live = new Set<UpstreamConnection>();
  readonly #onTick: (now: number) => boolean;
  readonly #tickMs: number;
  #timer: NodeJS.Timeout | undefined;

  /** `onTick` runs on each tick of the coarse clock; true asks for more ticks. */
  constructor(limits: PoolLimits, timeouts: UpstreamTimeouts, onTick: (now: number) => boolean) {
    this.limits = limits;
    this.#timeouts = timeouts;
    this.#onTick = onTick;
    const shortest = Math.min(timeouts.connect, timeouts.responseHead, timeouts.stall, timeouts.keepAlive);
    this.#tickMs = Math.max(5, Math.min(500, shortest / 4));
  }

  /** A kept connection or a new one. Undefined when there are as many as there may be, or every server was tried. */
  take(address: UpstreamAddress, wanted: Wanted): UpstreamConnection | undefined {
    const server = address.servers.length === 1 ? address.servers[0] : this.#choose(address, wanted.tried);
    if (server === undefined) return undefined;
    const pool = this.#poolOf(server);
    const kept = wanted.forUpgrade ? undefined : takeKept(pool, wanted.maxQuiet);
    if (kept !== undefined) return kept;
    const { forUpgrade } = wanted;
    if (!(forUpgrade ? pool.upgrades < this.limits.maxTunnels : this.#hasRoom(pool))) return undefined;
    pool.size++;
    if (forUpgrade) pool.upgrades++;
    const connection = new UpstreamConnection(server, this, { timeouts: this.#timeoutsFor(address), forUpgrade });
    this.#live.add(connection);
    this.startClock();
    return connection;
  }

  /**
   * Of the servers that were not tried, the least busy one that is not resting, in turns among equals. When all of them
   * rest, they are asked anyway: whoever is tried is known to be down no longer than everybody.
   */
  #choose(address: UpstreamAddress, tried: ReadonlySet<UpstreamServer>): UpstreamServer | undefined {
    const { servers } = address;
    const turn = this.#turns.get(address) ?? 0;
    this.#turns.set(address, (turn + 1) % servers.length);
    let best: UpstreamServer | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < servers.length; i++) {
      const server = servers[(turn + i) % servers.length];
      if (server === undefined || tried.has(server)) continue;
      const pool = this.#poolOf(server);
      const load = pool.size - pool.idle.length + (this.now < pool.restsUntil ? this.limits.maxConnections : 0);
      if (load >= least) continue;
      best = server;
      least = load;
    }
    return best;
  }

  /** Tunnels live for hours and are counted apart. The eldest kept connection makes room. */
  #hasRoom(pool: Pool): boolean {
    if (pool.size - pool.upgrades < this.limits.maxConnections) return true;
    const eldest = pool.idle.shift();
    eldest?.destroy();
    return eldest !== undefined;
  }

  #poolOf(server: UpstreamServer): Pool {
    const known = this.#pools.get(server);
    if (known !== undefined) return known;
    const pool = new Pool();
    this.#pools.set(server, pool);
    return pool;
  }

  #timeoutsFor(address: UpstreamAddress): UpstreamTimeouts {
    const { answerMs, idleMs } = address;
    if (answerMs === undefined && idleMs === undefined) return this.#timeouts;
    const known = this.#ownTimeouts.get(address);
    if (known !== undefined) return known;
    const { responseHead, stall, tunnel } = this.#timeouts;
    const own: UpstreamTimeouts = {
      ...this.#timeouts,
      responseHead: answerMs ?? responseHead,
      stall: idleMs ?? Math.max(stall, answerMs ?? 0),
      tunnel: idleMs ?? tunnel,
    };
    this.#ownTimeouts.set(address, own);
    return own;
  }

  idle(connection: UpstreamConnection): void {
    const idle = this.#pools.get(connection.server)?.idle;
    if (idle === undefined || idle.length >= this.limits.maxIdle) connection.destroy();
    else idle.push(connection);
  }

  closed(connection: UpstreamConnection): void {
    if (!this.#live.delete(connection)) return;
    const pool = this.#pools.get(connection.server);
    if (pool === undefined) return;
    pool.size--;
    if (connection.forUpgrade) pool.upgrades--;
    const at = pool.idle.indexOf(connection);
    if (at >= 0) pool.idle.splice(at, 1);
  }

  judged(connection: UpstreamConnection, isWell: boolean): void {
    const pool = this.#pools.get(connection.server);
    if (pool === undefined || (isWell && pool.failures === 0)) return;
    pool.failures = isWell ? 0 : pool.failures + 1;
    pool.restsUntil = isWell ? 0 : this.now + Math.min(MAX_REST_MS, REST_MS * 2 ** (pool.failures - 1));
  }

  /** Open connections of all apps. */
  get size(): number {
    return this.#live.size;
  }

  /** Closes everything: exchanges under way are cut without a word to their users. */
  close(): void {
    for (const connection of this.#live) connection.destroy();
    this.#stopClock();
  }

  /** Lets the coarse clock run; it stops by itself when nothing needs it any more. */
  startClock(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#tick(), this.#tickMs);
    this.#timer.unref();
  }

  #stopClock(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    this.now += this.#tickMs;
    for (const connection of this.#live) connection.checkTimeouts();
    const wanted = this.#onTick(this.now);
    if (!wanted && this.#live.size === 0) this.#stopClock();
  }
}

function takeKept(pool: Pool, maxQuiet: number): UpstreamConnection | undefined {
  let kept = pool.idle.at(-1);
  while (kept !== undefined && kept.quietFor <= maxQuiet) {
    pool.idle.pop();
    if (kept.usable) return kept;
    kept = pool.idle.at(-1);
  }
  return undefined;
}
