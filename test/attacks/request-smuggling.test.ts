/**
 * Request smuggling. Two servers in a row disagree on where a request ends, and the bytes in between become the first
 * bytes of somebody else's request on the kept-alive connection to the app, past the gate.
 *
 * Obfuscated Transfer-Encoding (PortSwigger), CVE-2021-22960 (chunk extensions), "HTTP/1.1 must die" (Expect and GET
 * with a body). Hence: exactly one framing or 400 and close; bodies are framed anew; `Expect` is answered here.
 */
import assert from 'node:assert/strict';
import { askHttp2, FLAG, FRAME, openFrames, openSession } from '../black-box/http2.ts';
import { ask, headerOf } from '../black-box/raw.ts';
import { attack } from './cases.ts';
import { runClass, sendThrough } from './run.ts';
import { secure } from './secure.ts';

runClass('request-smuggling', (s) => {
  s.attack('SMG-13', async () => {
    const target = await s.target('proxy');
    for (const who of ['anonymous', 'alice'] as const) {
      const { reply, exchange, arrivals } = await sendThrough(target, attack('SMG-13'), who);
      assert.ok(reply, exchange.end);
      assert.equal(exchange.replies.filter((r) => r.status >= 200).length, 1, 'one request, one answer');
      const seen = arrivals.map((a) => `${a.method} ${a.target}`);
      assert.deepEqual(seen, who === 'alice' && reply.status === 200 ? ['POST /'] : [], 'the body came as a request');
      if (arrivals[0] !== undefined) assert.equal(arrivals[0].body, attack('SMG-13').body);
    }
  });

  s.attack('SMG-17', async () => {
    const target = await s.target('proxy');
    const { exchange, arrivals } = await sendThrough(target, attack('SMG-17'), 'alice');
    assert.equal(exchange.replies.length, 1, 'one request, one answer');
    if (exchange.replies[0]?.status === 200) {
      assert.deepEqual(
        arrivals.map((a) => [a.method, a.target, a.body]),
        [['GET', '/', attack('SMG-17').body]],
      );
    } else assert.deepEqual(arrivals, []);
    // The next request on another connection to the same app gets its own answer.
    const cookie = await target.cookie('alice');
    const headers = ['Host: app.example.test', `Cookie: ${cookie}`];
    const next = await ask(target, { target: '/next', headers }, { from: '127.0.0.2' });
    assert.equal(next.status, 200);
    assert.deepEqual(
      target.backend?.take().map((a) => a.target),
      ['/next'],
    );
  });

  s.attack('SMG-19', async () => {
    const site = await secure();
    const { body = '' } = attack('SMG-19');
    for (const who of ['anonymous', 'alice'] as const) {
      const cookie = await site.cookie(who);
      site.backend.take();
      const frames = await openFrames(site.tls, { from: site.from });
      const pseudo = [
        [':method', 'POST'],
        [':scheme', 'https'],
        [':authority', 'app.example.test'],
        [':path', '/'],
      ] as const;
      const fields = cookie === undefined ? [] : ([['cookie', cookie]] as const);
      frames.request(1, [...pseudo, ...fields, ['content-length', '0']], FLAG.endHeaders);
      frames.send(FRAME.data, FLAG.endStream, 1, body);
      const end = await frames.until((f) => f.type === FRAME.reset || f.type === FRAME.goaway);
      assert.ok(end !== undefined || frames.closed, 'the stream is reset');
      frames.destroy();
      await new Promise((resolve) => setTimeout(resolve, 60));
      // The request was whole by its own length; what came behind it is no part of it and no other.
      for (const arrival of site.backend.take())
        assert.equal(`${arrival.method} ${arrival.target} ${arrival.body}`, 'POST / ');
    }
    const next = await openSession(site.tls, site.from);
    assert.equal((await askHttp2(next, { authority: 'app.example.test', path: '/public/next' })).reply?.status, 200);
    next.destroy();
    const seen = site.backend.take().map((a) => `${a.method} ${a.target} ${a.body}`);
    assert.deepEqual(
      seen.filter((line) => line !== 'POST / '),
      ['GET /public/next '],
    );
    await site.stop();
  });

  s.attack('SMG-21', async () => {
    const { at } = await s.gate();
    const { headers = [], body = '' } = attack('SMG-21');
    const all = ['X-Forwarded-Proto: https', ...headers];
    const reply = await ask(at, { method: 'POST', target: '/api/authz/ext-authz/x', headers: all, body });
    assert.ok(reply.status >= 300, `${reply.status}`);
    assert.equal(headerOf(reply, 'remote-user') ?? '', '');
  });
});
