import type { Clock, SessionStore } from '../core/ports.ts';

/** `storage:` of the configuration; the path is absolute. */
export type StorageSettings = { readonly kind: 'memory' } | { readonly kind: 'sqlite'; readonly path: string };

/** Opens a store of each kind. The driver is loaded here, so that an unused one costs nothing. */
export const STORES = {
  memory: async () => {
    const { MemoryStore } = await import('./memory.ts');
    return new MemoryStore();
  },
  sqlite: async ({ path }, random, clock) => {
    const { SqliteStore } = await import('./sqlite.ts');
    return new SqliteStore(path, random, clock);
  },
} as const satisfies { readonly [K in StorageSettings['kind']]: Opener<K> };

type Random = (bytes: number) => Uint8Array;
type Opener<K> = (
  settings: Extract<StorageSettings, { readonly kind: K }>,
  random: Random,
  clock: Clock,
) => Promise<SessionStore>;

/** Throws with words for the operator when the storage cannot be used. `random` gives so many random bytes. */
export function openStore(settings: StorageSettings, random: Random, clock: Clock): Promise<SessionStore> {
  return settings.kind === 'sqlite' ? STORES.sqlite(settings, random, clock) : STORES.memory();
}
