import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FLAG, FRAME, openFrames } from '../../test/black-box/http2.ts';
import { eventually } from '../../test/black-box/lintel.ts';
import type { ClientResponse } from './client.ts';
import { boundLastBytes, Http1Response } from './last-bytes.ts';
import { listen } from './listener.ts';
import { selfSigned } from './self-signed.ts';

const MS = 200;
const BIG = 'x'.repeat(8 * 1024 * 1024);

/** A listener that gives clients 200 ms for what is left of an answer; those who ask for /patient, a minute. */
async function answering(body: string, isSecure: boolean) {
  const answers: ClientResponse[] = [];
  const { pair } = selfSigned(undefined, [], Date.now());
  const listening = await listen(
    { kind: 'tcp', host: '127.0.0.1', port: 0 },
    (req, res) => {
      answers.push(res);
      res.writeHead(200, ['Content-Length', String(body.length)]);
      res.end(body, 'latin1');
      boundLastBytes(res, req.url === '/patient' ? 60_000 : MS);
    },
    () => {},
    isSecure ? { fallback: pair, byName: [] } : undefined,
  );
  return { answers, port: listening.port ?? 0, close: () => listening.close(0) };
}

test('HTTP/1.1: a client that does not read the end of an answer is cut, one that reads is not', async (t) => {
  const { answers, port, close } = await answering(BIG, false);
  t.after(close);
  const idle = connect(port, '127.0.0.1');
  t.after(() => idle.destroy());
  idle.on('error', () => {}).write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await eventually('it is cut', () => answers[0]?.destroyed === true);
  assert.equal(answers[0]?.writableFinished, false);
  const reader = connect(port, '127.0.0.1');
  t.after(() => reader.destroy());
  let received = 0;
  reader.on('error', () => {}).on('data', (chunk) => (received += chunk.length));
  for (let i = 1; i <= 2; i++) {
    reader.write('GET /patient HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually('the other is served', () => received > i * BIG.length);
  }
  assert.ok(answers.every((res) => res instanceof Http1Response));
});

test('HTTP/2: a stream whose window stays shut is reset, its connection goes on', async (t) => {
  const { port, close } = await answering('hello', true);
  t.after(close);
  const frames = await openFrames({ host: '127.0.0.1', port });
  t.after(() => frames.destroy());
  frames.send(FRAME.settings, FLAG.none, 0, Buffer.of(0, 4, 0, 0, 0, 0));
  const head = [':method GET', ':scheme https', ':authority a', ':path /'].map((f) => {
    const [name = '', value = ''] = f.split(' ');
    return [name, value] as const;
  });
  frames.request(1, head);
  const isReset = await frames.until((f) => f.type === FRAME.reset && f.stream === 1);
  assert.ok(isReset);
  frames.send(FRAME.settings, FLAG.none, 0, Buffer.of(0, 4, 0, 0, 255, 255));
  frames.request(3, head);
  const data = await frames.until((f) => f.type === 0 && f.stream === 3 && f.payload.length > 0);
  assert.equal(data?.payload.toString(), 'hello');
  await sleep(2 * MS);
  assert.ok(!frames.frames.some((f) => f.type === FRAME.reset && f.stream === 3));
});
