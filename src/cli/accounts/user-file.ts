import { resolve } from 'node:path';
import { loadConfig } from '../../config/load.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { checkHash } from '../../passwords/format.ts';
import type { Search } from '../../sources/file/directory.ts';
import { type Judged, judgeUserFile } from '../../sources/file/file-source.ts';
import type { UserFileProblem } from '../../sources/file/node.ts';
import type { Io } from '../command.ts';
import { problemReport, problemText } from '../problems.ts';
import type { Ink } from '../terminal.ts';
import type { AccountOptions } from './options.ts';

/** Where the accounts are, and how people find theirs. */
export interface UserFile {
  readonly path: string;
  readonly search: Search;
}

/** From --file, or from what the configuration says. The error is for the terminal. */
export async function findUserFile(options: AccountOptions, io: Io): Promise<Result<UserFile, string>> {
  if (options.file !== undefined) {
    return ok({ path: resolve(options.file), search: { email: false, caseInsensitive: false } });
  }
  const loaded = await loadConfig(options.config ?? [], io.env);
  if (!loaded.ok) return err(problemReport(loaded.problems, io, 'lintel users: the configuration has '));
  const { users } = loaded.settings;
  if (users === undefined) {
    return err('lintel users: the configuration has no users: key. Add "users: file:./users.yml" to it.\n');
  }
  return ok({ path: users.path, search: users.search });
}

export function judge(file: UserFile, bytes: Buffer): Promise<Judged> {
  return judgeUserFile(bytes, { search: file.search, checkHash });
}

/** Problems as they are written below each other: place, sentence, and what to do. */
export function problemLines(file: UserFile, problems: readonly UserFileProblem[], ink: Ink): string {
  return problems.map((p) => `${problemText({ ...p, file: file.path }, ink)}\n`).join('');
}
