import { setImmediate as nextTurn } from 'node:timers/promises';
import { orElse, type SessionStore } from '../core/ports.ts';
import type { Log } from '../ops/log.ts';

/** A store takes up to 0.3 ms for each; requests get their turn in between. */
const AT_ONCE = 20;

/**
 * Ends the sessions of accounts that are gone or have other credentials: kept, they would be good again with the account,
 * for whoever they were stolen by, too. An export that hashes every password anew names thousands at a time. What cannot
 * be ended is logged; never rejects.
 */
export async function endSessionsOf(
  accounts: readonly string[],
  store: Pick<SessionStore, 'revoke'>,
  log: Log,
): Promise<void> {
  for (const [i, user] of accounts.entries()) {
    if (i % AT_ONCE === AT_ONCE - 1) await nextTurn();
    await orElse<unknown>(
      () => store.revoke({ kind: 'user', user }),
      (error) => log.write('warn', 'sessions could not be ended', { user, detail: String(error) }),
    );
  }
}
