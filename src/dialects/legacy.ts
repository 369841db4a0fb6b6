import type { Asked, Dialect } from '../core/dialect.ts';
import { type Fault, fault } from '../core/fault.ts';
import { forwardedClient, type TrustedPeer } from '../core/peer.ts';
import { err, ok, type Result } from '../core/result.ts';
import { canonicalTarget, targetUrl } from '../core/target.ts';
import { parseAuthority } from '../core/text/host.ts';
import type { Wire } from '../core/wire.ts';
import { answer } from './answer.ts';
import { splitUrl } from './auth-request.ts';
import { OF_AUTHELIA } from './of-authelia.ts';
import { capitals, connectionScheme, endpointParameter, forwarded, forwardedOr, headerText, present } from './read.ts';

/**
 * `/api/verify`, for snippets older than the other endpoints. It is the one endpoint where two families may arrive;
 * when both do they must describe the same target, else whoever controls one of them chooses what is judged.
 */
export const legacy: Dialect = {
  name: 'Legacy',
  ...OF_AUTHELIA,
  methods: undefined,
  hasDefaultPortal: false,
  takesSubpaths: true,
  read(wire, peer) {
    const method = capitals(forwardedOr(peer, wire.headers, 'x-forwarded-method', 'X-Forwarded-Method', wire.method));
    if (!method.ok) return method;
    const facts = { method: method.value, client: forwardedClient(wire.headers, peer) };
    const hasUri = present(wire.headers, 'x-forwarded-uri');
    if (!present(wire.headers, 'x-original-url')) return fromForwarded(wire, peer, facts);
    const original = fromOriginal(wire, peer, facts);
    if (!original.ok) return original;
    if (!hasUri) return present(wire.headers, 'x-forwarded-host') ? sameHost(original.value, wire, peer) : original;
    return agreeing(original.value, fromForwarded(wire, peer, facts));
  },
  demandsBasic: (wire) => /[?&]auth=basic(?:&|$)/.test(wire.target),
  portalOverride: (wire) => endpointParameter(wire, 'rd') ?? headerText(wire.headers, 'x-authelia-url'),
  write: (decision, r) => answer(decision, r, { only401And403: false, requestFaultStatus: 401 }),
};

type Facts = Pick<Asked['parts'], 'method' | 'client'>;

function fromOriginal(wire: Wire, peer: TrustedPeer, facts: Facts): Result<Asked, Fault> {
  const url = forwarded(peer, wire.headers, 'x-original-url', 'X-Original-URL');
  if (!url.ok) return url;
  const parts = splitUrl(url.value);
  return parts.ok ? ok({ parts: { ...parts.value, ...facts } }) : parts;
}

function fromForwarded(wire: Wire, peer: TrustedPeer, facts: Facts): Result<Asked, Fault> {
  const h = wire.headers;
  const scheme = forwardedOr(peer, h, 'x-forwarded-proto', 'X-Forwarded-Proto', connectionScheme(wire));
  if (!scheme.ok) return scheme;
  const host = present(h, 'x-forwarded-host') ? 'x-forwarded-host' : 'host';
  const authority = forwarded(peer, h, host, 'X-Forwarded-Host');
  if (!authority.ok) return authority;
  const uri = forwarded(peer, h, 'x-forwarded-uri', 'X-Forwarded-Uri');
  if (!uri.ok) return uri;
  return ok({ parts: { scheme: scheme.value, authority: authority.value, uri: uri.value, ...facts } });
}

/** The path of the other family may have got lost on the way (`Connection: X-Forwarded-Uri`); its host still speaks. */
function sameHost(original: Asked, wire: Wire, peer: TrustedPeer): Result<Asked, Fault> {
  const told = forwarded(peer, wire.headers, 'x-forwarded-host', 'X-Forwarded-Host');
  if (!told.ok) return told;
  const [a, b] = [parseAuthority(told.value), parseAuthority(original.parts.authority)];
  if (a !== undefined && a.host === b?.host) return ok(original);
  return err(fault('TARGET-CONFLICT', 'X-Original-URL and X-Forwarded-Host differ'));
}

function agreeing(original: Asked, other: Result<Asked, Fault>): Result<Asked, Fault> {
  if (!other.ok) return other;
  const a = canonicalTarget(original.parts);
  const b = canonicalTarget(other.value.parts);
  if (!a.ok) return a;
  if (!b.ok) return b;
  if (targetUrl(a.value) === targetUrl(b.value)) return ok(original);
  return err(fault('TARGET-CONFLICT', 'X-Original-URL and X-Forwarded-* differ'));
}
