import { isJsonObject, type Json, type JsonObject, member, NO_ATTRIBUTES } from './json.ts';
import { isForbiddenOwnedName } from './profile/owned-names.ts';
import { foldName } from './text/header-list.ts';
import { exactHeaderValue } from './text/header-value.ts';
import { quoteName } from './text/quote.ts';

/**
 * authentik's merge (contract authentik §4): maps merge deeply, lists append, anything else overrides; later wins. A
 * part that is the only one with content is handed out as it is.
 */
export function mergeAttributes(parts: readonly JsonObject[]): JsonObject {
  const filled = parts.filter((part) => Object.keys(part).length > 0);
  return filled.reduce((merged, part) => (merged === NO_ATTRIBUTES ? part : mergeMaps(merged, part)), NO_ATTRIBUTES);
}

/** Through a Map and `fromEntries`, so that a key "__proto__" is a key like any other. */
function mergeMaps(earlier: JsonObject, later: JsonObject): JsonObject {
  const merged = new Map(Object.entries(earlier));
  for (const [key, value] of Object.entries(later)) merged.set(key, mergeValues(merged.get(key), value));
  return Object.fromEntries(merged);
}

function mergeValues(earlier: Json | undefined, later: Json): Json {
  if (isList(earlier) && isList(later)) return [...earlier, ...later];
  return isJsonObject(earlier) && isJsonObject(later) ? mergeMaps(earlier, later) : later;
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export interface AdditionalHeader {
  readonly name: string;
  /** UTF-8 as a string with one character for each byte, fit for a header line as it is. */
  readonly value: string;
}

export interface AdditionalHeaders {
  readonly headers: readonly AdditionalHeader[];
  /** A sentence for each thing that was left out. */
  readonly problems: readonly string[];
}

/**
 * The headers below the attribute `additionalHeaders` (contract authentik §4). Text as it is, null as an empty value,
 * anything else as its JSON text. Left out and reported: what is no header name (RFC 9110 §5.1), names that no profile
 * may own but Authorization, and values that would have to be changed to be written. Of names that fold to one the
 * later wins.
 */
export function additionalHeaders(attributes: JsonObject): AdditionalHeaders {
  const given = member(attributes, KEY) ?? null;
  if (given === null) return NONE;
  if (!isJsonObject(given)) return { headers: [], problems: [`"${KEY}" is not a map of names to values.`] };
  const problems: string[] = [];
  const headers = new Map<string, AdditionalHeader>();
  for (const [name, json] of Object.entries(given)) {
    const header = readHeader(name, json);
    if (typeof header === 'string') {
      problems.push(header);
      continue;
    }
    const fold = foldName(name);
    const twin = headers.get(fold);
    if (twin !== undefined) problems.push(twinProblem(twin.name, name));
    headers.delete(fold);
    headers.set(fold, header);
  }
  return { headers: [...headers.values()], problems };
}

/** Every name that these attributes, alone or merged with others, may set: also of values that are left out. */
export function additionalHeaderNames(attributes: JsonObject): readonly string[] {
  const given = member(attributes, KEY);
  return isJsonObject(given) ? Object.keys(given).filter((name) => nameProblem(name) === undefined) : [];
}

const KEY = 'additionalHeaders';
const NONE: AdditionalHeaders = { headers: [], problems: [] };
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The header, or why there is none. */
function readHeader(name: string, json: Json): AdditionalHeader | string {
  const problem = nameProblem(name);
  if (problem !== undefined) return problem;
  const text = json === null ? '' : typeof json === 'string' ? json : JSON.stringify(json);
  const value = exactHeaderValue(text, 'utf8');
  if (value !== '' || text === '') return { name, value };
  return `The header ${quoteName(name)} is left out: its value holds a line break, a control or invisible character, or a space at an end.`;
}

function nameProblem(name: string): string | undefined {
  if (!TOKEN.test(name)) return `${quoteName(name)} is left out: it is no header name.`;
  if (name.toLowerCase() === 'authorization' || !isForbiddenOwnedName(name)) return undefined;
  return `The header ${quoteName(name)} is left out: it belongs to the connection or to what proxies say of a request.`;
}

function twinProblem(earlier: string, later: string): string {
  return `${quoteName(earlier)} and ${quoteName(later)} are one header to many apps; the later one counts.`;
}
