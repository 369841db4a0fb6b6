import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULTS } from './defaults.ts';
import { SCHEMA } from './layers.ts';
import { loadConfig } from './load.ts';
import type { Schema } from './shape.ts';

const PAGE = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'lintel-manual-'));

const blocks = [...PAGE.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map((m) => m[1] ?? '');

test('every example of the manual loads', async () => {
  assert.ok(blocks.length >= 5);
  for (const [i, text] of blocks.entries()) {
    const file = join(directory, `${i}.yml`);
    writeFileSync(file, text);
    const loaded = await loadConfig([file], {});
    assert.ok(loaded.ok, JSON.stringify(loaded, null, 1));
    const findings = loaded.warnings.filter((w) => !/can replay|Without rules and apps/.test(w.message));
    assert.deepEqual(findings, [], text);
  }
});

/** Names of all keys in the schema, those of rules and apps included. */
function keysOf(schema: Schema): string[] {
  const forms = [schema, ...(schema.anyOf ?? [])];
  return forms.flatMap((f) => [
    ...Object.entries(f.properties ?? {}).flatMap(([key, below]) => [key, ...keysOf(below)]),
    ...(f.items === undefined ? [] : keysOf(f.items)),
    ...(typeof f.additionalProperties === 'object' ? keysOf(f.additionalProperties) : []),
  ]);
}

test('the manual names every key', () => {
  for (const key of new Set(keysOf(SCHEMA))) assert.match(PAGE, new RegExp(`\\b${key}\\b`), key);
});

test('the manual has the defaults right', () => {
  const rows = new Map([...PAGE.matchAll(/^\| `([a-z_.]+)` \| `([^`]+)` \|/gm)].map((m) => [m[1] ?? '', m[2] ?? '']));
  const flat = Object.entries(DEFAULTS).flatMap(([key, value]) =>
    typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length > 0
      ? Object.entries(value).map(([k, v]) => [`${key}.${k}`, v] as const)
      : [[key, value] as const],
  );
  for (const [key, value] of flat) {
    if (key === 'endpoints') continue;
    const written = typeof value === 'object' ? JSON.stringify(value).replaceAll('"', '') : String(value);
    assert.equal(rows.get(key), written, key);
  }
});
