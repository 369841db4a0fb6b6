import type { Dialect } from '../core/dialect.ts';
import { readForwarded } from './outpost.ts';
import { answerOutpost, SENDS_ON } from './outpost-answer.ts';

/** authentik's `/auth/traefik` (contract authentik.md §2). */
export const outpostTraefik: Dialect = {
  name: 'OutpostTraefik',
  ...SENDS_ON,
  read: readForwarded,
  write: (decision, r) => answerOutpost(decision, r, 'redirect'),
};
