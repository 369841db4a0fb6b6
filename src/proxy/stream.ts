import type { Lasting, TunnelWatch } from './tunnel.ts';

/** The exchange that it stands for. */
export interface Streaming {
  /** Bytes by which the client is at work: what it sent, and what it took of an answer that somebody waits for. */
  readonly moved: number;
  /** Ends it on both sides; half of it never looks whole. */
  cutOff(): void;
}

/**
 * An exchange without a known end (an event stream, an answer or an upload in chunks), watched as a tunnel is: it would
 * else go on telling somebody what they may not know any more. Whoever uploads or downloads is at work, and their session
 * is not idle meanwhile; what an event stream says by itself, to a page that nobody looks at, counts for nothing.
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
    const { moved } = this.#exchange;
    const isActive = moved !== this.#seen;
    this.#seen = moved;
    return isActive;
  }

  cutClient(): void {
    this.#exchange.cutOff();
  }

  /** Its connection went with the client's side. */
  cutApp(): void {}
}
