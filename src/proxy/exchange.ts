import type { UpstreamAddress, UpstreamServer } from '../core/app.ts';
import { type Fault, type FaultId, fault } from '../core/fault.ts';
import { first } from '../core/text/header-list.ts';
import type { ClientRequest, ClientResponse } from '../server/client.ts';
import { atServer } from './base-path.ts';
import { cut, isGone } from './client.ts';
import type { ConnectionUser, UpstreamFailure } from './connection-user.ts';
import type { Copies } from './copies.ts';
import { RequestBody } from './request-body.ts';
import type { RequestHead } from './request-head.ts';
import type { ResponseHead } from './response-head.ts';
import { Stream } from './stream.ts';
import type { Lasting, TunnelWatch } from './tunnel.ts';
import type { UpstreamConnection } from './upstream-connection.ts';
import type { Wanted } from './upstream-pool.ts';

/** What an exchange needs from the forwarder. */
export interface ExchangeOwner {
  /** See `UpstreamPools.take`. */
  take(address: UpstreamAddress, wanted: Wanted): UpstreamConnection | undefined;
  /** Bounds how long the rest of a body that nobody wants may go on. */
  linger(req: ClientRequest): void;
  readonly maxRequestBytes: number;
  readonly copies: Copies;
  /** Of exchanges without a known end. */
  readonly streams: { add(stream: Lasting): void; ended(stream: Lasting): void };
}

export interface ExchangeCall {
  readonly req: ClientRequest;
  readonly res: ClientResponse;
  readonly wire: { readonly method: string; readonly target: string };
  readonly upstream: UpstreamAddress;
  readonly onFault: (fault: Fault) => void;
  /** Why it may go on, made when it takes long enough to ask; absent: it may. */
  readonly watch?: () => TunnelWatch;
  /** Given when the request asks for an upgrade: called when the app agrees. From then on the answer is the callee's. */
  readonly onSwitch?: (head: ResponseHead, connection: UpstreamConnection, early: Buffer) => void;
}

const NO_SERVER: ReadonlySet<UpstreamServer> = new Set();
/** Methods that may be sent twice without asking (RFC 9110 §9.2.2), as far as they come without a body. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND', 'REPORT']);
/** A request that cannot be repeated goes on a connection that the app has hardly had time to close. */
const FRESH_MS = 1000;
/** Bodies up to this many bytes leave together with the head, as one string: one write, no buffer. */
const SMALL = 16384;

const FAULTS_BY_FAILURE: Readonly<Record<UpstreamFailure['kind'], FaultId>> = {
  unreachable: 'UPSTREAM-DOWN',
  tls: 'UPSTREAM-TLS',
  closed: 'UPSTREAM-DOWN',
  malformed: 'UPSTREAM-MALFORMED',
  timeout: 'UPSTREAM-TIMEOUT',
  'client-stalled': 'REQUEST-TIMEOUT',
};

/** One request and its answer. Ends in exactly one way: answered, failed (`onFault` once), or left by the client. */
export class Exchange implements ConnectionUser {
  readonly #owner: ExchangeOwner;
  readonly #call: ExchangeCall;
  readonly #head: RequestHead;
  #connection: UpstreamConnection | undefined;
  #body: RequestBody | undefined;
  #answer: ResponseHead | undefined;
  #stream: Stream | undefined;
  /** Body bytes of this read that were not written yet, latin1. */
  #text = '';
  #state: 'open' | 'answered' | 'over' = 'open';
  #repeated = false;
  /** Servers that could not be reached for this request. */
  #tried = NO_SERVER;
  #paused = false;
  /** Bytes of the answer's body handed on; no more than the client reads. */
  #taken = 0;

  constructor(owner: ExchangeOwner, call: ExchangeCall, head: RequestHead) {
    this.#owner = owner;
    this.#call = call;
    this.#head = head;
  }

  start(): void {
    const { req, res } = this.#call;
    if (isGone(req, res)) return; // left while it was judged; `close` will not come again
    res.on('close', this.#left);
    if (this.#head.length > this.#owner.maxRequestBytes) this.#tooLarge();
    else this.#connect();
  }

  #connect(maxQuiet = this.#repeatable ? Number.POSITIVE_INFINITY : FRESH_MS): void {
    const { upstream, wire, onSwitch } = this.#call;
    const connection = this.#owner.take(upstream, { maxQuiet, forUpgrade: onSwitch !== undefined, tried: this.#tried });
    if (connection === undefined) {
      this.#fail(fault('UPSTREAM-DOWN', `upstream ${upstream.text}: all connections are in use`));
      return;
    }
    this.#connection = connection;
    const text = atServer(this.#head.text, wire, connection.server);
    if (typeof text === 'string') connection.begin(this, text, wire.method, this.#head.upgrade);
    else {
      connection.destroy();
      this.#fail(text);
    }
  }

  connected(): void {
    const connection = this.#connection;
    if (this.#head.body === 'none' || connection === undefined) return;
    if (this.#head.expectsContinue) this.#call.res.writeContinue();
    this.#body = new RequestBody(this.#call.req, connection, {
      chunked: this.#head.body === 'chunked',
      maxBytes: this.#owner.maxRequestBytes,
      tooLarge: () => this.#tooLarge(),
    });
    this.#body.start();
  }

  drained(): void {
    this.#body?.drained();
  }

  get requestSent(): boolean {
    return this.#head.body === 'none' || this.#body?.sent === true;
  }

  get awaits(): ConnectionUser['awaits'] {
    if (this.#paused) return 'client';
    if (!this.requestSent) return this.#body?.waitsForClient === true ? 'client' : 'app';
    return this.#answer === undefined ? 'answer' : 'app';
  }

  responseHead(head: ResponseHead): void {
    this.#answer = head;
  }

  responseBody(bytes: Buffer, from: number, to: number): void {
    if (this.#state === 'over') return;
    this.#taken += to - from;
    if (this.#text.length + to - from <= SMALL) {
      this.#text += bytes.toString('latin1', from, to);
      return;
    }
    this.#writeText();
    if (!this.#owner.copies.write(this.#call.res, bytes, from, to)) this.#pause();
  }

  responseEnd(): void {
    if (this.#state === 'open') this.#state = 'answered';
  }

  lasts(): void {
    const { req } = this.#call;
    if (req.stream === undefined) req.socket.setTimeout(0);
  }

  goesOn(): void {
    const { watch } = this.#call;
    if (watch === undefined || this.#stream !== undefined || this.#state === 'over' || !this.#isEndless) return;
    this.#stream = new Stream(watch(), this);
    this.#owner.streams.add(this.#stream);
  }

  /** Nobody knew how much there would be when it was allowed. */
  get #isEndless(): boolean {
    const framing = this.#answer?.framing;
    if (framing === 'chunked' || framing === 'until-close') return true;
    return this.#head.body === 'chunked' && this.#body?.sent === false;
  }

  get moved(): number {
    const taken = this.#answer === undefined || isEventStream(this.#answer) ? 0 : this.#taken;
    return (this.#body?.received ?? 0) + taken;
  }

  cutOff(): void {
    if (this.#state === 'over') return;
    this.#over();
    this.#connection?.destroy();
    const { res } = this.#call;
    if (res.headersSent) cut(res, false);
    else res.destroy();
  }

  flush(): void {
    if (this.#answer === undefined || this.#state === 'over') return;
    if (this.#state === 'answered') this.#finish(this.#answer);
    else this.#writeText();
  }

  failed(failure: UpstreamFailure): void {
    if (failure.untouched && this.#repeatable && !this.#repeated) {
      this.#repeated = true;
      this.#connect(-1);
      return;
    }
    const { servers } = this.#call.upstream;
    const failed = this.#connection?.server;
    if (failure.unsent && failed !== undefined && this.#tried.size + 1 < servers.length) {
      this.#tried = new Set([...this.#tried, failed]);
      this.#connect();
      return;
    }
    const isLast = failure.unsent && servers.length > 1;
    this.#fail(fault(isLast ? 'UPSTREAMS-DOWN' : FAULTS_BY_FAILURE[failure.kind], failure.detail));
  }

  switched(head: ResponseHead, early: Buffer): void {
    const { onSwitch } = this.#call;
    const connection = this.#connection;
    if (this.#state !== 'open' || onSwitch === undefined || connection === undefined) return;
    this.#over();
    this.#call.res.off('close', this.#left);
    onSwitch(head, connection, early);
  }

  get #repeatable(): boolean {
    return this.#head.body === 'none' && IDEMPOTENT.has(this.#call.wire.method);
  }

  #writeText(): void {
    const { res } = this.#call;
    this.#writeHead();
    const text = this.#text;
    this.#text = '';
    if (text === '') res.flushHeaders?.();
    else if (!res.write(text, 'latin1')) this.#pause();
  }

  #writeHead(): void {
    const { res } = this.#call;
    if (res.headersSent || this.#answer === undefined) return;
    res.writeHead(this.#answer.status, this.#answer.headers);
  }

  #finish(head: ResponseHead): void {
    const { res } = this.#call;
    const whole = !res.headersSent;
    if (whole && (head.framing === 'chunked' || head.framing === 'until-close')) {
      // All of it is here: a length is cheaper than chunks, and an HTTP/1.0 client can tell the end.
      head.headers.push('Content-Length', String(this.#text.length));
      res.writeHead(head.status, head.headers);
    } else if (whole) res.writeHead(head.status, head.headers);
    this.#over();
    if (this.#text === '') res.end();
    else res.end(this.#text, 'latin1');
  }

  /** The client is slower than the app: the app waits. */
  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#connection?.pause();
    this.#call.res.once('drain', () => {
      this.#paused = false;
      if (this.#state !== 'over') this.#connection?.resume();
    });
  }

  /** The client is gone: nobody wants the answer. */
  readonly #left = (): void => {
    if (this.#state === 'over') return;
    this.#over();
    this.#connection?.destroy();
  };

  #tooLarge(): void {
    this.#connection?.destroy();
    this.#fail(fault('BODY-TOO-LARGE', `more than ${this.#owner.maxRequestBytes} bytes`));
  }

  #fail(problem: Fault): void {
    if (this.#state === 'over') return;
    this.#over();
    if (this.#call.res.headersSent) cut(this.#call.res, this.#answer?.framing === 'length');
    this.#call.onFault(problem);
  }

  /** From here on the request body, should there be more of it, goes nowhere. */
  #over(): void {
    this.#state = 'over';
    if (this.#stream !== undefined) this.#owner.streams.ended(this.#stream);
    const { req } = this.#call;
    if (this.#head.body === 'none' || this.#body?.sent === true) return;
    if (this.#body === undefined) req.resume();
    else this.#body.stop();
    this.#owner.linger(req);
  }
}

function isEventStream({ headers }: ResponseHead): boolean {
  return /^text\/event-stream\b/i.test(first(headers, 'content-type') ?? '');
}
