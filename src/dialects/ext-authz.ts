import type { Dialect } from '../core/dialect.ts';
import { fault } from '../core/fault.ts';
import { forwardedClient } from '../core/peer.ts';
import { err, ok } from '../core/result.ts';
import { quote } from '../core/text/quote.ts';
import { answer } from './answer.ts';
import { OF_AUTHELIA } from './of-authelia.ts';
import { capitals, connectionScheme, forwarded, forwardedOr, headerText } from './read.ts';

/**
 * Envoy's HTTP ext_authz: the check request *is* the original one with a prefix before its path. Method from the
 * request line, host from `Host`, query string kept. Envoy joins `path_prefix` (which ends in "/") and the path, so
 * the wire has two slashes after the endpoint; exactly one of them belongs to the prefix.
 */
export const extAuthz: Dialect = {
  name: 'ExtAuthz',
  ...OF_AUTHELIA,
  methods: undefined,
  hasDefaultPortal: true,
  takesSubpaths: true,
  read(wire, peer, endpointPath) {
    const method = capitals(ok(wire.method));
    if (!method.ok) return method;
    const scheme = forwardedOr(peer, wire.headers, 'x-forwarded-proto', 'X-Forwarded-Proto', connectionScheme(wire));
    if (!scheme.ok) return scheme;
    const authority = forwarded(peer, wire.headers, 'host', 'Host');
    if (!authority.ok) return authority;
    const rest = wire.target.slice(endpointPath.length);
    const uri = rest.startsWith('//') ? rest.slice(1) : rest;
    if (!uri.startsWith('/')) return err(fault('TARGET-MISSING', `the path after ${quote(endpointPath)} is missing.`));
    const client = forwardedClient(wire.headers, peer);
    return ok({ parts: { scheme: scheme.value, authority: authority.value, uri, method: method.value, client } });
  },
  portalOverride: (wire) => headerText(wire.headers, 'x-authelia-url'),
  write: (decision, r) => answer(decision, r, { only401And403: false, requestFaultStatus: undefined }),
};
