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
