import type { Settings } from '../config/settings.ts';
import type { AssertionSigner } from '../core/assertion.ts';
import { orElse, type SessionStore, type UserSource } from '../core/ports.ts';
import { createAssertionSigner } from '../ops/assertion-signer.ts';
import { createAudit } from '../ops/audit.ts';
import { systemClock } from '../ops/clock.ts';
import { createLog, type Log } from '../ops/log.ts';
import { createMetrics } from '../ops/metrics.ts';
import { randomKey, systemSecrets } from '../ops/secrets.ts';
import { parseUrl } from '../ops/url.ts';
import { cachedVerifier } from '../passwords/basic-cache.ts';
import { openVerifier } from '../passwords/verifier.ts';
import type { Forwarder } from '../proxy/forward.ts';
import { dispatcher } from '../server/dispatch.ts';
import type { RefusedListener } from '../server/listener.ts';
import { opsFace } from '../server/ops-face.ts';
import { redirect } from '../server/redirect.ts';
import { startSweeper } from '../stores/sweep.ts';
import { openStore } from '../stores/table.ts';
import { type BuiltHouse, buildHouse, type Rooms } from './house.ts';
import { type Listeners, openListeners } from './listeners.ts';
import { proxyGuards } from './proxy-face.ts';
import { Grounds } from './tunnel-watch.ts';

/** A running Lintel. */
export interface Running {
  readonly addresses: readonly string[];
  readonly ports: readonly (number | undefined)[];
  readonly grpcAddress: string | undefined;
  readonly metricsAddress: string | undefined;
  readonly store: SessionStore;
  readonly log: Log;
  /**
   * Swaps policy, apps and trust at once, then certificates. Listeners, storage and users stay: the names of those that
   * changed and need a restart.
   */
  reload(settings: Settings): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface StartOptions {
  /** Where accounts come from, and the hash that unknown names are checked against. */
  readonly users: UserSource & { nobodysHash(): string };
  /** JSON or text; undefined: as the settings say. */
  readonly log?: Log;
}

const SWEEP_EVERY_MS = 60_000;
const GRACE_MS = 10_000;
const STREAM_SILENCE_MS = 300_000;

/** Opens the store, builds every face and listens. Rejects when an address or the store cannot be had. */
export async function start(settings: Settings, options: StartOptions): Promise<Running> {
  const log = options.log ?? createLog(settings.log.level, logFormat(settings.log.format));
  const metrics = createMetrics();
  const audit = createAudit(log, metrics);
  const store = await openChecked(settings.storage, log);
  const { users } = options;
  const clock = systemClock;
  const verifier = openVerifier({
    source: users,
    clock,
    throttle: settings.throttle,
    nobodysHash: () => users.nobodysHash(),
  });
  const basic = cachedVerifier(verifier, users, { cacheMs: settings.basicCacheMs, key: randomKey(32), clock });
  const signer = signerOf(settings, store, log);
  const gate = { store, users, verifier, basic, secrets: systemSecrets, clock, audit, parseUrl, signer };
  let current = settings;
  let house: BuiltHouse;
  let forwarder: Forwarder | undefined;
  const grounds = new Grounds(store);
  users.onChange(() => grounds.changed());
  const jwks = () => signer.jwks(clock.now());
  const portalDeps = { ...gate, times: () => current.session, policy: () => house.policy, jwks };
  const rooms: Rooms = {
    gate,
    clock,
    house: () => house,
    portal: lazy(async () => (await import('../portal/portal.ts')).createPortal(portalDeps)),
    door: lazy(async () => (await import('../portal/door.ts')).createDoor(portalDeps)),
    forwarder: lazy(async () => {
      const { createForwarder } = await import('../proxy/forward.ts');
      const refused = (cookie: string) =>
        log.write('warn', 'an app tried to set a cookie of Lintel; it was left out', { cookie });
      const answer = settings.upstreamTimeoutMs;
      // Event streams are silent for minutes: only an answer that has not begun is late after `upstream_timeout`.
      const timeouts = { responseHead: answer, stall: Math.max(answer, STREAM_SILENCE_MS) };
      const changes = () => grounds.version;
      forwarder = createForwarder({ ...proxyGuards(current, users), onRefusedCookie: refused, timeouts, changes });
      return forwarder;
    }),
  };
  house = buildHouse(settings, rooms);
  users.onChange(() => forwarder?.guard(proxyGuards(current, users)));
  let listeners: Listeners | undefined;
  const refused: RefusedListener = (id, detail, peer) =>
    audit.record({ kind: 'fault', fault: { id, detail }, where: 'listener', peer });
  const sweeper = startSweeper(store, clock, SWEEP_EVERY_MS, (error) => {
    log.write('warn', 'expired sessions could not be swept', { detail: String(error) });
  });
  const closeAll = async () => {
    forwarder?.closeTunnels();
    await listeners?.close(GRACE_MS);
    forwarder?.close();
    await sweeper.close();
    users.close();
    await verifier.close();
    await store.close();
  };
  try {
    const faces = {
      all: dispatcher(() => house, audit),
      redirect: dispatcher(() => house, audit, redirect),
      ops: opsFace(store, users, metrics),
      grpc: async () => (await import('./grpc-face.ts')).grpcFace(() => ({ gate: house.gate, settings: current })),
    };
    const opened = await openListeners(settings, { faces, refused, clock, log });
    listeners = opened;
    const { addresses, ports, grpcAddress, metricsAddress } = opened;
    return {
      addresses,
      ports,
      grpcAddress,
      metricsAddress,
      store,
      log,
      async reload(next) {
        const ignored = restartKeys(settings, next);
        house = buildHouse(next, rooms);
        current = next;
        forwarder?.guard(proxyGuards(next, users));
        grounds.changed();
        await opened.renew(next);
        return ignored;
      },
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function signerOf({ assertion }: Settings, store: SessionStore, log: Log): AssertionSigner {
  const failed = (error: unknown) =>
    log.write('warn', 'keys of assertions could not be prepared', { detail: String(error) });
  return createAssertionSigner({ ...assertion, store, failed });
}

/**
 * Keys that cannot be opened stop the start: found at the first sign-in, they would be found by people. A database that
 * cannot be read does not: what needs no session goes on, and each request that needs one says so.
 */
async function openChecked(storage: Settings['storage'], log: Log): Promise<SessionStore> {
  const store = await openStore(storage, randomKey);
  const wrong = await orElse(
    () => store.checkInstallationKeys(),
    (error) => void log.write('warn', 'the keys in the store could not be checked', { detail: String(error) }),
  );
  if (wrong === undefined) return store;
  await store.close();
  throw new Error(wrong);
}

/** Made at the first call, so that a part that nobody asks for costs neither time nor memory. */
function lazy<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

export function logFormat(format: Settings['log']['format']): 'json' | 'text' {
  if (format !== 'auto') return format;
  return process.stderr.isTTY ? 'text' : 'json';
}

/** What a reload cannot change, with the names in the file. */
const RESTART_KEYS = [
  ['listen', 'listen'],
  ['grpc', 'grpc'],
  ['metrics', 'metrics'],
  ['storage', 'storage'],
  ['users', 'users'],
  ['log', 'log'],
  ['throttle', 'throttle'],
  ['upstreamTimeoutMs', 'upstream_timeout'],
  ['basicCacheMs', 'basic_cache'],
  ['assertion', 'assertion'],
] as const;

function restartKeys(atStart: Settings, next: Settings): string[] {
  const text = (value: unknown) => JSON.stringify(value, (key, v) => (key === 'tls' ? v !== undefined : v));
  const changed = RESTART_KEYS.filter(([key]) => text(atStart[key]) !== text(next[key]));
  return changed.map(([, name]) => name);
}
