import type { Socket } from 'node:net';
import type { UpstreamServer } from '../core/app.ts';
import type { ConnectionUser, TunnelEnd, UpstreamFailure } from './connection-user.ts';
import { type ParserLimits, ResponseParser } from './response-parser.ts';
import { openSocket } from './upstream-socket.ts';

/** Milliseconds. All but `connect` are times without a byte in either direction, never totals. */
export interface UpstreamTimeouts {
  readonly connect: number;
  /** From the last byte of the request to the first complete response head. */
  readonly responseHead: number;
  /** Of a body in either direction. */
  readonly stall: number;
  /** Of a tunnel, both directions together. */
  readonly tunnel: number;
  /** Of a connection that is kept for the next request. */
  readonly keepAlive: number;
}

/** What the connection needs from the pool that made it. */
export interface ConnectionOwner {
  /** Coarse milliseconds, monotonic. */
  readonly now: number;
  /** One buffer for the reads of all connections: each read is used up before the next one begins. */
  readonly readBuffer: Buffer;
  readonly limits: ParserLimits;
  idle(connection: UpstreamConnection): void;
  closed(connection: UpstreamConnection): void;
  /** How the server behind it is doing. */
  judged(connection: UpstreamConnection, isWell: boolean): void;
}

export interface ConnectionOptions {
  readonly timeouts: UpstreamTimeouts;
  /** True: for a request that may leave HTTP. Such a connection is never kept for another one. */
  readonly forUpgrade: boolean;
}

/** Milliseconds of quiet after which an exchange is a lasting one: long polls, event streams. */
const LASTING = 1000;

/** One HTTP/1.1 connection to an app: one request at a time, then back to the pool or closed. */
export class UpstreamConnection {
  readonly server: UpstreamServer;
  readonly #timeouts: UpstreamTimeouts;
  readonly forUpgrade: boolean;
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #parser: ResponseParser;
  #user: ConnectionUser | undefined;
  #tunnel: TunnelEnd | undefined;
  #state: 'connecting' | 'handshake' | 'open' | 'closed' = 'connecting';
  /** Not written before the server is known to be the right one. */
  #head = '';
  #served = 0;
  #touched: number;
  #begun = 0;
  #keepFor: number;
  #error = '';

  constructor(server: UpstreamServer, owner: ConnectionOwner, { timeouts, forUpgrade }: ConnectionOptions) {
    this.server = server;
    this.#timeouts = timeouts;
    this.forUpgrade = forUpgrade;
    this.#owner = owner;
    this.#touched = owner.now;
    this.#keepFor = timeouts.keepAlive;
    this.#parser = new ResponseParser(owner.limits);
    const buffer = owner.readBuffer;
    const onread = { buffer, callback: (length: number) => this.#read(length) };
    this.#socket = openSocket(server, { onread, allowHalfOpen: forUpgrade });
    this.#listen(this.#socket);
  }

  #listen(socket: Socket): void {
    socket.on('connect', () => {
      if (this.server.tls === undefined) this.#opened();
      else this.#state = 'handshake';
    });
    if (this.server.tls !== undefined) socket.on('secureConnect', () => this.#opened());
    socket.on('drain', () => {
      this.#touched = this.#owner.now;
      this.#user?.drained();
      this.#tunnel?.appDrained();
    });
    socket.on('error', (error: Error & { code?: string }) => {
      this.#error = error.code ?? error.message;
    });
    socket.on('end', () => this.#ended());
    socket.on('close', (hadError) => this.#closed(hadError));
  }

  #opened(): void {
    this.#state = 'open';
    this.#touched = this.#owner.now;
    if (this.#user === undefined) return;
    this.#socket.write(this.#head, 'latin1');
    this.#head = '';
    this.#user.connected();
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
  begin(user: ConnectionUser, head: string, method: string, upgrade?: string): void {
    this.#user = user;
    this.#touched = this.#owner.now;
    this.#begun = this.#touched;
    this.#parser.expect(method, upgrade);
    if (this.#state !== 'open') {
      this.#head = head;
      return;
    }
    this.#socket.write(head, 'latin1');
    user.connected();
  }

  /** After `switched`: everything from here on goes to `end`, as it comes. */
  tunnel(end: TunnelEnd): void {
    this.#tunnel = end;
    this.#touched = this.#owner.now;
  }

  /** Sends no more, once what was written is out. */
  end(): void {
    this.#socket.end();
  }

  /** Closes once what was written is out. */
  destroySoon(): void {
    this.#socket.destroySoon();
  }

  /** Body bytes; false asks to wait for `drained`. `written` is called when nobody reads the chunk any more, or with an error. */
  write(chunk: Buffer | string, written?: (error: Error | null | undefined) => void): boolean {
    this.#touched = this.#owner.now;
    return typeof chunk === 'string' ? this.#socket.write(chunk, 'latin1') : this.#socket.write(chunk, written);
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
    this.#tunnel = undefined;
    this.#socket.destroy();
  }

  /** Called now and then: ends what has been quiet for too long. */
  checkTimeouts(): void {
    const quiet = this.quietFor;
    const { connect, responseHead, stall, tunnel } = this.#timeouts;
    const user = this.#user;
    if (this.#tunnel !== undefined) {
      if (quiet >= tunnel) this.#socket.destroy();
      return;
    }
    if (user === undefined) {
      if (quiet >= this.#keepFor) this.#socket.destroy();
      return;
    }
    if (this.#state === 'connecting' || this.#state === 'handshake') {
      if (quiet >= connect) this.#fail('timeout', `no connection within ${connect} ms`);
      return;
    }
    if (quiet >= LASTING) user.lasts();
    if (this.#owner.now - this.#begun >= LASTING) user.goesOn();
    const { awaits } = user;
    if (awaits === 'answer' && quiet >= responseHead) this.#fail('timeout', `no answer within ${responseHead} ms`);
    else if (awaits === 'app' && quiet >= stall) this.#fail('timeout', `no byte within ${stall} ms`);
    else if (awaits === 'client' && quiet >= stall) {
      this.#fail('client-stalled', `the client moved no byte within ${stall} ms`);
    }
  }

  #read(length: number): boolean {
    this.#touched = this.#owner.now;
    if (this.#tunnel !== undefined) {
      this.#tunnel.fromApp(this.#owner.readBuffer, 0, length);
      return true;
    }
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
    const { switched } = this.#parser;
    if (switched !== undefined) {
      this.#user = undefined;
      this.#owner.judged(this, true);
      user.switched(switched.head, Buffer.from(this.#owner.readBuffer.subarray(switched.at, length)));
      if (this.#tunnel === undefined) this.#socket.destroy();
      return true;
    }
    user.flush();
    if (this.#user === user && this.#parser.done) this.#settle(user);
    return true;
  }

  /** The answer is complete: keep the connection if both sides are in step, else close it. */
  #settle(user: ConnectionUser): void {
    this.#user = undefined;
    this.#owner.judged(this, true);
    const head = this.#parser.head;
    const inStep = user.requestSent && head?.keepAlive === true && !this.#parser.surplus && this.#state === 'open';
    if (!inStep || this.forUpgrade) {
      this.#socket.destroy();
      return;
    }
    this.#served++;
    // The client may be behind with the answer, which stopped the reading: the next one's is another matter.
    this.#socket.resume();
    const { keepAlive } = this.#timeouts;
    // A second earlier than announced, so that a request does not cross the app's closing on the way.
    const announced = head.idleSeconds === undefined ? keepAlive : head.idleSeconds * 1000 - 1000;
    this.#keepFor = Math.min(keepAlive, announced);
    if (this.#keepFor > 0) this.#owner.idle(this);
    else this.#socket.destroy();
  }

  #ended(): void {
    const user = this.#user;
    if (this.#tunnel !== undefined) {
      this.#tunnel.appEnded();
      return;
    }
    if (user === undefined) {
      this.#socket.destroy();
      return;
    }
    if (this.#parser.close(user)) {
      user.flush();
      this.destroy();
    } else if (this.#state === 'handshake') this.#fail('tls', 'the app ended the connection before TLS began');
    else this.#fail('closed', 'the app closed the connection before the end of its answer');
  }

  #closed(hadError: boolean): void {
    const before = this.#state;
    this.#state = 'closed';
    this.#owner.closed(this);
    this.#tunnel?.appClosed(hadError);
    this.#tunnel = undefined;
    if (this.#user === undefined) return;
    if (before === 'open' && !/^ERR_(?:SSL|TLS)/.test(this.#error)) {
      this.#fail('closed', `the connection broke: ${this.#error}`);
    } else this.#fail(before === 'connecting' ? 'unreachable' : 'tls', this.#error, before !== 'open');
  }

  #fail(kind: UpstreamFailure['kind'], what: string, unsent = this.#isUnsent): void {
    const user = this.#user;
    const untouched = kind === 'closed' && this.#served > 0 && this.#parser.untouched;
    if (kind !== 'client-stalled' && !untouched) this.#owner.judged(this, false);
    this.destroy();
    user?.failed({ kind, detail: `upstream ${this.server.text}: ${what}`, untouched, unsent });
  }

  get #isUnsent(): boolean {
    return this.#state === 'connecting' || this.#state === 'handshake';
  }
}
