/** A calendar program with an app password: a real CalDAV server behind Lintel's own proxy, no browser anywhere. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { proxy } from '../attacks/fixture.ts';
import { basic, bearer, plantToken } from '../black-box/app-passwords.ts';
import { ask, headerOf, type Reply } from '../black-box/raw.ts';
import { missing, openScope, tempDir } from '../parts.ts';
import { startRadicale } from '../proxies/site.ts';

const HOST = 'dav.example.test';
const EVENT = [
  'BEGIN:VCALENDAR',
  'VERSION:2.0',
  'PRODID:-//test//EN',
  'BEGIN:VEVENT',
  'UID:raise-the-beam',
  'DTSTAMP:20261127T190000Z',
  'DTSTART:20261128T090000Z',
  'SUMMARY:Raise the beam',
  'END:VEVENT',
  'END:VCALENDAR',
  '',
].join('\r\n');
const WHO = '<?xml version="1.0"?><d:propfind xmlns:d="DAV:"><d:prop><d:current-user-principal/></d:prop></d:propfind>';

suite('CalDAV with an app password', { skip: missing('radicale') }, () => {
  const scope = openScope();
  let site: Awaited<ReturnType<typeof proxy>>;

  before(async () => {
    const upstream = `http://127.0.0.1:${await startRadicale(scope, tempDir(scope))}`;
    const app = (name: string) => ({ url: `http://${name}.example.test`, upstream, access: [{ allow: 'signed_in' }] });
    site = await proxy({ config: { apps: { dav: app('dav'), other: app('other') } } });
  });
  after(async () => {
    await site.stop();
    await scope.close();
  });

  function dav(method: string, target: string, authorization: string, body = '', host = HOST): Promise<Reply> {
    const type = method === 'PUT' ? 'text/calendar' : 'application/xml';
    const headers = [`Host: ${host}`, authorization, 'Depth: 0', `Content-Type: ${type}`];
    const length = `Content-Length: ${Buffer.byteLength(body)}`;
    return ask(site.at, { method, target, headers: [...headers, length], body }, { from: '127.0.0.2' });
  }

  test('makes a calendar, puts an event there and reads it back; another person sees none of it', async () => {
    const { secret } = await plantToken(site.store, { apps: ['dav'], label: 'Phone calendar' });
    const bob = await plantToken(site.store, { user: 'bob', apps: ['dav'] });
    for (const way of [basic('alice', secret), bearer(secret)]) {
      const principal = await dav('PROPFIND', '/', way, WHO);
      assert.equal(principal.status, 207);
      assert.match(principal.body, /<current-user-principal><href>\/alice\/<\/href>/);
      assert.equal(headerOf(principal, 'set-cookie'), undefined);
    }
    assert.equal((await dav('MKCALENDAR', '/alice/family/', basic('alice', secret))).status, 201);
    assert.equal((await dav('PUT', '/alice/family/beam.ics', basic('alice', secret), EVENT)).status, 201);
    assert.match((await dav('GET', '/alice/family/beam.ics', bearer(secret))).body, /SUMMARY:Raise the beam/);
    assert.equal((await dav('GET', '/alice/family/beam.ics', bearer(bob.secret))).status, 403);
  });

  test('a wrong, foreign or revoked one is asked for again in the words that calendar programs know', async () => {
    const { secret, token } = await plantToken(site.store, { apps: ['dav'] });
    const elsewhere = await dav('PROPFIND', '/', basic('alice', secret), WHO, 'other.example.test');
    assert.equal(elsewhere.status, 401);
    assert.equal((await dav('PROPFIND', '/', basic('alice', secret), WHO)).status, 207);
    await site.store.revokeTokens({ kind: 'id', id: token.id });
    const revoked = await dav('PROPFIND', '/', basic('alice', secret), WHO);
    assert.equal(revoked.status, 401);
    assert.match(headerOf(revoked, 'www-authenticate') ?? '', /^Basic realm=/);
  });
});
