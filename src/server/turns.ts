import type { Socket } from 'node:net';
import type { ArrivedRequest, ClientResponse, Handler } from './client.ts';

/** How many requests may wait behind the one that is answered; a browser or proxy of today sends none. */
const MAX_WAITING = 100;

/**
 * Requests of one HTTP/1.1 connection one after the other, each when the answer before it is out: node:http hands on all
 * that a client sent ahead at once, and the app would work on them in any order, over a connection for each (RFC 9112
 * §9.3.2). A connection on which too many wait is cut, and `cut` told. The streams of HTTP/2 are bounded by themselves.
 */
export function inTurn(handler: Handler, cut: (socket: Socket, detail: string) => void): Handler {
  const waiting = new WeakMap<Socket, number>();
  return (req, res) => {
    if (req.stream !== undefined || res.socket !== null) handler(req, res);
    else wait(req, res);
  };

  function wait(req: ArrivedRequest, res: ClientResponse): void {
    const { socket } = req;
    const ahead = (waiting.get(socket) ?? 0) + 1;
    waiting.set(socket, ahead);
    if (ahead <= MAX_WAITING) {
      // node:http gives the response its socket while it sets it up: not before it is done.
      res.once('socket', () => process.nextTick(() => begin(req, res)));
    } else if (!socket.destroyed) {
      socket.destroy();
      cut(socket, `more than ${MAX_WAITING} requests without waiting for an answer`);
    }
  }

  function begin(req: ArrivedRequest, res: ClientResponse): void {
    waiting.set(req.socket, (waiting.get(req.socket) ?? 1) - 1);
    handler(req, res);
  }
}
