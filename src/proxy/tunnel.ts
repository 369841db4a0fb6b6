import type { Socket } from 'node:net';
import type { TunnelEnd } from './connection-user.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** Why a tunnel stays open; made by whoever allowed it. */
export interface TunnelWatch {
  /** Judges the request that opened it again, for the same credential: true when it would be let through as the same person. */
  holds(): boolean | Promise<boolean>;
  /** True when time alone may have ended what it rests on. Called often: must cost nothing. */
  isDue(): boolean;
  /** The client sent something since the last call. */
  active(): void;
}

/** What goes on after it was allowed, and may not outlive that: a tunnel, a stream. */
export interface Lasting {
  readonly watch: TunnelWatch;
  /** Of what it rests on, as the registry counts it. */
  version: number;
  /** True when the client sent something since the last call. */
  takeActivity(): boolean;
  /** From now on the client says and hears nothing. `cutApp` follows. */
  cutClient(): void;
  cutApp(): void;
}

/** What a tunnel tells whoever keeps count of it. */
export interface TunnelOwner {
  ended(tunnel: Tunnel): void;
}

/**
 * Two connections that left HTTP, joined: bytes both ways as they come, each side read no faster than the other takes
 * them; an end of one side is an end towards the other, which may still speak; an error of either closes both.
 */
export class Tunnel implements TunnelEnd, Lasting {
  readonly watch: TunnelWatch;
  /** Of what it rests on, as `TunnelRegistry` counts it. */
  version = Number.NaN;
  readonly #client: Socket;
  readonly #app: UpstreamConnection;
  readonly #owner: TunnelOwner;
  #isActive = false;
  #isCut = false;

  constructor(client: Socket, app: UpstreamConnection, watch: TunnelWatch, owner: TunnelOwner) {
    this.watch = watch;
    this.#client = client;
    this.#app = app;
    this.#owner = owner;
  }

  /** `toClient`: what the app sent with its agreement, the head of it included; `toApp`: what the client sent before. */
  start(head: string, toClient: Buffer, toApp: Buffer): void {
    const client = this.#client;
    client.setTimeout(0);
    client.setNoDelay(true);
    client.on('data', this.#fromClient);
    client.on('drain', () => this.#app.resume());
    client.on('end', () => this.#app.end());
    client.on('close', (hadError: boolean) => this.#clientClosed(hadError));
    this.#app.tunnel(this);
    client.write(head, 'latin1');
    if (toClient.length > 0) this.fromApp(toClient, 0, toClient.length);
    if (toApp.length > 0) this.#fromClient(toApp);
    client.resume();
  }

  fromApp(bytes: Buffer, from: number, to: number): void {
    if (this.#isCut) return;
    // The buffer is the next read's; small pieces share a slab.
    if (!this.#client.write(Buffer.from(bytes.subarray(from, to)))) this.#app.pause();
  }

  appDrained(): void {
    this.#client.resume();
  }

  appEnded(): void {
    if (!this.#isCut) this.#client.end();
  }

  appClosed(hadError: boolean): void {
    if (hadError) this.#client.destroy();
    else this.#client.destroySoon();
    this.#owner.ended(this);
  }

  /** True when the client sent something since the last call. */
  takeActivity(): boolean {
    const was = this.#isActive;
    this.#isActive = false;
    return was;
  }

  /** The client may not hold it open any more: from now on it says and hears nothing. `cutApp` has to follow. */
  cutClient(): void {
    this.#isCut = true;
    this.#client.destroy();
    this.#owner.ended(this);
  }

  cutApp(): void {
    this.#app.destroy();
  }

  readonly #fromClient = (chunk: Buffer): void => {
    this.#isActive = true;
    if (!this.#app.write(chunk)) this.#client.pause();
  };

  #clientClosed(hadError: boolean): void {
    if (this.#isCut) return;
    if (hadError) this.#app.destroy();
    else this.#app.destroySoon();
    this.#owner.ended(this);
  }
}
