import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { LOOKED_UP, Request } from './request.ts';

async function ask(server: Server, head: string): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.end(head);
  const said = await text(socket);
  server.close();
  return said;
}

const BARE = 'GET /a HTTP/1.1\r\nHost: h\r\nTE: gzip\r\nConnection: close\r\nX-Name: v\r\n\r\n';

test('node:http asks for no other header than those that a Request has', async () => {
  const asked = new Set<string>();
  class Watched extends IncomingMessage {}
  Object.defineProperty(Watched.prototype, 'headers', {
    get(this: IncomingMessage) {
      const get = (_: object, key: string | symbol) => void asked.add(String(key));
      const has = (_: object, key: string | symbol) => !asked.add(String(key));
      return new Proxy({}, { get, has });
    },
  });
  const options = { IncomingMessage: Watched, optimizeEmptyRequests: true, requireHostHeader: false };
  const server = createServer(options, (_req, res) => res.end('ok'));
  assert.match(await ask(server, BARE.replace('TE:', 'Upgrade: h2c\r\nTE:')), /^HTTP\/1\.1 200 /);
  assert.ok(asked.size > 0, 'Node no longer looks at headers: the class may go');
  for (const name of asked)
    assert.ok(
      LOOKED_UP.some((n) => n === name),
      `Node reads ${name}`,
    );
});

async function seen(head: string): Promise<unknown> {
  let headers: unknown;
  const server = createServer({ IncomingMessage: Request, requireHostHeader: false }, (req, res) => {
    headers = { ...req.headers };
    req.resume();
    res.end('ok');
  });
  await ask(server, head);
  return headers;
}

test('a request without a body shows no headers; its rawHeaders are whole', async () => {
  assert.deepEqual(await seen(BARE), {});
});

for (const [what, line] of [
  ['a length', 'Content-Length: 0'],
  ['a length in other letters', 'cOnTeNt-LeNgTh: 0'],
  ['an upgrade', 'Upgrade: h2c'],
  ['a coding', 'Transfer-Encoding: chunked'],
] as const) {
  test(`a request with ${what} shows what node:http shows`, async () => {
    const body = line.startsWith('T') ? '0\r\n\r\n' : '';
    const headers = await seen(
      `POST /a HTTP/1.1\r\nHost: h\r\n${line}\r\nX-Name: a\r\nX-Name: b\r\nConnection: close\r\n\r\n${body}`,
    );
    const [name = '', value = ''] = line.split(': ');
    assert.deepEqual(headers, { host: 'h', [name.toLowerCase()]: value, 'x-name': 'a, b', connection: 'close' });
  });
}

test('a request of HTTP/1.0 shows what node:http shows', async () => {
  assert.deepEqual(await seen('GET /a HTTP/1.0\r\nTE: gzip\r\nX-Name: v\r\n\r\n'), { te: 'gzip', 'x-name': 'v' });
});

test('an expectation is answered', async () => {
  const server = createServer({ IncomingMessage: Request, requireHostHeader: false }, (_req, res) => res.end('ok'));
  const head = 'POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
  assert.match(await ask(server, head), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
});
