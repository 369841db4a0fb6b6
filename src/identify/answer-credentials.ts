import type { Challenge, Decision } from '../core/decision.ts';
import type { Strategy } from '../core/endpoint.ts';
import type { Family } from '../core/policy/compile.ts';
import { type HeaderStrategy, type Identity, NOBODY } from './identity.ts';

export interface AnswerManner {
  readonly family: Family;
  /** Refused credentials are answered in their scheme also where the session beside them is not enough, as Authelia does. */
  readonly refusalStands: boolean;
}

/**
 * Clients that chose a header scheme are answered in it (contract §2.4, §2.7): refused credentials get their challenge
 * unless the request is allowed anyway, also in place of a 403; and an endpoint of Authelia's whose last strategy is a
 * header redirects nobody but those who are signed in and have to prove more.
 */
export function answerCredentials(
  decision: Decision,
  who: Identity,
  strategies: readonly Strategy[],
  { family, refusalStands }: AnswerManner,
): Decision {
  if (decision.kind === 'allow' || decision.kind === 'fault') return decision;
  const { fault, refused } = who.subject.kind !== 'user' || refusalStands ? who : NOBODY;
  if (fault !== undefined) return { kind: 'fault', fault };
  if (refused !== undefined) return credentials(decision, refused.strategy, true, refused.scheme);
  if (decision.kind === 'deny') return decision;
  const last = family === 'remote' && who.subject.kind !== 'user' ? strategies.at(-1) : undefined;
  const header = who.by ?? last;
  return header === undefined || header.kind === 'CookieSession' ? decision : credentials(decision, header, false);
}

function credentials(
  decision: Extract<Decision, { kind: 'challenge' | 'deny' }>,
  strategy: HeaderStrategy,
  refused: boolean,
  scheme: 'basic' | 'bearer' = strategy.schemes.every((s) => s === 'bearer') ? 'bearer' : 'basic',
): Decision {
  const proxy = strategy.kind === 'HeaderProxyAuthorization';
  const how: Challenge = { kind: 'credentials', scheme, proxy, refused };
  return { kind: 'challenge', how, ground: decision.ground };
}
