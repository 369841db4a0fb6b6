import type { ClientResponse } from './client.ts';
import { ServerResponse } from './http.ts';

/** As long as an app may be silent in the middle of an answer: whoever reads nothing for so long is not going to. */
const LAST_BYTES_MS = 300_000;

/**
 * Bounds how long a client may take for what is left of an answer that is ready: a socket that nobody reads, or a stream
 * whose window stays shut, would keep it in memory for ever, a hundred answers for each connection of HTTP/2. Called
 * behind `end()`; until then whoever writes watches the client.
 */
export function boundLastBytes(res: ClientResponse, ms: number = LAST_BYTES_MS): void {
  const isOut = res.stream === undefined ? (res.socket?.writableLength ?? 0) === 0 : res.stream.closed;
  if (isOut) return;
  const late = setTimeout(() => res.destroy(), ms).unref();
  res.once('close', () => clearTimeout(late));
}

/** node:http's response with that bound. */
export class Http1Response extends ServerResponse {
  override end(chunk?: unknown, encoding?: unknown): this {
    super.end(chunk, encoding === 'latin1' ? 'latin1' : 'utf8');
    boundLastBytes(this);
    return this;
  }
}
