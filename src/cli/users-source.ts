import type { Settings } from '../config/settings.ts';
import { NO_HEADER_NAMES, type UserSource } from '../core/ports.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { Log } from '../ops/log.ts';
import { checkHash } from '../passwords/format.ts';
import { NOBODYS_HASH } from '../passwords/hash.ts';
import { openFileSource } from '../sources/file/file-source.ts';

/** Accounts as the running server needs them. */
export interface ServedUsers extends UserSource {
  /** What unknown names are checked against, so that they take as long as known ones. */
  nobodysHash(): string;
  /** False after a change of the data that was not taken up. */
  isCurrent(): boolean;
  /** Reads changed data now; problems go to the log and the old data stay. */
  reload(): Promise<unknown>;
}

/** The accounts that `users:` names. The error is a text for the terminal, with every problem by line. */
export async function openUsers(settings: Settings, log: Log): Promise<Result<ServedUsers, string>> {
  const { users } = settings;
  if (users === undefined) return ok(NOBODY);
  let isCurrent = true;
  const opened = await openFileSource({
    path: users.path,
    search: users.search,
    checkHash,
    onProblem(problems) {
      for (const p of problems) {
        const level = p.severity === 'error' ? 'error' : 'warn';
        const at = p.line === 0 ? users.path : `${users.path}:${p.line}:${p.column}`;
        log.write(level, p.message, { at, ...(p.hint === undefined ? {} : { hint: p.hint }) });
      }
    },
    onRead({ taken, accounts, wasBroken }) {
      isCurrent = taken;
      if (!taken) log.write('error', 'the user file was not taken up; the accounts as they were stay', { accounts });
      else if (wasBroken) log.write('info', 'accounts taken up', { accounts });
    },
  });
  if (!opened.ok) {
    const lines = opened.error.map((p) => {
      const place = p.line === 0 ? '' : `${users.path}:${p.line}:${p.column}: `;
      return `  ${place}${p.message} ${p.hint ?? ''}`.trimEnd();
    });
    return err(`the user file cannot be used.\n${lines.join('\n')}`);
  }
  const source = opened.value;
  const nobodysHash = () => source.costliestHash() ?? NOBODYS_HASH;
  return ok(Object.assign(source, { nobodysHash, isCurrent: () => isCurrent }));
}

/** Without `users:` nobody has an account; everybody is anonymous. */
const NOBODY: ServedUsers = {
  lookup: () => undefined,
  resolve: () => undefined,
  onChange: () => undefined,
  headerNames: () => NO_HEADER_NAMES,
  count: () => 0,
  close: () => undefined,
  nobodysHash: () => NOBODYS_HASH,
  isCurrent: () => true,
  reload: async () => undefined,
};
