import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask } from '../black-box/raw.ts';
import { gate } from './fixture.ts';

/**
 * Class 2 at the one endpoint that reads two families. A proxy that tells X-Forwarded-* passes the client's
 * X-Original-URL on; where the path header got lost on the way (`Connection: X-Forwarded-Uri`), only the host is left to
 * contradict it, and it must be heard.
 */
test('a host of one family contradicts the address of the other', async () => {
  const at = await gate();
  after(() => at.stop());
  const status = async (...headers: string[]) =>
    (
      await ask(at.at, {
        target: '/api/verify',
        headers: ['Host: auth.internal', 'X-Forwarded-Proto: https', ...headers],
      })
    ).status;
  const original = 'X-Original-URL: https://public.example.test/';
  assert.equal(await status(original), 200);
  assert.equal(await status(original, 'X-Forwarded-Host: PUBLIC.example.test:443'), 200);
  assert.equal(await status(original, 'X-Forwarded-Host: app.example.test'), 401);
  assert.equal(await status(original, 'X-Forwarded-Host: app.example.test, public.example.test'), 401);
  assert.equal(await status(original, 'X-Forwarded-Host: public.example.test', 'X-Forwarded-Host: a.test'), 401);
});
