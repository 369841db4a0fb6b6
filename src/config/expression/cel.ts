import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import type { Expression, ExpressionInput } from '../../core/expression.ts';
import type { Json } from '../../core/json.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { compileRegex } from '../regex.ts';
import { celRefusal, REPLACED } from './cel-allowed.ts';
import { type Compiled, perObject } from './compiled.ts';
import { DEEPEST, LONGEST, LONGEST_TEXT, position, type Refusal } from './refusal.ts';

/** The most parts that `split` makes. */
const MOST_PARTS = 1000;

/**
 * An expression in CEL (cel.dev, language definition) that makes a text. Unknown names, functions, members and types that
 * cannot fit are refused here by place. What runs is bounded: nothing in CEL repeats but comprehensions, which are few and
 * nest once (cel-allowed.ts), `matches` is RE2's, and `split`, `join` and `replace` stop at a size.
 */
export function compileCel(text: string): Result<Compiled, Refusal> {
  if (text.length > LONGEST)
    return err({ offset: LONGEST, message: `An expression has at most ${LONGEST} characters.`, hint: undefined });
  if (text.trim() === '') return err({ offset: 0, message: 'There is no expression.', hint: EXAMPLE });
  const parsed = attempt(() => environment().parse(text));
  if (!parsed.ok) return err(refusalOf(parsed.error, text));
  const evaluate = parsed.value;
  const refusal = celRefusal(evaluate.ast) ?? typeRefusal(evaluate.check(), text, evaluate.ast);
  if (refusal !== undefined) return err(refusal);
  const run: Expression = (input) => {
    const result = attempt((): unknown => evaluate(variables(input)));
    if (!result.ok) return err(failureText(result.error, text));
    return textual(result.value);
  };
  return ok({ run, headers: [] });
}

const EXAMPLE = `Write CEL such as '"http://" + user.name + ".apps.internal:8080"'.`;

let made: Environment | undefined;

function environment(): Environment {
  made ??= make();
  return made;
}

function make(): Environment {
  const env = new Environment({
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 1000, maxDepth: DEEPEST, maxListElements: 200, maxMapEntries: 200, maxCallArguments: 8 },
  });
  const text = 'string';
  env.registerVariable('user', {
    schema: {
      name: text,
      username: text,
      displayName: text,
      email: text,
      uid: text,
      groups: 'list<string>',
      attributes: 'map',
      group_attributes: 'map',
    },
  });
  env.registerVariable('request', { schema: { host: text, path: text, app: text } });
  const sync = { async: false };
  env.registerFunction(`string.${REPLACED.matches}(string): bool`, matches, sync);
  env.registerFunction(`string.${REPLACED.split}(string): list<string>`, split, sync);
  env.registerFunction(`list.${REPLACED.join}(): string`, (list: readonly unknown[]) => join(list, ''), sync);
  env.registerFunction(`list.${REPLACED.join}(string): string`, join, sync);
  env.registerFunction(`string.${REPLACED.lowerAscii}(): string`, lowerAscii, sync);
  env.registerFunction(`string.${REPLACED.upperAscii}(): string`, upperAscii, sync);
  env.registerFunction('string.replace(string, string): string', replace, sync);
  return env;
}

/** Throws what the evaluator takes for a failed evaluation; `attempt` makes a sentence of it. */
function refuse(message: string): never {
  throw new Error(message);
}

/** The library's own `matches` is JavaScript's, which one pattern and one long name can keep busy for years. */
function matches(value: string, pattern: string): boolean {
  const regex = compileRegex(pattern);
  return regex.ok ? regex.value.test(value) : refuse(`${pattern.slice(0, 80)} is no expression of RE2`);
}

/** ASCII alone, as CEL defines it: the library's own makes "k" of the Kelvin sign, and two names one. */
function lowerAscii(value: string): string {
  return value.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function upperAscii(value: string): string {
  return value.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

function split(value: string, separator: string): string[] {
  const parts = value.split(separator);
  return parts.length <= MOST_PARTS ? parts : refuse(`split makes more than ${MOST_PARTS} parts`);
}

function join(list: readonly unknown[], glue: string): string {
  const texts = list.filter((x) => typeof x === 'string');
  if (texts.length < list.length) return refuse('join takes a list of texts');
  const length = texts.reduce((sum, t) => sum + t.length + glue.length, 0);
  return length <= LONGEST_TEXT ? texts.join(glue) : refuse(`a text grows beyond ${LONGEST_TEXT} characters`);
}

function replace(value: string, from: string, to: string): string {
  return join(from === '' ? refuse('replace of the empty text') : value.split(from), to);
}

/** Attributes as Maps: an attribute named "constructor" is one like any other. */
function variables({ user, request }: ExpressionInput) {
  return {
    user: {
      name: user.name,
      username: user.name,
      displayName: user.displayName,
      email: user.email,
      uid: user.uid,
      groups: [...user.groups],
      attributes: attributesOf(user.attributes),
      group_attributes: attributesOf(user.groupAttributes),
    },
    request: { host: request.host, path: request.path, app: request.app },
  };
}

const attributesOf = perObject(toCel);

function toCel(json: Json): unknown {
  if (typeof json === 'number') return Number.isSafeInteger(json) ? BigInt(json) : json;
  if (json === null || typeof json !== 'object') return json;
  if (isList(json)) return json.map(toCel);
  return new Map(Object.entries(json).map(([key, value]) => [key, toCel(value)]));
}

function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

function textual(value: unknown): Result<Json, string> {
  if (typeof value !== 'string') return err(`the result is ${value === null ? 'null' : `a ${typeof value}`}, not text`);
  return value.length <= LONGEST_TEXT ? ok(value) : err('the result is too long a text');
}

type Checked = ReturnType<ReturnType<Environment['parse']>['check']>;

function typeRefusal(checked: Checked, text: string, ast: ASTNode): Refusal | undefined {
  if (!checked.valid) return refusalOf(checked.error, text);
  if (checked.type === 'string' || checked.type === 'dyn') return undefined;
  return { offset: ast.start, message: `This makes a ${checked.type}, not a text.`, hint: EXAMPLE };
}

function attempt<T>(run: () => T): Result<T, unknown> {
  try {
    return ok(run());
  } catch (error) {
    return err(error);
  }
}

function refusalOf(error: unknown, text: string): Refusal {
  const { offset, summary } = told(error);
  return {
    offset: Math.min(offset ?? 0, text.length),
    message: `${summary.replace(/[.:]?$/, '.')}`,
    hint: hintFor(summary),
  };
}

function failureText(error: unknown, text: string): string {
  const { offset, summary } = told(error);
  return offset === undefined ? summary : `${position(text, offset)}: ${summary}`;
}

/** What the library says, without its drawing of the place; its names of replaced functions are given back. */
function told(error: unknown): { readonly offset: number | undefined; readonly summary: string } {
  if (!(error instanceof Error)) return { offset: undefined, summary: 'the expression failed' };
  const words = 'summary' in error && typeof error.summary === 'string' ? error.summary : error.message;
  const summary = Object.entries(REPLACED).reduce(
    (t, [name, own]) => t.replaceAll(own, name),
    words.split('\n')[0] ?? '',
  );
  const range = 'range' in error ? error.range : undefined;
  const isRange = typeof range === 'object' && range !== null && 'start' in range && typeof range.start === 'number';
  return { offset: isRange && typeof range.start === 'number' ? range.start : undefined, summary };
}

const NAMES =
  'user has name, displayName, email, uid, groups, attributes and group_attributes; request has host, path and app.';

function hintFor(summary: string): string | undefined {
  if (/^(?:Unknown variable|No such key)/.test(summary)) return NAMES;
  return /string \+/.test(summary) ? 'string(…) makes a text of a number.' : undefined;
}
