import type { Routing } from '../core/expression.ts';
import { isJsonObject, type Json } from '../core/json.ts';

/** A routing as one column holds it. */
export function routingText(routing: Routing): string {
  return JSON.stringify(routing);
}

/** The routing in this text; undefined when it is none: a routing that cannot be read must never count as "no routing". */
export function parseRouting(text: string): Routing | undefined {
  const value = parse(text);
  if (!isJsonObject(value) || Object.keys(value).some((key) => !KEYS.includes(key))) return undefined;
  const { backend, hostHeader, userAttributes } = value;
  if (backend !== undefined && typeof backend !== 'string') return undefined;
  if (hostHeader !== undefined && typeof hostHeader !== 'string') return undefined;
  if (userAttributes !== undefined && !isJsonObject(userAttributes)) return undefined;
  return { backend, hostHeader, userAttributes };
}

const KEYS: readonly string[] = ['backend', 'hostHeader', 'userAttributes'] satisfies (keyof Routing)[];

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
