import { isJsonObject, type Json, type JsonObject, member } from '../core/json.ts';

/** A JSON object in UTF-8 (RFC 8259 §8.1); undefined for anything else. */
export function parseObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value: Json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** An own member that is a text; undefined for any other. */
export function text(object: JsonObject | undefined, name: string): string | undefined {
  const value = object === undefined ? undefined : member(object, name);
  return typeof value === 'string' ? value : undefined;
}

/** True where every member of these names is absent, null or of the type that is said: how Go reads JSON into a struct. */
export function hasTypes(object: JsonObject, types: Readonly<Record<string, 'string' | 'boolean'>>): boolean {
  return Object.entries(types).every(([name, type]) => {
    const value = member(object, name) ?? undefined;
    return value === undefined || typeof value === type;
  });
}

/** True for an own member that is `true`, and for nothing that merely counts as such. */
export function truth(object: JsonObject | undefined, name: string): boolean {
  return object !== undefined && member(object, name) === true;
}
