/** A certificate is renewed as certbot does it: new files in the place of the old ones, and nobody restarts anything. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { eventually } from '../black-box/lintel.ts';
import { tempDir } from '../parts.ts';
import { base, type Live, live } from './server.ts';

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Writes `name`.pem and `name`-key.pem. */
function certify(dir: string, name: string): void {
  const out = ['-out', join(dir, `${name}.pem`), '-keyout', join(dir, `${name}-key.pem`)];
  execFileSync('openssl', ['req', '-x509', ...CURVE, '-days', '7', '-subj', `/CN=${name}`, ...out], { stdio: 'pipe' });
}

async function opened(at: Live): Promise<TLSSocket> {
  const socket = connect({ host: at.host, port: at.port, rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  return socket;
}

async function served(at: Live): Promise<string> {
  const socket = await opened(at);
  const name = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return String(name);
}

async function health(socket: TLSSocket): Promise<string> {
  socket.write('GET /api/health HTTP/1.1\r\nHost: auth.example.test\r\n\r\n');
  return new Promise((resolve) => socket.once('data', (chunk) => resolve(String(chunk).slice(0, 12))));
}

test('new connections get the new certificate, old ones stay, and a half-made one changes nothing', async (t) => {
  const dir = tempDir(t);
  for (const name of ['first', 'second']) certify(dir, name);
  const place = (what: string, name: string) => renameSync(join(dir, what), join(dir, name));
  place('first.pem', 'cert.pem');
  place('first-key.pem', 'key.pem');
  const listen = 'listen: [https://127.0.0.1:0]\ntls: {cert: cert.pem, key: key.pem}';
  const at = await live(t, { dir, config: base('memory').replace('listen: [127.0.0.1:0]', listen) });
  const old = await opened(at);
  t.after(() => old.destroy());
  assert.equal(await served(at), 'first');

  place('second.pem', 'cert.pem');
  await eventually('the complaint', () => at.log().some((l) => /was not made for the key/.test(l.message)));
  assert.equal(at.log().find((l) => /was not made for/.test(l.message))?.level, 'error');
  assert.equal(await served(at), 'first');

  place('second-key.pem', 'key.pem');
  await eventually('the new certificate', async () => (await served(at)) === 'second');
  assert.equal(await health(old), 'HTTP/1.1 200');

  const from = at.log().length;
  writeFileSync(join(dir, 'cert.pem'), 'no certificate');
  await eventually('the complaint', () => at.log(from).some((l) => l.level === 'error'));
  assert.equal(await served(at), 'second');
});
