export type JsonObject = Readonly<Record<string, unknown>>;

/** A JSON object in UTF-8; undefined for anything else. */
export function parseObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An own string member. */
export function text(object: JsonObject | undefined, name: string): string | undefined {
  if (object === undefined || !Object.hasOwn(object, name)) return undefined;
  const value = object[name];
  return typeof value === 'string' ? value : undefined;
}

export function truth(object: JsonObject | undefined, name: string): boolean {
  return object !== undefined && Object.hasOwn(object, name) && object[name] === true;
}
