import { type Fault, fault } from '../core/fault.ts';
import { forwardedClient, type TrustedPeer } from '../core/peer.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { TargetParts, Unknown } from '../core/target.ts';
import { single } from '../core/text/header-list.ts';
import type { Wire } from '../core/wire.ts';
import { forwarded, present } from './read.ts';

/** A scheme that may stand before a host in a redirect; anything else never gets that far. */
const WEB_SCHEME = /^(?:https?|wss?)$/i;

/**
 * Traefik and Caddy: `X-Forwarded-Proto` `://` `X-Forwarded-Host` `X-Forwarded-Uri`, each checked before they are joined:
 * `@evil.example/` or `javascript` must not reach a redirect. Both proxies write method and client themselves.
 */
export function readForwarded(wire: Wire, peer: TrustedPeer): Result<{ parts: TargetParts }, Fault> {
  const h = wire.headers;
  const scheme = forwarded(peer, h, 'x-forwarded-proto', 'X-Forwarded-Proto');
  if (!scheme.ok) return scheme;
  if (!WEB_SCHEME.test(scheme.value)) return err(fault('TARGET-SCHEME', 'X-Forwarded-Proto is neither http nor https'));
  const authority = forwarded(peer, h, 'x-forwarded-host', 'X-Forwarded-Host');
  if (!authority.ok) return authority;
  const uri = forwarded(peer, h, 'x-forwarded-uri', 'X-Forwarded-Uri');
  if (!uri.ok) return uri;
  if (!uri.value.startsWith('/')) return err(fault('TARGET-PATH', 'X-Forwarded-Uri does not begin with "/"'));
  const method = methodOf(peer, wire);
  if (!method.ok) return method;
  const client = forwardedClient(h, peer);
  return ok({
    parts: { scheme: scheme.value, authority: authority.value, uri: uri.value, method: method.value, client },
  });
}

function methodOf(peer: TrustedPeer, wire: Wire): Result<string | Unknown, Fault> {
  return present(wire.headers, 'x-forwarded-method')
    ? forwarded(peer, wire.headers, 'x-forwarded-method', 'X-Forwarded-Method')
    : ok({ missing: 'X-Forwarded-Method' });
}

/** True when the header is absent or says the same host; else whoever controls one of them chooses what is judged. */
export function agreesWithForwardedHost(wire: Wire, host: string): boolean {
  const told = single(wire.headers, 'x-forwarded-host');
  return told.kind === 'absent' || (told.kind === 'one' && told.value.toLowerCase() === host.toLowerCase());
}
