/** Real sockets on both sides of a forwarder: raw backends that lie, raw clients that say what no library would. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcp, type Socket } from 'node:net';
import { type UpstreamAddress, upstreamOf } from '../../src/core/app.ts';
import { type Fault, faultStatus } from '../../src/core/fault.ts';
import { createForwarder, type ForwardCall, type ForwarderOptions, type ProxyGuards } from '../../src/proxy/forward.ts';
import type { TunnelWatch } from '../../src/proxy/tunnel.ts';
import type { ArrivedRequest, ClientResponse, Handler, Upgrade } from '../../src/server/client.ts';
import { allowUpgrades } from '../../src/server/upgrade.ts';
import { eventually } from '../black-box/lintel.ts';

export interface Scope {
  after(fn: () => unknown): void;
}

export const IDENTITY = ['Remote-User', 'alice', 'Remote-Groups', 'dev', 'Remote-Name', 'Alice', 'Remote-Email', ''];
export const OWNED = new Set(['remote-user', 'remote-groups', 'remote-name', 'remote-email', 'x-custom-who']);

/** Everything an app sees and does on one connection. */
export class BackendConnection {
  readonly socket: Socket;
  received = '';
  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
    });
  }

  /** Waits until what was received matches, or fails when it cannot any more. */
  async until(pattern: RegExp | string): Promise<string> {
    const what = () => `the app waits for ${pattern} and has ${JSON.stringify(this.received.slice(0, 2000))}`;
    await eventually(what, () => matches(this.received, pattern) || this.socket.destroyed);
    assert.ok(matches(this.received, pattern), `closed while ${what()}`);
    return this.received;
  }

  /** The next request without a body, taken out of what was received. */
  async head(): Promise<string> {
    await this.until('\r\n\r\n');
    const end = this.received.indexOf('\r\n\r\n') + 4;
    const head = this.received.slice(0, end);
    this.received = this.received.slice(end);
    return head;
  }

  write(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  end(text = ''): void {
    this.socket.end(Buffer.from(text, 'latin1'));
  }
}

function matches(received: string, pattern: RegExp | string): boolean {
  return typeof pattern === 'string' ? received.includes(pattern) : pattern.test(received);
}

export interface Backend {
  readonly port: number;
  readonly connections: BackendConnection[];
  close(): void;
}

export async function startBackend(scope: Scope, app: (c: BackendConnection) => unknown): Promise<Backend> {
  const connections: BackendConnection[] = [];
  const server = createTcp({ allowHalfOpen: true }, (socket) => {
    const connection = new BackendConnection(socket);
    connections.push(connection);
    Promise.resolve(app(connection)).catch((error: unknown) =>
      socket.destroy(error instanceof Error ? error : undefined),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    for (const c of connections) c.socket.destroy();
    server.close();
  };
  scope.after(close);
  return { port: (server.address() as AddressInfo).port, connections, close };
}

export function upstreamTo(port: number): UpstreamAddress {
  return upstreamOf('127.0.0.1', port);
}

export interface Face {
  readonly port: number;
  readonly faults: Fault[];
  readonly refusedCookies: string[];
  /** Connections to apps that are open now. */
  readonly connections: number;
  readonly tunnels: number;
  closeTunnels(): void;
  guard(guards: ProxyGuards): void;
}

export interface FaceOptions {
  readonly timeouts?: ForwarderOptions['timeouts'];
  readonly limits?: ForwarderOptions['limits'];
  readonly call?: Partial<ForwardCall>;
  /** Milliseconds after which the server closes an idle client connection. */
  readonly clientTimeout?: number;
  /** Comes between the arrival of a request and its forwarding. */
  readonly judge?: (res: ClientResponse) => Promise<void>;
  /** Bytes that a client may be behind before the app has to wait. */
  readonly highWaterMark?: number;
  /** Of every tunnel; default: it may stay. */
  readonly watch?: TunnelWatch;
  readonly changes?: () => number;
}

/** A forwarder behind node:http, set up as the product sets it up. */
export async function startFace(scope: Scope, upstreamPort: number, options: FaceOptions = {}): Promise<Face> {
  const faults: Fault[] = [];
  const refusedCookies: string[] = [];
  const forwarder = createForwarder({
    ownedFolds: OWNED,
    isOurCookie: (name) => name === '__Host-lintel' || name === 'lintel',
    onRefusedCookie: (name) => refusedCookies.push(name),
    changes: options.changes ?? (() => 0),
    timeouts: options.timeouts ?? {},
    limits: options.limits ?? {},
  });
  const upstream = upstreamTo(upstreamPort);
  const serve: Handler = (req, res, upgrade) => {
    if (options.judge === undefined) forward(req, res, upgrade);
    else void options.judge(res).then(() => forward(req, res, upgrade));
  };
  const handler = Object.assign(serve, { mayUpgrade: () => true });
  const watch = options.watch ?? { holds: () => true, isDue: () => false, active: () => {} };
  const forward = (req: ArrivedRequest, res: ClientResponse, upgrade?: Upgrade) =>
    forwarder.forward({
      ...(upgrade && { tunnel: { upgrade, watch } }),
      req,
      res,
      wire: {
        method: req.method ?? '',
        target: req.url ?? '',
        headers: req.rawHeaders,
        peer: { kind: 'unix' },
        encrypted: false,
      },
      upstream,
      identity: IDENTITY,
      clientAddress: '192.0.2.7',
      scheme: 'https',
      host: 'app.example.test',
      port: 443,
      hostHeader: undefined,
      authorization: 'pass',
      onFault(fault) {
        faults.push(fault);
        if (res.headersSent) return;
        res.writeHead(faultStatus(fault.id), ['Content-Type', 'text/plain', 'X-Lintel-Error', fault.id]);
        res.end(fault.id);
      },
      ...options.call,
    });
  const server = createServer(
    {
      requireHostHeader: false,
      keepAliveTimeout: 5000,
      ...(options.highWaterMark && { highWaterMark: options.highWaterMark }),
    },
    handler,
  );
  server.timeout = options.clientTimeout ?? 0;
  server.maxHeadersCount = 0;
  server.on('checkContinue', handler);
  allowUpgrades(server, handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.after(() => {
    server.closeAllConnections();
    server.close();
    forwarder.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    faults,
    refusedCookies,
    guard: (guards) => forwarder.guard(guards),
    get connections() {
      return forwarder.connections;
    },
    get tunnels() {
      return forwarder.tunnels;
    },
    closeTunnels: () => forwarder.closeTunnels(),
  };
}

/** A raw client connection. */
export class Client {
  readonly socket: Socket;
  received = '';
  /** How the connection ended: `end` after a FIN, or the error code. */
  ended: string | undefined;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
    });
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.ended = error.code ?? 'error';
    });
    this.socket.on('end', () => {
      this.ended ??= 'end';
    });
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'));
  }

  async until(pattern: RegExp | string): Promise<string> {
    const what = () => `the client waits for ${pattern} and has ${JSON.stringify(this.received.slice(0, 2000))}`;
    await eventually(what, () => matches(this.received, pattern));
    return this.received;
  }

  async untilEnd(ms?: number): Promise<string> {
    const what = () => `the connection ends; received ${JSON.stringify(this.received.slice(0, 2000))}`;
    await eventually(what, () => this.ended !== undefined, ms);
    return this.ended ?? '';
  }
}

export function openClient(scope: Scope, port: number): Client {
  const client = new Client(port);
  scope.after(() => client.socket.destroy());
  return client;
}

/** Writes the piece until the socket has taken it 100 times; says how often it has by now. */
export function pushing(socket: Socket, piece: Uint8Array): () => number {
  let taken = 0;
  const push = () => {
    while (taken < 100 && socket.write(piece)) taken++;
  };
  socket.on('drain', () => {
    taken++;
    push();
  });
  push();
  return () => taken;
}

/** `GET /` with more header lines; closes the connection after the answer unless told. */
export function get(path = '/', ...lines: string[]): string {
  return request('GET', path, ...lines);
}

export function request(method: string, path: string, ...lines: string[]): string {
  return `${[`${method} ${path} HTTP/1.1`, 'Host: app.example.test', ...lines].join('\r\n')}\r\n\r\n`;
}

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** An app that answers every bodyless request with `answer`. */
export function answering(answer: string): (c: BackendConnection) => Promise<void> {
  return async (c) => {
    for (;;) {
      await c.head();
      c.write(answer);
    }
  };
}

/** Header lines of a head, lower-cased names, values as they are. */
export function headersOf(head: string): [string, string][] {
  const lines = head.slice(0, head.indexOf('\r\n\r\n')).split('\r\n').slice(1);
  return lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
}

export function valuesOf(head: string, name: string): string[] {
  return headersOf(head)
    .filter(([n]) => n === name)
    .map(([, value]) => value);
}
