/**
 * Information leak. Identity headers meant for the app come back to the browser, a "who am I" page hands out tokens, a
 * debug log keeps cookies and passwords, and whoever reads it signs in as everybody.
 *
 * Pomerium GHSA-rrqr-7w59-637v (tokens on the dashboard), GHSA-h2ph-vhm7-g4hp (secrets in logs). Hence: identity goes
 * one way only, the session id in lists is no credential, and log lines are built from facts, not from requests.
 */
import assert from 'node:assert/strict';
import { eventually } from '../black-box/lintel.ts';
import { ask, type Reply } from '../black-box/raw.ts';
import { signIn } from '../black-box/sessions.ts';
import { PASSWORD, PORTAL } from './fixture.ts';
import { runClass } from './run.ts';

const IDENTITY = /^(remote-|x-authentik|x-auth-request|x-forwarded-user)/i;

function assertNothingOf(reply: Reply, secrets: Iterable<string>): void {
  assert.deepEqual(
    reply.headers.filter(([n]) => IDENTITY.test(n)),
    [],
  );
  for (const secret of secrets) assert.ok(!JSON.stringify(reply).includes(secret), 'a secret in an answer');
}

runClass('information-leak', (s) => {
  s.attack('LEK-01', async () => {
    const target = await s.target('proxy');
    const cookie = await target.cookie('alice');
    const headers = ['Host: app.example.test', 'Accept: text/html', `Cookie: ${cookie}`];
    const reply = await ask(target, { target: '/', headers }, { from: '127.0.0.2' });
    assert.equal(reply.status, 200);
    assertNothingOf(reply, cookie?.match(/(?<==)[^;]+/g) ?? []);
    const denied = await ask(target, { target: '/admin', headers }, { from: '127.0.0.2' });
    assert.equal(denied.status, 403);
    assertNothingOf(denied, []);
  });

  s.attack('LEK-02', async () => {
    const i = await s.gate();
    const cookies = await signIn(i.at, PORTAL, 'alice', PASSWORD);
    const cookie = `Cookie: ${[...cookies].map(([n, v]) => `${n}=${v}`).join('; ')}`;
    for (const target of ['/', '/api/state', '/api/configuration', '/api/whoami', '/sign-out']) {
      assertNothingOf(
        await ask(i.at, { target, headers: ['Host: auth.example.test', 'Accept: text/html', cookie] }),
        cookies.values(),
      );
    }
    const proxied = await s.target('proxy');
    const own = (await proxied.cookie('alice')) ?? '';
    const headers = ['Host: app.example.test', `Cookie: ${own}`];
    const who = await ask(proxied, { target: '/.lintel/whoami', headers }, { from: '127.0.0.2' });
    assert.equal(who.status, 200);
    assert.match(who.body, /alice/);
    assertNothingOf(who, own.match(/(?<==)[^;]+/g) ?? []);
  });

  s.attack('LEK-05', async () => {
    const i = await s.gate();
    const cookies = await signIn(i.at, PORTAL, 'alice', PASSWORD);
    const cookie = `Cookie: ${[...cookies].map(([n, v]) => `${n}=${v}`).join('; ')}`;
    const told = ['Host: app.example.test', 'X-Forwarded-Proto: https', cookie];
    const basic = Buffer.from('alice:sesame-in-basic').toString('base64');
    for (const authorization of ['Bearer s3cr3t-bearer', `Basic ${basic}`, 'Nonsense s3cr3t-nonsense']) {
      await ask(i.at, { target: '/api/authz/ext-authz//', headers: [...told, `Authorization: ${authorization}`] });
    }
    await ask(i.at, { target: '/api/authz/ext-authz//admin', headers: told });
    const body = JSON.stringify({ username: 'alice', password: 'sesame-in-json' });
    const type = ['Content-Type: application/json', `Content-Length: ${body.length}`];
    await ask(i.at, {
      method: 'POST',
      target: '/api/firstfactor',
      headers: ['Host: auth.example.test', ...type],
      body,
    });
    await eventually('the sign-in that failed is in the log', () => /alice/.test(i.at.output()));
    const log = i.at.output();
    const secrets = [
      's3cr3t-bearer',
      's3cr3t-nonsense',
      basic,
      'sesame-in-basic',
      'sesame-in-json',
      PASSWORD,
      ...cookies.values(),
    ];
    for (const secret of secrets) assert.ok(!log.includes(secret), `${secret} is in the log`);
  });
});
