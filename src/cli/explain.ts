import { parseArgs } from 'node:util';
import { loadConfig } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import type { AssertionSigner } from '../core/assertion.ts';
import type { Fault } from '../core/fault.ts';
import type { Policy } from '../core/policy/compile.ts';
import { candidatesFor } from '../core/policy/decide.ts';
import { type Explanation, explain as explainDecision } from '../core/policy/explain.ts';
import type { UserSource } from '../core/ports.ts';
import { err, ok, type Result } from '../core/result.ts';
import { signInFor, signInLocation } from '../core/sign-in-address.ts';
import { ANONYMOUS, type Level, type Subject } from '../core/subject.ts';
import type { Target, Unknown } from '../core/target.ts';
import { type Ip, parseIp } from '../core/text/ip.ts';
import { systemClock } from '../ops/clock.ts';
import { createLog } from '../ops/log.ts';
import { parseUrl } from '../ops/url.ts';
import type { Command, Io } from './command.ts';
import { decisionJson, explanationJson } from './explanation/json.ts';
import { askedFor } from './explanation/question.ts';
import { explanationText, faultText, questionText } from './explanation/text.ts';
import { policyOf } from './house.ts';
import { problemReport } from './problems.ts';
import { tellFacts } from './tell-facts.ts';
import { inkFor, patiently, printable } from './terminal.ts';
import { disabled, noAccount } from './tokens/wanted.ts';
import { openUsers } from './users-source.ts';

const HELP = `lintel explain --config FILE … (--user NAME | --anonymous) --url URL
               [--method M] [--level L] [--ip ADDR] [--json]

  Says what would become of a request, and why: which app it is for, each rule in order and why it matched or not, for
  every way in which the path may be read, the decision, where the request goes, and the headers that the app would
  get. Nothing is asked and nothing is changed; the server need not run.

  --config FILE   as for lintel serve; may be given more than once
  --user NAME     as this account of the user file, signed in
  --anonymous     as somebody who is not signed in
  --url URL       the whole address, as it stands in a browser or in a log
  --method M      GET unless told
  --level L       one_factor (unless told) or two_factor: how NAME is signed in
  --ip ADDR       where the request comes from; without it, rules about networks cannot be judged
  --json          for machines

  Exit code: 0 the app opens, 1 it does not (sign in first, denied, refused), 2 the question or the configuration is wrong.

Example
  lintel explain --config lintel.yml --user alice --url https://grafana.example.com/d/1
`;

export const explain: Command = {
  name: 'explain',
  summary: 'says what would become of a request, which rule decides, and why',
  help: HELP,
  async run(args, io) {
    const question = readQuestion(args);
    if (!question.ok) return usage(io, question.error);
    const loaded = await loadConfig(question.value.config, io.env);
    if (!loaded.ok) {
      io.err(problemReport(loaded.problems, io, ''));
      return 2;
    }
    return withUsers(question.value, loaded.settings, io);
  },
};

interface Question {
  readonly config: readonly string[];
  /** undefined: nobody signed in. */
  readonly user: string | undefined;
  readonly url: string;
  readonly method: string;
  readonly level: Level;
  readonly client: Ip | Unknown;
  readonly json: boolean;
}

function readQuestion(args: readonly string[]): Result<Question, string> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      config: { type: 'string', multiple: true },
      user: text,
      anonymous: { type: 'boolean' },
      url: text,
      method: { type: 'string', default: 'GET' },
      level: { type: 'string', default: 'one_factor' },
      ip: text,
      json: { type: 'boolean', default: false },
    },
  });
  const { config = [], user, url, method, level, ip, json } = values;
  if (config.length === 0) return err('--config FILE is missing');
  if (url === undefined) return err('--url URL is missing');
  if ((user === undefined) === (values.anonymous !== true)) return err('say either --user NAME or --anonymous');
  if (level !== 'one_factor' && level !== 'two_factor') return err('--level is one_factor or two_factor');
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) {
    const like = url.startsWith('/') ? `https://app.example.com${url}` : `https://${url}`;
    return err(`"${printable(url)}" is not a whole address; write it as ${printable(like)}`);
  }
  const client = ip === undefined ? { missing: '--ip ADDR' } : parseIp(ip);
  if (client === undefined) return err(`--ip takes an address, not "${printable(ip ?? '')}"`);
  return ok({ config, user, url, method, level, client, json });
}

function wrong(io: Io, what: string): number {
  io.err(`lintel explain: ${what}\n`);
  return 2;
}

function usage(io: Io, what: string): number {
  io.err(`lintel explain: ${what.replace(/\.$/, '')}. Run "lintel explain --help" for what it takes.\n`);
  return 2;
}

/** Accounts are read also where nobody is asked about: they say which headers there are. */
async function withUsers(question: Question, settings: Settings, io: Io): Promise<number> {
  const source = await patiently(io, 'Reading accounts', openUsers(settings, createLog('error', 'text')));
  if (!source.ok) return wrong(io, source.error);
  try {
    const subject = await subjectOf(question, source.value, settings);
    if (!subject.ok) return wrong(io, subject.error);
    const facts = tellFacts(settings, source.value, UNSIGNED);
    return answer(question, subject.value, policyOf(settings, facts), io);
  } finally {
    source.value.close();
  }
}

async function subjectOf(question: Question, users: UserSource, settings: Settings): Promise<Result<Subject, string>> {
  if (question.user === undefined) return ok(ANONYMOUS);
  const user = await users.lookup(question.user);
  if (user !== undefined) return ok({ kind: 'user', user, level: question.level, via: 'session' });
  return err(((await noAccount(question.user, settings)) ?? disabled(question.user)).said);
}

/** Keys are the server's: an explanation says where the assertion stands, and makes none. */
const UNSIGNED: AssertionSigner = {
  ready: () => {},
  sign: () => ({ token: '(an assertion, signed when the request comes)', freshUntil: Number.POSITIVE_INFINITY }),
  jwks: () => '{"keys":[]}',
};

function answer(question: Question, subject: Subject, policy: Policy, io: Io): number {
  const ink = inkFor(io);
  const target = askedFor(question.url, question.method, question.client);
  if (!target.ok) return refuse(target.error, question, io);
  const explained = explainDecision(policy, target.value, subject, systemClock.now());
  const portal = explained.ok ? undefined : portalAt(policy, target.value);
  if (portal !== undefined) {
    return wrong(io, `${portal} is the portal: everybody may open it, to sign in. Ask about the address of an app.`);
  }
  if (!question.json) io.out(`${questionText(target.value, subject, ink)}\n`);
  if (!explained.ok) return refuse(explained.error, question, io);
  const location = whereTo(policy, target.value, explained.value);
  if (question.json) {
    io.out(`${JSON.stringify(explanationJson(target.value, subject, explained.value, location), null, 2)}\n`);
  } else io.out(explanationText(target.value, subject, explained.value, location, ink));
  return explained.value.decision.kind === 'allow' ? 0 : 1;
}

/** The host, where it is that of a portal. */
function portalAt({ source }: Policy, { host }: Target): string | undefined {
  return [source.portal, ...source.domains.map((d) => d.portal)].find((p) => p?.host === host)?.host;
}

function refuse(refused: Fault, question: Question, io: Io): number {
  if (question.json) {
    const decision = decisionJson({ kind: 'fault', fault: refused });
    io.out(`${JSON.stringify({ url: question.url, decision, detail: refused.detail }, null, 2)}\n`);
  } else io.out(faultText(refused, inkFor(io)));
  return 1;
}

/** Where a browser would be sent to sign in; undefined: nowhere, or it need not. */
function whereTo(policy: Policy, target: Target, { decision }: Explanation): string | undefined {
  if (decision.kind !== 'challenge') return undefined;
  const candidates = candidatesFor(policy, target);
  if (!candidates.ok) return undefined;
  const signIn = signInFor(candidates.value, undefined, policy.source.portal, true, parseUrl);
  return signIn.ok ? signInLocation(signIn.value, candidates.value) : undefined;
}
