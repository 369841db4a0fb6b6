import assert from 'node:assert/strict';
import type { ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FRAME, openFrames, openSession } from '../../test/black-box/http2.ts';
import { eventually } from '../../test/black-box/lintel.ts';
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
    await frames.until((f) => f.type === FRAME.goaway);
    frames.destroy();
    const idle = await openFrames(to);
    await eventually('its greeting is answered', () => idle.frames.length > 0);
    idle.destroy();
    const session = await openSession(to);
    await new Promise((resolve) => session.close(() => resolve(undefined)));
  }
  assert.equal(sessions.length, 15);
  const kept = () => sessions.filter((s) => s.deref() !== undefined).length;
  await eventually(
    () => `of ${kept()} connections nothing is kept`,
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      collect();
      return kept() === 0;
    },
  );
});
