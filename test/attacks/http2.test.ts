/**
 * HTTP/2. Pseudo-header fields beside ordinary ones make a second host possible; there are no line breaks, so a name or
 * value may hold what becomes one in HTTP/1.1; a length may disagree with the frames; and a few bytes of a frame cost
 * the other side much more ("HTTP/2: the sequel is always worse", CVE-2023-44487, CVE-2024-27316, CVE-2019-9512 ff.).
 *
 * Hence: nghttp2's checks, and those of http2-head.ts on what it lets through; requests to apps are written anew from
 * what was judged; each connection has bounds, and one that breaks them ends alone.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Arrival, foldedValues } from '../black-box/backend.ts';
import {
  askHttp2,
  FLAG,
  FRAME,
  type Frame,
  type FrameConnection,
  frameBytes,
  headerBlock,
  openFrames,
  openSession,
} from '../black-box/http2.ts';
import { eventually } from '../black-box/lintel.ts';
import { headerOf } from '../black-box/raw.ts';
import { ATTACKS } from './cases.ts';
import { IDENTITY } from './fixture.ts';
import { judge } from './run.ts';
import { type Secure, secure, sendHttp2, unsaid } from './secure.ts';

let site: Secure;
before(async () => {
  site = await secure();
});
after(() => site.stop());

const APP = 'app.example.test';
type Field = readonly [string, string];

function open(): Promise<FrameConnection> {
  return openFrames(site.tls, { from: site.from });
}

/** The fields of a request for an open path. */
function fields(change: Readonly<Record<string, string | undefined>> = {}, more: readonly Field[] = []): Field[] {
  const usual = { ':method': 'GET', ':scheme': 'https', ':authority': APP, ':path': '/public/x', ...change };
  const pseudo = Object.entries(usual).filter((f): f is [string, string] => f[1] !== undefined);
  return [...pseudo, ...more];
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The app, after it had time to see what there is to see. */
async function arrived(): Promise<Arrival[]> {
  await sleep(60);
  return site.backend.take();
}

const isReset = (stream: number) => (f: Frame) => f.type === FRAME.reset && f.stream === stream;
const isAnswer = (stream: number) => (f: Frame) => f.type === FRAME.headers && f.stream === stream;

/** 400 is in the static table of HPACK; an answer is that, or the stream is reset, or the connection ends. */
function isRefusal(frame: Frame | undefined): boolean {
  return frame === undefined || frame.type !== FRAME.headers || frame.payload[0] === 0x8c;
}

async function works(): Promise<void> {
  const session = await openSession(site.tls, site.from);
  const { reply } = await askHttp2(session, { authority: APP, path: '/public/after' });
  session.destroy();
  assert.equal(reply?.status, 200);
  assert.deepEqual(
    (await arrived()).map((a) => a.target),
    ['/public/after'],
  );
}

describe('attacks of other classes over HTTP/2', () => {
  for (const a of ATTACKS.filter((x) => unsaid(x) === undefined)) {
    test(`${a.class}: ${a.id} ${a.title}`, async () => {
      for (const who of a.as ?? (['anonymous'] as const)) {
        const outcome = await sendHttp2(site, a, who);
        // "judged like" asks again in HTTP/1.1 and is told by the class itself.
        const { like: _, refused, ...expect } = a.expect ?? {};
        const target = { ...site.tls, kind: 'proxy', backend: site.backend, cookie: site.cookie } as const;
        // What nghttp2 finds malformed by itself has no answer: the stream is reset.
        const refusal =
          refused === undefined ? {} : outcome.reply === undefined ? { closed: true as const } : { refused };
        await judge(target, { ...a, expect: { ...expect, ...refusal } }, who, outcome);
      }
    });
  }
});

test('an identity header in trailers reaches nobody', async () => {
  const cookie = await site.cookie('alice');
  const session = await openSession(site.tls, site.from);
  site.backend.take();
  const { reply } = await askHttp2(session, {
    method: 'POST',
    authority: APP,
    path: '/',
    headers: [`cookie: ${cookie}`],
    body: 'a',
    trailers: { 'remote-user': 'admin', 'x-authentik-username': 'admin' },
  });
  session.destroy();
  assert.equal(reply?.status, 200);
  const [arrival] = await arrived();
  assert.ok(arrival);
  assert.deepEqual(foldedValues(arrival, 'Remote-User'), [IDENTITY.alice?.['Remote-User']]);
  assert.equal(arrival.raw.includes('admin'), false, arrival.raw);
});

test('cookies that came apart are one again, and none of them is Lintel’s', async () => {
  const cookie = await site.cookie('alice');
  const frames = await open();
  frames.request(
    1,
    fields({ ':path': '/' }, [
      ['cookie', 'a=1'],
      ['cookie', cookie ?? ''],
      ['cookie', 'b=2'],
    ]),
  );
  assert.ok(await frames.until(isAnswer(1)));
  frames.destroy();
  const [arrival] = await arrived();
  assert.ok(arrival);
  assert.deepEqual(foldedValues(arrival, 'Cookie'), ['a=1; b=2']);
  assert.deepEqual(foldedValues(arrival, 'Remote-User'), ['alice']);
  assert.deepEqual(foldedValues(arrival, 'Host'), [APP]);
});

/** Requests that are none, or of which two readers would make two things. */
const MALFORMED: readonly (readonly [name: string, fields: () => readonly Field[]])[] = [
  ['another host in Host', () => fields({}, [['host', 'admin.example.test']])],
  [
    'Host twice',
    () =>
      fields({ ':authority': undefined }, [
        ['host', APP],
        ['host', 'admin.example.test'],
      ]),
  ],
  [
    'Host twice beside :authority',
    () =>
      fields({}, [
        ['host', APP],
        ['host', APP],
      ]),
  ],
  [':authority twice', () => [...fields(), [':authority', 'admin.example.test']]],
  [':path twice', () => fields({}, []).flatMap((f) => (f[0] === ':path' ? [f, [':path', '/admin'] as const] : [f]))],
  ['no host', () => fields({ ':authority': undefined })],
  ['an empty :authority', () => fields({ ':authority': '' })],
  ['an empty Host', () => fields({}, [['host', '']])],
  ['userinfo in :authority', () => fields({ ':authority': `x@${APP}` })],
  ['two hosts in :authority', () => fields({ ':authority': `${APP}, admin.example.test` })],
  ['a port out of range', () => fields({ ':authority': `${APP}:99999` })],
  ['no :path', () => fields({ ':path': undefined })],
  ['an empty :path', () => fields({ ':path': '' })],
  [':path in absolute form', () => fields({ ':path': `https://admin.example.test/` })],
  [':path *', () => fields({ ':method': 'OPTIONS', ':path': '*' })],
  [':path without a slash', () => fields({ ':path': '@evil.example/' })],
  ['a fragment in :path', () => fields({ ':path': '/public/x#y' })],
  ['a backslash in :path', () => fields({ ':path': '/public\\..\\admin' })],
  ['a request in :path', () => fields({ ':path': '/public/x HTTP/1.1\r\nHost: admin.example.test\r\n\r\nGET /admin' })],
  ['a space in :path', () => fields({ ':path': '/public/x /y' })],
  ['a request in :method', () => fields({ ':method': 'GET /admin HTTP/1.1\r\nX: y\r\n\r\nGET' })],
  ['a space in :method', () => fields({ ':method': 'GET /admin' })],
  ['no :method', () => fields({ ':method': undefined })],
  ['http on TLS', () => fields({ ':scheme': 'http' })],
  ['another scheme', () => fields({ ':scheme': 'https://admin.example.test/?' })],
  ['no :scheme', () => fields({ ':scheme': undefined })],
  ['an unknown pseudo-header field', () => [[':user', 'admin'], ...fields()]],
  ['a pseudo-header field of answers', () => [[':status', '200'], ...fields()]],
  [':protocol', () => [...fields({ ':method': 'CONNECT' }), [':protocol', 'websocket']]],
  [
    'a pseudo-header field behind others',
    () =>
      fields({ ':path': undefined }, [
        ['a', 'b'],
        [':path', '/public/x'],
      ]),
  ],
  ['an upper-case name', () => fields({}, [['Remote-User', 'admin']])],
  ['Connection', () => fields({}, [['connection', 'remote-user']])],
  ['Proxy-Connection', () => fields({}, [['proxy-connection', 'keep-alive']])],
  ['Keep-Alive', () => fields({}, [['keep-alive', 'timeout=5']])],
  ['Upgrade', () => fields({}, [['upgrade', 'websocket']])],
  ['HTTP2-Settings', () => fields({}, [['http2-settings', 'AAMAAABkAARAAAAAAAIAAAAA']])],
  ['Transfer-Encoding', () => fields({ ':method': 'POST' }, [['transfer-encoding', 'chunked']])],
  ['TE other than trailers', () => fields({}, [['te', 'chunked']])],
  [
    'two lengths',
    () =>
      fields({ ':method': 'POST' }, [
        ['content-length', '0'],
        ['content-length', '1'],
      ]),
  ],
  ['a length that is a list', () => fields({ ':method': 'POST' }, [['content-length', '0, 0']])],
  ['a length with a sign', () => fields({ ':method': 'POST' }, [['content-length', '+0']])],
  ['a length and no body', () => fields({ ':method': 'POST' }, [['content-length', '5']])],
];

/** Fields that nghttp2 takes out before anybody sees them; the request goes on without. */
const IMPOSSIBLE: readonly (readonly [name: string, fields: () => readonly Field[]])[] = [
  ['a line break in a name', () => fields({}, [['x: y\r\nremote-user', 'admin']])],
  ['a colon in a name', () => fields({}, [['remote-user: admin', 'x']])],
  ['a space in a name', () => fields({}, [['x y', 'z']])],
  ['an empty name', () => fields({}, [['', 'x']])],
  ['a line break in a value', () => fields({}, [['x', 'y\r\nremote-user: admin']])],
  ['a line feed in a value', () => fields({}, [['x', 'y\nremote-user: admin']])],
  ['NUL in a value', () => fields({}, [['x', 'y\0z']])],
  ['a space before a value', () => fields({}, [['x', ' y']])],
];

describe('malformed requests of HTTP/2', () => {
  for (const [name, bad] of IMPOSSIBLE) {
    test(`${name} reaches nobody`, async () => {
      const frames = await open();
      frames.request(1, bad());
      await frames.until((f) => isReset(1)(f) || isAnswer(1)(f) || f.type === FRAME.goaway);
      frames.destroy();
      for (const arrival of await arrived()) {
        assert.doesNotMatch(arrival.raw, /admin|^x:|^x y|\0/im);
        assert.deepEqual(foldedValues(arrival, 'Remote-User'), ['']);
      }
    });
  }

  for (const [name, bad] of MALFORMED) {
    test(`${name} is refused, nothing reaches the app`, async () => {
      const frames = await open();
      frames.request(1, bad());
      const end = await frames.until((f) => isReset(1)(f) || isAnswer(1)(f) || f.type === FRAME.goaway);
      assert.ok(isRefusal(end), `type ${end?.type}, ${end?.payload.toString('hex').slice(0, 40)}`);
      assert.ok(end !== undefined || frames.closed, 'not a word');
      frames.destroy();
      assert.deepEqual(
        (await arrived()).map((a) => a.raw),
        [],
      );
    });
  }

  test('a refused request is told with its id, in the answer and in the log', async () => {
    const session = await openSession(site.tls, site.from);
    const { reply } = await askHttp2(session, {
      authority: APP,
      path: '/public/x',
      headers: ['host: admin.example.test'],
    });
    assert.equal(reply?.status, 400);
    assert.equal(headerOf(reply, 'x-lintel-error'), 'REQUEST-MALFORMED');
    assert.equal(headerOf(reply, 'connection'), undefined);
    const next = await askHttp2(session, { authority: APP, path: '/public/y' });
    assert.equal(next.reply?.status, 200, 'the connection goes on');
    session.destroy();
    await eventually('the log line', () => site.at.output().includes(':authority and host name different hosts'));
    site.backend.take();
  });

  test('Host instead of :authority, and both the same, are one host to the app', async () => {
    const frames = await open();
    frames.request(1, fields({ ':authority': undefined }, [['host', APP]]));
    frames.request(3, fields({}, [['host', APP]]));
    for (const stream of [1, 3]) assert.equal((await frames.until(isAnswer(stream)))?.payload[0], 0x88);
    frames.destroy();
    assert.deepEqual(
      (await arrived()).map((a) => foldedValues(a, 'host')),
      [[APP], [APP]],
    );
  });

  test('CONNECT is a 405 with an id', async () => {
    const session = await openSession(site.tls, site.from);
    const stream = session.request({ ':method': 'CONNECT', ':authority': 'admin.example.test:443' });
    const answer = await new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve));
    assert.deepEqual([answer[':status'], answer['x-lintel-error']], [405, 'METHOD-NOT-ALLOWED']);
    session.destroy();
    assert.deepEqual(await arrived(), []);
  });

  test('too many headers and too large ones are a 431 with an id; far too many are reset', async () => {
    const session = await openSession(site.tls, site.from);
    const ask = (headers: string[]) => askHttp2(session, { authority: APP, path: '/public/x', headers });
    const many = (n: number) => Array.from({ length: n }, (_, i) => `x-${i}: y`);
    assert.equal((await ask(many(90))).reply?.status, 200);
    for (const headers of [many(120), [`x: ${'y'.repeat(17_000)}`]]) {
      const { reply } = await ask(headers);
      assert.equal(reply?.status, 431);
      assert.equal(headerOf(reply, 'x-lintel-error'), 'REQUEST-TOO-LARGE');
    }
    for (const headers of [many(400), [`x: ${'y'.repeat(40_000)}`]])
      assert.equal((await ask(headers)).reply, undefined);
    session.destroy();
    assert.deepEqual(
      (await arrived()).map((a) => a.target),
      ['/public/x'],
    );
    await works();
  });
});

describe('bodies of HTTP/2', () => {
  const post = (stream: number, frames: FrameConnection, more: readonly Field[] = []) =>
    frames.request(stream, fields({ ':method': 'POST' }, more), FLAG.endHeaders);

  test('a body shorter or longer than its length never looks whole to the app', async () => {
    for (const [length, body] of [
      ['10', 'short'],
      ['2', 'longer'],
    ] as const) {
      const frames = await open();
      post(1, frames, [['content-length', length]]);
      await sleep(30);
      frames.send(FRAME.data, FLAG.endStream, 1, body);
      assert.ok(isRefusal(await frames.until((f) => isReset(1)(f) || isAnswer(1)(f))));
      frames.destroy();
      assert.deepEqual(
        (await arrived()).map((a) => a.raw),
        [],
        `${length} ${body}`,
      );
    }
    await works();
  });

  test('a body that its client broke off never looks whole to the app', async () => {
    const resets: readonly ((frames: FrameConnection) => void)[] = [
      (frames) => frames.send(FRAME.reset, FLAG.none, 1, '\0\0\0\0'), // NO_ERROR, as if all were well
      (frames) => frames.send(FRAME.reset, FLAG.none, 1, '\0\0\0\x08'),
      (frames) => frames.send(FRAME.goaway, FLAG.none, 0, '\0\0\0\0\0\0\0\0'),
      (frames) => frames.destroy(),
    ];
    for (const [i, reset] of resets.entries()) {
      const frames = await open();
      post(1, frames);
      frames.send(FRAME.data, FLAG.none, 1, 'the first half');
      await sleep(50);
      reset(frames);
      await sleep(50);
      frames.destroy();
      assert.deepEqual(
        (await arrived()).map((a) => a.raw),
        [],
        `reset ${i}`,
      );
    }
    await works();
  });

  test('a form that its client broke off is no form', async () => {
    const body = '{"username": "alice", "password": "correct horse"}';
    const more: Field[] = [['content-type', 'application/json']];
    const where = { ':method': 'POST', ':authority': 'auth.example.test', ':path': '/api/firstfactor' };
    const signIns = () => site.at.output().split('"message":"sign-in').length;
    const from = signIns();
    for (const isWhole of [false, true]) {
      const frames = await open();
      frames.request(1, fields(where, more), FLAG.endHeaders);
      frames.send(FRAME.data, isWhole ? FLAG.endStream : FLAG.none, 1, body);
      await sleep(50);
      if (!isWhole) frames.send(FRAME.reset, FLAG.none, 1, '\0\0\0\0');
      if (isWhole) await eventually('the whole one is taken', () => signIns() > from);
      else await sleep(300);
      frames.destroy();
    }
    assert.equal(signIns(), from + 1, 'what came of the broken one would stand before');
  });

  test('an answer that does not wait for the body arrives whole, and the rest is not awaited', async () => {
    const session = await openSession(site.tls, site.from);
    const asked = await askHttp2(session, { authority: APP, path: '/x?a=b', headers: ['accept: text/html'] });
    assert.equal(asked.reply?.status, 302);
    assert.match(headerOf(asked.reply, 'location') ?? '', /\/\.lintel\/start\?rd=%2Fx%3Fa%3Db$/);
    assert.equal(asked.reset, 0);
    const stream = session.request({ ':method': 'POST', ':authority': APP, ':path': '/x', accept: 'text/html' });
    stream.on('error', () => {});
    const status = new Promise((resolve) => stream.once('response', (h) => resolve(h[':status'])));
    const closed = new Promise((resolve) => stream.once('close', () => resolve(stream.rstCode)));
    stream.resume();
    stream.write('the body goes on and on');
    assert.equal(await status, 303);
    assert.equal(await closed, 0);
    const head = await askHttp2(session, { method: 'HEAD', authority: 'auth.example.test', path: '/' });
    assert.deepEqual([head.reply?.status, head.reply?.body, head.reset], [200, '', 0]);
    session.destroy();
  });

  test('a body of unknown length goes to the app in chunks, one of known length with it', async () => {
    const session = await openSession(site.tls, site.from);
    for (const headers of [[], ['content-length: 3']]) {
      const parts = { method: 'POST', authority: APP, path: '/public/x', headers, body: 'abc' };
      assert.equal((await askHttp2(session, parts)).reply?.status, 200);
      const [arrival] = await arrived();
      assert.equal(arrival?.body, 'abc');
      const framing = ['transfer-encoding', 'content-length'].map((n) => foldedValues(arrival!, n));
      assert.deepEqual(framing, headers.length === 0 ? [['chunked'], []] : [[], ['3']]);
    }
    session.destroy();
  });
});

describe('floods of HTTP/2 end their connection, and no other', () => {
  /** Sends until the connection ends; fails when it does not. */
  async function flood(frames: FrameConnection, once: (i: number) => void, most: number): Promise<number> {
    for (let i = 0; i < most; i++) {
      once(i);
      if (i % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
      if (frames.closed) return i;
    }
    const end = await frames.until((f) => f.type === FRAME.goaway);
    assert.ok(end !== undefined || frames.closed, 'the flood was taken');
    return most;
  }

  test('requests opened and reset (CVE-2023-44487)', async () => {
    const frames = await open();
    const once = (i: number) => {
      frames.request(2 * i + 1, fields({ ':path': '/admin' }));
      frames.send(FRAME.reset, FLAG.none, 2 * i + 1, '\0\0\0\x08');
    };
    await flood(frames, once, 2_000);
    frames.destroy();
    assert.deepEqual(await arrived(), []);
    await works();
  });

  test('CONTINUATION without end (CVE-2024-27316)', async () => {
    const frames = await open();
    frames.send(FRAME.headers, FLAG.none, 1, headerBlock(fields()));
    const once = (i: number) => frames.send(FRAME.continuation, FLAG.none, 1, headerBlock([[`x-${i}`, 'y']]));
    await flood(frames, once, 200);
    frames.destroy();
    assert.deepEqual(await arrived(), []);
    await works();
  });

  test('malformed requests one after the other', async () => {
    const frames = await open();
    await flood(frames, (i) => frames.request(2 * i + 1, fields({}, [['connection', 'x']])), 500);
    frames.destroy();
    assert.deepEqual(await arrived(), []);
    await works();
  });

  test('PING and SETTINGS whose answers nobody reads cost no memory (CVE-2019-9512, CVE-2019-9515)', async () => {
    const many = Buffer.concat(
      Array.from({ length: 2_000 }, (_, i) =>
        i % 2 === 0 ? frameBytes(FRAME.ping, FLAG.none, 0, '12345678') : frameBytes(FRAME.settings, FLAG.none, 0),
      ),
    );
    const frames = await open();
    for (let i = 0; i < 20 && !frames.closed; i++) {
      frames.write(many);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await sleep(200);
    frames.destroy();
    await works();
  });

  test('more requests at once than are served are refused, not queued', async () => {
    const session = await openSession(site.tls, site.from);
    await eventually('the settings', () => session.remoteSettings.maxConcurrentStreams === 100);
    session.destroy();
    const frames = await open();
    for (let i = 0; i < 150; i++) frames.request(2 * i + 1, fields({ ':method': 'POST' }), FLAG.endHeaders);
    const refused = await frames.until((f) => f.type === FRAME.reset || f.type === FRAME.goaway);
    assert.ok(refused !== undefined || frames.closed);
    frames.destroy();
    await sleep(100);
    site.backend.take();
    await works();
  });
});
