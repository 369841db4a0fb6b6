/**
 * Sessions and app passwords in memory belong to one process. This is how `lintel sessions` and `lintel users token`
 * reach them: a unix socket that only the account of the server can open. One connection carries one line of JSON each
 * way: an Ask → an Answer.
 */

import { createServer, type Server, type Socket } from 'node:net';
import type { SessionStore } from '../core/ports.ts';
import { messageOf } from '../core/thrown.ts';
import { answers, bindSocket } from './bind.ts';
import { type Answer, type Ask, parseAsk, toWire } from './control-wire.ts';

/** What a store does for the commands of another process. */
export type ControlledStore = Pick<SessionStore, 'list' | 'revoke' | 'listTokens' | 'revokeTokens' | 'addToken'>;

const MAX_ASK = 4_096;
const PATIENCE_MS = 5_000;

export interface Control {
  readonly path: string;
  /** Stops listening and removes the socket. */
  close(): Promise<void>;
}

/**
 * Serves the questions of control-wire.ts at `path`, mode 0600; in a directory where nobody else may write (control-path.ts). A socket that
 * a crash left behind is replaced; one that answers belongs to another server, and this rejects.
 */
export async function serveControl(options: {
  readonly path: string;
  readonly store: ControlledStore;
}): Promise<Control> {
  const { path, store } = options;
  if (await answers(path)) throw new Error(`Another Lintel with this configuration listens on ${path}.`);
  const server = createServer({ allowHalfOpen: true }, (socket) => converse(socket, store));
  server.maxConnections = 16;
  await bindSocket(server, path, 0o600);
  server.unref();
  return { path, close: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function converse(socket: Socket, store: ControlledStore): void {
  let text = '';
  const answer = async (line: string | undefined): Promise<void> => {
    socket.removeAllListeners('data');
    socket.end(`${toWire(await answerTo(line, store))}\n`);
  };
  socket.setEncoding('utf8');
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.end());
  socket.on('data', (chunk: string) => {
    text += chunk;
    const end = text.indexOf('\n');
    if (end >= 0) void answer(text.slice(0, end));
    else if (text.length > MAX_ASK) void answer(undefined);
  });
}

/** Never rejects: what goes wrong is part of the answer. */
async function answerTo(line: string | undefined, store: ControlledStore): Promise<Answer> {
  const ask = line === undefined || line.length > MAX_ASK ? undefined : parseAsk(line);
  if (ask === undefined) return { ok: false, error: 'the question is malformed' };
  try {
    return await done(ask, store);
  } catch (error) {
    return { ok: false, error: messageOf(error) };
  }
}

async function done(ask: Ask, store: ControlledStore): Promise<Answer> {
  switch (ask.do) {
    case 'list':
      return { ok: true, sessions: await store.list(ask.filter) };
    case 'revoke':
      return { ok: true, revoked: await store.revoke(ask.filter) };
    case 'list-tokens':
      return { ok: true, tokens: await store.listTokens(ask.filter) };
    case 'revoke-tokens':
      return { ok: true, revoked: await store.revokeTokens(ask.filter) };
    case 'add-token':
      return { ok: true, added: await store.addToken(ask.token, ask.key) };
    default:
      return ask satisfies never;
  }
}
