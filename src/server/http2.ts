import { Server, type ServerOptions } from 'node:http';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { ReadableOptions } from 'node:stream';
import { CONNECTION_SPECIFIC, MAX_HEADER_LIST, readHead } from './http2-head.ts';
import { boundLastBytes, Http1Response } from './last-bytes.ts';

/** A connection that has no request open is looked at so often, and closed when it had none so many times. PING is none. */
const LOOK_EVERY_MS = 5_000;
const IDLE_LOOKS = 13;
/** How long a client has to take the last bytes of a connection that has ended. */
const LAST_BYTES_MS = 5_000;

/**
 * Bounds of one connection. nghttp2 itself ends a connection for more than 8 CONTINUATION frames of one header block
 * (CVE-2024-27316), for 1000 unread answers to PING or SETTINGS (CVE-2019-9512, CVE-2019-9515) and for faulty padding.
 */
const LIMITS = {
  settings: {
    maxConcurrentStreams: 100,
    // Twice what is served, so that the request which is a little too large gets an answer with an id (431), not a reset.
    maxHeaderListSize: 2 * MAX_HEADER_LIST,
    enablePush: false,
    enableConnectProtocol: false, // WebSockets come over HTTP/1.1
  },
  maxHeaderListPairs: 256,
  maxDeflateDynamicTableSize: 4096,
  maxSettings: 16,
  maxSessionMemory: 10, // MB; no new stream while a connection holds more
  maxSessionInvalidFrames: 50,
  maxSessionRejectedStreams: 50,
  streamResetBurst: 200, // streams that a client may open and reset at once (CVE-2023-44487), and how many a second after
  streamResetRate: 33,
  maxOutstandingPings: 4,
  strictSingleValueFields: false, // an app's answer goes on as it came
  strictFieldWhitespaceValidation: true,
} as const;

/** A TLS server that speaks HTTP/2 and HTTP/1.1, as the client chooses by ALPN (RFC 7301); sessions are bounded. */
export function createDoubleServer(options: SecureServerOptions & Pick<ServerOptions, 'headersTimeout'>) {
  const server = createSecureServer({
    ...options,
    ...LIMITS,
    allowHTTP1: true,
    handshakeTimeout: 10_000,
    minVersion: 'TLSv1.2',
    Http2ServerRequest: Http2Request,
    Http2ServerResponse: Http2Response,
    Http1ServerResponse: Http1Response,
  });
  // Its HTTP/1.1 half is node:http's server, which @types/node does not tell.
  return Object.assign(server, {
    maxHeadersCount: 0,
    maxRequestsPerSocket: 0,
    headersTimeout: options.headersTimeout ?? 0,
    closeAllConnections: () => Server.prototype.closeAllConnections.call(server),
    closeIdleConnections: () => Server.prototype.closeIdleConnections.call(server),
  });
}

/** A client that left, which is no fault. */
const GONE: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

/** The HTTP/2 connections of a server. */
export interface Sessions {
  /** Tells each client that no new request is taken (GOAWAY); a connection ends with its last open request. */
  close(): void;
  /** Cuts what is left. */
  destroy(): void;
}

/**
 * Watches the connections of a server: idle ones end, closing the server ends all of them in good order, and `failed` is
 * told of those that ended because their client broke the protocol.
 */
export function watchSessions(server: Http2SecureServer, failed: (detail: string, peer: string) => void): Sessions {
  const open = new Set<Connection>();
  let accepted: Socket | undefined;
  // `session.socket` hides the real one, whose session is made while this event is told.
  server.prependListener('secureConnection', (socket) => {
    accepted = socket;
  });
  server.on('session', (session) => {
    const socket = accepted;
    accepted = undefined;
    if (socket === undefined) return session.destroy();
    const connection: Connection = { session, socket, streams: 0, idleLooks: 0 };
    open.add(connection);
    socket.once('close', () => forget(connection, open));
    const peer = socket.remoteAddress ?? '';
    session.on('error', (error: NodeJS.ErrnoException) => {
      if (!GONE.has(error.code ?? '')) failed(error.code ?? error.message, peer);
    });
    session.on('stream', (stream) => {
      connection.streams++;
      connection.idleLooks = 0;
      stream.once('close', () => {
        connection.streams--;
        if (session.closed) endSoon(connection);
      });
    });
  });
  // (A time-out of node:http2's own would keep a session in memory until it fires, though its client is long gone.)
  const looks = setInterval(() => {
    for (const connection of open) if (isIdle(connection)) close(connection);
  }, LOOK_EVERY_MS).unref();
  server.on('close', () => clearInterval(looks));
  return {
    close: () => {
      for (const connection of open) close(connection);
    },
    destroy: () => {
      for (const { socket } of [...open]) socket?.destroy();
    },
  };
}

interface Connection {
  readonly session: ServerHttp2Session;
  /** Until it is closed. */
  socket: Socket | undefined;
  streams: number;
  idleLooks: number;
}

/**
 * A session whose settings its client never acknowledged is held by node:http2 as long as the error that ended it is held,
 * and the closed socket holds that: if the session led back to the socket, all of it would stay for ever.
 */
function forget(connection: Connection, open: Set<Connection>): void {
  open.delete(connection);
  connection.socket = undefined;
}

function isIdle(connection: Connection): boolean {
  if (connection.streams > 0 || connection.session.closed) return false;
  return ++connection.idleLooks > IDLE_LOOKS;
}

function close(connection: Connection): void {
  connection.session.close();
  endSoon(connection);
}

/** A session that ends only ends its side of the socket; a client that keeps the other open must not keep it for ever. */
function endSoon({ socket, streams }: Connection): void {
  if (streams === 0 && socket !== undefined) setTimeout(() => socket.destroy(), LAST_BYTES_MS).unref();
}

/** A request on a stream, in the shape of an HTTP/1.1 request: see `readHead`. Trailers are never merged. */
export class Http2Request extends Http2ServerRequest {
  readonly malformed: string | undefined;
  #isWhole: boolean;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    options: ReadableOptions,
    raw: readonly string[],
  ) {
    const { list, malformed } = readHead(raw);
    super(stream, headers, options, list);
    this.malformed = malformed;
    this.#isWhole = stream.endAfterHeaders;
    // A body that its client broke off must not look like one that ended: node:http2 ends the request in both cases.
    stream.prependListener('end', () => {
      if (stream.closed) this.#breakOff();
      else this.#isWhole = true;
    });
    stream.prependListener('close', () => this.#breakOff());
  }

  /** All of its body has come. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  #breakOff(): void {
    if (!this.#isWhole) this.destroy();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    reset(this.stream);
    callback(error);
  }
}

/**
 * Ends a stream with INTERNAL_ERROR. `close()` with a code would end the body first, so that half an answer were a whole
 * one to the client before the reset came.
 */
function reset(stream: ServerHttp2Stream): void {
  if (!stream.closed) stream.destroy(new Error('reset'));
}

/** Fields that no HTTP/2 message may have (RFC 9113 §8.2.2). */
const NEVER_SENT: ReadonlySet<string> = new Set([...CONNECTION_SPECIFIC, 'te']);

/** The answer on a stream. What ends a connection in HTTP/1.1 ends this stream alone. */
export class Http2Response extends Http2ServerResponse<Http2Request> {
  shouldKeepAlive = true;
  #isBodiless = false;

  override writeHead(status: number, headers?: unknown): this {
    const { stream } = this;
    if (stream.destroyed || stream.closed) return this;
    this.#isBodiless = this.req.method === 'HEAD' || status === 204 || status === 304;
    stream.respond([':status', String(status), ...sendable(headers, status)], { endStream: false });
    return this;
  }

  override end(chunk?: unknown, encoding?: unknown): this {
    const hasBody = (typeof chunk === 'string' && chunk !== '') || chunk instanceof Uint8Array;
    if (!this.headersSent) this.writeHead(this.statusCode);
    if (!this.shouldKeepAlive && !this.req.isWhole) {
      // A reset takes with it what is not on its way yet: frames leave at the end of this turn.
      this.stream.once('finish', () => setImmediate(() => this.#leaveUnread()));
    }
    if (!hasBody || this.#isBodiless) super.end();
    else super.end(chunk, encoding === 'latin1' ? 'latin1' : 'utf8');
    boundLastBytes(this);
    return this;
  }

  /** Half an answer must not look whole: the stream is reset with an error, the connection stays. */
  override destroy(): this {
    reset(this.stream);
    return this;
  }

  /** The answer is out; the client is told to send no more of its body (RFC 9113 §8.1). */
  #leaveUnread(): void {
    if (!this.stream.closed && !this.req.isWhole) this.stream.close(constants.NGHTTP2_NO_ERROR);
  }
}

function sendable(headers: unknown, status: number): string[] {
  const out: string[] = [];
  if (!Array.isArray(headers)) return out;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = String(headers[i]).toLowerCase();
    if (NEVER_SENT.has(name) || (status === 204 && name === 'content-length')) continue;
    out.push(name, String(headers[i + 1]));
  }
  return out;
}
