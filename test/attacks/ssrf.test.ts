/**
 * Server-side request forgery. Where a request goes is said by the configuration and by nobody else: not by an absolute
 * request-target (RFC 9112 §3.2.2 makes it override Host), not by a header that some gateway listens to (Skipper,
 * GHSA-f2rj-m42r-6jm2), and not by an app that redirects, which the client is to follow from where it stands.
 */
import assert from 'node:assert/strict';
import { startBackend } from '../black-box/backend.ts';
import { ask, headerOf } from '../black-box/raw.ts';
import { attack } from './cases.ts';
import { proxy } from './fixture.ts';
import { runClass } from './run.ts';

runClass('ssrf', (s) => {
  s.attack('SRF-03', async () => {
    const inner = await startBackend();
    const location = `http://127.0.0.1:${inner.port}/admin`;
    const app = await startBackend(() => `HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
    const at = await proxy({ backend: app });
    try {
      const headers = ['Host: public.example.test'];
      const reply = await ask(at.at, { target: attack('SRF-03').uri ?? '', headers }, { from: '127.0.0.2' });
      assert.equal(reply.status, 302);
      assert.equal(headerOf(reply, 'location'), location, 'as the app said it');
      assert.deepEqual(inner.take(), [], 'nobody went there');
    } finally {
      await at.stop();
      await inner.close();
    }
  });
});
