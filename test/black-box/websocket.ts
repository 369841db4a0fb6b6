/** Both ends of a WebSocket over raw sockets (RFC 6455): handshake, small text frames, close. */
import { createHash, randomBytes } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { eventually } from './lintel.ts';
import type { Address } from './raw.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}

/** One text frame; from a client with the zero mask, so that the bytes can be read in a dump. */
export function frame(text: string, isMasked: boolean): Buffer {
  const body = Buffer.from(text);
  if (body.length > 125) throw new Error('too long for this codec');
  const head = Buffer.from([0x81, body.length | (isMasked ? 0x80 : 0)]);
  return Buffer.concat([head, ...(isMasked ? [Buffer.alloc(4)] : []), body]);
}

/** Texts of all complete frames at the start, and what is left. */
export function unframed(bytes: Buffer): { texts: string[]; rest: Buffer } {
  const texts: string[] = [];
  let rest = bytes;
  for (;;) {
    const size = (rest[1] ?? 0) & 0x7f;
    const isMasked = ((rest[1] ?? 0) & 0x80) !== 0;
    const from = isMasked ? 6 : 2;
    if (rest.length < from + size || rest.length < 2) return { texts, rest };
    const body = rest.subarray(from, from + size);
    const mask = rest.subarray(2, 6);
    texts.push((isMasked ? body.map((byte, i) => byte ^ (mask[i % 4] ?? 0)) : body).toString());
    rest = rest.subarray(from + size);
  }
}

export interface EchoBackend {
  readonly port: number;
  /** Request heads, in order. */
  readonly heads: string[];
  readonly sockets: Set<Socket>;
  close(): void;
}

/** An app that agrees to every WebSocket and sends each text back; other requests get 200. `extra`: lines of its 101. */
export async function startEcho(extra = ''): Promise<EchoBackend> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    serveEcho(socket, heads, extra);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port, heads, sockets, close };
}

function serveEcho(socket: Socket, heads: string[], extra: string): void {
  let bytes = Buffer.alloc(0);
  let isOpen = false;
  socket.on('end', () => socket.end());
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (!isOpen) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = bytes.toString('latin1', 0, end + 4);
      bytes = bytes.subarray(end + 4);
      heads.push(head);
      const key = /^sec-websocket-key: (.*)\r$/im.exec(head)?.[1];
      if (key === undefined) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        return;
      }
      isOpen = true;
      const lines = ['Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Accept: ${acceptOf(key)}`];
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n${extra}\r\n`);
    }
    const { texts, rest } = unframed(bytes);
    bytes = Buffer.from(rest);
    for (const text of texts) socket.write(frame(text, false));
  });
}

/** A client, once it has an answer. */
export class WebSocketClient {
  readonly socket: Socket;
  /** Status line and headers of the answer. */
  head = '';
  isClosed = false;
  closedAt = 0;
  readonly #texts: string[] = [];
  #bytes = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        if (!this.isClosed) this.closedAt = performance.now();
        this.isClosed = true;
      });
    }
  }

  get status(): number {
    return Number(this.head.split(' ', 2)[1]);
  }

  /** What came behind the head of an answer that is no 101. */
  get body(): string {
    return this.#bytes.toString('latin1');
  }

  send(text: string): void {
    this.socket.write(frame(text, true));
  }

  /** The next text that came; fails when none comes in time. */
  async next(ms?: number): Promise<string> {
    await eventually('a frame comes', () => this.#texts.length > 0, ms);
    return this.#texts.shift() ?? '';
  }

  async echo(text: string): Promise<boolean> {
    this.send(text);
    return (await this.next()) === text;
  }

  /** Milliseconds until the other side closed. */
  async closed(ms?: number): Promise<number> {
    const from = performance.now();
    await eventually('the other side closes', () => this.isClosed, ms);
    return this.closedAt - from;
  }

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.head === '') {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.head = this.#bytes.toString('latin1', 0, end + 4);
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    if (this.status !== 101) return;
    const { texts, rest } = unframed(this.#bytes);
    this.#texts.push(...texts);
    this.#bytes = Buffer.from(rest);
  }
}

export interface OpenOptions {
  readonly target?: string;
  /** "Name: value" lines beside those of the handshake; Host among them. */
  readonly headers: readonly string[];
  /** Sent right behind the request. */
  readonly early?: Buffer;
  /** TLS with this server name; the certificate is not checked. */
  readonly servername?: string;
}

/** Asks for a WebSocket and waits for the answer, whatever it is. */
export async function openWebSocket(to: Address, { target = '/ws', headers, early, servername }: OpenOptions) {
  const place = { host: to.host, port: to.port, allowHalfOpen: true };
  const socket =
    servername === undefined
      ? connect(place)
      : connectTls({ ...place, servername, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
  const client = new WebSocketClient(socket);
  const key = randomBytes(16).toString('base64');
  const handshake = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
  ];
  const head = `GET ${target} HTTP/1.1\r\n${[...headers, ...handshake].map((h) => `${h}\r\n`).join('')}\r\n`;
  socket.write(Buffer.concat([Buffer.from(head, 'latin1'), early ?? Buffer.alloc(0)]));
  await eventually('an answer comes', () => client.head !== '' || client.isClosed);
  return client;
}
