import type { Strategy } from '../core/endpoint.ts';
import type { Fault } from '../core/fault.ts';
import type { Candidates } from '../core/policy/decide.ts';
import type {
  AuditSink,
  BasicVerifier,
  Clock,
  PasswordVerifier,
  Secrets,
  SessionStore,
  UserSource,
} from '../core/ports.ts';
import { ANONYMOUS, type Subject } from '../core/subject.ts';
import type { HeaderList } from '../core/text/header-list.ts';

export interface IdentifyPorts {
  readonly store: Pick<SessionStore, 'find' | 'touch' | 'revoke' | 'findToken' | 'touchToken'>;
  readonly users: UserSource;
  readonly verifier: PasswordVerifier;
  /** The same verifier behind a short-lived cache. */
  readonly basic: BasicVerifier;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly audit: AuditSink;
}

/** Who it turned out to be, and what became of the credentials that were presented. */
export interface Identity {
  readonly subject: Subject;
  /** The header strategy whose credentials were not accepted, also where a session beside them says who it is. */
  readonly refused: Refusal | undefined;
  /** The header strategy that somebody came by; undefined: nobody, or somebody with a session. */
  readonly by: HeaderStrategy | undefined;
  /** Throttled or too busy to look: neither yes nor no. */
  readonly fault: Fault | undefined;
  /** The `Authorization` value was Lintel's own and must not reach the app. */
  readonly consumed: boolean;
}

/** Which strategy refused, and in which scheme the client spoke. */
export interface Refusal {
  readonly strategy: HeaderStrategy;
  readonly scheme: 'basic' | 'bearer';
}

export type HeaderStrategy = Exclude<Strategy, { kind: 'CookieSession' }>;

/** What the gate knows before anybody is identified. */
export interface Presented {
  readonly headers: HeaderList;
  readonly candidates: Candidates;
  /** Legacy endpoint with `auth=basic`: read `Authorization`, and its absence is a refusal. */
  readonly demandsBasic: boolean;
  /** Every Bearer for this app is Lintel's to judge; one that is no app password is refused, not skipped. */
  readonly interceptsBearer: boolean;
}

export function signedIn(subject: Subject, consumed: boolean, by?: HeaderStrategy): Identity {
  return { subject, refused: undefined, by, fault: undefined, consumed };
}

export const NOBODY: Identity = {
  subject: ANONYMOUS,
  refused: undefined,
  by: undefined,
  fault: undefined,
  consumed: false,
};

export const STORE_DOWN: Identity = { ...NOBODY, subject: { kind: 'unavailable', what: 'store' } };
export const SOURCE_DOWN: Identity = { ...NOBODY, subject: { kind: 'unavailable', what: 'source' } };
