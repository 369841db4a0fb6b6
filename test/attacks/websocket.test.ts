/**
 * WebSockets. A handshake is a request that cookies go along with whoever asks for it, and after it no filter looks at
 * anything: what is let through here is let through for good.
 *
 * Gateways forwarded the upgrade before they looked who asks (oauth2-proxy #2996), matched another path than they sent
 * on (CVE-2026-15631), passed bytes behind the request to the app as its next request (fastify-http-proxy 11.6.10,
 * websocket-smuggle: a refused handshake that the gateway takes for a tunnel), tunnelled h2c, passed on everything that
 * stood in a 101 (CVE-2026-55458), and fell over when a client left. Hence: one decision path; nothing of what follows is
 * read before a 101 that answers this very handshake; any other answer ends the connection.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Arrival, type Backend, startBackend } from '../black-box/backend.ts';
import { ask, type ExchangeOptions, exchange, headerOf, valuesOf } from '../black-box/raw.ts';
import { acceptOf } from '../black-box/websocket.ts';
import { attack } from './cases.ts';
import { type Installation, proxy } from './fixture.ts';
import { bytesFor, runClass, sendThrough } from './run.ts';

/** An installation whose app answers handshakes as the test says, and everything else with 200. */
async function withApp(answer: (a: Arrival) => string, body: (at: Installation, app: Backend) => Promise<void>) {
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  const app = await startBackend((a) => (a.headers.some(([n]) => n.toLowerCase() === 'upgrade') ? answer(a) : ok));
  const at = await proxy({ backend: app });
  try {
    await body(at, app);
  } finally {
    await at.stop();
  }
}

/** More answers than one can come only when the connection does not end. */
const TO_ITS_END = { least: 2 };

async function send(at: Installation, id: string, options: ExchangeOptions) {
  const a = attack(id);
  const cookie = await at.cookie(a.as?.[0] ?? 'alice');
  at.backend?.take();
  const target = { kind: 'proxy', backend: at.backend, cookie: at.cookie, host: at.at.host, port: at.at.port } as const;
  const done = await exchange(at.at, bytesFor(a, target, cookie), { from: '127.0.0.2', settleMs: 300, ...options });
  return { ...done, arrivals: at.backend?.take() ?? [] };
}

runClass('websocket', (s) => {
  s.attack('WSS-01', async () => {
    const {
      reply,
      exchange: done,
      arrivals,
    } = await sendThrough(await s.target('proxy'), attack('WSS-01'), 'anonymous', TO_ITS_END);
    assert.equal(reply?.status, 401);
    assert.equal(done.end, 'closed');
    assert.deepEqual(arrivals, []);
  });

  s.attack('WSS-05', async () => {
    const {
      reply,
      exchange: done,
      arrivals,
    } = await sendThrough(await s.target('proxy'), attack('WSS-05'), 'alice', TO_ITS_END);
    assert.equal(reply?.status, 403);
    assert.equal(done.end, 'closed');
    assert.deepEqual(arrivals, []);
  });

  s.attack('WSS-07', async () => {
    await withApp(
      () => 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno',
      async (at, app) => {
        const done = await send(at, 'WSS-07', TO_ITS_END);
        assert.deepEqual(
          done.replies.map((r) => r.status),
          [404],
        );
        assert.equal(done.end, 'closed');
        assert.deepEqual(
          done.arrivals.map((a) => a.target),
          ['/ws'],
        );
        assert.deepEqual(app.leftOver(), []);
      },
    );
  });

  s.attack('WSS-08', async () => {
    await withApp(
      () => 'HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n',
      async (at, app) => {
        const done = await send(at, 'WSS-08', TO_ITS_END);
        assert.deepEqual([done.replies.length, done.replies[0]?.status, done.end], [1, 426, 'closed']);
        const headers = ['Host: app.example.test', `Cookie: ${await at.cookie('alice')}`];
        await ask(at.at, { target: '/next', headers }, { from: '127.0.0.2' });
        const next = app.take()[0];
        assert.notEqual(next?.connection, done.arrivals[0]?.connection, 'nor does the app see it again');
      },
    );
  });

  s.attack('WSS-11', async () => {
    const { exchange: done, arrivals } = await sendThrough(
      await s.target('proxy'),
      attack('WSS-11'),
      'alice',
      TO_ITS_END,
    );
    assert.deepEqual([done.replies[0]?.status, done.replies.length, done.end], [405, 1, 'closed']);
    assert.deepEqual(arrivals, []);
  });

  s.attack('WSS-12', async () => {
    const agreed = (a: Arrival) => {
      const key = a.headers.find(([n]) => n.toLowerCase() === 'sec-websocket-key')?.[1] ?? '';
      const lines = ['Connection: Upgrade, X-Secret', 'Upgrade: websocket', `Sec-WebSocket-Accept: ${acceptOf(key)}`];
      const leaks = [
        'X-Secret: internal',
        'Alt-Svc: h2=":443"',
        'Keep-Alive: timeout=9',
        'Remote-User: root',
        'Server: app',
      ];
      return `HTTP/1.1 101 Switching Protocols\r\n${[...lines, ...leaks].join('\r\n')}\r\n\r\n`;
    };
    await withApp(agreed, async (at) => {
      const done = await send(at, 'WSS-12', {});
      const reply = done.replies[0];
      assert.equal(reply?.status, 101);
      assert.deepEqual(
        reply.headers.map(([n]) => n.toLowerCase()),
        ['connection', 'upgrade', 'sec-websocket-accept'],
      );
      assert.equal(headerOf(reply, 'connection'), 'Upgrade');
      assert.deepEqual(valuesOf(reply, 'x-secret'), []);
    });
  });

  s.attack('WSS-13', async () => {
    const target = await s.target('proxy');
    const a = attack('WSS-13');
    const cookie = await target.cookie('alice');
    for (const wait of [0, 1, 5, 20]) {
      const socket = connect({ host: target.host, port: target.port, localAddress: '127.0.0.2' });
      socket.on('error', () => {});
      socket.write(bytesFor(a, target, cookie));
      await sleep(wait + 5);
      socket.resetAndDestroy();
    }
    await sleep(100);
    const headers = ['Host: app.example.test', `Cookie: ${cookie}`];
    assert.equal((await ask(target, { target: '/', headers }, { from: '127.0.0.2' })).status, 200);
  });

  s.extra('another site cannot open one as the person who looks at it (CWE-1385)', async () => {
    const target = await s.target('proxy');
    const a = attack('WSS-12');
    for (const origin of [
      'http://evil.test',
      'http://app.example.test.evil.test',
      'https://app.example.test',
      'null',
    ]) {
      const headers = [...(a.headers ?? []).filter((h) => !h.startsWith('Origin')), `Origin: ${origin}`];
      const { reply, arrivals } = await sendThrough(target, { ...a, headers }, 'alice');
      assert.deepEqual([reply?.status, headerOf(reply!, 'x-lintel-error')], [403, 'ORIGIN-NOT-ALLOWED'], origin);
      assert.deepEqual(arrivals, []);
    }
  });
});
