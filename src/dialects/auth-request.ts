import type { Dialect } from '../core/dialect.ts';
import { type Fault, fault } from '../core/fault.ts';
import { forwardedClient } from '../core/peer.ts';
import { err, ok, type Result } from '../core/result.ts';
import { quoteAddress } from '../core/text/quote.ts';
import { answer } from './answer.ts';
import { OF_AUTHELIA } from './of-authelia.ts';
import { capitals, endpointParameter, forwarded } from './read.ts';

/**
 * nginx `auth_request`: `X-Original-URL` (absolute) and `X-Original-Method`. The client's own `X-Forwarded-*` arrive
 * here too, because nginx passes every client header to the subrequest, so they are never read.
 */
export const authRequest: Dialect = {
  name: 'AuthRequest',
  ...OF_AUTHELIA,
  methods: ['GET', 'HEAD'],
  hasDefaultPortal: true,
  read(wire, peer) {
    const h = wire.headers;
    const url = forwarded(peer, h, 'x-original-url', 'X-Original-URL');
    if (!url.ok) return url;
    const method = capitals(forwarded(peer, h, 'x-original-method', 'X-Original-Method'));
    if (!method.ok) return method;
    const parts = splitUrl(url.value);
    if (!parts.ok) return parts;
    return ok({ parts: { ...parts.value, method: method.value, client: forwardedClient(h, peer) } });
  },
  portalOverride: (wire) => endpointParameter(wire, 'authelia_url'),
  write: (decision, r) => answer(decision, r, { only401And403: true, requestFaultStatus: 403 }),
};

/**
 * `scheme://authority[path][?query]` into its parts, without touching a byte of them. An empty path is "/"; a query needs
 * one before it, as every request has. nginx lets "?" stand in a Host, so that `Host: app?` and `/admin` arrive as
 * `https://app?/admin`: the front page, to whoever splits that, while the app serves `/admin`.
 */
export function splitUrl(url: string): Result<{ scheme: string; authority: string; uri: string }, Fault> {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#\\]*)((?:\/.*)?)$/s.exec(url);
  if (match === null) return err(fault('TARGET-PATH', `original URL ${quoteAddress(url)} is not absolute with a path`));
  const [, scheme = '', authority = '', uri = ''] = match;
  return ok({ scheme, authority, uri });
}
