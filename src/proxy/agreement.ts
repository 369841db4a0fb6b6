import { createHash } from 'node:crypto';
import { type HeaderList, single } from '../core/text/header-list.ts';
import type { ResponseHead } from './response-head.ts';

/** RFC 6455 §1.3 */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** What a WebSocket handshake is made of; anything else in a 101 is of no use to a client that asked for one. */
const WEBSOCKET = new Set(['sec-websocket-accept', 'sec-websocket-protocol', 'sec-websocket-extensions', 'set-cookie']);

/**
 * The app's 101 as it goes to the client: of a WebSocket only the headers of RFC 6455, of another protocol the
 * end-to-end ones. Undefined when the app did not answer this handshake (RFC 6455 §4.1: a wrong Sec-WebSocket-Accept).
 */
export function agreement(head: ResponseHead, request: HeaderList): string | undefined {
  const isWebSocket = head.upgrade?.toLowerCase() === 'websocket';
  if (isWebSocket && !accepts(head, request)) return undefined;
  let text = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n`;
  for (let i = 0; i + 1 < head.headers.length; i += 2) {
    const name = head.headers[i] ?? '';
    if (!isWebSocket || WEBSOCKET.has(name.toLowerCase())) text += `${name}: ${head.headers[i + 1]}\r\n`;
  }
  return `${text}\r\n`;
}

function accepts(head: ResponseHead, request: HeaderList): boolean {
  const key = single(request, 'sec-websocket-key');
  const accept = single(head.headers, 'sec-websocket-accept');
  if (key.kind !== 'one' || accept.kind !== 'one') return false;
  return (
    accept.value ===
    createHash('sha1')
      .update(key.value + GUID)
      .digest('base64')
  );
}
