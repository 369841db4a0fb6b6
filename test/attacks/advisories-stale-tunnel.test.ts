/**
 * What an app was told when a WebSocket opened, it goes on believing for as long as that is open: there is no second
 * request to correct it. Somebody loses a right (a group higher up, an entitlement, a header of their own) and keeps it
 * until they close the page. Class 12 (sessions that outlive the decision; Pomerium #1279).
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { cheapHash, eventually, type Running } from '../black-box/lintel.ts';
import { type EchoBackend, openWebSocket, startEcho } from '../black-box/websocket.ts';
import { Browser, PASSWORD, street } from '../outpost/street.ts';

interface Rights {
  readonly parents?: readonly string[];
  readonly attributes?: object;
  readonly title?: string;
}

function users({
  parents = ['staff'],
  attributes = { additionalHeaders: { 'X-Role': 'admin' } },
  title = 'x',
}: Rights) {
  const alice = { displayname: 'Alice', password: cheapHash(PASSWORD), groups: ['dev'], attributes };
  const bob = { displayname: title, password: cheapHash(PASSWORD), groups: [] };
  return JSON.stringify({ groups: { staff: {}, dev: { parents } }, users: { alice, bob } });
}

describe('a WebSocket ends when what the app was told is not true any more', () => {
  let at: Running;
  let echo: EchoBackend;
  before(async () => {
    echo = await startEcho();
    const chat = {
      url: 'http://chat.example.com',
      upstream: `http://127.0.0.1:${echo.port}`,
      headers: 'authentik',
      entitlements: { editor: ['group:staff'] },
      basic_auth: { password_attribute: 'key' },
      access: [{ allow: 'signed_in' }],
    };
    at = await street({ apps: { chat } });
  });
  after(async () => {
    echo.close();
    await at.stop();
  });

  for (const [what, later, ends] of [
    ['somebody else has another name', { title: 'y' }, false],
    ['the group above is gone, and an entitlement with it', { parents: [] }, true],
    ['a header of their own is another', { attributes: { additionalHeaders: { 'X-Role': 'guest' } } }, true],
    [
      'the password that the app was given is another',
      { attributes: { additionalHeaders: { 'X-Role': 'admin' }, key: 'k' } },
      true,
    ],
  ] as const satisfies readonly (readonly [string, Rights, boolean])[]) {
    test(what, async () => {
      writeFileSync(at.users, users({}));
      const b = new Browser(at, 'lintel');
      await b.open('http://chat.example.com/', 'alice');
      const headers = [
        ...['Host: chat.example.com', 'X-Forwarded-Proto: http', 'X-Forwarded-For: 198.51.100.7'],
        ...['Origin: http://chat.example.com', `Cookie: ${b.cookies('chat.example.com')}`],
      ];
      await eventually('the file is read', async () => {
        await b.get('http://chat.example.com/');
        return /entitlements: editor\r\n(?:.*\r\n)*X-Role: admin/i.test(echo.heads.at(-1) ?? '');
      });
      const client = await openWebSocket(at, { headers });
      assert.equal(client.status, 101, client.head);
      assert.match(echo.heads.at(-1) ?? '', /entitlements: editor/i);
      writeFileSync(at.users, users(later));
      const closed = await client.closed(ends ? undefined : 4_000).then(
        () => true,
        () => false,
      );
      client.socket.destroy();
      assert.equal(closed, ends);
    });
  }
});
