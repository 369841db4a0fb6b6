import type { Decision, Ground } from '../core/decision.ts';
import { describePeer } from '../core/peer.ts';
import type { AuditEvent, AuditSink } from '../core/ports.ts';
import { describeClient, known, type Target, targetUrl } from '../core/target.ts';
import type { Level, Log } from './log.ts';
import type { Metrics } from './metrics.ts';

/**
 * Derives the log line and the counters of everything that happens, in one place. Allows are lines at debug level
 * only. No line holds a cookie, an `Authorization` value, a password, or the query string of a request (tokens live
 * there); a typed user name is cut, because people type passwords into that field.
 */
export function createAudit(log: Log, metrics: Metrics): AuditSink {
  return {
    record(event) {
      count(event, metrics);
      const level = levelOf(event);
      if (log.isEnabled(level)) log.write(level, messageOf(event), fieldsOf(event));
    },
  };
}

function count(event: AuditEvent, metrics: Metrics): void {
  switch (event.kind) {
    case 'decision':
      metrics.decided(event.dialect, event.decision.kind, event.durationMs);
      if (event.decision.kind === 'fault') metrics.faulted(event.decision.fault.id);
      break;
    case 'sign-in':
      metrics.signedIn('ok');
      break;
    case 'sign-in-failed':
      metrics.signedIn(event.why);
      break;
    case 'sign-out':
      metrics.signedOut();
      break;
    case 'token':
      metrics.appPassword(event.what);
      break;
    case 'fault':
      metrics.faulted(event.fault.id);
      break;
    case 'touch-failed':
      metrics.touchFailed();
      break;
    default:
      event satisfies never;
  }
}

function levelOf(event: AuditEvent): Level {
  switch (event.kind) {
    case 'decision':
      return event.decision.kind === 'allow' ? 'debug' : event.decision.kind === 'fault' ? 'warn' : 'info';
    case 'fault':
    case 'touch-failed':
      return 'warn';
    case 'sign-in':
    case 'sign-in-failed':
    case 'sign-out':
    case 'token':
      return 'info';
    default:
      return event satisfies never;
  }
}

function messageOf(event: AuditEvent): string {
  if (event.kind === 'decision') return event.decision.kind;
  return event.kind === 'token' ? `app-password-${event.what}` : event.kind;
}

function fieldsOf(event: AuditEvent): Record<string, unknown> {
  switch (event.kind) {
    case 'decision':
      return decisionFields(event);
    case 'sign-in':
      return { user: event.user, client: event.client, session: event.sessionId };
    case 'sign-in-failed':
      return {
        typed: event.typed.slice(0, 3),
        client: event.client,
        why: event.why,
        ...(event.token === undefined ? {} : { token: event.token }),
      };
    case 'token':
      return { user: event.user, token: event.token, label: event.label, client: event.client };
    case 'sign-out':
      return { user: event.user, client: event.client, sessions: event.sessions };
    case 'fault':
      return {
        error: event.fault.id,
        detail: withoutQueries(event.fault.detail),
        where: event.where,
        peer: event.peer,
      };
    case 'touch-failed':
      return { detail: event.error };
    default:
      return event satisfies never;
  }
}

function decisionFields(event: Extract<AuditEvent, { kind: 'decision' }>): Record<string, unknown> {
  const { decision, subject } = event;
  return {
    dialect: event.dialect,
    ...targetFields(event.target),
    user: subject.kind === 'user' ? subject.user.name : subject.kind,
    peer: describePeer(event.peer),
    ...outcomeFields(decision),
    ms: Math.round(event.durationMs * 1000) / 1000,
  };
}

function targetFields(target: Target | undefined): Record<string, unknown> {
  if (target === undefined) return {};
  const url = targetUrl({ ...target, query: undefined });
  return { method: known(target.method) ? target.method : 'unknown', url, client: describeClient(target.client) };
}

function outcomeFields(decision: Decision): Record<string, unknown> {
  switch (decision.kind) {
    case 'allow':
      return { rule: grounds(decision.ground) };
    case 'challenge':
      return { rule: grounds(decision.ground), how: decision.how.kind };
    case 'deny': {
      const header = decision.reason.kind === 'unknown-fact' ? { missing: decision.reason.header } : {};
      return { rule: grounds(decision.ground), reason: decision.reason.kind, ...header };
    }
    case 'fault':
      return { error: decision.fault.id, detail: withoutQueries(decision.fault.detail) };
    default:
      return decision satisfies never;
  }
}

/** The rule that decided; else why none did: those of the app are for others, or there are none and the default holds. */
function grounds({ rule, app }: Ground): string {
  if (rule !== undefined) return rule.label;
  return app === undefined || app.rules.length === 0 ? 'default' : `no rule of app ${app.name} matched`;
}

/** A detail quotes what was sent, as far as the question mark. */
function withoutQueries(detail: string): string {
  return detail.replace(/\?[^\s"]+/g, '?…');
}
