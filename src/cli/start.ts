import type { Settings } from '../config/settings.ts';
import type { SessionStore } from '../core/ports.ts';
import { createAudit } from '../ops/audit.ts';
import { createLog, type Log } from '../ops/log.ts';
import { createMetrics } from '../ops/metrics.ts';
import { dispatcher } from '../server/dispatch.ts';
import type { RefusedListener } from '../server/listener.ts';
import { opsFace } from '../server/ops-face.ts';
import { redirect } from '../server/redirect.ts';
import { type Listeners, openListeners } from './listeners.ts';
import { type Accounts, openRooms } from './rooms.ts';

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
  /** Notes that a changed configuration was not taken up. */
  stayed(): void;
  close(): Promise<void>;
}

export interface StartOptions {
  readonly users: Accounts;
  /** JSON or text; undefined: as the settings say. */
  readonly log?: Log;
}

const GRACE_MS = 10_000;

/** Opens the store, builds every face and listens. Rejects when an address or the store cannot be had. */
export async function start(settings: Settings, { users, ...options }: StartOptions): Promise<Running> {
  const log = options.log ?? createLog(settings.log.level, logFormat(settings.log.format));
  let isCurrent = true;
  const metrics = createMetrics({ configuration: () => isCurrent, users: () => users.isCurrent?.() ?? true });
  const audit = createAudit(log, metrics);
  const rooms = await openRooms(settings, users, audit, log);
  const refused: RefusedListener = (id, detail, peer) =>
    audit.record({ kind: 'fault', fault: { id, detail }, where: 'listener', peer });
  const inForce = () => ({ gate: rooms.house().gate, settings: rooms.settings() });
  const faces = {
    all: dispatcher(rooms.house, audit),
    redirect: dispatcher(rooms.house, audit, redirect),
    ops: opsFace(rooms.store, users, metrics),
    grpc: async () => (await import('./grpc-face.ts')).grpcFace(inForce),
  };
  let listeners: Listeners;
  try {
    listeners = await openListeners(settings, { faces, refused, clock: rooms.clock, log });
  } catch (error) {
    await rooms.close();
    throw error;
  }
  const { addresses, ports, grpcAddress, metricsAddress } = listeners;
  return {
    addresses,
    ports,
    grpcAddress,
    metricsAddress,
    store: rooms.store,
    log,
    async reload(next) {
      rooms.swap(next);
      await listeners.renew(next);
      isCurrent = true;
      return restartKeys(settings, next);
    },
    stayed() {
      isCurrent = false;
    },
    async close() {
      rooms.closeTunnels();
      await listeners.close(GRACE_MS);
      await rooms.close();
    },
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
