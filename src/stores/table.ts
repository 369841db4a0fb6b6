import type { SessionStore } from '../core/ports.ts';

export type StorageSettings = { readonly kind: 'memory' } | { readonly kind: 'sqlite'; readonly path: string };

/** Opens a store of each kind. The driver is loaded here, so that an unused one costs nothing. */
export const STORES = {
  memory: async () => {
    const { MemoryStore } = await import('./memory.ts');
    return new MemoryStore();
  },
  sqlite: async ({ path }) => {
    const { SqliteStore } = await import('./sqlite.ts');
    return new SqliteStore(path);
  },
} as const satisfies { readonly [K in StorageSettings['kind']]: Opener<K> };

type Opener<K> = (settings: Extract<StorageSettings, { readonly kind: K }>) => Promise<SessionStore>;

/** Throws with words for the operator when the storage cannot be used. */
export function openStore(settings: StorageSettings): Promise<SessionStore> {
  return settings.kind === 'sqlite' ? STORES.sqlite(settings) : STORES.memory();
}
