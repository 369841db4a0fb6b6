import type { ClientRequest, ClientResponse } from '../server/client.ts';

/** RFC 9113 §7: CANCEL. */
const RESET_CANCEL = 8;

/** True when nobody is there any more to read the answer. */
export function isGone(req: ClientRequest, res: ClientResponse): boolean {
  return res.destroyed || (req.stream === undefined ? req.socket.destroyed : req.stream.destroyed);
}

/** True when a body follows that no header frames: HTTP/2 frames it by itself (RFC 9113 §8.1). */
export function hasUnframedBody(req: ClientRequest): boolean {
  return req.stream !== undefined && !req.stream.endAfterHeaders;
}

/** Ends a request whose body goes on and is wanted by nobody. Other requests of an HTTP/2 connection go on. */
export function abandon(req: ClientRequest): void {
  if (req.stream === undefined) req.destroy();
  else req.stream.close(RESET_CANCEL);
}

/**
 * Ends a half-sent answer so that no client takes it for whole. Where the end of the body is the end of the connection
 * only a reset says so; else a plain close does, and what was sent still arrives. In HTTP/2 the stream alone is reset.
 */
export function cut(res: ClientResponse, hasLength: boolean): void {
  const { socket, stream } = res;
  // With close() and a code Node ends the body first, and then it looks whole (INTERNAL_ERROR follows from the error).
  if (stream !== undefined) stream.destroy(new Error('cut'));
  else if (socket === null) res.destroy();
  else if (!hasLength && res.chunkedEncoding !== true && socket.remoteAddress !== undefined && !('encrypted' in socket))
    socket.resetAndDestroy();
  else socket.destroy();
}
