/**
 * What a group or an account brings is taken away, and the app goes on hearing it. An app whose mapping adds an attribute at
 * sign-in kept a copy of all attributes with the session; whoever was removed as an administrator stayed one there until
 * they signed out, while every other app knew at once. Class 12 (sessions that outlive the decision), GHSA-x883-2vmg-xwf7.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { startBackend } from '../black-box/backend.ts';
import { eventually, usersFile } from '../black-box/lintel.ts';
import { Browser, PASSWORD, street } from '../outpost/street.ts';

const admin = { additionalHeaders: { 'X-Role': 'admin' }, key: 's3cret' };
const people = (attributes: object) => ({ alice: { password: PASSWORD, displayname: 'Alice', attributes } });
const MAPPING =
  'return {"ak_proxy": {"user_attributes": {"theme": "dark", "additionalHeaders": {"X-App": user.username}}}}';
const COPYING =
  'h = {"X-Role": user.attributes.get("additionalHeaders", {}).get("X-Role", ""), "X-App": "copy"}\nreturn {"ak_proxy": {"user_attributes": {"additionalHeaders": h}}}';

test('an attribute that is taken away is gone with the next request, whatever the sign-in added to it', async () => {
  const backend = await startBackend();
  after(() => backend.close());
  const app = (name: string, mappings: string) => ({
    url: `http://${name}.example.com`,
    upstream: `http://127.0.0.1:${backend.port}`,
    headers: 'authentik',
    basic_auth: { password_attribute: 'key' },
    access: [{ allow: 'signed_in' }],
    mappings,
  });
  const at = await street({
    apps: { adds: app('adds', MAPPING), copies: app('copies', COPYING) },
    users: people(admin),
  });
  after(() => at.stop());
  const b = new Browser(at, 'lintel');
  const heard = async (host: string) => {
    const reply = await b.get(`http://${host}.example.com/`, ['X-Role: owner']);
    assert.equal(reply.status, 200);
    const headers = backend.take().at(-1)?.headers ?? [];
    return (name: string) => headers.filter(([n]) => n.toLowerCase() === name).map(([, v]) => v);
  };
  for (const host of ['adds', 'copies']) await b.open(`http://${host}.example.com/`, 'alice');
  for (const host of ['adds', 'copies']) {
    const before = await heard(host);
    assert.deepEqual(before('x-role'), ['admin'], host);
    assert.match(before('authorization')[0] ?? '', /^Basic /);
  }
  // The name stays known: bob is an administrator now.
  const bob = { password: PASSWORD, displayname: 'Bob', attributes: admin };
  writeFileSync(at.users, usersFile({ ...people({}), bob }));
  await eventually('she is no administrator any more', async () => (await heard('adds'))('x-role')[0] === '');
  for (const [host, app] of [
    ['adds', 'alice'],
    ['copies', 'copy'],
  ] as const) {
    const now = await heard(host);
    assert.deepEqual(now('x-role'), [''], host);
    assert.deepEqual(now('authorization'), [], host);
    assert.deepEqual(now('x-app'), [app], 'what the sign-in said itself stays');
  }
});
