import type { Dialect } from '../core/dialect.ts';
import { forwardedClient } from '../core/peer.ts';
import { ok } from '../core/result.ts';
import { answer } from './answer.ts';
import { OF_AUTHELIA } from './of-authelia.ts';
import { capitals, connectionScheme, endpointParameter, forwarded, forwardedOr } from './read.ts';

/**
 * Traefik, Caddy, HAProxy: `X-Forwarded-Method/-Proto/-Host/-Uri/-For` (contract §2.2). `Host` never stands in for
 * `X-Forwarded-Host`, and a missing `X-Forwarded-Uri` is a fault: a client that makes the proxy drop it
 * (`Connection: X-Forwarded-Uri`) must not be judged as asking for "/".
 */
export const forwardAuth: Dialect = {
  name: 'ForwardAuth',
  ...OF_AUTHELIA,
  methods: ['GET', 'HEAD'],
  hasDefaultPortal: true,
  read(wire, peer) {
    const h = wire.headers;
    const method = capitals(forwarded(peer, h, 'x-forwarded-method', 'X-Forwarded-Method'));
    if (!method.ok) return method;
    const scheme = forwardedOr(peer, h, 'x-forwarded-proto', 'X-Forwarded-Proto', connectionScheme(wire));
    if (!scheme.ok) return scheme;
    const authority = forwarded(peer, h, 'x-forwarded-host', 'X-Forwarded-Host');
    if (!authority.ok) return authority;
    const uri = forwarded(peer, h, 'x-forwarded-uri', 'X-Forwarded-Uri');
    if (!uri.ok) return uri;
    const client = forwardedClient(h, peer);
    return ok({
      parts: { scheme: scheme.value, authority: authority.value, uri: uri.value, method: method.value, client },
    });
  },
  portalOverride: (wire) => endpointParameter(wire, 'authelia_url'),
  write: (decision, r) => answer(decision, r, { only401And403: false, requestFaultStatus: undefined }),
};
