/** The files of an upstream over TLS are taken up while Lintel runs, and a broken one leaves the old one in force. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../black-box/lintel.ts';
import { ask, type Reply } from '../black-box/raw.ts';
import { openScope, tempDir } from '../parts.ts';
import { base, type Live, live } from './server.ts';

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function certificate(dir: string, name: string): { cert: Buffer; key: Buffer } {
  const [cert, key] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
  const args = [
    'req',
    '-x509',
    ...CURVE,
    '-days',
    '7',
    '-subj',
    `/CN=${name}`,
    '-addext',
    'subjectAltName=IP:127.0.0.1',
  ];
  execFileSync('openssl', [...args, '-out', cert, '-keyout', key], { stdio: 'pipe' });
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

const get = (at: Live): Promise<Reply> => {
  const headers = ['Host: wiki.example.test', 'X-Forwarded-Proto: https', 'Connection: close'];
  return ask(at, { target: '/', headers });
};

function until(at: Live, message: string, from: number): Promise<void> {
  return eventually(message, () => at.log(from).some((l) => l.message.startsWith(message)));
}

test('the authority of an upstream changes while Lintel runs', async (t) => {
  const scope = openScope();
  t.after(() => scope.close());
  const dir = tempDir(scope);
  const [first, second] = [certificate(dir, 'first'), certificate(dir, 'second')];
  const app: Server = createServer(first, (req, res) => {
    res.setHeader('Connection', 'close');
    res.end(`hello from ${req.headers.host}`);
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  t.after(() => app.close());
  const ca = join(dir, 'ca.pem');
  copyFileSync(join(dir, 'first.pem'), ca);
  const { port } = app.address() as AddressInfo;
  const wiki = `{url: https://wiki.example.test, upstream: {url: "https://127.0.0.1:${port}", ca: DIR/ca.pem}, access: [{allow: everyone}]}`;
  const at = await live(scope, { dir, config: `${base('memory')}apps: {wiki: ${wiki}}\n` });
  assert.equal((await get(at)).body, 'hello from wiki.example.test');

  app.setSecureContext(second);
  const refused = await get(at);
  assert.deepEqual([refused.status, refused.headers.find(([n]) => n === 'X-Lintel-Error')?.[1]], [502, 'UPSTREAM-TLS']);

  let from = at.log().length;
  writeFileSync(ca, 'not a certificate');
  await until(at, 'the configuration was not taken up', from);
  await eventually('why', () => /holds no certificate that can be read/.test(JSON.stringify(at.log(from))));

  from = at.log().length;
  copyFileSync(join(dir, 'second.pem'), ca);
  await until(at, 'configuration taken up', from);
  assert.equal((await get(at)).status, 200);
});
