/**
 * A fence that is put up too late. Somebody's sign-in chose a backend; then the operator says which backends are allowed at
 * all, because one of them must not be reached (an address of a cloud's metadata, somebody else's machine). The choice
 * stays with the session, and so the session went on reaching it. Server-side request forgery; class 12.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { startBackend } from '../black-box/backend.ts';
import { eventually } from '../black-box/lintel.ts';
import { headerOf } from '../black-box/raw.ts';
import { Browser, street } from '../outpost/street.ts';

test('a backend that is not allowed any more is not reached any more', async () => {
  const [own, inner] = [await startBackend(), await startBackend()];
  after(() => Promise.all([own.close(), inner.close()]));
  const app = {
    url: 'http://app.example.com',
    upstream: `http://127.0.0.1:${own.port}`,
    access: [{ allow: 'signed_in' }],
    backend: `"http://127.0.0.1:${inner.port}"`,
    allowed_backends: [`http://127.0.0.1:${own.port}`, `http://127.0.0.1:${inner.port}`],
  };
  const at = await street({ apps: { app } });
  after(() => at.stop());
  const b = new Browser(at, 'lintel');
  await b.open('http://app.example.com/', 'alice');
  assert.equal((await b.get('http://app.example.com/')).status, 200);
  assert.ok(inner.take().length > 0);
  const text = readFileSync(at.config, 'utf8');
  const fence = `"http://127.0.0.1:${inner.port}"`;
  writeFileSync(at.config, text.replace(`,\n    ${fence}`, ''));
  assert.ok(readFileSync(at.config, 'utf8').length < text.length);
  await eventually('the fence is up', async () => (await b.get('http://app.example.com/')).status === 302);
  inner.take();
  const { reply } = await b.open('http://app.example.com/');
  assert.equal(headerOf(reply, 'x-lintel-error'), 'ROUTING-REFUSED');
  assert.deepEqual([...inner.take(), ...own.take()], [], 'nobody lands on another backend either');
});
