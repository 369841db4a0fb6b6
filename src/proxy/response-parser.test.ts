import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeaderNames } from './hop-by-hop.ts';
import type { ResponseHead } from './response-head.ts';
import { type ParserLimits, ResponseParser } from './response-parser.ts';

const LIMITS: ParserLimits = {
  names: new HeaderNames(new Set(['remote-user'])),
  refusesCookie: (value) => value.startsWith('lintel='),
  maxHeaders: 100,
  maxHeadBytes: 65536,
};

interface Outcome {
  readonly head: Omit<ResponseHead, 'headers'> | undefined;
  readonly headers: readonly string[];
  readonly body: string;
  readonly ended: boolean;
  readonly surplus: boolean;
  readonly problem: string | undefined;
}

/** Feeds `text` in pieces that end at `cuts`, through one buffer that is overwritten each time, as the connection does. */
function parse(text: string, cuts: readonly number[] = [], method = 'GET', close = false): Outcome {
  const bytes = Buffer.from(text, 'latin1');
  const shared = Buffer.alloc(bytes.length + 1, 0xaa);
  const parser = new ResponseParser(LIMITS);
  let head: ResponseHead | undefined;
  let body = '';
  let ended = false;
  const sink = {
    responseHead: (h: ResponseHead) => {
      head = h;
    },
    responseBody: (b: Buffer, from: number, to: number) => {
      body += b.toString('latin1', from, to);
    },
    responseEnd: () => {
      assert.equal(ended, false, 'one end');
      ended = true;
    },
  };
  parser.expect(method);
  let problem: string | undefined;
  let at = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (cut <= at || cut > bytes.length || problem !== undefined) continue;
    bytes.copy(shared, 0, at, cut);
    problem = parser.feed(shared, cut - at, sink);
    shared.fill(0xaa);
    at = cut;
  }
  if (close && problem === undefined && !parser.close(sink)) problem = 'truncated';
  const { headers, ...rest } = head ?? { headers: [] };
  return {
    head: head === undefined ? undefined : (rest as ResponseHead),
    headers,
    body,
    ended,
    surplus: parser.surplus,
    problem,
  };
}

const GOOD: readonly (readonly [string, string, string])[] = [
  ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'hello', 'GET'],
  ['HTTP/1.1 200\r\nContent-Length:\t 5 \t\r\nX:\r\n\r\nhello', 'hello', 'GET'],
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n006;a="b"\r\n world\r\n0\r\nRemote-User: x\r\n\r\n',
    'hello world',
    'GET',
  ],
  ['HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', '', 'GET'],
  ['HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n', '', 'GET'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n', '', 'HEAD'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '', 'HEAD'],
  [
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    'ok',
    'POST',
  ],
  ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', '', 'GET'],
  [`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(6000)}\r\nContent-Length: 3\r\n\r\n\xff\x00\r`, '\xff\x00\r', 'GET'],
];

test('good responses, whole', () => {
  for (const [text, body, method] of GOOD) {
    const out = parse(text, [], method);
    assert.equal(out.problem, undefined, text);
    assert.deepEqual([out.body, out.ended, out.surplus], [body, true, false], text);
  }
});

test('any split of the bytes gives the same answer', () => {
  for (const [text, , method] of GOOD) {
    const whole = parse(text, [], method);
    const every = Array.from(text, (_, i) => i);
    assert.deepEqual(parse(text, every, method), whole);
    const cuts = fc.array(fc.nat({ max: text.length }), { maxLength: 12 });
    fc.assert(
      fc.property(cuts, (list) => {
        assert.deepEqual(
          parse(
            text,
            [...list].sort((a, b) => a - b),
            method,
          ),
          whole,
        );
      }),
      { numRuns: 60 },
    );
  }
});

test('chunked bodies of any bytes in any chunks and splits', () => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 200 });
  const cuts = fc.array(fc.nat({ max: 3000 }), { maxLength: 20 });
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 8 }), cuts, (chunks, list) => {
      const parts = chunks.map((c) => Buffer.from(c).toString('latin1'));
      const coded = parts.map((p) => `${p.length.toString(16)}\r\n${p}\r\n`).join('');
      const text = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${coded}0\r\n\r\n`;
      const out = parse(
        text,
        [...list].sort((a, b) => a - b),
      );
      assert.deepEqual([out.body, out.ended, out.problem], [parts.join(''), true, undefined]);
    }),
    { numRuns: 200 },
  );
});

test('garbage of any kind never counts as a whole answer by accident, and never throws', () => {
  const token = fc.constantFrom(
    'HTTP/1.1 200 OK\r\n',
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
    '\r\n',
    '3\r\nabc\r\n',
    '0\r\n\r\n',
    ' ',
    '\n',
    '\0',
    'X: y\r\n',
    ':',
    'a',
  );
  fc.assert(
    fc.property(
      fc.array(token, { maxLength: 12 }),
      fc.array(fc.nat({ max: 150 }), { maxLength: 5 }),
      (tokens, list) => {
        const text = tokens.join('');
        const whole = parse(text, [], 'GET', true);
        const cut = parse(
          text,
          [...list].sort((a, b) => a - b),
          'GET',
          true,
        );
        assert.equal(cut.problem === undefined, whole.problem === undefined, text);
        if (whole.problem === undefined && whole.ended) assert.ok(text.startsWith('HTTP/1.1 200 OK\r\n'), text);
      },
    ),
    { numRuns: 500 },
  );
});

test('malformed responses', () => {
  const ok = 'HTTP/1.1 200 OK\r\n';
  const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`;
  const bad = [
    'HTTP/1.1 200 OK\nContent-Length: 0\n\n\r\n\r\n',
    '\r\nHTTP/1.1 200 OK\r\n\r\n',
    'HTTP/2 200 OK\r\n\r\n',
    'HTTP/1.2 200 OK\r\n\r\n',
    'http/1.1 200 OK\r\n\r\n',
    'HTTP/1.1  200 OK\r\n\r\n',
    'HTTP/1.1 20 OK\r\n\r\n',
    'HTTP/1.1 2000 OK\r\n\r\n',
    'HTTP/1.1 600 OK\r\n\r\n',
    'HTTP/1.1 099 OK\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n',
    'HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n',
    'HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
    `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(17)}`,
    `${ok}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`,
    `${ok}Content-Length: 5\r\nContent-Length: 5\r\n\r\n`,
    `${ok}Content-Length: 5, 5\r\n\r\n`,
    `${ok}Content-Length: +5\r\n\r\n`,
    `${ok}Content-Length: -5\r\n\r\n`,
    `${ok}Content-Length: 0x5\r\n\r\n`,
    `${ok}Content-Length: 5.0\r\n\r\n`,
    `${ok}Content-Length:\r\n\r\n`,
    `${ok}Content-Length: 9999999999999999\r\n\r\n`,
    `${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n`,
    `${ok}Transfer-Encoding: identity\r\n\r\n`,
    `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    `${ok}X: a\r\n b\r\n\r\n`,
    `${ok} X: a\r\n\r\n`,
    `${ok}X : a\r\n\r\n`,
    `${ok}X\r\n\r\n`,
    `${ok}: a\r\n\r\n`,
    `${ok}X Y: a\r\n\r\n`,
    `${ok}X: a\0b\r\n\r\n`,
    `${ok}X: a\rb\r\n\r\n`,
    `${ok}X: a\nSet-Cookie: b\r\n\r\n`,
    `${ok}X: \x7f\r\n\r\n`,
    `${ok}\xe9: a\r\n\r\n`,
    `${ok}${'X: y\r\n'.repeat(101)}\r\n`,
    `${ok}X: ${'y'.repeat(65536)}\r\n\r\n`,
    `${ok}X: ${'y'.repeat(70000)}`,
    `${chunked}\r\n`,
    `${chunked}g\r\n`,
    `${chunked}0x5\r\nhello\r\n`,
    `${chunked} 5\r\nhello\r\n`,
    `${chunked}5 \r\nhello\r\n`,
    `${chunked}-5\r\n`,
    `${chunked}5\nhello\n`,
    `${chunked}5\r\nhelloX`,
    `${chunked}5\r\nhello\n`,
    `${chunked}5;\nx\r\nhello\r\n`,
    `${chunked}5;${'x'.repeat(1100)}\r\n`,
    `${chunked}${'0'.repeat(13)}5\r\n`,
    `${chunked}0\r\nX: ${'y'.repeat(9000)}\r\n\r\n`,
    `${chunked}0\r\nX: y\n\r\n`,
    'SSH-2.0-OpenSSH_9.2\r\n',
  ];
  for (const text of bad) {
    assert.notEqual(parse(text).problem, undefined, JSON.stringify(text.slice(0, 100)));
    const every = Array.from(text.slice(0, 300), (_, i) => i);
    assert.notEqual(parse(text, every).problem, undefined, `split: ${JSON.stringify(text.slice(0, 100))}`);
  }
});

test('a body that the connection ends early is truncated, one that only it can end is whole', () => {
  const whole = parse('HTTP/1.1 200 OK\r\n\r\nsome', [], 'GET', true);
  assert.deepEqual([whole.body, whole.ended, whole.problem], ['some', true, undefined]);
  for (const text of [
    '',
    'HTTP/1.1 200 OK\r\nContent-Le',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n',
  ]) {
    const out = parse(text, [], 'GET', true);
    assert.deepEqual([out.problem, out.ended], ['truncated', false], text);
  }
});

test('bytes after the answer are surplus', () => {
  for (const [text, , method] of GOOD) assert.equal(parse(`${text}H`, [], method).surplus, true, text);
});

test('what goes to the client: no hop-by-hop field, no identity, no cookie of ours', () => {
  const lines = [
    'Connection: X-Secret, Content-Type, close',
    'X-Secret: 1',
    'Keep-Alive: timeout=7, max=5',
    'Proxy-Authenticate: Basic',
    'Trailer: X-T',
    'Upgrade: h2',
    'TE: trailers',
    'Remote-User: alice',
    'Remote_User: alice',
    'X-authentik-username: alice',
    'Set-Cookie: lintel=stolen; Path=/',
    'Set-Cookie: app=1',
    'Content-Type: text/html',
    'Content-Length: 0',
  ];
  const out = parse(`HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\n`);
  assert.deepEqual(out.headers, ['Set-Cookie', 'app=1', 'Content-Type', 'text/html', 'Content-Length', '0']);
  assert.equal(out.head?.keepAlive, false);
  assert.equal(out.head?.idleSeconds, 7);
});
