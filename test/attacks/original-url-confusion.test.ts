/**
 * Original URL confusion. What is judged is told in headers; whoever writes one of them chooses what is judged. A peer
 * that is no proxy sends `X-Forwarded-Uri: /public`; a client adds a second copy, another family, a prefix, a list, an
 * absolute URL; or makes the proxy leave one out and hopes for a default.
 *
 * oauth2-proxy GHSA-7x63-xv5r-3p2x (forwarded headers from anybody), Authelia GHSA-68wm-pfjf-wqp6 (a malformed URL was
 * a 200), Traefik GHSA-6384-m2mw-rf54 and GHSA-3q9r-p662-5j8m (prefix and port), Envoy GHSA-2v25-cjjq-5f4w (duplicates).
 * Hence: one family for each endpoint, from listed peers only, each header exactly once.
 */
import assert from 'node:assert/strict';
import { askHttp2, openSession } from '../black-box/http2.ts';
import { ask, headerOf } from '../black-box/raw.ts';
import { checkRequest } from '../grpc/client.ts';
import { grpcGate } from '../grpc/installation.ts';
import { attack } from './cases.ts';
import { runClass } from './run.ts';
import { secure } from './secure.ts';

runClass('original-url-confusion', (s) => {
  s.attack('URI-21', async () => {
    const site = await secure();
    const { uri = '', host = '' } = attack('URI-21');
    const session = await openSession(site.tls, site.from);
    for (const [authority, other] of [
      ['admin.example.test', host],
      [host, 'admin.example.test'],
    ] as const) {
      const { reply } = await askHttp2(session, { authority, path: uri, headers: [`host: ${other}`] });
      assert.equal(reply?.status, 400);
      assert.equal(headerOf(reply, 'x-lintel-error'), 'REQUEST-MALFORMED');
    }
    session.destroy();
    assert.deepEqual(site.backend.take(), []);
    await site.stop();
  });

  s.extra('a refused peer is told which line lets it in', async () => {
    const { at } = await s.gate();
    const headers = ['Host: auth.internal', 'X-Forwarded-Host: app.example.test', 'X-Forwarded-Uri: /public'];
    const told = ['X-Forwarded-Method: GET', 'X-Forwarded-Proto: https'];
    const request = { target: '/api/authz/forward-auth', headers: [...headers, ...told] };
    const reply = await ask(at, request, { from: '127.0.0.2' });
    assert.equal(headerOf(reply, 'x-lintel-error'), 'PEER-UNTRUSTED');
    assert.match(reply.body, /127\.0\.0\.2/);
    assert.match(reply.body, /trusted_proxies/);
  });
  s.attack('URI-22', async () => {
    const { client, stop } = await grpcGate();
    try {
      const response = await client.check(checkRequest({ path: '' }));
      assert.equal(response.code, 7, 'PERMISSION_DENIED');
      assert.equal(response.denied?.status, 400);
      assert.match(response.denied?.body ?? '', /TARGET-MISSING/);
      assert.equal((await client.check(checkRequest({ path: '/public' }))).code, 0, 'the next one is served');
    } finally {
      await stop();
    }
  });
});
