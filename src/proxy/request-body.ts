import type { ClientRequest } from '../server/client.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

const BIG = 16384;

/**
 * Sends a request body to the app as it arrives, framed anew: the bytes of `length` bodies as they are (Node's parser
 * has counted them), anything else as chunks of our own without extensions and trailers. Reads no faster than the app.
 */
export class RequestBody {
  readonly #req: ClientRequest;
  readonly #connection: UpstreamConnection;
  readonly #chunked: boolean;
  readonly #maxBytes: number;
  readonly #tooLarge: () => void;
  #bytes = 0;
  #waiting = false;
  sent = false;

  constructor(
    req: ClientRequest,
    connection: UpstreamConnection,
    options: { readonly chunked: boolean; readonly maxBytes: number; readonly tooLarge: () => void },
  ) {
    this.#req = req;
    this.#connection = connection;
    this.#chunked = options.chunked;
    this.#maxBytes = options.maxBytes;
    this.#tooLarge = options.tooLarge;
  }

  start(): void {
    // Head and first bytes of the body leave in one write: both were usually in one packet of the client's.
    this.#connection.cork();
    setImmediate(() => this.#connection.uncork());
    this.#req.on('data', this.#data);
    this.#req.on('end', this.#end);
  }

  /** Bytes that have come so far. */
  get received(): number {
    return this.#bytes;
  }

  /** Stops sending. What the client still sends is read and thrown away. */
  stop(): void {
    this.#req.off('data', this.#data);
    this.#req.off('end', this.#end);
    this.#req.resume();
  }

  /** The app takes bytes again. */
  drained(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#req.resume();
  }

  /** True while the next byte is owed by the client. */
  get waitsForClient(): boolean {
    return !this.sent && !this.#waiting;
  }

  readonly #data = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) {
      this.#tooLarge();
      return;
    }
    if (!(this.#chunked ? this.#writeChunk(chunk) : this.#writeBytes(chunk))) {
      this.#waiting = true;
      this.#req.pause();
    }
  };

  readonly #end = (): void => {
    this.sent = true;
    if (this.#chunked) this.#connection.write('0\r\n\r\n');
  };

  #writeBytes(chunk: Buffer): boolean {
    if (chunk.length < BIG || !isOwned(chunk, this.#req)) return this.#connection.write(chunk);
    return this.#connection.write(chunk, (error) => !error && free(chunk));
  }

  #writeChunk(chunk: Buffer): boolean {
    const size = `${chunk.length.toString(16)}\r\n`;
    if (chunk.length < BIG) return this.#connection.write(`${size}${chunk.toString('latin1')}\r\n`);
    this.#connection.cork();
    this.#connection.write(size);
    this.#writeBytes(chunk);
    const more = this.#connection.write('\r\n');
    this.#connection.uncork();
    return more;
  }
}

/**
 * True when the bytes were copied for this chunk alone, as node:http's parser of HTTP/1.1 does. A chunk of HTTP/2 is a
 * view of what the session read.
 */
function isOwned(chunk: Buffer, req: ClientRequest): boolean {
  return req.stream === undefined && chunk.byteLength === chunk.buffer.byteLength;
}

/**
 * Gives the memory back now. Left to the collector it piles up by the 64 KiB: an upload would be read into ever fresh
 * memory, which costs more than to send it, and collecting all of the heap would begin again and again.
 */
function free({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
