import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { missing, openScope } from '../parts.ts';
import { behind } from './behind.ts';
import { FRONTS } from './fronts.ts';
import { ask, cookieLine, type Jar, signIn } from './raw.ts';
import { startSite } from './site.ts';

behind('nginx');

const APP = 'app.example.com';
const skip = missing('nginx');

describe('who may not open a page behind nginx', { skip, timeout: 600_000 }, () => {
  const scope = openScope();
  after(scope.close);

  test('sees why, with a way to another account; a program reads the plain refusal', async () => {
    const site = await startSite(scope, 'nginx', false);
    const { port } = await FRONTS.nginx.start(scope, site);
    const jar: Jar = new Map();
    await signIn(port, jar, 'alice', 'alice-demo-password', `https://${APP}/`);
    site.app.taken();
    const cookie = `Cookie: ${cookieLine(jar, APP)}`;
    const html = 'Accept: text/html,application/xhtml+xml,*/*;q=0.8';
    const get = (path: string, ...lines: string[]) => ask(port, { host: APP, path, lines });

    const page = await get('/admin/users?token=1', cookie, html, 'Sec-Fetch-Mode: navigate');
    assert.equal(page.status, 403);
    assert.equal(page.headers.get('x-lintel-error'), 'ACCESS-DENIED');
    assert.equal(page.headers.get('cache-control'), 'no-store');
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
    assert.match(page.body, /href="\/\.lintel\/sign-out"[^>]*>Switch account</);
    assert.doesNotMatch(page.body, /token/);
    assert.equal((await get('/.lintel/sign-out', cookie, html)).status, 200);

    const program = [
      [cookie],
      [cookie, 'Accept: application/json'],
      [cookie, html, 'X-Requested-With: XMLHttpRequest'],
      [cookie, html, 'Sec-Fetch-Mode: cors'],
    ];
    for (const lines of program) {
      const plain = await get('/admin/users', ...lines);
      assert.equal(plain.status, 403);
      assert.equal(plain.headers.get('x-lintel-error'), 'ACCESS-DENIED');
      assert.equal(plain.body, '403 Forbidden\nACCESS-DENIED\n');
    }
    const form = { method: 'POST', host: APP, path: '/admin/users', body: 'a=b' };
    const posted = await ask(port, { ...form, lines: [cookie, html, 'Content-Length: 3'] });
    assert.deepEqual([posted.status, posted.body], [403, '403 Forbidden\nACCESS-DENIED\n']);

    const stranger = await get('/.lintel/denied', html);
    assert.equal(stranger.status, 403);
    assert.doesNotMatch(stranger.body, /Switch account/);
    assert.deepEqual(site.app.taken(), []);
  });
});
