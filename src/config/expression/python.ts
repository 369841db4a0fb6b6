import { parser } from '@lezer/python';
import type { Expression, ExpressionInput } from '../../core/expression.ts';
import type { Json } from '../../core/json.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { suggest } from '../suggest.ts';
import type { Compiled } from './compiled.ts';
import { celInPlace } from './python-cel.ts';
import { compileStatements, REQUEST, USER } from './python-compile.ts';
import { ExpressionReader, parts } from './python-read.ts';
import { readStatements } from './python-statements.ts';
import type { Expr, Statement } from './python-tree.ts';
import { Budget, Failure, toJson } from './python-value.ts';
import { entryOf, everyStatement, expressionsIn, headersIn } from './python-walk.ts';
import { LONGEST, PROXY_KEYS, position, type Refusal } from './refusal.ts';

/**
 * A scope mapping of authentik: the body of a function in Python that sees `request` and `user`. The part of Python that
 * runs is in docs/dynamic-backend.md; anything else is refused here, before anybody signs in, at the place where it stands.
 * What runs has Python's semantics or is an error, never something near. Not returning anything is None, as in Python.
 */
export function compilePython(source: string): Result<Compiled, Refusal> {
  const text = source.replace(/\r\n?/g, '\n');
  const early = unreadable(text);
  if (early !== undefined) return err(early);
  const tree = parser.parse(text);
  const broken = brokenAt(tree.cursor());
  if (broken !== undefined) return err({ offset: broken, message: 'This is not Python.', hint: TEMPLATE });
  const statements = readStatements(parts(tree.topNode), new ExpressionReader(text), 0);
  const refusal = firstRefusal(statements, text);
  return refusal === undefined ? ok({ run: runner(statements, text), headers: headersIn(statements) }) : err(refusal);
}

const TEMPLATE = `Write it in CEL, for example backend: '"http://app.internal/" + user.name'.`;

/** authentik's documentation has this one too: the host of the app's own upstream as Host. */
const INTERNAL_HOST = `In CEL: host_header: '"HOST"' with the host and port of the app's upstream.`;

function unreadable(text: string): Refusal | undefined {
  const refuse = (offset: number, message: string) => ({ offset, message, hint: TEMPLATE });
  if (text.length > LONGEST) return refuse(LONGEST, `An expression has at most ${LONGEST} characters.`);
  const control = /[\0-\x08\x0b-\x1f\x7f]/.exec(text);
  if (control !== null) return refuse(control.index, 'A control character stands here.');
  const tab = /^ *\t/m.exec(text);
  if (tab !== null)
    return refuse(tab.index, 'A tab indents this line, and how deep depends on the reader; use spaces.');
  return text.trim() === '' ? refuse(0, 'There is no expression.') : undefined;
}

/** The first place where the grammar had to guess. A cursor walks without recursion, however deep the text nests. */
function brokenAt(cursor: ReturnType<ReturnType<typeof parser.parse>['cursor']>): number | undefined {
  do {
    if (cursor.type.isError) return cursor.from;
  } while (cursor.next());
  return undefined;
}

function firstRefusal(statements: readonly Statement[], text: string): Refusal | undefined {
  const found = [...refusalsIn(statements)];
  const first = found.toSorted((a, b) => a.offset - b.offset)[0];
  if (first === undefined) return undefined;
  const whole = celInPlace(statements);
  const part = first.cel === undefined ? undefined : `In CEL this part is ${first.cel}.`;
  const known = text.includes('provider.proxyprovider.internal_host') ? INTERNAL_HOST : first.hint;
  const hint = known ?? (whole === undefined ? (part ?? TEMPLATE) : `In CEL: ${whole}.`);
  return { offset: Math.min(first.offset, text.length), message: sentence(first.message), hint };
}

function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.?]$/.test(message) ? '' : '.'}`;
}

interface Found {
  readonly offset: number;
  readonly message: string;
  readonly cel?: string | undefined;
  readonly hint?: string;
}

function* refusalsIn(statements: readonly Statement[]): Generator<Found> {
  const names = new Set(['request', 'user', ...assignedIn(statements)]);
  for (const s of everyStatement(statements)) {
    if (s.kind === 'refused-statement') yield s;
    if (s.kind === 'assign' && !isPlainName(s.name)) yield { offset: s.offset, message: 'a name is ASCII here' };
    for (const e of expressionsIn(s)) yield* refusalsOf(e, names);
  }
  if (![...everyStatement(statements)].some((s) => s.kind === 'return' && s.value !== undefined))
    yield { offset: Number.MAX_SAFE_INTEGER, message: 'nothing is returned' };
}

function* refusalsOf(e: Expr, names: ReadonlySet<string>): Generator<Found> {
  if (e.kind === 'refused') yield e;
  if (e.kind === 'dict') yield* misspelt(e);
  if (e.kind !== 'name' || names.has(e.name)) return;
  const near = suggest(e.name, names);
  const message = `there is no ${e.name} here`;
  if (near === undefined) yield { offset: e.offset, message };
  else yield { offset: e.offset, message, hint: `Did you mean ${near}?` };
}

/** A slip of the pen in a key of `ak_proxy` would leave everybody on the app's own upstream. */
function* misspelt(e: Extract<Expr, { kind: 'dict' }>): Generator<Found> {
  const proxy = entryOf(e, 'ak_proxy');
  if (proxy?.kind !== 'dict') return;
  for (const [key] of proxy.entries) {
    if (key.kind !== 'constant' || typeof key.value !== 'string' || PROXY_KEYS.includes(key.value)) continue;
    const near = suggest(key.value, PROXY_KEYS);
    const hint = near === undefined ? `Known here: ${PROXY_KEYS.join(', ')}.` : `Did you mean ${near}?`;
    yield { offset: key.offset, message: `there is no ${JSON.stringify(key.value.slice(0, 60))} in ak_proxy`, hint };
  }
}

function isPlainName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

function assignedIn(statements: readonly Statement[]): string[] {
  return [...everyStatement(statements)].flatMap((s) => (s.kind === 'assign' ? [s.name] : []));
}

function runner(statements: readonly Statement[], text: string): Expression {
  const run = compileStatements(statements);
  return (input) => evaluated(run, text, input);
}

function evaluated(
  run: ReturnType<typeof compileStatements>,
  text: string,
  input: ExpressionInput,
): Result<Json, string> {
  const budget = new Budget();
  const locals = new Map([
    ['request', REQUEST],
    ['user', USER],
  ]);
  const end = run({ input, locals: new Map(locals), budget });
  const at = (failure: Failure) => err(`${position(text, failure.offset)}: ${failure.message}`);
  if (end instanceof Failure) return at(end);
  const result = toJson(end?.returned ?? null, budget);
  return typeof result === 'string' ? err(`the result: ${result}`) : ok(result.json);
}
