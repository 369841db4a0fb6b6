import type { Settings } from '../config/settings.ts';
import type { AssertionSigner } from '../core/assertion.ts';
import { lazy } from '../core/lazy.ts';
import { type AuditSink, orElse, type SessionStore, type UserSource } from '../core/ports.ts';
import type { GatePorts } from '../gate.ts';
import { createAssertionSigner } from '../ops/assertion-signer.ts';
import { systemClock } from '../ops/clock.ts';
import type { Log } from '../ops/log.ts';
import { randomKey, systemSecrets } from '../ops/secrets.ts';
import { parseUrl } from '../ops/url.ts';
import { cachedVerifier } from '../passwords/basic-cache.ts';
import { openVerifier } from '../passwords/verifier.ts';
import type { Door } from '../portal/door.ts';
import type { Portal } from '../portal/portal.ts';
import type { Forwarder } from '../proxy/forward.ts';
import { startSweeper } from '../stores/sweep.ts';
import { openStore } from '../stores/table.ts';
import { endSessionsOf } from './ended-accounts.ts';
import { type BuiltHouse, buildHouse, type Rooms } from './house.ts';
import { proxyGuards } from './proxy-face.ts';
import { Grounds } from './tunnel-watch.ts';

/** Accounts, the hash that unknown names are checked against, and whether they are as their file has them by now. */
export type Accounts = UserSource & { nobodysHash(): string; isCurrent?(): boolean };

/** What outlives a reload, and the house that a reload swaps. */
export interface OpenRooms extends Rooms {
  readonly store: SessionStore;
  readonly house: () => BuiltHouse;
  readonly settings: () => Settings;
  /** From now on these settings are in force, for tunnels that are open too. */
  swap(settings: Settings): void;
  closeTunnels(): void;
  close(): Promise<void>;
}

const SWEEP_EVERY_MS = 60_000;
const STREAM_SILENCE_MS = 300_000;

/** Opens the store and furnishes everything that needs it. Rejects when the store cannot be had. */
export async function openRooms(first: Settings, users: Accounts, audit: AuditSink, log: Log): Promise<OpenRooms> {
  const store = await openChecked(first.storage, log);
  const { gate, closeVerifier } = gatePorts(first, users, store, audit, log);
  const { clock, signer } = gate;
  const grounds = new Grounds(store);
  let settings = first;
  let house: BuiltHouse;
  let forwarder: Forwarder | undefined;
  const guards = () => proxyGuards(settings, users);
  const jwks = () => signer.jwks(clock.now());
  const deps = { ...gate, times: () => settings.session, policy: () => house.policy, jwks };
  const rooms: Rooms = {
    gate,
    clock,
    house: () => house,
    // Made at the first call, so that a part that nobody asks for costs neither time nor memory.
    portal: lazy(async (): Promise<Portal> => (await import('../portal/portal.ts')).createPortal(deps)),
    door: lazy(async (): Promise<Door> => (await import('../portal/door.ts')).createDoor(deps)),
    forwarder: lazy(async () => {
      const { createForwarder } = await import('../proxy/forward.ts');
      const changes = () => grounds.version;
      forwarder = createForwarder({ ...guards(), ...manners(first, log), changes });
      return forwarder;
    }),
  };
  house = buildHouse(first, rooms);
  let ending = Promise.resolve();
  users.onChange((ended) => {
    grounds.changed();
    forwarder?.guard(guards());
    ending = ending.then(() => endSessionsOf(ended, store, log));
  });
  const sweeper = startSweeper(store, clock, SWEEP_EVERY_MS, (error) => {
    log.write('warn', 'expired sessions could not be swept', { detail: String(error) });
  });
  return {
    ...rooms,
    store,
    house: () => house,
    settings: () => settings,
    swap(next) {
      house = buildHouse(next, rooms);
      settings = next;
      forwarder?.guard(guards());
      grounds.changed();
    },
    closeTunnels: () => forwarder?.closeTunnels(),
    async close() {
      forwarder?.close();
      await sweeper.close();
      users.close();
      await closeVerifier();
      await ending;
      await store.close();
    },
  };
}

/** How long an app may take, and what is said of one that oversteps. */
function manners({ upstreamTimeoutMs: answer }: Settings, log: Log) {
  return {
    onRefusedCookie: (cookie: string) =>
      log.write('warn', 'an app tried to set a cookie of Lintel; it was left out', { cookie }),
    // Event streams are silent for minutes: only an answer that has not begun is late after `upstream_timeout`.
    timeouts: { responseHead: answer, stall: Math.max(answer, STREAM_SILENCE_MS) },
  };
}

function gatePorts(settings: Settings, users: Accounts, store: SessionStore, audit: AuditSink, log: Log) {
  const clock = systemClock;
  const { throttle, basicCacheMs } = settings;
  const verifier = openVerifier({ source: users, clock, throttle, nobodysHash: () => users.nobodysHash() });
  const basic = cachedVerifier(verifier, users, { cacheMs: basicCacheMs, key: randomKey(32), clock });
  const signer = signerOf(settings, store, log);
  const gate = { store, users, verifier, basic, secrets: systemSecrets, clock, audit, parseUrl, signer };
  return { gate: gate satisfies Omit<GatePorts, 'policy' | 'counter'>, closeVerifier: () => verifier.close() };
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
  const store = await openStore(storage, randomKey, systemClock);
  const wrong = await orElse(
    () => store.checkInstallationKeys(),
    (error) => void log.write('warn', 'the keys in the store could not be checked', { detail: String(error) }),
  );
  if (wrong === undefined) return store;
  await store.close();
  throw new Error(wrong);
}
