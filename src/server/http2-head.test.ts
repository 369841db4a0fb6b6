import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { headerListSize, readHead } from './http2-head.ts';

const REQUEST = [':method', 'GET', ':scheme', 'https', ':authority', 'a.test', ':path', '/x'];

function without(name: string): string[] {
  const at = REQUEST.indexOf(name);
  return REQUEST.toSpliced(at, 2);
}

test('the list is that of an HTTP/1.1 request', () => {
  const raw = [...REQUEST, 'cookie', 'a=1', 'accept', '*/*', 'cookie', 'b=2', 'te', 'trailers', 'x', '1', 'x', '2'];
  const { list, malformed } = readHead(raw);
  assert.equal(malformed, undefined);
  assert.deepEqual(list, [
    'host',
    'a.test',
    'accept',
    '*/*',
    'te',
    'trailers',
    'x',
    '1',
    'x',
    '2',
    'cookie',
    'a=1; b=2',
  ]);
});

test('Host and :authority: either, or both the same', () => {
  assert.deepEqual(readHead([...without(':authority'), 'host', 'b.test']).list, ['host', 'b.test']);
  assert.deepEqual(readHead([...REQUEST, 'host', 'A.test']), { list: ['host', 'a.test'], malformed: undefined });
  assert.match(readHead([...REQUEST, 'host', 'b.test']).malformed ?? '', /different hosts/);
  assert.match(readHead([...REQUEST, 'host', '']).malformed ?? '', /different hosts/);
  assert.match(readHead([...REQUEST, 'host', 'a.test', 'host', 'a.test']).malformed ?? '', /repeated/);
  assert.deepEqual(readHead(without(':authority')), { list: [], malformed: undefined }); // admit() misses the host
});

test('what makes it no request', () => {
  const bad: readonly (readonly [readonly string[], RegExp])[] = [
    [[...REQUEST, ':authority', 'b.test'], /:authority is repeated/],
    [[...REQUEST, ':path', '/y'], /:path is repeated/],
    [without(':path'), /:path is absent/],
    [without(':scheme'), /:scheme is not https/],
    [[':scheme', 'http', ...without(':scheme')], /:scheme is not https/],
    [[...REQUEST, ':protocol', 'websocket'], /tunnel/],
    ...['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'http2-settings'].map(
      (name) => [[...REQUEST, name, 'x'], new RegExp(`${name} in HTTP/2`)] as const,
    ),
    [[...REQUEST, 'te', 'trailers, chunked'], /te in HTTP\/2/],
  ];
  for (const [raw, why] of bad) assert.match(readHead(raw).malformed ?? '', why);
});

test('whatever comes, no pseudo-header field and at most one host goes on', () => {
  const name = fc.oneof(fc.constantFrom(':authority', ':path', ':x', 'host', 'cookie', 'te', 'x'), fc.string());
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string())), (pairs) => {
      const { list } = readHead(pairs.flat());
      const names = list.filter((_, i) => i % 2 === 0);
      assert.ok(names.every((n) => !n.startsWith(':')));
      assert.ok(names.filter((n) => n === 'host').length <= 1);
    }),
  );
});

test('a list is as large as RFC 9113 counts it', () => {
  assert.equal(headerListSize([]), 0);
  assert.equal(headerListSize(['host', 'a.test', 'x', '']), 10 + 32 + 1 + 32);
});
