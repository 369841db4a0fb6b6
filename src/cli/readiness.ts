import type { Problem } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import type { Place, Rule } from '../core/policy/rule.ts';
import { checkHash } from '../passwords/format.ts';
import { groupsOf, judgeUserFile, readBytes } from '../sources/file/file-source.ts';
import { misnamed } from './misnamed.ts';

/**
 * What a configuration without a mistake in it still lacks to be of use: accounts, a portal, a proxy that may ask.
 * Warnings all. `file` is where what has no line of its own is told.
 */
export function lacking(settings: Settings, file: string): readonly Problem[] {
  const nowhere = { file, line: 1, column: 1 };
  const asks = signInRule(settings, nowhere);
  return [...(asks === undefined ? [] : signInProblems(settings, asks)), ...proxyProblems(settings, nowhere)];
}

/** Who cannot sign in though some rule asks them to, in words for a summary; undefined: nobody is kept out so. */
export function keptOut(settings: Settings): string | undefined {
  if (signInRule(settings, { file: '', line: 1, column: 1 }) === undefined) return undefined;
  if (settings.users === undefined) return 'Nobody can sign in';
  return lacksPortal(settings) ? 'Nobody can sign in with a browser' : undefined;
}

function lacksPortal(settings: Settings): boolean {
  return settings.portal === undefined && settings.domains.length === 0;
}

type Asking = Pick<Rule, 'label' | 'place'>;

/** The first rule that asks people to sign in, or the default; undefined: none does. */
function signInRule(settings: Settings, nowhere: Place): Asking | undefined {
  const rules = [...settings.rules, ...settings.apps.flatMap((a) => a.rules)];
  const rule = rules.find((r) => r.outcome.kind === 'signed-in');
  if (rule !== undefined) return rule;
  return settings.defaultOutcome.kind === 'signed-in' ? { label: 'policy.default', place: nowhere } : undefined;
}

function signInProblems(settings: Settings, { label, place }: Asking): Problem[] {
  const found: Problem[] = [];
  if (settings.users === undefined) {
    const message = `${label} asks people to sign in, but nobody has an account.`;
    found.push(
      warning(place, message, 'Add users: file:./users.yml, and run "lintel users add NAME" for each account.'),
    );
  }
  if (lacksPortal(settings)) {
    const message = `${label} asks people to sign in, but there is no portal: only programs that send HTTP Basic get in.`;
    found.push(warning(place, message, 'Add portal: https://auth.example.com.'));
  }
  return found;
}

function proxyProblems(settings: Settings, nowhere: Place): Problem[] {
  const { networks, unix } = settings.trustedProxies;
  const app = settings.apps.find((a) => a.upstream === undefined);
  if (app === undefined || networks.length > 0 || unix) return [];
  const message = `app ${app.name} has no upstream, so another proxy asks about it; but trusted_proxies is empty, and each is refused.`;
  const hint = 'Add the address of your proxy, as in trusted_proxies: [127.0.0.1], or give the app an upstream.';
  return [warning(app.rules[0]?.place ?? nowhere, message, hint)];
}

/**
 * What is wrong or doubtful in the user file, and in what rules say of it. Its errors are errors here too, since a start
 * ends on them. Never rejects.
 */
export async function userFileProblems(settings: Settings): Promise<readonly Problem[]> {
  const { users } = settings;
  if (users === undefined) return [];
  const found: Problem[] = [];
  const { path, search } = users;
  const tell = (problems: readonly Omit<Problem, 'file'>[]) =>
    void found.push(
      ...problems.map((p) => ({ ...p, file: path, line: Math.max(1, p.line), column: Math.max(1, p.column) })),
    );
  const bytes = await readBytes(path);
  if (!bytes.ok) {
    tell([bytes.error]);
    return found;
  }
  const judged = await judgeUserFile(bytes.value, { search, checkHash });
  tell(judged.problems);
  if (judged.directory === undefined) return found;
  return [...found, ...misnamed(settings, { users: judged.names, groups: groupsOf(judged) })];
}

function warning({ file, line, column }: Place, message: string, hint: string): Problem {
  return { severity: 'warning', file, line, column, message, hint };
}
