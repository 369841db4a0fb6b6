import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { exchange } from '../black-box/raw.ts';
import { proxy } from './fixture.ts';

/**
 * Class 1, the part about framing: a request that is refused as malformed ends its connection, since whoever sent it
 * and whoever relayed it may not agree where it ends. What follows on the connection may be part of it, so it must not
 * reach an app either, though the parser has made a request of it before the refusal was written.
 */
test('nothing that follows a malformed request reaches an app', async () => {
  const at = await proxy();
  after(() => at.stop());
  const host = 'Host: app.example.test\r\n';
  const follower = `GET /public/2 HTTP/1.1\r\n${host}\r\n`;
  const malformed = [
    `GET /public/1 HTTP/1.1\r\n${host}${host}\r\n`,
    'GET /public/1 HTTP/1.1\r\n\r\n',
    'GET /public/1 HTTP/1.1\r\nHost: a,b\r\n\r\n',
    `GET http://app.example.test/public/1 HTTP/1.1\r\nHost: app.example.test\r\n\r\n`,
    `GET /public/1 HTTP/1.1\r\n${host}${'A: b\r\n'.repeat(120)}\r\n`,
  ];
  for (const first of malformed) {
    // An open connection to the app lets what follows leave at once.
    await exchange(at.at, `GET /public/warm HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
    at.backend?.take();
    const done = await exchange(at.at, first + follower, { least: 2, settleMs: 80, from: '127.0.0.2' });
    const said = `${first.slice(0, 70)}: ${done.replies.map((r) => r.status)}`;
    assert.deepEqual(at.backend?.take(), [], said);
    assert.ok(done.end === 'closed' && done.replies.length === 1 && (done.replies[0]?.status ?? 0) >= 400, said);
  }
});
