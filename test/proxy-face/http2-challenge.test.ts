/** What Lintel itself answers in the place of an app arrives over HTTP/2 too, whatever of the request was left unread. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Secure, secure } from '../attacks/secure.ts';
import { askHttp2, openSession } from '../black-box/http2.ts';
import { headerOf } from '../black-box/raw.ts';

let site: Secure;
before(async () => {
  site = await secure();
});
after(() => site.stop());

const BODIES = [undefined, '', 'a=b', 'x'.repeat(200_000)];

test('somebody who is not signed in is sent to sign in', async () => {
  const session = await openSession(site.tls, site.from);
  const browser = ['accept: text/html'];
  for (const method of ['GET', 'POST']) {
    for (const body of method === 'GET' ? [undefined] : BODIES) {
      const request = { method, authority: 'app.example.test', path: '/', headers: browser };
      const { reply } = await askHttp2(session, body === undefined ? request : { ...request, body });
      const what = `${method} with ${body?.length ?? 'no'} bytes`;
      assert.equal(reply?.status, method === 'GET' ? 302 : 303, what);
      assert.match(headerOf(reply, 'location') ?? '', /^https:\/\/app\.example\.test\/\.lintel\/start\?/, what);
    }
  }
  session.destroy();
});

test('a page with a text arrives whole', async () => {
  const session = await openSession(site.tls, site.from);
  for (const body of BODIES) {
    const request = { method: 'POST', authority: 'elsewhere.example.test', path: '/', headers: ['accept: text/html'] };
    const { reply } = await askHttp2(session, body === undefined ? request : { ...request, body });
    assert.equal(reply?.status, 403, `${body?.length}`);
    assert.equal(reply?.body.length, Number(headerOf(reply, 'content-length')));
  }
  session.destroy();
});
