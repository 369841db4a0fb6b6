import { carriesToken } from '../core/credential.ts';
import type { Strategy } from '../core/endpoint.ts';
import { type MaybePromise, whenReady } from '../core/ports.ts';
import { all, first } from '../core/text/header-list.ts';
import { byHeader } from './by-header.ts';
import { bySession } from './by-session.ts';
import { type IdentifyPorts, type Identity, NOBODY, type Presented } from './identity.ts';

/**
 * Credential → subject, by the endpoint's strategies in order; the first that yields somebody ends the search. Refused
 * header credentials end it too, but for sessions: unlike in Authelia, a valid one beside them still counts (contract,
 * first table). The only IO of the hot path: one store read by key, one user look-up.
 */
export function identify(ports: IdentifyPorts, strategies: readonly Strategy[], p: Presented): MaybePromise<Identity> {
  return whenReady(tryFrom(ports, strategies, p, 0, NOBODY), (who) => withheld(who, p));
}

/** None of Lintel's secrets ever reaches an app: an app password that was refused, or not even looked at, stays here too. */
function withheld(who: Identity, p: Presented): Identity {
  if (who.consumed || first(p.headers, 'authorization') === undefined) return who;
  return all(p.headers, 'authorization').some(carriesToken) ? { ...who, consumed: true } : who;
}

function tryFrom(
  ports: IdentifyPorts,
  strategies: readonly Strategy[],
  p: Presented,
  index: number,
  sofar: Identity,
): MaybePromise<Identity> {
  const strategy = strategies[index];
  if (strategy === undefined) return sofar;
  return whenReady(look(ports, strategy, p, sofar), (next) =>
    next.subject.kind === 'user'
      ? besideRefused(sofar, next)
      : tryFrom(ports, strategies, p, index + 1, both(sofar, next)),
  );
}

function look(ports: IdentifyPorts, strategy: Strategy, p: Presented, sofar: Identity): MaybePromise<Identity> {
  if (strategy.kind === 'CookieSession') return isUnanswered(sofar, p) ? NOBODY : bySession(ports, p);
  return sofar.refused === undefined ? byHeader(ports, strategy, p) : NOBODY;
}

/** Basic was demanded and nothing came: nobody but who answers is let in, a session neither. */
function isUnanswered(sofar: Identity, p: Presented): boolean {
  return p.demandsBasic && sofar.refused !== undefined && (first(p.headers, 'authorization') ?? '').trim() === '';
}

/** Somebody, and what became of the credentials that were looked at before theirs. */
function besideRefused({ refused, fault }: Identity, who: Identity): Identity {
  return refused === undefined && fault === undefined ? who : { ...who, refused, fault };
}

/** Nobody yet: what the strategies so far have to say taken together; the earlier one speaks first. */
function both(a: Identity, b: Identity): Identity {
  if (b === NOBODY) return a;
  return {
    subject: b.subject.kind === 'unavailable' ? b.subject : a.subject,
    refused: a.refused ?? b.refused,
    by: undefined,
    fault: a.fault ?? b.fault,
    consumed: false,
  };
}
