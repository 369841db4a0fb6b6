import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../parts.ts';

const EXAMPLES = ['nginx', 'caddy', 'haproxy', 'traefik', 'envoy'];
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8');

test('each example is complete by itself, and all share one configuration', () => {
  for (const name of EXAMPLES) {
    for (const file of ['lintel.yml', 'users.yml']) {
      assert.equal(read('examples', name, file), read('examples', 'nginx', file), `${name}/${file}`);
    }
    assert.ok(readdirSync(join(ROOT, 'examples', name)).includes('README.md'), name);
    assert.match(read('examples', name, 'README.md'), new RegExp(`docs/proxies/${name}\\.md`));
    assert.ok(read('docs', 'proxies', `${name}.md`).length > 0);
  }
});

test('Envoy over gRPC has the same configuration, and the address where it asks', () => {
  const shared = read('examples', 'envoy', 'lintel.yml').split('\n').slice(1);
  const own = read('examples', 'envoy-grpc', 'lintel.yml').split('\n').slice(1);
  const added = own.filter((line) => !shared.includes(line));
  assert.deepEqual(
    own.filter((line) => !added.includes(line)),
    shared,
  );
  assert.match(added.join('\n'), /^grpc: 127\.0\.0\.1:9092 #[^\n]*$/);
  assert.equal(read('examples', 'envoy-grpc', 'users.yml'), read('examples', 'envoy', 'users.yml'));
});

test('every example names every owned header', () => {
  const files = [
    'nginx/snippets/lintel-app.conf',
    'caddy/Caddyfile',
    'haproxy/lintel.lua',
    'traefik/dynamic/lintel.yml',
  ];
  for (const file of [...files, 'envoy/envoy.yaml']) {
    for (const name of ['remote-user', 'remote-groups', 'remote-name', 'remote-email']) {
      assert.ok(read('examples', file).toLowerCase().includes(name), `${file} lacks ${name}`);
    }
  }
});
