import type { Dialect } from '../core/dialect.ts';
import { readForwarded } from './outpost.ts';
import { answerOutpost, SENDS_ON } from './outpost-answer.ts';

/** authentik's `/auth/caddy`: as Traefik's, at a path of its own (contract authentik.md §2). */
export const outpostCaddy: Dialect = {
  name: 'OutpostCaddy',
  ...SENDS_ON,
  read: readForwarded,
  write: (decision, r) => answerOutpost(decision, r, 'redirect'),
};
