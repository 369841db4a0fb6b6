import type { UpstreamAddress } from '../core/app.ts';
import type { ParserLimits } from './response-parser.ts';
import { type ConnectionOwner, UpstreamConnection, type UpstreamTimeouts } from './upstream-connection.ts';

export interface PoolLimits extends ParserLimits {
  /** Connections to one app, busy and kept. */
  readonly maxConnections: number;
  /** Kept connections to one app. */
  readonly maxIdle: number;
}

const READ_BYTES = 65536;

/** Kept connections, used last in first out, so that those not needed grow old and are closed. */
class Pool {
  readonly idle: UpstreamConnection[] = [];
  size = 0;
}

/** The connections to all apps, one pool for each address object: a reloaded configuration begins with fresh ones. */
export class UpstreamPools implements ConnectionOwner {
  readonly limits: PoolLimits;
  readonly timeouts: UpstreamTimeouts;
  readonly readBuffer: Buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  now = 0;
  readonly #pools = new WeakMap<UpstreamAddress, Pool>();
  readonly #live = new Set<UpstreamConnection>();
  readonly #onTick: (now: number) => boolean;
  readonly #tickMs: number;
  #timer: NodeJS.Timeout | undefined;

  /** `onTick` runs on each tick of the coarse clock; true asks for more ticks. */
  constructor(limits: PoolLimits, timeouts: UpstreamTimeouts, onTick: (now: number) => boolean) {
    this.limits = limits;
    this.timeouts = timeouts;
    this.#onTick = onTick;
    const shortest = Math.min(timeouts.connect, timeouts.responseHead, timeouts.stall, timeouts.keepAlive);
    this.#tickMs = Math.max(5, Math.min(500, shortest / 4));
  }

  /**
   * A connection for a request: a kept one that was used at most `maxQuiet` milliseconds ago (negative: none), or a
   * new one. Undefined when the app has as many connections as it may.
   */
  take(address: UpstreamAddress, maxQuiet: number): UpstreamConnection | undefined {
    let pool = this.#pools.get(address);
    if (pool === undefined) {
      pool = new Pool();
      this.#pools.set(address, pool);
    }
    let kept = pool.idle.at(-1);
    while (kept !== undefined && kept.quietFor <= maxQuiet) {
      pool.idle.pop();
      if (kept.usable) return kept;
      kept = pool.idle.at(-1);
    }
    if (pool.size >= this.limits.maxConnections) {
      const eldest = pool.idle.shift();
      if (eldest === undefined) return undefined;
      eldest.destroy();
    }
    pool.size++;
    const connection = new UpstreamConnection(address, this);
    this.#live.add(connection);
    this.startClock();
    return connection;
  }

  idle(connection: UpstreamConnection): void {
    const idle = this.#pools.get(connection.address)?.idle;
    if (idle === undefined || idle.length >= this.limits.maxIdle) connection.destroy();
    else idle.push(connection);
  }

  closed(connection: UpstreamConnection): void {
    if (!this.#live.delete(connection)) return;
    const pool = this.#pools.get(connection.address);
    if (pool === undefined) return;
    pool.size--;
    const at = pool.idle.indexOf(connection);
    if (at >= 0) pool.idle.splice(at, 1);
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
