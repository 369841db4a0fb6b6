import type { Fault } from '../core/fault.ts';
import type { Reply, Wire } from '../core/wire.ts';
import { attempt } from './attempt.ts';
import type { PortalDeps } from './deps.ts';
import { faultJson } from './replies.ts';

/** A key is published for a whole period before it signs, an hour at least: copies of ten minutes are always good. */
const HEADERS = [
  'Content-Type',
  'application/jwk-set+json',
  'Cache-Control',
  'public, max-age=600',
  'Access-Control-Allow-Origin',
  '*',
  'X-Content-Type-Options',
  'nosniff',
  'Content-Security-Policy',
  "default-src 'none'",
];

/** The key set (RFC 7517 §5, media type §8.5.1), for anybody: public keys, no cookie, the one answer that may be cached. */
export async function jwksReply(deps: PortalDeps, wire: Wire, refused: (f: Fault) => void): Promise<Reply> {
  if (wire.method !== 'GET' && wire.method !== 'HEAD') return faultJson('METHOD-NOT-ALLOWED', ['Allow', 'GET, HEAD']);
  const keys = await attempt('STORE-UNAVAILABLE', () => deps.jwks());
  if (keys.ok) return { status: 200, headers: HEADERS, body: keys.value };
  refused(keys.error);
  return faultJson(keys.error.id);
}
