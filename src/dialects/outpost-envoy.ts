import type { Dialect } from '../core/dialect.ts';
import { fault } from '../core/fault.ts';
import { forwardedClient } from '../core/peer.ts';
import { err, ok } from '../core/result.ts';
import { quote } from '../core/text/quote.ts';
import { agreesWithForwardedHost } from './outpost.ts';
import { answerOutpost, SENDS_ON } from './outpost-answer.ts';
import { forwarded, forwardedOr } from './read.ts';

/**
 * authentik's `/auth/envoy`: the check request is the original one with a prefix before its path. The prefix alone is
 * "/". Behind authentik's snippet no scheme arrives, and https is what it stands for.
 */
export const outpostEnvoy: Dialect = {
  name: 'OutpostEnvoy',
  ...SENDS_ON,
  takesSubpaths: true,
  read(wire, peer, endpointPath) {
    const scheme = forwardedOr(peer, wire.headers, 'x-forwarded-proto', 'X-Forwarded-Proto', 'https');
    if (!scheme.ok) return scheme;
    const authority = forwarded(peer, wire.headers, 'host', 'Host');
    if (!authority.ok) return authority;
    if (!agreesWithForwardedHost(wire, authority.value)) {
      return err(fault('TARGET-CONFLICT', 'Host and X-Forwarded-Host name different hosts'));
    }
    const rest = wire.target.slice(endpointPath.length);
    const uri = rest === '' || rest.startsWith('?') ? `/${rest}` : rest;
    if (!uri.startsWith('/')) return err(fault('TARGET-MISSING', `the path after ${quote(endpointPath)} is missing.`));
    const client = forwardedClient(wire.headers, peer);
    return ok({ parts: { scheme: scheme.value, authority: authority.value, uri, method: wire.method, client } });
  },
  write: (decision, r) => answerOutpost(decision, r, 'redirect'),
};
