import { fault } from '../core/fault.ts';
import { appFor } from '../core/policy/compile.ts';
import type { Reply } from '../core/wire.ts';
import { type House, isPing, PONG } from './dispatch.ts';
import type { Admitted } from './wire.ts';

/**
 * The face of a listener that answers nothing but the way to https (308, RFC 9110 §15.4.9: the method stays): the same
 * path and query, byte for byte, at the address that the configuration gives the portal or app of this host. Of another
 * host nothing is known, and nobody is sent there. The ping is answered, for health checks that know one address alone.
 */
export function redirect(house: House, { wire, authority }: Admitted): Reply {
  if (isPing(wire)) return PONG;
  const { host } = authority;
  const origin = house.portals.get(host)?.origin ?? appFor(house.policy, 'https', host, undefined)?.origin;
  if (origin?.startsWith('https://') !== true) return house.error(wire, fault('HOST-NOT-PROXIED', `host ${host}`));
  return { status: 308, headers: ['Location', `${origin}${wire.target}`, 'Cache-Control', 'no-store'], body: '' };
}
