import { parseArgs } from 'node:util';
import { oneOf, suggest } from '../../config/suggest.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { printable } from '../terminal.ts';

const ACTIONS = ['add', 'list', 'revoke'] as const;

const OPTIONS = {
  config: { type: 'string', multiple: true },
  name: { type: 'string' },
  app: { type: 'string', multiple: true },
  expires: { type: 'string' },
  user: { type: 'string' },
  json: { type: 'boolean' },
} as const;

export interface TokenOptions {
  readonly action: (typeof ACTIONS)[number];
  readonly config: readonly string[];
  /** USER of add and list, ID of revoke. */
  readonly word: string | undefined;
  readonly name: string | undefined;
  readonly apps: readonly string[] | undefined;
  readonly expires: string | undefined;
  readonly user: string | undefined;
  readonly json: boolean;
}

/** What was typed after `users token`; the error is a sentence. Throws what parseArgs throws for unknown options. */
export function readTokenOptions(args: readonly string[]): Result<TokenOptions, string> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  const [typed = '', word, stray] = positionals;
  const action = ACTIONS.find((a) => a === typed);
  if (action === undefined) return err(unknownAction(typed));
  const wrong = strayWord(action, stray) ?? strayOption(action, values) ?? missing(action, word, values);
  if (wrong !== undefined) return err(wrong);
  const { config = [], name, app: apps, expires, user, json = false } = values;
  return ok({ action, config, word, name, apps, expires, user, json });
}

type Values = { readonly [K in keyof typeof OPTIONS]?: unknown };

const TAKES: Readonly<Record<(typeof ACTIONS)[number], readonly (keyof Values)[]>> = {
  add: ['config', 'json', 'name', 'app', 'expires'],
  list: ['config', 'json'],
  revoke: ['config', 'json', 'user'],
};

function unknownAction(typed: string): string {
  const near = typed === '' ? undefined : suggest(typed, ACTIONS);
  if (typed === '') return `say token ${oneOf(ACTIONS)}.`;
  return `there is no "token ${printable(typed)}".${near === undefined ? '' : ` Did you mean ${near}?`}`;
}

function strayWord(action: string, stray: string | undefined): string | undefined {
  return stray === undefined ? undefined : `token ${action}: "${printable(stray)}" is one word too many.`;
}

function strayOption(action: (typeof ACTIONS)[number], values: Values): string | undefined {
  const stray = Object.keys(values).find((key) => !TAKES[action].some((taken) => taken === key));
  return stray === undefined ? undefined : `token ${action} does not take --${stray}.`;
}

function missing(action: (typeof ACTIONS)[number], word: string | undefined, values: Values): string | undefined {
  if (values.config === undefined) return 'name the configuration with --config FILE.';
  switch (action) {
    case 'add':
      if (word === undefined) return 'token add needs the name of an account.';
      return values.name === undefined ? 'say what the app password is for with --name LABEL.' : undefined;
    case 'list':
      return undefined;
    case 'revoke':
      return (word === undefined) === (values.user === undefined)
        ? 'token revoke needs an ID, or --user NAME for all of somebody.'
        : undefined;
    default:
      return action satisfies never;
  }
}
