import type { Json } from '../../core/json.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { printable } from '../terminal.ts';

/** What `--attribute KEY=VALUE …` sets; undefined takes one out. The error is a phrase for the terminal. */
export function readAttributeOptions(given: readonly string[]): Result<Map<string, Json | undefined>, string> {
  const attributes = new Map<string, Json | undefined>();
  for (const text of given) {
    const at = text.indexOf('=');
    if (at < 1) return err(`--attribute takes KEY=VALUE, not "${printable(text)}".`);
    const key = text.slice(0, at);
    const value = readValue(key, text.slice(at + 1));
    if (!value.ok) return value;
    attributes.set(key, value.value);
  }
  return ok(attributes);
}

const MAX_CHARACTERS = 65_536;
const JSON_ONLY = /^\s*["[{]/;

/** JSON; what is no JSON and does not begin like a text, list or map of it is a text as it is. */
function readValue(key: string, text: string): Result<Json | undefined, string> {
  if (text === '') return ok(undefined);
  if (text.length > MAX_CHARACTERS) return err(`the value of "${printable(key)}" is longer than 65,536 characters.`);
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch {
    if (!JSON_ONLY.test(text)) return ok(text);
    return err(`the value of "${printable(key)}" begins like JSON but is none; quote it for your shell.`);
  }
  if (isExact(value) && (typeof value !== 'number' || String(value) === text)) return ok(value);
  return err(
    `a number in "${printable(key)}" would not stay as it is written; write it as a text: '${printable(key)}="…"'.`,
  );
}

/** Whether no number in it is larger than what JSON numbers hold. */
function isExact(value: Json): boolean {
  if (typeof value === 'number')
    return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  return typeof value !== 'object' || value === null || Object.values(value).every(isExact);
}
