import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventually } from '../black-box/lintel.ts';
import { ask, exchange } from '../black-box/raw.ts';
import { signIn } from '../black-box/sessions.ts';
import { gate, PASSWORD, PORTAL, proxy } from './fixture.ts';

/**
 * Secrets in logs (oauth2-proxy, authentik and Gitea each published one). Addresses carry reset tokens and signed links
 * after their "?". A line about a well-formed request leaves the query out; the lines about malformed addresses, return
 * addresses and denials must, too: a mail client that adds "#" or a bad escape to a reset link is enough for one.
 */
test('no query string reaches the log, whatever is wrong with the address', async () => {
  const [gated, proxied] = await Promise.all([gate(), proxy()]);
  after(() => Promise.all([gated.stop(), proxied.stop()]));
  const told = (...headers: string[]) => ['Host: auth.internal', 'X-Forwarded-For: 198.51.100.7', ...headers];
  const check = (endpoint: string, ...headers: string[]) =>
    ask(gated.at, { target: `/api/authz/${endpoint}`, headers: told(...headers) });
  for (const uri of ['/%zz?t=s3cr3t', '/a#b?t=s3cr3t', '/a?t=s3cr3t#', 'a?t=s3cr3t', '/../?t=s3cr3t']) {
    const host = ['X-Forwarded-Method: GET', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: app.example.test'];
    await check('forward-auth', ...host, `X-Forwarded-Uri: ${uri}`);
    await check('auth-request', 'X-Original-Method: GET', `X-Original-URL: https://app.example.test${uri}`);
    const line = `GET ${uri} HTTP/1.1\r\nHost: app.example.test\r\nConnection: close\r\n\r\n`;
    await exchange(proxied.at, line, { from: '127.0.0.2' });
  }
  await check('auth-request', 'X-Original-Method: GET', 'X-Original-URL: //app.example.test/?t=s3cr3t');
  await check('forward-auth?authelia_url=https%3A%2F%2Fevil.test%2F%3Ft%3Ds3cr3t', 'X-Forwarded-Method: GET');
  const cookies = await signIn(gated.at, PORTAL, 'alice', PASSWORD);
  const cookie = `Cookie: ${[...cookies].map(([n, v]) => `${n}=${v}`).join('; ')}`;
  for (const rd of ['https://evil.test/?t=s3cr3t', 'https://app.example.test/admin?t=s3cr3t']) {
    const target = `/?rd=${encodeURIComponent(rd)}`;
    await ask(gated.at, { target, headers: ['Host: auth.example.test', 'Accept: text/html', cookie] });
  }
  await eventually('the denial is in the log', () => /ACCESS-DENIED/.test(gated.at.output()));
  for (const { at } of [gated, proxied]) {
    assert.deepEqual(
      at
        .output()
        .split('\n')
        .filter((l) => l.includes('s3cr3t')),
      [],
    );
  }
});
