/**
 * One client must not be able to end the process: everybody's doors hang on it. A connection that node:http hands over
 * (CONNECT, an upgrade) has no listener for errors any more, and a reset on it is then an exception that nobody catches.
 */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { ask } from '../black-box/raw.ts';
import { PORTAL } from './fixture.ts';
import { type Secure, secure } from './secure.ts';

let site: Secure;
before(async () => {
  site = await secure();
});
after(() => site.stop());

async function lives(what: string): Promise<void> {
  const { exitCode, signalCode } = site.at.process;
  assert.deepEqual([exitCode, signalCode], [null, null], `${what}: ${site.at.output().slice(-800)}`);
  const reply = await ask(site.at, { target: '/api/health', headers: [`Host: ${new URL(PORTAL).host}`] });
  assert.equal(reply.status, 200, what);
}

/** Says it and resets the connection, some milliseconds later each time. */
async function resetAfter(open: () => Socket, isOpen: string, text: string): Promise<void> {
  for (const ms of [0, 1, 2, 5, 20]) {
    const raw = open();
    raw.on('error', () => {});
    await new Promise((resolve) => raw.once(isOpen, resolve).once('close', resolve));
    raw.write(text, 'latin1');
    await sleep(ms);
    raw.resetAndDestroy();
    await sleep(20);
  }
}

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
const REQUESTS: Readonly<Record<string, string>> = {
  CONNECT: 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n',
  'CONNECT behind another request': `GET / HTTP/1.1\r\nHost: app.example.test\r\n\r\nCONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n`,
  'an upgrade to an app': `GET /public/x HTTP/1.1\r\nHost: app.example.test\r\n${UPGRADE}\r\n`,
  'an upgrade without an app': `GET / HTTP/1.1\r\nHost: auth.example.test\r\n${UPGRADE}\r\n`,
  'no request': 'NO REQUEST\r\n\r\n',
  'half a request': 'GET / HTTP/1.1\r\nHost: app',
};

for (const [name, text] of Object.entries(REQUESTS)) {
  test(`${name}, then a reset`, async () => {
    await resetAfter(() => connect(site.at), 'connect', text);
    await lives('plain');
    const overTls = () => {
      const raw = connect({ ...site.tls, localAddress: site.from });
      const tls = connectTls({ socket: raw, ALPNProtocols: ['http/1.1'], rejectUnauthorized: false });
      tls.on('error', () => {});
      return Object.assign(tls, { resetAndDestroy: () => raw.resetAndDestroy() });
    };
    await resetAfter(overTls, 'secureConnect', text);
    await lives('TLS');
  });
}
