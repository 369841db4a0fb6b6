import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { eventually } from '../../test/black-box/lintel.ts';
import { readBody } from './body.ts';
import type { ArrivedRequest, ClientResponse } from './client.ts';
import { listen } from './listener.ts';

/** A client of a server that answers with the body, as the portal reads it. */
async function client(t: TestContext) {
  const handler = async (req: ArrivedRequest, res: ClientResponse) => {
    const body = await readBody(req, res, 10);
    res.writeHead(body.ok ? 200 : 413, []);
    res.end(body.ok ? body.value : body.error.id);
  };
  const server = await listen({ kind: 'tcp', host: '127.0.0.1', port: 0 }, handler, () => {});
  const socket = connect(server.port ?? 0, '127.0.0.1');
  t.after(async () => {
    socket.destroy();
    await server.close(0);
  });
  let said = '';
  socket.on('data', (chunk: Buffer) => {
    said += chunk.toString('latin1');
  });
  return async (text: string, answer: RegExp) => {
    said = '';
    socket.write(text);
    await eventually(`${answer}`, () => answer.test(said));
  };
}

test('a client that waits to be asked for the body is asked, one that has too much is not', async (t) => {
  const send = await client(t);
  const head = 'POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: ';
  await send(`${head}5\r\n\r\n`, /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  await send('hello', /^HTTP\/1\.1 200 .*hello/s);
  await send(`${head}11\r\n\r\n`, /^HTTP\/1\.1 413 .*BODY-TOO-LARGE/s);
});

test('a client of HTTP/1.0 hears of nothing in between', async (t) => {
  const send = await client(t);
  const head = 'POST / HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n';
  await send(`${head}hello`, /^HTTP\/1\.1 200 .*hello/s);
});
