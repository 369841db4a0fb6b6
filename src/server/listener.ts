import type { IncomingMessage, Server, ServerOptions } from 'node:http';
import { Server as NetServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { FAULTS, type FaultId } from '../core/fault.ts';
import { type Address, type Bound, bind } from './bind.ts';
import type { PairChoice } from './certificates.ts';
import type { ArrivedRequest, ClientResponse, Handler } from './client.ts';
import { createServer, ServerResponse } from './http.ts';
import type { Sessions } from './http2.ts';
import { Http1Response } from './last-bytes.ts';
import { Request } from './request.ts';
import { inTurn } from './turns.ts';
import { allowUpgrades, owesAnswer } from './upgrade.ts';
import { acceptedOnUnixSocket } from './wire.ts';

export interface Listening extends Bound {
  /** Of TLS: the certificates for connections from now on. Throws when one of them is none; the old ones stay. */
  renew(pairs: PairChoice): void;
  /** Stops accepting, lets requests finish for up to `graceMs`, then closes what is left. */
  close(graceMs: number): Promise<void>;
}

/** Requests that node:http itself refuses are answered and told here. */
export type RefusedListener = (id: FaultId, detail: string, peer: string) => void;

const OPTIONS: ServerOptions = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 0, // uploads may take as long as they move: forms end after 10 s (body.ts), a silent exchange with an app after its stall time
  keepAlive: true, // a client that is gone without a word is found out
  keepAliveInitialDelay: 60_000,
  keepAliveTimeout: 65_000, // longer than the pools of nginx (60 s), so that we are not the side that closes first
  connectionsCheckingInterval: 1_000,
  insecureHTTPParser: false,
  optimizeEmptyRequests: true, // no stream is set up for a body that cannot come
  requireHostHeader: false, // judged by admit(), with an id
};

/**
 * Starts one listener; with `pairs` it speaks TLS, and HTTP/2 beside HTTP/1.1. Rejects with the system's error when the
 * address cannot be had.
 */
export async function listen(
  address: Address,
  handler: Handler,
  refused: RefusedListener,
  pairs?: PairChoice,
): Promise<Listening> {
  const { server, sessions, renew } = pairs === undefined ? plainServer() : await secureServer(pairs, refused);
  if (address.kind === 'unix') server.on('connection', acceptedOnUnixSocket);
  const face = inTurn(handler, (socket, detail) => refused('REQUEST-MALFORMED', detail, peerText(socket)));
  server.on('request', face);
  allowUpgrades(server, handler);
  server.on('checkContinue', face); // whoever reads the body says 100; an answer without it needs none
  server.on('checkExpectation', (req: ArrivedRequest, res: ClientResponse) => {
    refused('EXPECT-UNKNOWN', 'Expect', peerText(req.socket));
    answer(res, 'EXPECT-UNKNOWN');
  });
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Duplex) => {
    refuse(error, socket, refused);
  });
  server.on('connect', (req: IncomingMessage, way: Socket | ClientResponse) => {
    refused('METHOD-NOT-ALLOWED', 'CONNECT', peerText(req.socket));
    if ('writeHead' in way) answer(way, 'METHOD-NOT-ALLOWED');
    else {
      // node:http has let go of it: without a listener the reset of a client would end the process.
      way.on('error', () => way.destroy());
      if (owesAnswer(way)) way.destroy();
      else finish(way, 'METHOD-NOT-ALLOWED');
    }
  });
  const bound = await bind(server, address);
  return { ...bound, renew, close: (graceMs) => close(server, sessions, graceMs) };
}

/** Speaks HTTP/1.1; of TLS HTTP/2 too. */
type WebServer = NetServer &
  Pick<
    Server,
    'maxHeadersCount' | 'maxRequestsPerSocket' | 'headersTimeout' | 'closeAllConnections' | 'closeIdleConnections'
  >;

interface Made {
  readonly server: WebServer;
  /** Of HTTP/2. */
  readonly sessions: Sessions | undefined;
  readonly renew: Listening['renew'];
}

function plainServer(): Made {
  const server = createServer({ ...OPTIONS, IncomingMessage: Request, ServerResponse: Http1Response });
  server.maxHeadersCount = 0; // all of them are seen and counted by admit(), none hidden
  return { server, sessions: undefined, renew: () => {} };
}

/** node:http2 brings TLS and more with it, a tenth of the time to start: loaded where a listener needs it. */
async function secureServer(pairs: PairChoice, refused: RefusedListener): Promise<Made> {
  const [{ createDoubleServer, watchSessions }, { renewable }] = await Promise.all([
    import('./http2.ts'),
    import('./certificates.ts'),
  ]);
  const certificates = renewable(pairs);
  const server = createDoubleServer({ ...OPTIONS, ...certificates.options });
  server.maxHeadersCount = 0;
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    const plain = error.code === 'ERR_SSL_HTTP_REQUEST' ? beneath(socket) : undefined;
    if (plain === undefined) return;
    refused('TLS-NEEDED', 'plain HTTP', peerText(plain));
    plain.on('error', () => {}); // node:tls is closing it: the answer is on its way, and nobody waits for it to end
    finish(plain, 'TLS-NEEDED');
  });
  const sessions = watchSessions(server, (detail, peer) => refused('REQUEST-MALFORMED', detail, peer));
  return { server, sessions, renew: (next) => certificates.renew(server, next) };
}

/** The connection that TLS was to be spoken on, which node:tls keeps to itself. */
function beneath(socket: Socket): Socket | undefined {
  const parent: unknown = '_parent' in socket ? socket._parent : undefined;
  return parent instanceof Socket ? parent : undefined;
}

/** How long a connection without a request is kept for one that may be on its way already. */
const LAST_CALL_MS = 250;

/** node:http's own close() cuts connections between two requests at once, and so the request that just left a client. */
async function close(server: WebServer, sessions: Sessions | undefined, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    NetServer.prototype.close.call(server, () => resolve());
  });
  server.maxRequestsPerSocket = 1; // the answer to whatever still comes says Connection: close
  server.headersTimeout = LAST_CALL_MS; // a connection that never said anything counts as busy
  sessions?.close();
  const rest = setTimeout(() => {
    sessions?.destroy();
    server.closeAllConnections();
  }, graceMs);
  await Promise.race([closed, delay(LAST_CALL_MS, undefined, { ref: false })]);
  // Timers come before reading: if the process stood still, what arrived meanwhile makes no connection busy until it is read.
  await nextTurn();
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  server.closeIdleConnections();
  await closed;
  clearInterval(idle);
  clearTimeout(rest);
  server.close(); // ends the timer that looks for slow headers
}

function refuse(error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Duplex, refused: RefusedListener): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const id = idOf(error);
  // A browser's spare connection that never sent a byte is no fault of anybody.
  if (!(id === 'REQUEST-TIMEOUT' && socketBytes(socket) === 0))
    refused(id, isHandshake(error.rawPacket) ? HANDSHAKE : (error.code ?? error.message), peerText(socket));
  // Written into an answer that is under way, this would be taken for the rest of it.
  if (isAnswering(socket)) socket.destroy();
  else finish(socket, id);
}

/** node:http keeps the response in turn at the socket. */
function isAnswering(socket: Duplex): boolean {
  const answer = '_httpMessage' in socket ? socket._httpMessage : undefined;
  return answer instanceof ServerResponse && answer.headersSent && !answer.writableEnded;
}

function idOf(error: NodeJS.ErrnoException & { rawPacket?: Buffer }): FaultId {
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'REQUEST-TOO-LARGE';
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'REQUEST-TIMEOUT';
  const start = error.rawPacket?.subarray(0, 12).toString('latin1') ?? '';
  return start.startsWith('PROXY ') || start.startsWith('\r\n\r\n\0\r\nQUIT\n') ? 'PEER-PREAMBLE' : 'REQUEST-MALFORMED';
}

const HANDSHAKE = 'a TLS handshake, and this port speaks plain HTTP';

/** A record of TLS begins with its kind, 22, and a version 3.x (RFC 8446 §5.1). */
function isHandshake(packet: Buffer | undefined): boolean {
  return packet?.[0] === 22 && packet[1] === 3;
}

function answer(res: ClientResponse, id: FaultId): void {
  res.writeHead(FAULTS[id].status, headersFor(id));
  res.end(textFor(id));
}

function finish(socket: Duplex, id: FaultId): void {
  const { status } = FAULTS[id];
  const body = textFor(id);
  const headers = headersFor(id);
  const lines: string[] = [];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\n${lines.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    'latin1',
  );
  // Whatever still comes is not read: bytes after a refused request must never become one.
  setTimeout(() => socket.destroy(), 1_000).unref();
}

function headersFor(id: FaultId): string[] {
  return [
    'Content-Type',
    'text/plain; charset=utf-8',
    'Cache-Control',
    'no-store',
    'X-Lintel-Error',
    id,
    'Connection',
    'close',
  ];
}

function textFor(id: FaultId): string {
  return `${id}: ${FAULTS[id].says}\n${FAULTS[id].fix}\n`;
}

function peerText(socket: Duplex): string {
  return 'remoteAddress' in socket && typeof socket.remoteAddress === 'string' ? socket.remoteAddress : 'unix';
}

function socketBytes(socket: Duplex | Socket): number {
  return 'bytesRead' in socket ? socket.bytesRead : 1;
}
