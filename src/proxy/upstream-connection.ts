import { connect, type Socket } from 'node:net';
import type { UpstreamAddress } from '../core/app.ts';
import { type ParserLimits, ResponseParser, type ResponseSink } from './response-parser.ts';

/** Milliseconds. All but `connect` are times without a byte in either direction, never totals. */
export interface UpstreamTimeouts {
  readonly connect: number;
  /** From the last byte of the request to the first complete response head. */
  readonly responseHead: number;
  /** Of a body in either direction. */
  readonly stall: number;
  /** Of a connection that is kept for the next request. */
  readonly keepAlive: number;
}

/** Why an exchange failed. `untouched`: the app's end was closed on a kept connection before any byte of an answer. */
export interface UpstreamFailure {
  readonly kind: 'unreachable' | 'closed' | 'malformed' | 'timeout' | 'client-stalled';
  readonly detail: string;
  readonly untouched: boolean;
}

/** The request that a connection works for. No method is called after `failed` or after the exchange ended. */
export interface ConnectionUser extends ResponseSink {
  /** The connection is open. */
  connected(): void;
  /** Everything that one read brought was handed on. */
  flush(): void;
  /** The app takes more bytes again after `write` returned false. */
  drained(): void;
  failed(failure: UpstreamFailure): void;
  /** The exchange is quiet for a while: only the time-outs of this connection count from here, not an idle client's. */
  lasts(): void;
  /** True when the whole request was written. */
  readonly requestSent: boolean;
  /** Whom the exchange waits for: decides which time-out counts and whose fault it is. */
  readonly awaits: 'answer' | 'app' | 'client';
}

/** What the connection needs from the pool that made it. */
export interface ConnectionOwner {
  /** Coarse milliseconds, monotonic. */
  readonly now: number;
  /** One buffer for the reads of all connections: each read is used up before the next one begins. */
  readonly readBuffer: Buffer;
  readonly limits: ParserLimits;
  readonly timeouts: UpstreamTimeouts;
  idle(connection: UpstreamConnection): void;
  closed(connection: UpstreamConnection): void;
}

/** Milliseconds of quiet after which an exchange is a lasting one: long polls, event streams. */
const LASTING = 1000;

/** One HTTP/1.1 connection to an app: one request at a time, then back to the pool or closed. */
export class UpstreamConnection {
  readonly address: UpstreamAddress;
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #parser: ResponseParser;
  #user: ConnectionUser | undefined;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';
  #served = 0;
  #touched: number;
  #keepFor: number;
  #error = '';

  constructor(address: UpstreamAddress, owner: ConnectionOwner) {
    this.address = address;
    this.#owner = owner;
    this.#touched = owner.now;
    this.#keepFor = owner.timeouts.keepAlive;
    this.#parser = new ResponseParser(owner.limits);
    const buffer = owner.readBuffer;
    this.#socket = connect({
      host: address.hostname,
      port: address.port,
      noDelay: true,
      onread: { buffer, callback: (length) => this.#read(length) },
    });
    this.#listen(this.#socket);
  }

  #listen(socket: Socket): void {
    socket.on('connect', () => {
      this.#state = 'open';
      this.#touched = this.#owner.now;
      this.#user?.connected();
    });
    socket.on('drain', () => {
      this.#touched = this.#owner.now;
      this.#user?.drained();
    });
    socket.on('error', (error: Error & { code?: string }) => {
      this.#error = error.code ?? error.message;
    });
    socket.on('end', () => this.#ended());
    socket.on('close', () => this.#closed());
  }

  /** False as soon as the connection is known to be lost. */
  get usable(): boolean {
    return !this.#socket.destroyed && !this.#socket.readableEnded;
  }

  /** Milliseconds since the last byte. */
  get quietFor(): number {
    return this.#owner.now - this.#touched;
  }

  /** Writes a request head and works for `user` until its exchange ended. */
  begin(user: ConnectionUser, head: string, method: string): void {
    this.#user = user;
    this.#touched = this.#owner.now;
    this.#parser.expect(method);
    this.#socket.write(head, 'latin1');
    if (this.#state === 'open') user.connected();
  }

  /** Body bytes; false asks to wait for `drained`. */
  write(chunk: Buffer | string): boolean {
    this.#touched = this.#owner.now;
    return typeof chunk === 'string' ? this.#socket.write(chunk, 'latin1') : this.#socket.write(chunk);
  }

  /** Between these calls writes are gathered into one system call. */
  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#touched = this.#owner.now;
    this.#socket.resume();
  }

  /** Closes at once; the user hears nothing more. */
  destroy(): void {
    this.#user = undefined;
    this.#socket.destroy();
  }

  /** Called now and then: ends what has been quiet for too long. */
  checkTimeouts(): void {
    const quiet = this.quietFor;
    const { connect, responseHead, stall } = this.#owner.timeouts;
    const user = this.#user;
    if (user === undefined) {
      if (quiet >= this.#keepFor) this.#socket.destroy();
      return;
    }
    if (this.#state === 'connecting') {
      if (quiet >= connect) this.#fail('timeout', `no connection within ${connect} ms`);
      return;
    }
    if (quiet >= LASTING) user.lasts();
    const { awaits } = user;
    if (awaits === 'answer' && quiet >= responseHead) this.#fail('timeout', `no answer within ${responseHead} ms`);
    else if (awaits === 'app' && quiet >= stall) this.#fail('timeout', `no byte within ${stall} ms`);
    else if (awaits === 'client' && quiet >= stall) {
      this.#fail('client-stalled', `the client moved no byte within ${stall} ms`);
    }
  }

  #read(length: number): boolean {
    this.#touched = this.#owner.now;
    const user = this.#user;
    if (user === undefined) {
      // Unasked bytes on a kept connection would be taken for the answer to the next request.
      this.#socket.destroy();
      return false;
    }
    const problem = this.#parser.feed(this.#owner.readBuffer, length, user);
    if (problem !== undefined) {
      this.#fail('malformed', problem);
      return false;
    }
    user.flush();
    if (this.#user === user && this.#parser.done) this.#settle(user);
    return true;
  }

  /** The answer is complete: keep the connection if both sides are in step, else close it. */
  #settle(user: ConnectionUser): void {
    this.#user = undefined;
    const head = this.#parser.head;
    const inStep = user.requestSent && head?.keepAlive === true && !this.#parser.surplus && this.#state === 'open';
    if (!inStep) {
      this.#socket.destroy();
      return;
    }
    this.#served++;
    const { keepAlive } = this.#owner.timeouts;
    // A second earlier than announced, so that a request does not cross the app's closing on the way.
    const announced = head.idleSeconds === undefined ? keepAlive : head.idleSeconds * 1000 - 1000;
    this.#keepFor = Math.min(keepAlive, announced);
    if (this.#keepFor > 0) this.#owner.idle(this);
    else this.#socket.destroy();
  }

  #ended(): void {
    const user = this.#user;
    if (user === undefined) {
      this.#socket.destroy();
      return;
    }
    if (this.#parser.close(user)) {
      user.flush();
      this.destroy();
    } else this.#fail('closed', 'the app closed the connection before the end of its answer');
  }

  #closed(): void {
    const connected = this.#state === 'open';
    this.#state = 'closed';
    this.#owner.closed(this);
    if (this.#user === undefined) return;
    if (connected) this.#fail('closed', `the connection broke: ${this.#error}`);
    else this.#fail('unreachable', this.#error);
  }

  #fail(kind: UpstreamFailure['kind'], what: string): void {
    const user = this.#user;
    const untouched = kind === 'closed' && this.#served > 0 && this.#parser.untouched;
    this.destroy();
    user?.failed({ kind, detail: `upstream ${this.address.text}: ${what}`, untouched });
  }
}
