/**
 * HTTP/2 from both ends of the scale: node's client for requests that a client may send, and frames by hand for those
 * that no client library would.
 */
import { type ClientHttp2Session, connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Address, Reply } from './raw.ts';

/** An open connection of node's client, without a look at the certificate. */
export async function openSession(to: Address, from?: string): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://localhost:${to.port}`, {
    createConnection: () => tls(to, from),
  });
  session.on('error', () => {});
  await new Promise((resolve, reject) => session.once('connect', resolve).once('error', reject));
  return session;
}

function tls(to: Address, from: string | undefined, allowHalfOpen = false): TLSSocket {
  return connectTls({
    host: to.host,
    port: to.port,
    ALPNProtocols: ['h2'],
    rejectUnauthorized: false,
    ...(from !== undefined && { localAddress: from }),
    ...(allowHalfOpen && { socket: connectTcp({ host: to.host, port: to.port, allowHalfOpen }), allowHalfOpen }),
  });
}

export interface Http2Parts {
  readonly method?: string;
  readonly authority: string;
  readonly path: string;
  readonly scheme?: string;
  /** "name: value" lines. */
  readonly headers?: readonly string[];
  readonly body?: string;
  /** Sent after the body. */
  readonly trailers?: Readonly<Record<string, string>>;
}

export interface Http2Answer {
  /** undefined: the stream was reset before any. */
  readonly reply: Reply | undefined;
  /** Code of RST_STREAM; 0: it ended in good order. */
  readonly reset: number;
}

/** One request on a session. Rejects when node's client itself does not send it. */
export function askHttp2(session: ClientHttp2Session, r: Http2Parts): Promise<Http2Answer> {
  const pseudo = [':method', r.method ?? 'GET', ':scheme', r.scheme ?? 'https', ':authority', r.authority];
  const fields = (r.headers ?? []).flatMap((line) => {
    const colon = line.indexOf(':', 1);
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return new Promise((resolve, reject) => {
    const endStream = r.body === undefined && r.trailers === undefined;
    const options = { endStream, waitForTrailers: r.trailers !== undefined };
    const stream = session.request([...pseudo, ':path', r.path, ...fields], options);
    let status: number | undefined;
    let headers: Reply['headers'] = [];
    let body = '';
    stream.setEncoding('latin1');
    stream.on('response', (h: IncomingHttpHeaders & { ':status'?: number }, _: number, raw: string[]) => {
      status = h[':status'];
      headers = pairs(raw).filter(([name]) => !name.startsWith(':'));
    });
    stream.on('data', (chunk: string) => (body += chunk));
    stream.on('wantTrailers', () => stream.sendTrailers(r.trailers ?? {}));
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('ERR_HTTP2_STREAM') !== true && status === undefined && !session.destroyed)
        reject(error);
    });
    stream.on('close', () => {
      resolve({ reply: status === undefined ? undefined : { status, headers, body }, reset: stream.rstCode });
    });
    if (!endStream) stream.end(r.body ?? '', 'latin1');
  });
}

function pairs(raw: readonly string[]): (readonly [string, string])[] {
  const out: (readonly [string, string])[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) out.push([raw[i] ?? '', raw[i + 1] ?? '']);
  return out;
}

export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = { none: 0, endStream: 1, ack: 1, endHeaders: 4 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A connection whose frames are written by hand. */
export interface FrameConnection {
  readonly frames: readonly Frame[];
  send(type: number, flags: number, stream: number, payload?: Uint8Array | string): void;
  /** Any bytes, of which the other side must make sense. */
  write(bytes: Uint8Array): boolean;
  /** HEADERS with END_HEADERS; `fields` as they are, in this order. */
  request(stream: number, fields: readonly (readonly [string, string])[], flags?: number): void;
  /** Resolves with the first frame that fits, or undefined when the connection ends or nothing comes within 10 s. */
  until(fits: (frame: Frame) => boolean, timeoutMs?: number): Promise<Frame | undefined>;
  readonly closed: boolean;
  destroy(): void;
}

export interface FrameOptions {
  /** Keeps its side open when the other side ends. */
  readonly allowHalfOpen?: boolean;
  readonly from?: string;
}

export async function openFrames(to: Address, options: FrameOptions = {}): Promise<FrameConnection> {
  const socket = tls(to, options.from, options.allowHalfOpen);
  const frames: Frame[] = [];
  let received = Buffer.alloc(0);
  let closed = false;
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const look of [...waiting]) look();
  };
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 9) {
      const length = received.readUIntBE(0, 3);
      if (received.length < 9 + length) break;
      const [type = 0, flags = 0] = [received[3], received[4]];
      const stream = received.readUInt32BE(5) & 0x7fffffff;
      frames.push({ type, flags, stream, payload: received.subarray(9, 9 + length) });
      received = received.subarray(9 + length);
    }
    wake();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
    wake();
  });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const write = (bytes: Uint8Array) => !socket.destroyed && socket.write(bytes);
  const send = (type: number, flags: number, stream: number, payload: Uint8Array | string = '') => {
    write(frameBytes(type, flags, stream, payload));
  };
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  send(FRAME.settings, FLAG.none, 0);
  return {
    frames,
    send,
    write,
    request: (stream, fields, flags = FLAG.endStream | FLAG.endHeaders) =>
      send(FRAME.headers, flags, stream, headerBlock(fields)),
    until: (fits, timeoutMs = 10_000) =>
      new Promise((resolve) => {
        const finish = (frame: Frame | undefined) => {
          clearTimeout(timer);
          waiting.delete(look);
          resolve(frame);
        };
        const look = () => {
          const found = frames.find(fits);
          if (found !== undefined || closed) finish(found);
        };
        const timer = setTimeout(() => finish(undefined), timeoutMs);
        waiting.add(look);
        look();
      }),
    get closed() {
      return closed;
    },
    destroy: () => socket.destroy(),
  };
}

export function frameBytes(type: number, flags: number, stream: number, payload: Uint8Array | string = ''): Buffer {
  const body = Buffer.from(payload as string, 'latin1');
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** Every field as a literal without indexing, text as it is (RFC 7541 §6.2.2): the one form that needs no table. */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes]);
  const rest: number[] = [];
  let left = bytes.length - 127;
  for (; left >= 128; left = Math.floor(left / 128)) rest.push((left % 128) | 0x80);
  return Buffer.concat([Buffer.of(127, ...rest, left), bytes]);
}
