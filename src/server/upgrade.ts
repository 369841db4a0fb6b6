import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { tunnelProtocols } from '../core/text/upgrade.ts';
import type { ArrivedRequest, Handler, Upgrade } from './client.ts';
import { Http1Response } from './last-bytes.ts';

/** How long a client that was answered may go on sending before it is cut. */
const LAST_MS = 1000;

/** Lets clients of a server leave HTTP where the handler says that they may. Works on the HTTP/1.1 half of a TLS server too. */
export function allowUpgrades(server: EventEmitter, handler: Handler): void {
  const { mayUpgrade } = handler;
  if (mayUpgrade === undefined) return;
  Object.assign(server, { shouldUpgradeCallback: upgradeQuestion(mayUpgrade) });
  server.on('upgrade', upgradeListener(handler));
}

/**
 * node:http asks this for each request with `Connection: upgrade`; after a yes it reads nothing more from the connection.
 * No for a request with a body, for one that follows another on the same connection whose answer is still owed (node:http
 * would hand over the connection in the middle of that answer), and for protocols that are never tunnelled.
 */
function upgradeQuestion(mayUpgrade: (req: ArrivedRequest) => boolean): (req: IncomingMessage) => boolean {
  return (req) => {
    const offers = tunnelProtocols(req.headers.upgrade ?? '');
    if (offers.length === 0 || req.httpVersion !== '1.1' || hasBody(req) || owesAnswer(req.socket)) return false;
    return mayUpgrade(req);
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/** Whether a request before is not answered yet: node:http keeps the response in turn at the socket. */
export function owesAnswer(socket: Socket): boolean {
  return '_httpMessage' in socket && socket._httpMessage !== null && socket._httpMessage !== undefined;
}

/**
 * Hands a request that asks to leave HTTP to the handler of all requests, with a response of its own for any answer but a
 * tunnel. After such an answer the connection closes: what the client sent behind its request is never read.
 */
function upgradeListener(handler: Handler): (req: IncomingMessage, socket: Duplex, early: Buffer) => void {
  return (req, socket, early) => {
    if (!(socket instanceof Socket)) {
      socket.destroy();
      return;
    }
    // Without a listener the reset of a client would end the process.
    socket.on('error', () => socket.destroy());
    const res = new Http1Response(req);
    res.shouldKeepAlive = false;
    res.assignSocket(socket);
    const drained = () => void res.emit('drain');
    socket.on('drain', drained);
    res.on('finish', () => endSoon(socket));
    const upgrade: Upgrade = {
      early,
      take() {
        socket.off('drain', drained);
        res.detachSocket(socket);
        return socket;
      },
    };
    handler(req, res, upgrade);
  };
}

/** Sends what was written, then the end; reads on for a moment, since closing before would reset what is on its way. */
function endSoon(socket: Socket): void {
  socket.end();
  socket.resume();
  setTimeout(() => socket.destroy(), LAST_MS).unref();
}
