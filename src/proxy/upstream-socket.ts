import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { UpstreamServer, UpstreamTls } from '../core/app.ts';

/** More than one read of node:http (64 KiB): no reason to wait where it is written at once. */
const WRITABLE_BYTES = 81920;

export interface SocketOptions {
  readonly onread: OnReadOpts;
  /** True: an end of the app's leaves the other direction open. */
  readonly allowHalfOpen: boolean;
}

/** Opens a connection; names are resolved by the system each time. It is ready at `connect`, over TLS at `secureConnect`. */
export function openSocket(server: UpstreamServer, { onread, allowHalfOpen }: SocketOptions): Socket {
  const { hostname: host, port, tls } = server;
  if (tls === undefined) {
    const options = { host, port, noDelay: true, onread, allowHalfOpen, writableHighWaterMark: WRITABLE_BYTES };
    return connect(options);
  }
  const options = {
    host,
    port,
    onread,
    allowHalfOpen,
    secureContext: contextOf(tls),
    // No name is sent for an address (RFC 6066 §3); the certificate must have the address then.
    servername: tls.serverName ?? (isIP(host) === 0 ? host : ''),
    rejectUnauthorized: !tls.dangerouslySkipVerify,
    ALPNProtocols: ['http/1.1'],
  };
  const socket = tlsModule().connect(options);
  socket.setNoDelay(true);
  return socket;
}

/** Loaded by the first upstream that needs it: it is a tenth of the time to start. */
function tlsModule(): typeof import('node:tls') {
  return process.getBuiltinModule('node:tls');
}

const contexts = new WeakMap<UpstreamTls, SecureContext>();
let publicContext: SecureContext | undefined;

/** Authorities take a tenth of a second to read: once for everybody who trusts the usual ones. */
function contextOf(tls: UpstreamTls): SecureContext {
  if (tls.ca === undefined && tls.client === undefined) {
    publicContext ??= newContext(tls);
    return publicContext;
  }
  const known = contexts.get(tls);
  if (known !== undefined) return known;
  const made = newContext(tls);
  contexts.set(tls, made);
  return made;
}

function newContext({ ca, client }: UpstreamTls): SecureContext {
  const { createSecureContext, getCACertificates } = tlsModule();
  const trusted = ca ?? [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
  return createSecureContext({ ca: trusted, ...client });
}
