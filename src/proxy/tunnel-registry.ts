import type { Lasting, TunnelOwner } from './tunnel.ts';

/** A sign-out is to close what it should within a second: at most this or a rest, and a pass over all tunnels. */
const EVERY_MS = 100;
/** Ticks without a pass after a pass: a store that is written to all the time is not followed all the time. */
const REST = 2;
/** Ticks from one look at what time alone may have ended to the next. */
const LOOK = 5;
/** Judged without a pause; requests get their turn in between. */
const SLICE = 250;
/** To close a connection is mostly the kernel's work: those of clients go first, those of the apps a few a turn. */
const LEAVING = 50;

/**
 * All open tunnels, or streams, each asked again whether it may stay when something changed or its time has come. Ten thousand
 * that nothing happens to cost a comparison each.
 */
export class TunnelRegistry implements TunnelOwner {
  readonly #changes: () => number;
  readonly #tunnels = new Set<Lasting>();
  #timer: NodeJS.Timeout | undefined;
  readonly #leaving: Lasting[] = [];
  #seen = Number.NaN;
  #sinceLook = LOOK;
  #rest = 0;
  #isAsking = false;
  #isClosed = false;

  /** `changes`: a number that differs from any before when a decision may have become another one. */
  constructor(changes: () => number) {
    this.#changes = changes;
  }

  get size(): number {
    return this.#tunnels.size;
  }

  /** From now on it is watched; the first time soon, for what happened while the app thought about it. */
  add(tunnel: Lasting): void {
    if (this.#isClosed) {
      this.#cut(tunnel);
      return;
    }
    this.#tunnels.add(tunnel);
    this.#sinceLook = LOOK;
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#tick(), EVERY_MS);
    this.#timer.unref();
  }

  ended(tunnel: Lasting): void {
    this.#tunnels.delete(tunnel);
    if (this.#tunnels.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Cuts all of them, and those that come later. */
  close(): void {
    this.#isClosed = true;
    for (const tunnel of this.#tunnels) this.#cut(tunnel);
  }

  #cut(tunnel: Lasting): void {
    tunnel.cutClient();
    if (this.#leaving.push(tunnel) === 1) setImmediate(this.#leave);
  }

  readonly #leave = (): void => {
    for (const tunnel of this.#leaving.splice(-LEAVING)) tunnel.cutApp();
    if (this.#leaving.length > 0) setImmediate(this.#leave);
  };

  #tick(): void {
    this.#sinceLook++;
    if (this.#isAsking) return;
    if (this.#rest > 0) {
      this.#rest--;
      return;
    }
    const version = this.#version();
    if (version === this.#seen && this.#sinceLook < LOOK) return;
    this.#seen = version;
    this.#sinceLook = 0;
    const due: Lasting[] = [];
    for (const tunnel of this.#tunnels) {
      if (tunnel.takeActivity()) tunnel.watch.active();
      if (tunnel.version !== version || tunnel.watch.isDue()) due.push(tunnel);
    }
    if (due.length === 0) return;
    this.#isAsking = true;
    this.#ask(due, version).finally(() => {
      this.#isAsking = false;
      this.#rest = REST;
    });
  }

  /** What cannot be read may have changed. */
  #version(): number {
    try {
      return this.#changes();
    } catch {
      return Number.NaN;
    }
  }

  async #ask(due: readonly Lasting[], version: number): Promise<void> {
    for (const [i, tunnel] of due.entries()) {
      if (i % SLICE === SLICE - 1) await new Promise((resolve) => setImmediate(resolve));
      if (!this.#tunnels.has(tunnel)) continue;
      tunnel.version = version;
      const answer = holds(tunnel);
      // The others don't wait for one whose judgement takes longer.
      if (answer instanceof Promise) answer.then((yes) => !yes && this.#cut(tunnel));
      else if (!answer) this.#cut(tunnel);
    }
  }
}

/** Whatever goes wrong, nobody knows that it may stay. */
function holds(tunnel: Lasting): boolean | Promise<boolean> {
  try {
    const answer = tunnel.watch.holds();
    return answer instanceof Promise ? answer.catch(() => false) : answer;
  } catch {
    return false;
  }
}
