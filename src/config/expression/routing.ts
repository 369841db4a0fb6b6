import { additionalHeaderNames, mergeAttributes } from '../../core/attributes.ts';
import type { Expression, ExpressionInput, RouteBySignIn, Routing } from '../../core/expression.ts';
import { isJsonObject, type Json, type JsonObject, member, NO_ATTRIBUTES } from '../../core/json.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { foldName } from '../../core/text/header-list.ts';
import { quoteName } from '../../core/text/quote.ts';
import { suggest } from '../suggest.ts';
import type { Path } from '../tree.ts';
import { type AllowedBackend, isAllowed, parseAllowed, parseBackend, parseHostHeader } from './backend.ts';
import type { Compilers } from './compilers.ts';
import { LONGEST_TEXT, PROXY_KEYS, position, type Refusal } from './refusal.ts';

/** What an app says about where its requests go, each text with its path below the app. */
export interface RoutingTexts {
  readonly backend: string | undefined;
  readonly host_header: string | undefined;
  readonly mappings: readonly (readonly [text: string, path: Path])[];
  readonly allowed_backends: readonly (readonly [text: string, path: Path])[] | undefined;
}

type Report = (path: Path, message: string, hint: string | undefined) => void;

interface Named {
  /** "mapping 2", "backend": how messages call it. */
  readonly name: string;
  readonly run: Expression;
  readonly headers: readonly string[];
}

export interface AppRouting {
  readonly route: RouteBySignIn;
  /** For what an earlier sign-in chose: is it inside `allowed_backends` as they are now? */
  readonly allows: (backend: string) => boolean;
  /** Names of headers that the mappings may set beside those of accounts and groups. */
  readonly headers: readonly string[];
}

/**
 * Where the requests of a sign-in go, as one function; undefined when the app does not say, or says something that is
 * reported. Mappings run in order and merge as authentik merges them; `backend` and `host_header` in CEL have the last
 * word. Whatever is wrong refuses: nothing here ends on another backend than the one that was asked for.
 */
export function compileRouting(texts: RoutingTexts, compilers: Compilers, report: Report): AppRouting | undefined {
  const { python, cel } = compilers;
  const compiled = (name: string, text: string, path: Path, compile: Compilers['cel']): Named | undefined => {
    if (compile === undefined) throw new Error(`nothing was loaded that compiles ${name}`);
    const result = compile(text);
    if (result.ok) return { name, ...result.value };
    report(path, ...refusalText(text, result.error));
    return undefined;
  };
  const mappings = texts.mappings.map(([text, path], i) => compiled(`mapping ${i + 1}`, text, path, python));
  const backend = texts.backend === undefined ? 'none' : compiled('backend', texts.backend, ['backend'], cel);
  const host =
    texts.host_header === undefined ? 'none' : compiled('host_header', texts.host_header, ['host_header'], cel);
  const allowed = readAllowed(texts.allowed_backends, report);
  if (backend === undefined || host === undefined || !mappings.every((m) => m !== undefined)) return undefined;
  if (allowed === 'broken' || (backend === 'none' && host === 'none' && mappings.length === 0)) return undefined;
  const headers = mappings.flatMap((m) => m.headers);
  const plan = { mappings, backend: given(backend), host: given(host), allowed, folds: new Set(headers.map(foldName)) };
  return {
    route: (input) => route(plan, input),
    allows: (backend) => allowed === undefined || readBackend(backend, allowed).ok,
    headers,
  };
}

function given(named: Named | 'none'): Named | undefined {
  return named === 'none' ? undefined : named;
}

/** The message with the place inside the expression, and what to do. */
function refusalText(text: string, r: Refusal): [message: string, hint: string | undefined] {
  return [`In ${position(text, r.offset)} of this expression: ${r.message}`, r.hint];
}

function readAllowed(
  texts: RoutingTexts['allowed_backends'],
  report: Report,
): readonly AllowedBackend[] | undefined | 'broken' {
  if (texts === undefined) return undefined;
  const patterns = texts.map(([text, path]) => {
    const pattern = parseAllowed(text);
    if (typeof pattern === 'string')
      report(path, `${text} ${pattern}.`, 'Write http://*.lab.internal:8080 or an address.');
    return pattern;
  });
  const good = patterns.filter((p) => typeof p !== 'string');
  return good.length === patterns.length ? good : 'broken';
}

interface Plan {
  readonly mappings: readonly Named[];
  readonly backend: Named | undefined;
  readonly host: Named | undefined;
  /** undefined: every backend. */
  readonly allowed: readonly AllowedBackend[] | undefined;
  /** Of the headers that the mappings write out. */
  readonly folds: ReadonlySet<string>;
}

function route(plan: Plan, input: ExpressionInput): Result<Routing, string> {
  const proxy = mapped(plan.mappings, input);
  if (!proxy.ok) return proxy;
  const backendText = chosen(plan.backend, member(proxy.value, 'backend_override'), input);
  if (!backendText.ok) return backendText;
  const hostText = chosen(plan.host, member(proxy.value, 'host_header'), input);
  if (!hostText.ok) return hostText;
  const backend = readBackend(backendText.value, plan.allowed);
  if (!backend.ok) return backend;
  const hostHeader = readHost(hostText.value);
  if (!hostHeader.ok) return hostHeader;
  const userAttributes = readAttributes(member(proxy.value, 'user_attributes'), plan, input.user.groupAttributes);
  if (!userAttributes.ok) return userAttributes;
  return ok({ backend: backend.value, hostHeader: hostHeader.value, userAttributes: userAttributes.value });
}

/**
 * What the mappings lay over the attributes of groups and account: their own part alone, since a copy of the rest would
 * outlive what is taken away from group or account. A header whose name Lintel could not know
 * beforehand is refused: nobody would strip it from the request of a stranger, who could then send it themselves.
 */
function readAttributes(own: Json | undefined, plan: Plan, before: JsonObject): Result<JsonObject | undefined, string> {
  if (own === undefined) return ok(undefined);
  if (!isJsonObject(own)) return err('The mappings return user_attributes that are no dict.');
  if (JSON.stringify(own).length > LONGEST_TEXT)
    return err('The mappings return more user_attributes than a session keeps.');
  const known = new Set([...plan.folds, ...additionalHeaderNames(before).map(foldName)]);
  const stray = additionalHeaderNames(own).find((name) => !known.has(foldName(name)));
  if (stray !== undefined)
    return err(`A mapping makes the header name ${quoted(stray)}; names have to be written out.`);
  return ok(changes(before, own));
}

/** authentik's own mapping returns the attributes themselves: laid over themselves, their lists would double. */
function changes(before: JsonObject, own: JsonObject): JsonObject {
  const isNew = ([key, value]: [string, Json]) => JSON.stringify(member(before, key)) !== JSON.stringify(value);
  const part = ([key, value]: [string, Json]): [string, Json] => {
    const earlier = member(before, key);
    return [key, isJsonObject(value) && isJsonObject(earlier) ? changes(earlier, value) : value];
  };
  return Object.fromEntries(Object.entries(own).filter(isNew).map(part));
}

/** `ak_proxy` of all mappings, merged in order. None is nothing, as in authentik; anything else but a dict refuses. */
function mapped(mappings: readonly Named[], input: ExpressionInput): Result<JsonObject, string> {
  const parts: JsonObject[] = [];
  for (const { name, run } of mappings) {
    const result = run(input);
    if (!result.ok) return err(`${name}, ${result.error}.`);
    if (result.value === null) continue;
    if (!isJsonObject(result.value)) return err(`${name} returns ${kindOf(result.value)}, not a dict or None.`);
    const proxy = member(result.value, 'ak_proxy');
    if (proxy === undefined) continue;
    if (!isJsonObject(proxy)) return err(`${name} returns ${kindOf(proxy)} as ak_proxy, not a dict.`);
    const unknown = Object.keys(proxy).find((key) => !PROXY_KEYS.includes(key));
    if (unknown !== undefined) return err(`${name} returns ${quoted(unknown)} in ak_proxy.${meant(unknown)}`);
    parts.push(proxy);
  }
  return ok(mergeAttributes(parts.length === 0 ? [NO_ATTRIBUTES] : parts));
}

function meant(key: string): string {
  const near = suggest(key, PROXY_KEYS);
  return near === undefined ? ` Known there: ${PROXY_KEYS.join(', ')}.` : ` Did you mean ${near}?`;
}

/** CEL where there is some, else what the mappings said; undefined: nothing was said. */
function chosen(
  cel: Named | undefined,
  fromMappings: Json | undefined,
  input: ExpressionInput,
): Result<Json | undefined, string> {
  if (cel === undefined) return ok(fromMappings);
  const result = cel.run(input);
  return result.ok ? result : err(`${cel.name}, ${result.error}.`);
}

function readBackend(value: Json | undefined, allowed: Plan['allowed']): Result<string | undefined, string> {
  if (value === undefined) return ok(undefined);
  if (typeof value !== 'string') return err(`The backend is ${kindOf(value)}, not text.`);
  const backend = parseBackend(value);
  if (typeof backend === 'string') return err(`The backend ${quoted(value)} ${backend}.`);
  if (allowed !== undefined && !isAllowed(backend, allowed))
    return err(`The backend ${quoted(value)} lies outside allowed_backends.`);
  return ok(backend.url);
}

function readHost(value: Json | undefined): Result<string | undefined, string> {
  if (value === undefined) return ok(undefined);
  if (typeof value !== 'string') return err(`The host header is ${kindOf(value)}, not text.`);
  const host = parseHostHeader(value);
  return host === undefined ? err(`The host header ${quoted(value)} is no host with or without a port.`) : ok(host);
}

function kindOf(value: Json): string {
  if (value === null) return 'None';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a dict' : typeof value === 'string' ? 'text' : `a ${typeof value}`;
}

/** For messages: short. */
function quoted(text: string): string {
  return quoteName(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
