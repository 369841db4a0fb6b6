import { type Fault, fault } from './fault.ts';
import type { Unknown } from './target.ts';
import { all, type HeaderList } from './text/header-list.ts';
import { contains, formatIp, type Ip, type Network, parseIp } from './text/ip.ts';

/** Who holds the other end of the connection. */
export type Peer = { readonly kind: 'ip'; readonly ip: Ip } | { readonly kind: 'unix' };

/** The peer at an address as a socket tells it; a zone (fe80::1%eth0) does not count. */
export function peerAt(address: string | undefined): Peer | undefined {
  const ip = parseIp(address?.split('%')[0] ?? '');
  return ip === undefined ? undefined : { kind: 'ip', ip };
}

/** `trusted_proxies`, parsed. Empty trusts nobody. */
export interface TrustedProxies {
  readonly networks: readonly Network[];
  readonly unix: boolean;
}

declare const brand: unique symbol;
/** Proof that the peer was found in `trusted_proxies`. Reading a forwarded header takes one as an argument. */
export interface TrustedPeer {
  readonly peer: Peer;
  readonly proxies: TrustedProxies;
  readonly [brand]: 'TrustedPeer';
}

/** The one place where trust is earned (architecture §5.5). Meant to run once for each connection. */
export function trustPeer(peer: Peer, proxies: TrustedProxies): TrustedPeer | undefined {
  const trusted = peer.kind === 'unix' ? proxies.unix : isListed(peer.ip, proxies);
  return trusted ? ({ peer, proxies } as TrustedPeer) : undefined;
}

function isListed(ip: Ip, proxies: TrustedProxies): boolean {
  return proxies.networks.some((n) => contains(n, ip));
}

/** A peer that may not ask, with the line that lets it in: told to the operator, and to the peer, who may be one. */
export function untrusted(peer: Peer): Fault {
  const who = describePeer(peer);
  return fault('PEER-UNTRUSTED', `The peer is ${who}; the line to add is  trusted_proxies: [${who}]`);
}

/** As it stands in `trusted_proxies` and in log lines. */
export function describePeer(peer: Peer): string {
  return peer.kind === 'unix' ? 'unix' : formatIp(peer.ip);
}

const MALFORMED: Unknown = { missing: 'a well-formed X-Forwarded-For' };
const ABSENT: Unknown = { missing: 'X-Forwarded-For' };

/**
 * The client's address: all X-Forwarded-For lines joined, walked from the right over listed proxies. What stands left
 * of the first unlisted address was written by that client and is ignored; a malformed entry met on the way makes the
 * address unknown (never the next best one). The TCP peer is a proxy here, so it never stands in for the client.
 */
export function forwardedClient(headers: HeaderList, trusted: TrustedPeer): Ip | Unknown {
  const lines = all(headers, 'x-forwarded-for');
  const [only = ''] = lines;
  if (lines.length === 1 && !only.includes(',')) return parseIp(only.trim()) ?? MALFORMED;
  if (lines.length === 0) return ABSENT;
  const entries = lines.join(',').split(',');
  for (let i = entries.length - 1; i >= 0; i--) {
    const ip = parseIp((entries[i] ?? '').trim());
    if (ip === undefined) return MALFORMED;
    if (i === 0 || !isListed(ip, trusted.proxies)) return ip;
  }
  return ABSENT;
}
