import {
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { CheckAnswer, CheckAttributes } from '../core/check-message.ts';
import { FAULTS, type Fault, fault } from '../core/fault.ts';
import { type Peer, peerAt, type TrustedPeer, type TrustedProxies, trustPeer, untrusted } from '../core/peer.ts';
import type { MaybePromise } from '../core/ports.ts';
import { type Address, bind } from './bind.ts';
import { type PairChoice, renewable } from './certificates.ts';
import { CODES, decodeCheck, encodeAnswer } from './grpc-codec.ts';
import type { Listening } from './listener.ts';

/** Who asks. */
export interface Caller {
  readonly peer: Peer;
  readonly trusted: TrustedPeer;
  readonly encrypted: boolean;
}

/** What stands behind the transport. A reload may change the answers at any time. */
export interface GrpcFace {
  proxies(): TrustedProxies;
  check(attributes: CheckAttributes, caller: Caller): MaybePromise<CheckAnswer>;
  /** Tells log and metrics, and says it to the client of the proxy. */
  refuse(fault: Fault, peer: Peer): CheckAnswer;
}

const METHOD = '/envoy.service.auth.v3.Authorization/Check';

/** Twice what Lintel takes as headers over HTTP, and the certificate that a proxy may add. */
const MESSAGE_LIMIT = 64 * 1024;
const PREFIX = 5;

/** A question comes in one piece; whoever stops in the middle must not hold a stream. */
const WHOLE_WITHIN_MS = 10_000;

/** A stranger who holds a connection and asks nothing is cut off; a proxy keeps its connections for the next question. */
const STRANGER_IDLE_MS = 5_000;

/**
 * One connection carries the questions about everybody's requests, so what one client does to its own must not end it:
 * each client that leaves early resets a stream here.
 */
const OPTIONS = {
  settings: { enablePush: false, maxConcurrentStreams: 1_000, maxHeaderListSize: 16 * 1024 },
  streamResetBurst: 100_000,
  streamResetRate: 10_000,
  maxSessionRejectedStreams: 10_000, // asked before the proxy has read how many may be open
  maxSessionMemory: 64, // MB
  maxSessionInvalidFrames: 100,
  maxSettings: 16,
} as const;

/**
 * gRPC for one method with one message each way (grpc.github.io, "gRPC over HTTP2"). Whatever a client of the proxy could
 * bring about is answered as a denied check, never as a failed call: a proxy set to `failure_mode_allow` lets those through.
 * Rejects with the system's error when the address cannot be had.
 */
export async function listenGrpc(address: Address, face: GrpcFace, pairs?: PairChoice): Promise<Listening> {
  const { server, renew } =
    pairs === undefined ? { server: createServer(OPTIONS), renew: () => {} } : secureServer(pairs);
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<Socket>();
  // Of TLS both: a connection whose handshake never ends has no session.
  for (const event of ['connection', 'secureConnection']) {
    server.on(event, (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
  }
  server.on('session', (session: ServerHttp2Session) => {
    const peer = peerOf(session, address);
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => session.destroy()); // not HTTP/2: the connection is over
    session.setTimeout(STRANGER_IDLE_MS, () => {
      if (peer === undefined || trustPeer(peer, face.proxies()) === undefined) session.destroy();
    });
    if (peer === undefined) session.destroy();
    else session.on('stream', (stream, headers) => serve(stream, headers, peer, pairs !== undefined, face));
  });
  server.on('tlsClientError', () => {}); // node:http2 has closed the connection
  const bound = await bind(server, address);
  return { ...bound, renew, close: (graceMs) => close(server, sessions, sockets, graceMs) };
}

function secureServer(pairs: PairChoice): { readonly server: Http2Server; readonly renew: Listening['renew'] } {
  const certificates = renewable(pairs);
  const server = createSecureServer({ ...OPTIONS, ...certificates.options, handshakeTimeout: WHOLE_WITHIN_MS });
  return { server, renew: (next) => certificates.renew(server, next) };
}

/** A session that is over ends its side of the connection and waits for the other: whoever never hangs up is cut off. */
async function close(
  server: Http2Server,
  sessions: ReadonlySet<ServerHttp2Session>,
  sockets: ReadonlySet<Socket>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const session of sessions) session.close(); // says GOAWAY and lets the streams end
  const rest = setTimeout(() => cut(sockets, () => true), graceMs);
  const over = setInterval(() => cut(sockets, (socket) => socket.writableFinished), 50);
  await closed;
  clearInterval(over);
  clearTimeout(rest);
}

function cut(sockets: ReadonlySet<Socket>, which: (socket: Socket) => boolean): void {
  for (const socket of sockets) if (which(socket)) socket.destroy();
}

function peerOf(session: ServerHttp2Session, address: Address): Peer | undefined {
  if (address.kind === 'unix') return { kind: 'unix' };
  return peerAt(session.socket.remoteAddress);
}

function serve(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  peer: Peer,
  encrypted: boolean,
  face: GrpcFace,
): void {
  stream.on('error', () => {}); // the caller is gone: nobody is left to answer
  const trusted = trustPeer(peer, face.proxies());
  const type = headers['content-type'] ?? '';
  if (trusted === undefined) turnAway(stream, peer, face);
  else if (headers[':method'] !== 'POST' || !/^application\/grpc(?:\+proto)?(?:$|;)/.test(type)) noGrpc(stream);
  else if (headers[':path'] !== METHOD) fail(stream, CODES.UNIMPLEMENTED, `only ${METHOD} is served here`);
  else {
    readMessage(stream, (message) => {
      const failed = () => stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      answer(stream, message, { peer, trusted, encrypted }, face).catch(failed);
    });
  }
}

function turnAway(stream: ServerHttp2Stream, peer: Peer, face: GrpcFace): void {
  const problem = untrusted(peer);
  face.refuse(problem, peer);
  fail(stream, CODES.PERMISSION_DENIED, `${problem.id}: ${FAULTS[problem.id].says} ${problem.detail}`);
}

function noGrpc(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 415 }, { endStream: true });
  over(stream);
}

type Message =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'compressed' }
  | { readonly kind: 'not-one' };

/** Calls back once, with the one message of the stream or what is wrong with it. Bytes over the limit are not kept. */
function readMessage(stream: ServerHttp2Stream, done: (message: Message) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  const late = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), WHOLE_WITHIN_MS);
  stream.on('close', () => clearTimeout(late));
  stream.on('data', (chunk: Buffer) => {
    const isOver = size > MESSAGE_LIMIT + PREFIX;
    size += chunk.length;
    if (size <= MESSAGE_LIMIT + PREFIX) chunks.push(chunk);
    else if (!isOver) done({ kind: 'too-large' });
  });
  stream.on('end', () => {
    clearTimeout(late);
    if (size <= MESSAGE_LIMIT + PREFIX) done(unframed(Buffer.concat(chunks)));
  });
}

/** Length-prefixed message: one byte that says whether it is compressed, four of length, the message. */
function unframed(bytes: Buffer): Message {
  if (bytes.length < PREFIX) return { kind: 'not-one' };
  if (bytes[0] !== 0) return { kind: 'compressed' };
  return bytes.readUInt32BE(1) === bytes.length - PREFIX
    ? { kind: 'whole', bytes: bytes.subarray(PREFIX) }
    : { kind: 'not-one' };
}

async function answer(stream: ServerHttp2Stream, message: Message, caller: Caller, face: GrpcFace): Promise<void> {
  switch (message.kind) {
    case 'compressed':
      return fail(stream, CODES.UNIMPLEMENTED, 'compressed messages are not read here');
    case 'not-one':
      return fail(stream, CODES.UNIMPLEMENTED, 'a check is exactly one message');
    case 'too-large':
      return reply(stream, face.refuse(fault('REQUEST-TOO-LARGE', `over ${MESSAGE_LIMIT} bytes`), caller.peer));
    case 'whole':
      return reply(stream, await judged(message.bytes, caller, face));
    default:
      return message satisfies never;
  }
}

/** The one catch of this face: any throw is a bug, and a denied check. */
async function judged(bytes: Buffer, caller: Caller, face: GrpcFace): Promise<CheckAnswer> {
  try {
    const attributes = decodeCheck(bytes);
    if (attributes === undefined) {
      return face.refuse(fault('REQUEST-MALFORMED', 'the message is no CheckRequest'), caller.peer);
    }
    return await face.check(attributes, caller);
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return face.refuse(fault('INTERNAL', detail), caller.peer);
  }
}

function reply(stream: ServerHttp2Stream, check: CheckAnswer): void {
  if (stream.destroyed || stream.headersSent) return;
  const message = encodeAnswer(check);
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32BE(message.length, 1);
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(CODES.OK) }));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.end(Buffer.concat([prefix, message]));
  over(stream);
}

/** A call that failed: status and message stand in the headers, and nothing else follows ("Trailers-Only"). */
function fail(stream: ServerHttp2Stream, code: number, message: string): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': String(code),
      'grpc-message': encodeURI(message),
    },
    { endStream: true },
  );
  over(stream);
}

/** What still comes of the question is thrown away, not kept. */
function over(stream: ServerHttp2Stream): void {
  stream.resume();
}
