import { PING } from '../core/door-path.ts';
import type { SessionStore, UserSource } from '../core/ports.ts';
import type { Handler } from './client.ts';

/** What /metrics answers with. */
export interface Exposition {
  exposition(): Promise<{ readonly contentType: string; readonly text: string }>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const MISSING: Answer = {
  status: 404,
  type: 'text/plain',
  body: 'NOT-FOUND: /healthz, /readyz and /metrics are here.\n',
};

/** Liveness, readiness and numbers, on a listener of their own; authentik's ping too, where its health checks look for it. */
export function opsFace(store: SessionStore, users: UserSource, metrics: Exposition): Handler {
  const routes = new Map<string, () => Promise<Answer>>([
    ['/healthz', async () => ({ status: 200, type: 'text/plain', body: 'ok\n' })],
    ['/readyz', () => readiness(store, users)],
    ['/metrics', () => numbers(metrics)],
  ]);
  return (req, res) => {
    const path = (req.url ?? '').split('?', 1)[0] ?? '';
    if (path === PING) {
      res.writeHead(204, ['Cache-Control', 'no-store']);
      res.end();
      return;
    }
    const route = req.method === 'GET' || req.method === 'HEAD' ? routes.get(path) : undefined;
    const answer = ({ status, type, body }: Answer) => {
      res.writeHead(status, ['Content-Type', type, 'Cache-Control', 'no-store']);
      res.end(body);
    };
    if (route === undefined) answer(MISSING);
    else
      route().then(answer, (error: unknown) =>
        answer({ status: 500, type: 'text/plain', body: `INTERNAL: ${String(error)}\n` }),
      );
  };
}

async function readiness(store: SessionStore, users: UserSource): Promise<Answer> {
  try {
    await store.ping();
    const count = users.count();
    return { status: 200, type: 'text/plain', body: `ready, ${count} ${count === 1 ? 'user' : 'users'}\n` };
  } catch (error) {
    return { status: 503, type: 'text/plain', body: `STORE-UNAVAILABLE: ${String(error)}\n` };
  }
}

async function numbers(metrics: Exposition): Promise<Answer> {
  const { contentType, text } = await metrics.exposition();
  return { status: 200, type: contentType, body: text };
}
