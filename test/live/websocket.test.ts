/** WebSockets through a real `lintel serve`: who may open one, and everything that ends it within a second. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { eventually, LINTEL, usersFile } from '../black-box/lintel.ts';
import { ask } from '../black-box/raw.ts';
import { signIn } from '../black-box/sessions.ts';
import { type EchoBackend, openWebSocket, startEcho, type WebSocketClient } from '../black-box/websocket.ts';
import { openScope } from '../parts.ts';
import { lostTime, sleep } from './load.ts';
import { base, configure, type Live, live, PORTAL, USERS } from './server.ts';

const HOST = 'chat.example.test';
const ORIGIN = `https://${HOST}`;
const OTHER = 'https://dash.example.org';
const EDGE = [`Host: ${HOST}`, 'X-Forwarded-Proto: https', 'X-Forwarded-For: 198.51.100.7'];
const RULES = '[{paths: [/public], allow: everyone}, {allow: ["user:alice", "group:staff"]}]';

const apps = (port: number, rules = RULES) => `
apps:
  chat:
    url: ${ORIGIN}
    upstream: http://127.0.0.1:${port}
    origins: [${OTHER}]
    access: ${rules}
`;

interface Place {
  readonly at: Live;
  readonly echo: EchoBackend;
}

async function cookieOf(at: Live, name: keyof typeof USERS): Promise<string> {
  const { password } = USERS[name] ?? { password: '' };
  return `Cookie: gate=${(await signIn(at, PORTAL, name, password)).get('gate')}`;
}

/** Fails unless it is open and echoes. */
async function opened({ at }: Place, ...lines: string[]): Promise<WebSocketClient> {
  const client = await openWebSocket(at, { headers: [...EDGE, ...lines] });
  assert.equal(client.status, 101, client.head + client.body);
  assert.ok(await client.echo('hello'));
  return client;
}

/** What the app hears of somebody who opens one. */
async function headOf(place: Place, name: keyof typeof USERS): Promise<string> {
  (await opened(place, await cookieOf(place.at, name), `Origin: ${ORIGIN}`)).socket.destroy();
  return place.echo.heads.at(-1) ?? '';
}

async function lintel(at: Live, ...args: string[]): Promise<void> {
  const child = spawn(LINTEL, [...args, '--config', at.config], { env: { ...process.env, ...at.env } });
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(code, 0, args.join(' '));
}

/** Within a second, as docs/proxy-face.md says, of a machine that does not stand still meanwhile. */
async function closeSoon({ at }: Place, clients: readonly WebSocketClient[], what: string): Promise<void> {
  const lost = lostTime(at.ops);
  const took = Math.max(...(await Promise.all(clients.map((c) => c.closed(20_000)))));
  const late = took - (await lost());
  assert.ok(late < 1000, `${what}: closed after ${took} ms, ${late} without standstills`);
}

/** Waits for the server to say so: from there the second counts. */
function logged(at: Live, message: string, from: number): Promise<void> {
  return eventually(message, () => at.log(from).some((l) => l.message === message));
}

/** Waits until somebody can sign in; their cookie. What was written into the user file before is in force then. */
async function cookieOnce(at: Live, name: keyof typeof USERS): Promise<string> {
  let cookie = '';
  await eventually(`${name} signs in`, async () => {
    cookie = await cookieOf(at, name).catch(() => '');
    return cookie !== '';
  });
  return cookie;
}

for (const storage of ['sqlite:DIR/lintel.db', 'memory']) {
  describe(`WebSockets, storage: ${storage}`, { concurrency: false }, () => {
    const scope = openScope();
    let place: Place;
    before(async () => {
      const echo = await startEcho();
      place = { echo, at: await live(scope, { config: base(storage) + apps(echo.port) }) };
    });
    after(async () => {
      place.echo.close();
      await scope.close();
    });

    test('who may open one', async () => {
      const { at, echo } = place;
      const cookie = await cookieOf(at, 'alice');
      const refused = async (id: string, status: number, ...lines: string[]) => {
        const client = await openWebSocket(at, { headers: [...EDGE, ...lines] });
        assert.equal(client.status, status, `${lines} ${client.head}`);
        assert.match(client.head, new RegExp(`X-Lintel-Error: ${id}`));
        assert.match(client.head, /Content-Type: application\/json/);
        await client.closed();
      };
      const before = echo.heads.length;
      await refused('SIGN-IN-NEEDED', 401, `Origin: ${ORIGIN}`, 'Accept: */*');
      await refused('SIGN-IN-NEEDED', 401, `Origin: ${ORIGIN}`, 'Accept: text/html');
      await refused('ORIGIN-NOT-ALLOWED', 403, cookie);
      for (const origin of [
        'null',
        '',
        `http://${HOST}`,
        `${ORIGIN}:8443`,
        `${ORIGIN}.evil.test`,
        `${ORIGIN}/`,
        'https://evil.test',
        'https://CHAT.example.test',
        `${OTHER}:444`,
      ]) {
        await refused('ORIGIN-NOT-ALLOWED', 403, cookie, `Origin: ${origin}`);
      }
      await refused('ORIGIN-NOT-ALLOWED', 403, cookie, `Origin: ${ORIGIN}`, `Origin: ${ORIGIN}`);
      assert.equal(echo.heads.length, before, 'the app heard nothing');
      for (const origin of [ORIGIN, OTHER]) (await opened(place, cookie, `Origin: ${origin}`)).socket.destroy();
      const head = echo.heads.at(-1) ?? '';
      assert.match(head, /^Remote-User: alice\r$/m);
      assert.ok(!head.includes('gate='));
      const basic = `Authorization: Basic ${Buffer.from('bob:builder-secret').toString('base64')}`;
      (await opened(place, basic)).socket.destroy();
      (await opened(place, basic, `Origin: ${ORIGIN}`)).socket.destroy();
      // A browser that remembers a password sends it along for pages of sibling hosts too (seen in Chromium 156).
      for (const origin of ['https://evil.example.test', 'null', `${ORIGIN}:8443`]) {
        await refused('ORIGIN-NOT-ALLOWED', 403, basic, `Origin: ${origin}`);
      }
      const anybody = await openWebSocket(at, { target: '/public', headers: EDGE });
      assert.equal(anybody.status, 101);
      anybody.socket.destroy();
      // Her cookie would make the open path hers: an open path does not open her to other pages.
      const hers = await openWebSocket(at, {
        target: '/public',
        headers: [...EDGE, cookie, 'Origin: https://evil.test'],
      });
      assert.equal(hers.status, 403);
    });

    test('a session that is revoked or signed out ends its own and no other', async () => {
      const { at } = place;
      const bobs = await opened(place, await cookieOf(at, 'bob'), `Origin: ${ORIGIN}`);
      const first = await opened(place, await cookieOf(at, 'alice'), `Origin: ${ORIGIN}`);
      const second = await opened(place, await cookieOf(at, 'alice'), `Origin: ${ORIGIN}`);
      await lintel(at, 'sessions', 'revoke', '--user', 'alice');
      await closeSoon(place, [first, second], 'revoked by another process');
      const cookies = await signIn(at, PORTAL, 'alice', 'wonderland-7');
      const all = [...cookies].map(([n, v]) => `${n}=${v}`).join('; ');
      const third = await opened(place, `Cookie: ${all}`, `Origin: ${ORIGIN}`);
      const portal = new URL(PORTAL).host;
      const out = await ask(at, {
        method: 'POST',
        target: '/api/logout',
        headers: [
          `Host: ${portal}`,
          'X-Forwarded-Proto: https',
          `Origin: ${PORTAL}`,
          `Cookie: ${all}`,
          'Content-Type: application/json',
          'Content-Length: 2',
        ],
        body: '{}',
      });
      assert.equal(out.status, 200, out.body);
      await closeSoon(place, [third], 'signed out');
      assert.ok(await bobs.echo('still here'));
      bobs.socket.destroy();
    });

    test('accounts and rules that change end those that are no longer right, and no others', async () => {
      const { at, echo } = place;
      const hers = await opened(place, await cookieOf(at, 'alice'), `Origin: ${ORIGIN}`);
      const his = await opened(place, await cookieOf(at, 'bob'), `Origin: ${ORIGIN}`);
      const basic = await opened(place, `Authorization: Basic ${Buffer.from('bob:builder-secret').toString('base64')}`);
      const anybody = await openWebSocket(at, { target: '/public', headers: EDGE });
      const { alice, bob } = USERS;
      assert.ok(alice && bob);
      const write = (accounts: typeof USERS) => writeFileSync(at.users, usersFile(accounts));
      write({ alice: { ...alice, displayname: 'Alice A.' }, bob });
      await sleep(1500);
      for (const client of [hers, his, basic]) assert.ok(await client.echo('a new name changes nothing'));
      write({ alice: { ...alice, password: 'another one' }, bob: { ...bob, groups: ['staff', 'guests'] } });
      // The watch on the file takes a moment of its own.
      await Promise.all([hers, his, basic].map((c) => c.closed(20_000)));
      write({ alice, bob });
      await cookieOnce(at, 'alice');
      assert.ok(await anybody.echo('nobody in particular'));
      const leaver = await opened(place, await cookieOf(at, 'bob'), `Origin: ${ORIGIN}`);
      write({ alice, bob: { ...bob, disabled: true } });
      await leaver.closed(20_000);
      write({ alice, bob });
      const again = await opened(place, await cookieOnce(at, 'bob'), `Origin: ${ORIGIN}`);
      const admins = await opened(place, await cookieOf(at, 'alice'), `Origin: ${ORIGIN}`);
      let from = at.log().length;
      configure(at, base(storage) + apps(echo.port, '[{paths: [/public], allow: everyone}, {allow: [user:alice]}]'));
      await logged(at, 'configuration taken up', from);
      await closeSoon(place, [again], 'a rule that no longer lets him in');
      assert.ok(await admins.echo('she may'));
      from = at.log().length;
      configure(at, base(storage) + apps(echo.port, '[{deny: everyone}]'));
      await logged(at, 'configuration taken up', from);
      await closeSoon(place, [admins, anybody], 'nobody may');
      from = at.log().length;
      configure(at, base(storage) + apps(echo.port));
      await logged(at, 'configuration taken up', from);
    });

    test('what the app was told of somebody, or where the app is, changes: it ends', async () => {
      const { at, echo } = place;
      const { alice, bob } = USERS;
      assert.ok(alice && bob);
      const role = (name: string) => {
        const attributes = { additionalHeaders: { 'X-Role': name } };
        const account = { ...alice, displayname: 'Alice in a role', attributes };
        writeFileSync(at.users, usersFile({ alice: account, bob }));
      };
      role('admin');
      await eventually('she has a role', async () => /in a role\r$/m.test(await headOf(place, 'alice')));
      const hers = await opened(place, await cookieOf(at, 'alice'), `Origin: ${ORIGIN}`);
      const his = await opened(place, await cookieOf(at, 'bob'), `Origin: ${ORIGIN}`);
      role('viewer');
      await hers.closed(20_000);
      assert.ok(await his.echo('nothing changed for him'));

      // Another app has the address now; whoever may open that one may not stay in the one before.
      const other = await startEcho();
      const anybody = await openWebSocket(at, { target: '/public', headers: EDGE });
      assert.equal(anybody.status, 101);
      const from = at.log().length;
      configure(at, base(storage) + apps(other.port));
      await logged(at, 'configuration taken up', from);
      await closeSoon(place, [his, anybody], 'the app moved');
      const more = await opened(place, await cookieOf(at, 'bob'), `Origin: ${ORIGIN}`);
      await eventually('the app of before has no connection left', () => echo.sockets.size === 0);
      const later = at.log().length;
      const both = `[http://127.0.0.1:${other.port}, http://127.0.0.1:${echo.port}]`;
      configure(at, base(storage) + apps(other.port).replace(/upstream: .*/, `upstream: ${both}`));
      await logged(at, 'configuration taken up', later);
      await sleep(900);
      assert.ok(await more.echo('one server more'));
      more.socket.destroy();
      other.close();
      const end = at.log().length;
      configure(at, base(storage) + apps(echo.port));
      await logged(at, 'configuration taken up', end);
      writeFileSync(at.users, usersFile(USERS));
    });

    test('stopping the server ends them', async () => {
      const { at } = place;
      const open = await opened(place, await cookieOf(at, 'alice'), `Origin: ${ORIGIN}`);
      const from = performance.now();
      await at.stop();
      // It waits 10 s for what may end by itself.
      assert.ok(performance.now() - from < 8000);
      await open.closed();
    });
  });
}

test('an idle session ends its WebSocket; what the client says keeps it alive, what the app says does not', async (t) => {
  const scope = openScope();
  t.after(() => scope.close());
  const echo = await startEcho();
  t.after(() => echo.close());
  const config = `${base('sqlite:DIR/lintel.db')}session: {idle: 3s, lifetime: 8s}\n${apps(echo.port)}`;
  const place = { echo, at: await live(scope, { config }) };
  const began = performance.now();
  const silent = await opened(place, await cookieOf(place.at, 'bob'), `Origin: ${ORIGIN}`);
  const talking = await opened(place, await cookieOf(place.at, 'alice'), `Origin: ${ORIGIN}`);
  const timer = setInterval(() => talking.send('here'), 300);
  t.after(() => clearInterval(timer));
  const chatter = setInterval(() => {
    for (const socket of echo.sockets) socket.write(Buffer.from([0x81, 0]));
  }, 300);
  t.after(() => clearInterval(chatter));
  await silent.closed(20_000);
  const took = performance.now() - began;
  assert.ok(took > 2800, `${took} ms`);
  assert.equal(talking.isClosed, false, 'the talking one outlives its idle time');
  await talking.closed(20_000);
  assert.ok(performance.now() - began > 7000, 'until the session was over in any case');
  const between = talking.closedAt - silent.closedAt;
  assert.ok(between > 2500, `the silent one did not go with its idle time, but ${between} ms before the other`);
});

test('over TLS, beside HTTP/2 on the same port', async (t) => {
  const scope = openScope();
  t.after(() => scope.close());
  const echo = await startEcho();
  t.after(() => echo.close());
  const listen = 'listen: [https://127.0.0.1:0]\n';
  const config = base('memory').replace(/^listen: .*\n/, listen) + apps(echo.port, '[{allow: everyone}]');
  const at = await live(scope, { config });
  const client = await openWebSocket(at, { headers: EDGE, servername: HOST });
  assert.equal(client.status, 101, client.head + client.body);
  assert.ok(await client.echo('hello'));
  client.socket.end();
  await client.closed();
});
