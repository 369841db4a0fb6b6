import { existsSync } from 'node:fs';
import type { Settings } from '../config/settings.ts';
import { messageOf } from '../core/thrown.ts';
import { systemClock } from '../ops/clock.ts';
import { randomKey } from '../ops/secrets.ts';
import type { ControlledStore } from '../server/control.ts';
import { controlClient } from '../server/control-client.ts';
import { controlPaths, findControl } from '../server/control-path.ts';
import { openStore } from '../stores/table.ts';
import type { Io } from './command.ts';

/**
 * Runs `work` on the store of this configuration: the file itself, or for memory the running server by its control
 * socket. Where it cannot be reached, says why and resolves to 1.
 */
export async function withStore(
  command: string,
  settings: Settings,
  files: readonly string[],
  io: Io,
  work: (store: ControlledStore) => Promise<number>,
): Promise<number> {
  try {
    if (settings.storage.kind === 'memory') return await work(await running(files, io));
    const { path } = settings.storage;
    if (!existsSync(path)) return await work(notYet(path));
    const store = await openStore(settings.storage, randomKey, systemClock);
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  } catch (error) {
    io.err(`lintel ${command}: ${messageOf(error)}\n`);
    return 1;
  }
}

async function running(files: readonly string[], io: Io): Promise<ControlledStore> {
  const path = await findControl(controlPaths(files, io.env));
  if (path !== undefined) return controlClient(path);
  throw new Error(
    'No running Lintel answers for this configuration. With storage: memory the sessions live in the server: ' +
      'run this on the same machine, as the same account, with the same --config files.',
  );
}

/** Opening would make the file, perhaps for another account than the server's. */
function notYet(path: string): ControlledStore {
  return {
    list: () => [],
    revoke: () => 0,
    listTokens: () => [],
    revokeTokens: () => 0,
    addToken: () => {
      throw new Error(`The database ${path} is not there yet: start Lintel once, which makes it for its own account.`);
    },
  };
}
