import assert from 'node:assert/strict';
import type { ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openFrames, openSession } from '../../test/black-box/http2.ts';
import { createDoubleServer, watchSessions } from './http2.ts';
import { selfSigned } from './self-signed.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

test('nothing of a connection stays in memory once its client is gone, however it went', async (t) => {
  const { pair } = selfSigned(undefined, [], Date.now());
  const server = createDoubleServer(pair);
  const watched = watchSessions(server, () => {});
  t.after(() => {
    watched.destroy();
    server.closeAllConnections();
    server.close();
  });
  const sessions: WeakRef<ServerHttp2Session>[] = [];
  server.on('session', (session) => sessions.push(new WeakRef(session)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const to = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  for (let i = 0; i < 5; i++) {
    const frames = await openFrames(to);
    frames.write(Buffer.from('THIS IS NO FRAME, AND NOT THE NEXT ONE EITHER'));
    await sleep(10);
    frames.destroy();
    const idle = await openFrames(to);
    await sleep(10);
    idle.destroy();
    const session = await openSession(to);
    await new Promise((resolve) => session.close(() => resolve(undefined)));
  }
  for (let i = 0; i < 20 && sessions.some((s) => s.deref() !== undefined); i++) {
    await sleep(50);
    collect();
  }
  assert.equal(sessions.length, 15);
  assert.equal(sessions.filter((s) => s.deref() !== undefined).length, 0);
});
