/** Sessions: one_factor ones by really signing in, others written to the store that the running server reads. */
import { createHash, randomBytes } from 'node:crypto';
import type { SessionStore } from '../../src/core/ports.ts';
import { parseToken, type SecretKey, type SecretPurpose, type Session, secretKey } from '../../src/core/session.ts';
import { systemClock } from '../../src/ops/clock.ts';
import { randomKey } from '../../src/ops/secrets.ts';
import { SqliteStore } from '../../src/stores/sqlite.ts';
import type { Running } from './lintel.ts';
import { ask, type Reply, valuesOf } from './raw.ts';

/** Name → value of every cookie that an answer sets (deletions left out). */
export function cookiesSet(reply: Reply): Map<string, string> {
  const out = new Map<string, string>();
  for (const line of valuesOf(reply, 'set-cookie')) {
    const [pair = ''] = line.split(';', 1);
    const eq = pair.indexOf('=');
    if (pair.slice(eq + 1) !== '') out.set(pair.slice(0, eq), pair.slice(eq + 1));
  }
  return out;
}

/** Signs in through the JSON API of the portal; returns the cookies it set. */
export async function signIn(
  at: Running,
  portal: string,
  username: string,
  password: string,
  extra: { readonly keepMeLoggedIn?: boolean; readonly headers?: readonly string[] } = {},
): Promise<Map<string, string>> {
  const { headers = [], ...fields } = extra;
  const body = JSON.stringify({ username, password, ...fields });
  const url = new URL(portal);
  const reply = await ask(at, {
    method: 'POST',
    target: `${url.pathname.replace(/\/$/, '')}/api/firstfactor`,
    headers: [
      `Host: ${url.host}`,
      `X-Forwarded-Proto: ${url.protocol.slice(0, -1)}`,
      `X-Forwarded-Host: ${url.host}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...headers,
    ],
    body: Buffer.from(body).toString('latin1'),
  });
  if (reply.status !== 200)
    throw new Error(`${username} could not sign in at ${portal}: ${reply.status} ${reply.body}\n${at.output()}`);
  return cookiesSet(reply);
}

/** The database of a running server, opened as another Lintel process would. */
export async function openStore(path: string): Promise<SessionStore> {
  return new SqliteStore(path, randomKey, systemClock);
}

/** SHA-256 in base64url, as the store knows a token. */
export function keyOf(token: string): SecretKey {
  return secretKey(createHash('sha256').update(token).digest('base64url'));
}

/** A second session for the person behind `token`, with other facts and a secret of its own. Returns the new token. */
export async function plant(
  store: SessionStore,
  token: string,
  facts: Partial<Omit<Session, 'idleMs'>> & { readonly idleMs?: number | undefined },
  purpose?: SecretPurpose,
): Promise<string> {
  const found = await store.find(keyOf(token));
  if (found === undefined) throw new Error('the session to copy is not in the store');
  const planted = parseToken(randomBytes(32).toString('base64url'));
  if (planted === undefined) throw new Error('not a token');
  const session: Session = { ...found.session, id: randomBytes(12).toString('base64url'), ...facts };
  await store.open(session, [{ key: keyOf(planted), purpose: purpose ?? found.purpose }]);
  return planted;
}
