import type { AppToken } from '../core/app-token.ts';
import { additionalHeaders, mergeAttributes } from '../core/attributes.ts';
import { type AuditSink, type MaybePromise, type PasswordVerifier, type UserSource, whenReady } from '../core/ports.ts';
import { entitlementsOf } from '../core/profile/tell.ts';
import { err, ok } from '../core/result.ts';
import { isTouchDue, type Session } from '../core/session.ts';
import type { Subject, User } from '../core/subject.ts';
import { first, single } from '../core/text/header-list.ts';
import type { Wire } from '../core/wire.ts';
import type { GatePorts, Judged } from '../gate.ts';
import { unwaited } from '../identify/unwaited.ts';
import type { TunnelWatch } from '../proxy/tunnel.ts';

/**
 * May the page that asked open a connection that stays open? A browser sends along cookies, and for pages of sibling
 * hosts a password that it remembers, whoever asks, and does not keep an answer from the asking page where it is a
 * WebSocket (CWE-1385): so where one of them says who it is, the page must be the app's own or one that the app names.
 * `null` is any sandbox; a program has no origin, and no cookie either. No browser sends a Bearer by itself.
 */
export function mayUpgrade(judged: Judged, wire: Wire): boolean {
  const { subject, candidates } = judged;
  if (subject.kind !== 'user') return true;
  const place = candidates?.place;
  const origin = single(wire.headers, 'origin');
  const isProgram = origin.kind === 'absent' || /^bearer /i.test(first(wire.headers, 'authorization') ?? '');
  if (subject.via !== 'session' && isProgram) return true;
  if (place === undefined || origin.kind !== 'one') return false;
  return origin.value === place.origin || place.app.app.origins.includes(origin.value);
}

export interface Claim {
  /** The decision that opened the tunnel. */
  readonly opened: Judged;
  readonly gate: GatePorts;
  /** Judges the opening request again by what is in force now, with these in place of the usual ports. */
  judge(ports: Pick<GatePorts, 'store' | 'verifier' | 'basic' | 'audit'>): MaybePromise<Judged>;
  /** Is what was judged still good for a tunnel? */
  accepts(judged: Judged): boolean;
}

/** Keeps a tunnel open as long as its request would be let through again: to the same place, as the same person, with the same rights. */
export function watchTunnel({ opened, gate, judge, accepts }: Claim): TunnelWatch {
  const seen = new Observation(gate.store);
  const { subject, told } = opened;
  const before = rights(opened);
  const isByPassword = subject.kind === 'user' && subject.via === 'basic';
  const verifier = isByPassword ? remembering(subject.user, gate.users) : REFUSING;
  const ports = { store: seen, verifier, basic: verifier, audit: withoutFailures(gate.audit) };
  return {
    holds() {
      seen.forget();
      return whenReady(judge(ports), (now) => {
        if (now.subject.kind !== 'user') seen.forget();
        const isAllowed = now.decision.kind === 'allow' && accepts(now);
        const isSteady = isSame(subject, now.subject) && isThere(opened, now);
        return isAllowed && isSteady && (now.told === told || rights(now) === before);
      });
    },
    isDue: () => gate.clock.now() >= seen.endsAt,
    active: () => seen.keepAlive(gate),
  };
}

function isSame(before: Subject, now: Subject): boolean {
  if (before.kind !== 'user' || now.kind !== 'user') return before.kind === now.kind;
  return before.user.name === now.user.name && before.via === now.via && before.level === now.level;
}

/**
 * What the app was told of somebody when the tunnel opened, as far as rights hang on it: it must still be true. An app with
 * its own headers may be told of groups under any name; names and assertions may change.
 */
function rights({ subject, candidates, told }: Judged): string {
  if (subject.kind !== 'user') return '';
  const { user, routing } = subject;
  const entitlements = entitlementsOf(candidates?.place?.app.app, user);
  const { headers } = additionalHeaders(mergeAttributes([user.mergedAttributes, routing?.userAttributes ?? {}]));
  return JSON.stringify([user.groups, user.memberships, entitlements, headers, told.authorization ?? null]);
}

/** Where its request would go now is where it went: no server of the app is gone, and the choice for this person is the same. */
function isThere(before: Judged, now: Judged): boolean {
  const servers = new Set(serversOf(now));
  return serversOf(before).every((server) => servers.has(server)) && choiceOf(before) === choiceOf(now);
}

function serversOf({ candidates }: Judged): string[] {
  const servers = candidates?.place?.app.app.upstream?.servers ?? [];
  return servers.map(({ tls, hostname, port, basePath }) =>
    JSON.stringify([tls !== undefined, hostname, port, basePath]),
  );
}

function choiceOf({ subject }: Judged): string {
  const routing = subject.kind === 'user' ? subject.routing : undefined;
  return JSON.stringify([routing?.backend, routing?.hostHeader]);
}

/** A password was checked when the tunnel opened. Again it holds while the account is there with the same credentials. */
function remembering(user: User, users: UserSource): PasswordVerifier {
  return {
    async verify() {
      const now = await users.lookup(user.name);
      return now?.epoch === user.epoch ? ok(now) : err({ kind: 'refused' });
    },
  };
}

/**
 * A password that did not open it (wrong, or the app's own) was counted as an attempt then. Checked and counted again at
 * every change of anything, one request would shut the account that it names, and keep the checks busy.
 */
const REFUSING: PasswordVerifier = { verify: async () => err({ kind: 'refused' }) };

/** One request failed to sign in once, however often it is judged. */
function withoutFailures(audit: AuditSink): AuditSink {
  return {
    record(event) {
      if (event.kind !== 'sign-in-failed') audit.record(event);
    },
  };
}

/** A store that remembers which session or app password a judgement rests on, and keeps neither alive by looking. */
class Observation {
  readonly #store: GatePorts['store'];
  #session: Session | undefined;
  #token: AppToken | undefined;

  constructor(store: GatePorts['store']) {
    this.#store = store;
  }

  forget(): void {
    this.#session = undefined;
    this.#token = undefined;
  }

  find(key: Parameters<GatePorts['store']['find']>[0]): ReturnType<GatePorts['store']['find']> {
    return whenReady(this.#store.find(key), (found) => {
      this.#session = found?.session;
      return found;
    });
  }

  findToken(key: Parameters<GatePorts['store']['findToken']>[0]): ReturnType<GatePorts['store']['findToken']> {
    return whenReady(this.#store.findToken(key), (found) => {
      this.#token = found;
      return found;
    });
  }

  revoke(filter: Parameters<GatePorts['store']['revoke']>[0]): ReturnType<GatePorts['store']['revoke']> {
    return this.#store.revoke(filter);
  }

  touch(): void {}

  touchToken(): void {}

  /** What the client sends is activity of the session. Throttled as everywhere, and never waited for. */
  keepAlive(gate: GatePorts): void {
    const session = this.#session;
    if (session === undefined) return;
    const now = gate.clock.now();
    if (!isTouchDue(session, now)) return;
    this.#session = { ...session, lastSeenAt: now };
    unwaited(gate.audit, () => this.#store.touch(session.id, now));
  }

  /** Milliseconds since the epoch; what has no end never ends by time alone. */
  get endsAt(): number {
    const idle = this.#session?.idleMs;
    return Math.min(
      this.#session?.expiresAt ?? Number.POSITIVE_INFINITY,
      idle === undefined ? Number.POSITIVE_INFINITY : (this.#session?.lastSeenAt ?? 0) + idle,
      this.#token?.expiresAt ?? Number.POSITIVE_INFINITY,
    );
  }
}

/** Counts what decisions rest on: a number that differs when the store, or anything told to `changed`, did. */
export class Grounds {
  readonly #store: { changes(): number };
  #seen = Number.NaN;
  #version = 0;

  constructor(store: { changes(): number }) {
    this.#store = store;
  }

  /** Policy or accounts are others. */
  changed(): void {
    this.#version++;
  }

  get version(): number {
    const changes = this.#store.changes();
    if (changes !== this.#seen) this.#version++;
    this.#seen = changes;
    return this.#version;
  }
}
