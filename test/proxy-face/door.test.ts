/** `/.lintel/` belongs to Lintel on every host. Other spellings of it must not reach an app that normalises paths. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startBackend } from '../black-box/backend.ts';
import { serve } from '../black-box/lintel.ts';
import { ask } from '../black-box/raw.ts';

const headers = ['Host: app.example.test', 'Connection: close'];

test('no spelling of /.lintel reaches the app', async () => {
  const backend = await startBackend();
  after(() => backend.close());
  const at = await serve({
    config: {
      metrics: 'off',
      portal: 'http://auth.example.test',
      storage: 'memory',
      users: 'file:DIR/users.yml',
      apps: {
        a: {
          url: 'http://app.example.test',
          upstream: `http://127.0.0.1:${backend.port}`,
          access: [{ allow: 'everyone' }],
        },
      },
    },
    users: {},
    healthHost: 'auth.example.test',
  });
  after(() => at.stop());
  for (const path of [
    '/.lintel',
    '//.lintel/start',
    '/%2elintel/start',
    '/x/../.lintel/callback',
    '/.lintel%2Fstart',
  ]) {
    const reply = await ask(at, { target: path, headers });
    assert.equal(reply.status, 404, path);
  }
  assert.equal(backend.take().length, 0);
  const reply = await ask(at, { target: '/lintel', headers });
  assert.equal(reply.status, 200);
});
