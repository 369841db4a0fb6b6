/** The installation under attack as the proxy itself, on https with HTTP/2, and a plain listener for signing in. */
import { type Backend, startBackend } from '../black-box/backend.ts';
import { askHttp2, openSession } from '../black-box/http2.ts';
import { type Running, serve } from '../black-box/lintel.ts';
import type { Address } from '../black-box/raw.ts';
import { freePort } from '../parts.ts';
import type { Attack, Who } from './cases.ts';
import { ACCESS, appsAt, COMMON, handOvers, USERS } from './fixture.ts';
import { hostOf, type Outcome } from './run.ts';

const APP = 'app.example.test';

export interface Secure {
  readonly at: Running;
  /** Where TLS is. Clients come from `from`, an address that is nobody's proxy. */
  readonly tls: Address;
  readonly from: string;
  readonly backend: Backend;
  cookie(who: Who, host?: string): Promise<string | undefined>;
  stop(): Promise<void>;
}

export async function secure(): Promise<Secure> {
  const backend = await startBackend();
  const port = await freePort();
  const config = {
    listen: ['127.0.0.1:PORT', `https://127.0.0.1:${port}`],
    ...COMMON,
    apps: appsAt('https', backend),
  };
  const at = await serve({ config, users: USERS, healthHost: 'auth.example.test', ownListen: true });
  return {
    at,
    tls: { host: '127.0.0.1', port },
    from: '127.0.0.2',
    backend,
    cookie: handOvers(at, 'https'),
    async stop() {
      await at.stop();
      await backend.close();
    },
  };
}

/** Why an attack cannot be said in HTTP/2, or not by a client. */
export function unsaid(a: Attack): string | undefined {
  if (a.expect === undefined) return 'takes more than one request';
  if (a.raw !== undefined || a.xff !== undefined || a.from !== undefined || a.scheme !== undefined)
    return 'told in headers of a proxy in front';
  if (a.class === 'request-smuggling') return 'framing of HTTP/1.1';
  if (
    (a.headers ?? []).some((h) => /^(connection|keep-alive|te|upgrade|transfer-encoding|proxy-connection)\s*:/i.test(h))
  )
    return 'a header of one HTTP/1.1 connection';
  if ((a.headers ?? []).some((h) => /^(:|\s|host\s*:)/i.test(h))) return 'framing of HTTP/1.1';
  return a.host === undefined ? 'names no app' : undefined;
}

/** The attack as one HTTP/2 request. */
export async function sendHttp2(to: Secure, a: Attack, who: Who): Promise<Outcome> {
  to.backend.take();
  const host = hostOf(a);
  const cookie = await to.cookie(who, host.split('.', 1)[0]! in ACCESS ? host : APP);
  const session = await openSession(to.tls, to.from);
  try {
    const { reply } = await askHttp2(session, {
      method: a.method ?? 'GET',
      authority: a.host ?? '',
      path: a.uri ?? '/',
      headers: [...(a.headers ?? []), ...(cookie === undefined ? [] : [`cookie: ${cookie}`])],
      ...(a.body !== undefined && { body: a.body }),
    });
    await new Promise((resolve) => setTimeout(resolve, 40));
    const replies = reply === undefined ? [] : [reply];
    return { exchange: { replies, rest: '', end: 'quiet', elapsedMs: 0 }, reply, arrivals: to.backend.take() };
  } finally {
    session.destroy();
  }
}
