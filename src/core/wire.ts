import type { Peer } from './peer.ts';
import type { HeaderList } from './text/header-list.ts';

/** One HTTP request as it came, in plain values: what `server/` hands to everything behind it. */
export interface Wire {
  readonly method: string;
  /** Request-target, byte for byte (latin1). */
  readonly target: string;
  readonly headers: HeaderList;
  readonly peer: Peer;
  /** True when this connection itself is TLS. */
  readonly encrypted: boolean;
}

/** An answer in plain values. Only dialects, portal pages and the proxy's error pages make one. */
export interface Reply {
  readonly status: number;
  /** Flat: name, value, name, value. */
  readonly headers: readonly string[];
  readonly body: string;
}

/**
 * A page as the answer to a check. To the proxy that asks, any 2xx means "let the request through", as nobody and with
 * whatever headers the client made up, so a page that is shown in place of the app goes out as 403.
 */
export function notAllowing(reply: Reply): Reply {
  return reply.status < 300 ? { ...reply, status: 403 } : reply;
}
