import type { Socket } from 'node:net';
import { type Fault, fault } from '../core/fault.ts';
import { type Peer, peerAt, type TrustedPeer, type TrustedProxies, trustPeer } from '../core/peer.ts';
import { err, ok, type Result } from '../core/result.ts';
import { single } from '../core/text/header-list.ts';
import { type Authority, parseAuthority } from '../core/text/host.ts';
import { quote, quoteAddress } from '../core/text/quote.ts';
import type { Reply, Wire } from '../core/wire.ts';
import type { ArrivedRequest, ClientResponse } from './client.ts';
import { headerListSize, MAX_HEADER_LIST } from './http2-head.ts';

/** Headers a request may have; one more is refused, so that a parser's own cap can never hide one (CVE-2026-58044). */
export const MAX_HEADERS = 99;

/** A request that passed the checks every face needs. */
export interface Admitted {
  readonly wire: Wire;
  readonly authority: Authority;
  readonly trusted: TrustedPeer | undefined;
}

/**
 * A request as plain values, or why it is refused at the door: HTTP/1.1 with one valid Host (HTTP/2: one `:authority`, see
 * http2-head.ts), an origin-form target, no fragment, a bounded number of headers. Node itself accepts all of these.
 */
export function admit(req: ArrivedRequest, proxies: TrustedProxies): Result<Admitted, Fault> {
  const headers = req.rawHeaders;
  const target = req.url ?? '';
  if (headers.length > MAX_HEADERS * 2) return err(fault('REQUEST-TOO-LARGE', `${headers.length / 2} headers`));
  if (req.httpVersionMajor !== 1) {
    const problem = http2Problem(req);
    if (problem !== undefined) return err(problem);
  }
  const host = single(headers, 'host');
  if (host.kind !== 'one') return malformed(`Host is ${host.kind}`);
  const authority = parseAuthority(host.value);
  if (authority === undefined) return malformed(`Host ${quote(host.value)}`);
  if (!target.startsWith('/')) return malformed(`target ${quoteAddress(target)} is not in origin form`);
  if (/[#\u0000-\u0020\u007f]|^[^?]*\\/.test(target)) return malformed(`target ${quoteAddress(target)}`);
  if (req.httpVersion === '1.0' && single(headers, 'transfer-encoding').kind !== 'absent') {
    return malformed('Transfer-Encoding in HTTP/1.0');
  }
  const caller = callerOf(req.socket, proxies);
  if (caller === undefined) return malformed('the client is gone, and with it its address');
  const wire: Wire = {
    method: req.method ?? '',
    target,
    headers,
    peer: caller.peer,
    encrypted: caller.encrypted,
  };
  return ok({ wire, authority, trusted: caller.trusted });
}

/** What HTTP/2 adds to look at: its pseudo-header fields, and the size that node:http bounds by itself in HTTP/1.1. */
function http2Problem(req: ArrivedRequest): Fault | undefined {
  // A request line may claim any version; only a stream is HTTP/2.
  if (req.httpVersionMajor !== 2 || req.stream === undefined)
    return fault('REQUEST-MALFORMED', `HTTP/${req.httpVersion}`);
  if (req.malformed !== undefined) return fault('REQUEST-MALFORMED', req.malformed);
  const size = headerListSize(req.rawHeaders) + (req.url ?? '').length;
  return size > MAX_HEADER_LIST ? fault('REQUEST-TOO-LARGE', `a header list of ${size} octets`) : undefined;
}

function malformed(detail: string): Result<never, Fault> {
  return err(fault('REQUEST-MALFORMED', detail));
}

interface Caller {
  readonly proxies: TrustedProxies;
  readonly peer: Peer;
  readonly trusted: TrustedPeer | undefined;
  readonly encrypted: boolean;
}

const callers = new WeakMap<Socket, Caller>();

/** Who is at the other end, and whether it may speak for others: worked out once a connection and configuration. */
function callerOf(socket: Socket, proxies: TrustedProxies): Caller | undefined {
  const kept = callers.get(socket);
  if (kept !== undefined && kept.proxies === proxies) return kept;
  const peer = peerOf(socket);
  if (peer === undefined) return undefined;
  const caller = { proxies, peer, trusted: trustPeer(peer, proxies), encrypted: isEncrypted(socket) };
  callers.set(socket, caller);
  return caller;
}

const onUnixSockets = new WeakSet<Socket>();

/** For the listener of a unix socket: tells of each connection it accepts. */
export function acceptedOnUnixSocket(socket: Socket): void {
  onUnixSockets.add(socket);
}

/**
 * A TCP connection that its client has reset has no address either, while bytes sent before are still read: only the
 * listener knows which socket is a unix socket. A request without an address is nobody's and is not served.
 */
function peerOf(socket: Socket): Peer | undefined {
  if (onUnixSockets.has(socket)) return { kind: 'unix' };
  return peerAt(socket.remoteAddress);
}

function isEncrypted(socket: Socket): boolean {
  return 'encrypted' in socket && socket.encrypted === true;
}

const ASCII = /^[\u0000-\u007f]*$/;

interface Written {
  readonly headers: string[];
  readonly body: string | Buffer;
}
const written = new WeakMap<Reply, Written>();

/**
 * Writes a reply whole, its length stated. Head and a first text chunk are written as one string in the chunk's
 * encoding, so a UTF-8 chunk would encode the bytes of identity headers a second time: text goes out as latin1 when it
 * is ASCII, else as bytes. A reply that is answered again and again is prepared once.
 */
export function send(res: ClientResponse, reply: Reply): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  let ready = written.get(reply);
  if (ready === undefined) {
    const body = ASCII.test(reply.body) ? reply.body : Buffer.from(reply.body, 'utf8');
    // A 204 has no content, and so no length to state (RFC 9110 §8.6).
    const length = reply.status === 204 ? [] : ['Content-Length', String(body.length)];
    ready = { headers: [...reply.headers, ...length], body };
    written.set(reply, ready);
  }
  res.writeHead(reply.status, ready.headers);
  res.end(ready.body, 'latin1');
}
