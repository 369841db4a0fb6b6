import type { Lasting, TunnelWatch } from './tunnel.ts';

/** The exchange that it stands for. */
export interface Streaming {
  /** Bytes of the body that the client has sent. */
  readonly received: number;
  /** Ends it on both sides; half of it never looks whole. */
  cutOff(): void;
}

/**
 * An exchange without a known end (an event stream, an answer or an upload in chunks), watched as a tunnel is: it would
 * else go on telling somebody what they may not know any more. What the client sends counts as activity of its session;
 * what the app sends does not.
 */
export class Stream implements Lasting {
  readonly watch: TunnelWatch;
  version = Number.NaN;
  readonly #exchange: Streaming;
  #seen = 0;

  constructor(watch: TunnelWatch, exchange: Streaming) {
    this.watch = watch;
    this.#exchange = exchange;
  }

  takeActivity(): boolean {
    const { received } = this.#exchange;
    const isActive = received !== this.#seen;
    this.#seen = received;
    return isActive;
  }

  cutClient(): void {
    this.#exchange.cutOff();
  }

  /** Its connection went with the client's side. */
  cutApp(): void {}
}
