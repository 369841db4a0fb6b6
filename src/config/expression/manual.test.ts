// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the expressions are what is tested
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../load.ts';
import { compilePython } from './python.ts';

const PAGE = readFileSync(new URL('../../../docs/dynamic-backend.md', import.meta.url), 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'lintel-manual-'));
writeFileSync(join(directory, 'host-header.py'), 'return {"ak_proxy": {"host_header": "h"}}\n');

const blocks = (language: string) =>
  [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((m) => m[1] ?? '');

/** A block of single keys is several ways to say the same thing. */
const wholes = blocks('yaml').flatMap((text) =>
  text.startsWith('apps:')
    ? [text]
    : text
        .trim()
        .split('\n')
        .map(
          (line) =>
            `apps: {a: {url: 'https://a.example.com', upstream: 'http://b', access: [{allow: signed_in}]}}\n${line}`,
        )
        .map((whole) => whole.replace(/\}\}\n(.*)$/, (_, line) => `, ${line}}}\n`)),
);

test('every example of the page loads without an error', async () => {
  assert.ok(wholes.length >= 6);
  for (const [i, text] of wholes.entries()) {
    const file = join(directory, `${i}.yml`);
    writeFileSync(file, text);
    const loaded = await loadConfig([file], {});
    assert.ok(loaded.ok, `${text}\n${JSON.stringify(loaded, null, 1)}`);
    assert.ok(
      loaded.settings.apps.every((a) => a.routing !== undefined),
      text,
    );
  }
});

test('every mapping of the page runs', () => {
  for (const text of blocks('python')) assert.ok(compilePython(text).ok, text);
});

test('a header that a mapping sets is owned', async () => {
  const file = join(directory, 'owned.yml');
  const python =
    'return {"ak_proxy": {"user_attributes": {"additionalHeaders": {"X-App-User": request.user.username}}}}';
  writeFileSync(
    file,
    `apps: {a: {url: 'https://a.example.com', access: [{allow: signed_in}], mappings: '${python}'}}\nadditional_headers: [X-Y]`,
  );
  const loaded = await loadConfig([file], {});
  assert.ok(loaded.ok);
  assert.deepEqual(loaded.settings.additionalHeaders, ['X-Y', 'X-App-User']);
});
