import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { type Listening, listen } from './listener.ts';
import { selfSigned } from './self-signed.ts';

/** TLS where plain HTTP is spoken, and the other way round: what somebody meets who mixed up the ports. */
const refused: string[][] = [];
const tell = (id: string, detail: string) => void refused.push([id, detail]);
const never = () => assert.fail('nothing of this is a request');
const ANY = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;

async function said(at: Listening, bytes: string): Promise<string> {
  refused.length = 0;
  let answer = '';
  const socket = connect(at.port ?? 0, '127.0.0.1');
  socket.setEncoding('latin1').on('data', (text) => {
    answer += text;
  });
  socket.on('error', () => {});
  socket.write(bytes, 'latin1');
  await new Promise((resolve) => socket.on('close', resolve));
  return answer;
}

test('plain HTTP on a port that speaks TLS is told so', { timeout: 20_000 }, async (t) => {
  const { pair } = selfSigned(undefined, [], Date.now());
  const at = await listen(ANY, never, tell, { fallback: pair, byName: [] });
  t.after(() => at.close(0));
  for (const method of ['GET', 'POST', 'HEAD', 'PUT']) {
    const answer = await said(at, `${method} / HTTP/1.1\r\nHost: app.example.com\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 400 .*\r\nX-Lintel-Error: TLS-NEEDED\r\n.*\r\n\r\nTLS-NEEDED: .*https:\/\//s);
    assert.deepEqual(refused, [['TLS-NEEDED', 'plain HTTP']]);
  }
  // Neither TLS nor HTTP, and TLS that goes wrong: closed, as before, and without a word in plain text.
  assert.equal(await said(at, 'HELO there\r\n'), '');
  assert.doesNotMatch(await said(at, `\x16\x03\x01\x00\x10${'G'.repeat(16)}`), /HTTP/);
  assert.deepEqual(refused, []);
});

test('TLS on a port that speaks plain HTTP: the log knows', { timeout: 20_000 }, async (t) => {
  const at = await listen(ANY, never, tell);
  t.after(() => at.close(0));
  const answer = await said(at, `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${'x'.repeat(500)}`);
  assert.match(answer, /^HTTP\/1\.1 400 .*\r\nX-Lintel-Error: REQUEST-MALFORMED\r\n/s);
  assert.deepEqual(refused, [['REQUEST-MALFORMED', 'a TLS handshake, and this port speaks plain HTTP']]);
});
