import type { Challenge, Decision } from '../core/decision.ts';
import type { Strategy } from '../core/endpoint.ts';
import type { Family } from '../core/policy/compile.ts';
import type { HeaderStrategy, Identity } from './identity.ts';

/**
 * Clients that chose a header scheme are answered in it (contract §2.4, §2.7): refused credentials get their challenge
 * unless the request is allowed anyway, also in place of a 403; and an endpoint of Authelia's whose last strategy is a
 * header never redirects.
 */
export function answerCredentials(
  decision: Decision,
  who: Identity,
  strategies: readonly Strategy[],
  family: Family,
): Decision {
  if (decision.kind === 'allow' || decision.kind === 'fault') return decision;
  if (who.fault !== undefined) return { kind: 'fault', fault: who.fault };
  if (who.refused !== undefined) return credentials(decision, who.refused.strategy, true, who.refused.scheme);
  if (decision.kind === 'deny') return decision;
  const last = family === 'remote' ? strategies.at(-1) : undefined;
  const byHeader = who.subject.kind === 'user' && who.subject.via !== 'session';
  const header = byHeader ? strategies.find((s) => s.kind !== 'CookieSession') : last;
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
