import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../config/load.ts';
import type { Settings } from '../../config/settings.ts';
import { AS_YAML, demoSettings } from './demo-settings.ts';

test('the configuration that the help shows is what the demo runs', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'lintel-demo-'));
  try {
    const file = join(directory, 'lintel.yml');
    writeFileSync(file, AS_YAML.replace(/^ {2}/gm, '').replace('PORT', '4711'));
    const loaded = await loadConfig([file], {});
    ok(loaded.ok, JSON.stringify(loaded));
    const built = demoSettings({ port: 9080, upstream: '127.0.0.1:4711', hosts: ['127.0.0.1'] });
    deepEqual(told(built), told(loaded.settings));
    equal(built.storage.kind, loaded.settings.storage.kind);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

function told({ portal, apps }: Settings) {
  return {
    portal,
    apps: apps.map(({ name, urls, upstream, profile, rules }) => ({
      name,
      urls,
      upstream,
      profile: profile?.name ?? 'remote',
      rules: rules.map(({ label, paths, subjects, outcome }) => ({
        label,
        paths: paths.map((p) => [
          p.source,
          p.test('/admin'),
          p.test('/admin/x'),
          p.test('/public'),
          p.test('/administer'),
        ]),
        subjects,
        outcome,
      })),
    })),
  };
}
