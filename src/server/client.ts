import type { IncomingHttpHeaders } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

/**
 * A request as every face takes it: node:http's IncomingMessage and node:http2's Http2ServerRequest both are one. What
 * the request says stands in `Wire`; from here come only its body and its end.
 */
export interface ClientRequest extends Readable {
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  /** True when the whole request was received. */
  readonly complete: boolean;
  /** The connection. Of HTTP/2 it is shared with other requests: to be looked at, never ended or written to. */
  readonly socket: Socket;
  /** HTTP/2 only. */
  readonly stream?: ServerHttp2Stream;
}

/** Its answer: node:http's ServerResponse or node:http2's Http2ServerResponse. */
export interface ClientResponse extends Writable {
  readonly headersSent: boolean;
  /** `headers` is flat: name, value, name, value. Nothing of one connection (RFC 9110 §7.6.1) may stand in it. */
  writeHead(status: number, headers: string[]): unknown;
  writeContinue(): void;
  /** HTTP/1 only: `writeHead` of HTTP/2 sends at once. */
  flushHeaders?(): void;
  /** HTTP/1 only: false closes the connection after this answer. Without a meaning, and harmless, in HTTP/2. */
  shouldKeepAlive?: boolean;
  /** HTTP/1 only. */
  readonly chunkedEncoding?: boolean;
  readonly socket: Socket | null;
  /** HTTP/2 only. */
  readonly stream?: ServerHttp2Stream;
}

/** A request that nobody has looked at yet: what `admit` makes a `Wire` of. */
export interface ArrivedRequest extends ClientRequest {
  readonly method?: string | undefined;
  /** Request-target as it came. */
  readonly url?: string | undefined;
  readonly httpVersion: string;
  /** For the body alone, never for what is judged; other names may be missing (request.ts). */
  readonly headers: Pick<IncomingHttpHeaders, 'content-length' | 'transfer-encoding' | 'expect'>;
  /** Flat, as they came; of HTTP/2 the list that an HTTP/1.1 request would have had (http2-head.ts). */
  readonly rawHeaders: string[];
  /** HTTP/2 only: why its pseudo-header fields name no request (RFC 9113 §8.3.1). */
  readonly malformed?: string | undefined;
}

/** Answers the requests of a listener. */
export interface Handler {
  (req: ArrivedRequest, res: ClientResponse, upgrade?: Upgrade): void;
  /** May this request, which asks to, leave HTTP? If not it is one like any other. Absent: none may. */
  readonly mayUpgrade?: (req: ArrivedRequest) => boolean;
}

/** A client that asked to leave HTTP (RFC 9110 §7.8). Nothing after its request is read as a request. */
export interface Upgrade {
  /** What it sent behind the request, before anybody agreed. */
  readonly early: Buffer;
  /** Hands the connection over; the response of this request can no longer be used. */
  take(): Socket;
}
