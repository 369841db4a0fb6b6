import type { Problem } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import type { Place, Rule } from '../core/policy/rule.ts';
import { checkHash } from '../passwords/format.ts';
import type { Account } from '../sources/file/account.ts';
import { judgeUserFile, openFileSource, readBytes } from '../sources/file/file-source.ts';

/**
 * What a configuration without a mistake in it still lacks to be of use: accounts, a portal, a proxy that may ask.
 * Warnings all. `file` is where what has no line of its own is told.
 */
export function lacking(settings: Settings, file: string): readonly Problem[] {
  const nowhere = { file, line: 1, column: 1 };
  const asks = signInRule(settings, nowhere);
  return [...(asks === undefined ? [] : signInProblems(settings, asks)), ...proxyProblems(settings, nowhere)];
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
    found.push(warning(place, message, 'Add users: file:./users.yml, and make accounts with lintel users add.'));
  }
  if (settings.portal === undefined && settings.domains.length === 0) {
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
  const opened = await openFileSource({ path, search, checkHash, watch: false, onProblem: tell });
  if (opened.ok) opened.value.close();
  else tell(opened.error);
  const bytes = opened.ok ? await readBytes(path) : undefined;
  const directory =
    bytes?.ok === true ? (await judgeUserFile(bytes.value, { search, checkHash })).directory : undefined;
  return directory === undefined ? found : [...found, ...missed(settings, directory.accounts.values())];
}

/**
 * Rules that shut somebody out whom nobody is, for a spelling: whoever was meant is let in. A name that lets somebody in
 * and is nobody's does no harm.
 */
function missed(settings: Settings, accounts: Iterable<Account>): Problem[] {
  const known = new Set<string>();
  for (const { user } of accounts) {
    known.add(`user ${user.name}`);
    for (const group of user.memberships) known.add(`group ${group}`);
  }
  const rules = [...settings.rules, ...settings.apps.flatMap((a) => a.rules)];
  return rules.flatMap((rule) => {
    const shut = rule.subjects
      .flat()
      .map((s) => (s.kind === 'not' ? s.of : rule.outcome.kind === 'deny' ? s : undefined));
    return shut.flatMap((s) => {
      if (s === undefined || s.kind === 'client' || known.has(`${s.kind} ${s.name}`)) return [];
      const who =
        s.kind === 'user' ? `the user ${s.name}, whom no account is` : `the group ${s.name}, in which nobody is`;
      return [warning(rule.place, `${rule.label} shuts out ${who}.`, 'Check the spelling; letter case counts.')];
    });
  });
}

function warning({ file, line, column }: Place, message: string, hint: string): Problem {
  return { severity: 'warning', file, line, column, message, hint };
}
