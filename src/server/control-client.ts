import { connect } from 'node:net';
import type { AppToken } from '../core/app-token.ts';
import type { SessionFilter, SessionSummary, TokenFilter } from '../core/ports.ts';
import type { SecretKey } from '../core/session.ts';
import { type Answer, type Ask, parseAnswer, toWire } from './control-wire.ts';

const MAX_ANSWER = 64 * 1024 * 1024;
const PATIENCE_MS = 10_000;

/** What `lintel sessions` and `lintel users token` need of a store, whichever process holds it. */
export interface StoreControl {
  list(filter: SessionFilter): Promise<readonly SessionSummary[]>;
  revoke(filter: SessionFilter): Promise<number>;
  listTokens(filter: TokenFilter): Promise<readonly AppToken[]>;
  revokeTokens(filter: TokenFilter): Promise<number>;
  addToken(token: AppToken, key: SecretKey): Promise<boolean>;
}

/** The store of the server behind a control socket. Every call throws an Error in words when that cannot be reached. */
export function controlClient(path: string): StoreControl {
  return {
    list: async (filter) => {
      const answer = await ask(path, { do: 'list', filter });
      if (answer.ok && 'sessions' in answer) return answer.sessions;
      throw refused(path, answer);
    },
    revoke: async (filter) => {
      const answer = await ask(path, { do: 'revoke', filter });
      if (answer.ok && 'revoked' in answer) return answer.revoked;
      throw refused(path, answer);
    },
    listTokens: async (filter) => {
      const answer = await ask(path, { do: 'list-tokens', filter });
      if (answer.ok && 'tokens' in answer) return answer.tokens;
      throw refused(path, answer);
    },
    revokeTokens: async (filter) => {
      const answer = await ask(path, { do: 'revoke-tokens', filter });
      if (answer.ok && 'revoked' in answer) return answer.revoked;
      throw refused(path, answer);
    },
    addToken: async (token, key) => {
      const answer = await ask(path, { do: 'add-token', token, key });
      if (answer.ok && 'added' in answer) return answer.added;
      throw refused(path, answer);
    },
  };
}

function refused(path: string, answer: Answer): Error {
  return new Error(`The server behind ${path} refused: ${answer.ok ? 'it answered another question' : answer.error}.`);
}

function ask(path: string, question: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const failed = (why: string) => {
      socket.destroy();
      reject(new Error(`The server behind ${path} did not answer: ${why}.`));
    };
    let text = '';
    const socket = connect(path, () => socket.write(`${toWire(question)}\n`));
    socket.setEncoding('utf8');
    socket.setTimeout(PATIENCE_MS, () => failed('it took too long'));
    socket.on('error', (error) => failed(error.message));
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > MAX_ANSWER) failed('the answer is too large');
    });
    socket.on('end', () => {
      const answer = parseAnswer(text);
      if (answer === undefined) failed('the answer is malformed');
      else resolve(answer);
      socket.destroy();
    });
  });
}
