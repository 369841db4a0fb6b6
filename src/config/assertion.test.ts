import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig } from './load.ts';

const directory = mkdtempSync(join(tmpdir(), 'lintel-assertion-'));
after(() => rmSync(directory, { recursive: true }));

async function load(assertion: string) {
  writeFileSync(join(directory, 'lintel.yml'), `assertion: ${assertion}\n`);
  return loadConfig(['lintel.yml'], {}, directory);
}

test('algorithm, lifetime and rotation are read; what is not said is ES256, a minute and thirty days', async () => {
  const read = async (text: string) => {
    const loaded = await load(text);
    return loaded.ok ? loaded.settings.assertion : assert.fail(JSON.stringify(loaded.problems));
  };
  const month = 30 * 86_400_000;
  assert.deepEqual(await read('{}'), { algorithm: 'ES256', lifetimeMs: 60_000, rotateMs: month });
  const all = await read('{algorithm: EdDSA, lifetime: 10s, rotate: 1h}');
  assert.deepEqual(all, { algorithm: 'EdDSA', lifetimeMs: 10_000, rotateMs: 3_600_000 });
  assert.equal((await read('{lifetime: 10m}')).lifetimeMs, 600_000);
});

test('what is outside the limits is refused with the limits', async () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ['{lifetime: 9s}', /^1:\d+ 9s is too short\. Write a duration from 10s to 10m\.$/],
    ['{lifetime: 11m}', /11m is too long/],
    ['{lifetime: 0}', /0 is too short/],
    ['{lifetime: soon}', /soon is not a duration/],
    ['{rotate: 59m}', /59m is too short\. Write a duration from 1h to 366d/],
    ['{rotate: 400d}', /400d is too long/],
    ['{algorithm: HS256}', /HS256/],
    ['{algorithm: none}', /none/],
    ['{key: x}', /key/],
  ];
  for (const [text, words] of refused) {
    const loaded = await load(text);
    const said = loaded.ok
      ? []
      : loaded.problems.map((p) => `${p.line}:${p.column} ${p.message} ${p.hint ?? ''}`.trim());
    assert.equal(said.length, 1, text);
    assert.match(said[0] ?? '', words);
  }
});
