import type { ResponseHead } from './response-head.ts';
import type { ResponseSink } from './response-parser.ts';

/** Why an exchange failed. */
export interface UpstreamFailure {
  readonly kind: 'unreachable' | 'tls' | 'closed' | 'malformed' | 'timeout' | 'client-stalled';
  readonly detail: string;
  /** The app's end was closed on a kept connection before any byte of an answer. */
  readonly untouched: boolean;
  /** No byte of the request left: the connection never came to be. */
  readonly unsent: boolean;
}

/** The far end of a connection that left HTTP: gets what the app sends. */
export interface TunnelEnd {
  /** The bytes are only valid in the call. */
  fromApp(bytes: Buffer, from: number, to: number): void;
  /** The app takes more bytes again after `write` returned false. */
  appDrained(): void;
  /** The app sends nothing more, but may still read. */
  appEnded(): void;
  appClosed(hadError: boolean): void;
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
  /** The app agreed to the upgrade; `early` came with its answer. The connection is nobody's until `tunnel`. */
  switched(head: ResponseHead, early: Buffer): void;
  /** The exchange is quiet for a while: only the time-outs of this connection count from here, not an idle client's. */
  lasts(): void;
  /** It has been going on for a while, quiet or not. Called again and again. */
  goesOn(): void;
  /** True when the whole request was written. */
  readonly requestSent: boolean;
  /** Whom the exchange waits for: decides which time-out counts and whose fault it is. */
  readonly awaits: 'answer' | 'app' | 'client';
}
