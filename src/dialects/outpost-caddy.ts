import type { Dialect } from '../core/dialect.ts';
import { ok } from '../core/result.ts';
import { first } from '../core/text/header-list.ts';
import { readForwarded } from './outpost.ts';
import { answerOutpost, SENDS_ON } from './outpost-answer.ts';

/**
 * authentik's `/auth/caddy`: as Traefik's, at a path of its own (contract authentik.md §2). Caddy keeps the Host of the
 * request, and with `trusted_proxies private_ranges`, as authentik's snippet has it, the X-Forwarded-Host of any client
 * with a private address: the two must not name two apps.
 */
export const outpostCaddy: Dialect = {
  name: 'OutpostCaddy',
  ...SENDS_ON,
  read(wire, peer) {
    const asked = readForwarded(wire, peer);
    return asked.ok ? ok({ ...asked.value, host: first(wire.headers, 'host') }) : asked;
  },
  write: (decision, r) => answerOutpost(decision, r, 'redirect'),
};
