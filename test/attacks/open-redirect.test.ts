/**
 * Open redirect. After a sign-in the portal sends the person to `rd`, and everybody trusts the address bar that showed
 * the portal a moment ago. The attacker writes an `rd` that a careless check takes for one of ours: another parser's
 * idea of a host, user information before an `@`, a host that merely begins or ends like ours, a script.
 *
 * oauth2-proxy GHSA-5m6c-jp6f-2vcv, GHSA-qqxw-m5fj-f7gv, GHSA-j7px-6hwj-hpjg and GHSA-4mf2-f3wh-gvf2, authentik
 * CVE-2026-41569, Pocket ID GHSA-9h33-g3ww-mqff, Zitadel GHSA-mwmh-7px9-4c23, Pomerium GHSA-35vc-w93w-75c2. Hence: an
 * address is parsed, matched as a whole against the apps, and written anew; nothing that came in is echoed.
 */
import assert from 'node:assert/strict';
import { ask, headerOf, type Reply, utf8, valuesOf } from '../black-box/raw.ts';
import { cookiesSet, signIn } from '../black-box/sessions.ts';
import { attack, attacksOf } from './cases.ts';
import { type Installation, PASSWORD, PORTAL } from './fixture.ts';
import { runClass, sendThrough } from './run.ts';

const OURS = new Set(['auth.example.test', 'app.example.test']);
const HOST = 'Host: auth.example.test';
const OWN = ['Origin: https://auth.example.test', 'Sec-Fetch-Site: same-origin'];

/** Where a browser would end up, for every way in which the answer could send it there. */
function destinations(reply: Reply): string[] {
  const header = [...valuesOf(reply, 'location'), ...valuesOf(reply, 'refresh').map((r) => r.replace(/^[^=]*=/, ''))];
  const html = [...reply.body.matchAll(/<meta[^>]+http-equiv="?refresh[^>]+url=([^">]+)/gi)].map((m) => m[1] ?? '');
  return [...header, ...html].map((to) => Buffer.from(to, 'latin1').toString('utf8'));
}

function assertHome(to: string, about: string): void {
  const url = URL.parse(to, `${PORTAL}/sign-in`);
  assert.ok(url, `${about}: ${to}`);
  assert.ok(url.protocol === 'https:' && OURS.has(url.hostname) && url.username === '', `${about}: ${to}`);
}

async function post(
  i: Installation,
  target: string,
  type: string,
  text: string,
  more: readonly string[],
): Promise<Reply> {
  const body = utf8(text);
  const length = `Content-Length: ${body.length}`;
  return ask(i.at, { method: 'POST', target, headers: [HOST, `Content-Type: ${type}`, length, ...OWN, ...more], body });
}

const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';

runClass('open-redirect', (s) => {
  for (const a of attacksOf('open-redirect')) {
    if (a.rd === undefined) continue;
    const rd = a.rd;
    s.attack(a.id, async () => {
      const i = await s.gate();
      const signed = await post(
        i,
        '/api/firstfactor',
        JSON_TYPE,
        JSON.stringify({ username: 'alice', password: PASSWORD, targetURL: rd }),
        [],
      );
      assert.equal(signed.status, 200, signed.body);
      const redirect: unknown = JSON.parse(signed.body).data?.redirect;
      if (redirect !== undefined) assertHome(String(redirect), 'POST /api/firstfactor');
      const cookie = `Cookie: ${[...cookiesSet(signed)].map(([n, v]) => `${n}=${v}`).join('; ')}`;

      const query = encodeURIComponent(rd);
      const replies = {
        'POST /sign-in': await post(i, '/sign-in', FORM, form({ username: 'alice', password: PASSWORD, rd }), []),
        'POST /sign-in?rd': await post(
          i,
          `/sign-in?rd=${query}`,
          FORM,
          form({ username: 'alice', password: PASSWORD }),
          [],
        ),
        'GET /sign-in': await ask(i.at, {
          target: `/sign-in?rd=${query}`,
          headers: [HOST, 'Accept: text/html', cookie],
        }),
        'GET /': await ask(i.at, { target: `/?rd=${query}&rm=GET`, headers: [HOST, 'Accept: text/html', cookie] }),
        'GET /sign-out': await ask(i.at, {
          target: `/sign-out?rd=${query}`,
          headers: [HOST, 'Accept: text/html', cookie],
        }),
        'POST /sign-out': await post(i, `/sign-out?rd=${query}`, FORM, form({ rd }), [cookie]),
      };
      for (const [about, reply] of Object.entries(replies)) {
        for (const to of destinations(reply)) assertHome(to, about);
        assert.ok(!/<(a|form)\b[^>]*\b(href|action)="[^"]*evil/i.test(reply.body), `${about} links to it`);
        assert.ok(!/javascript:/i.test(reply.body), about);
        assert.ok(!/evil/.test(headerOf(reply, 'content-security-policy') ?? ''), `${about} lets the form go there`);
      }
    });
  }

  s.extra('safe redirection says no to each of them and yes to an app', async () => {
    const i = await s.gate();
    const cookies = await signIn(i.at, PORTAL, 'alice', PASSWORD);
    const cookie = `Cookie: ${[...cookies].map(([n, v]) => `${n}=${v}`).join('; ')}`;
    const check = async (uri: string) =>
      JSON.parse((await post(i, '/api/checks/safe-redirection', JSON_TYPE, JSON.stringify({ uri }), [cookie])).body)
        .data.ok;
    for (const { id, rd } of attacksOf('open-redirect')) {
      // RDR-32 is our own app in capitals and with a final dot: read canonically or refused, both are safe.
      if (rd !== undefined && id !== 'RDR-32') assert.equal(await check(rd), false, rd);
    }
    assert.equal(await check('https://app.example.test/x?y=z'), true);
  });

  s.attack('RDR-33', async () => {
    const { reply } = await sendThrough(await s.target('check'), attack('RDR-33'), 'anonymous');
    assert.ok(reply && reply.status >= 400 && reply.status < 500, `${reply?.status}`);
    assert.deepEqual(valuesOf(reply, 'location'), []);
    assert.ok(!reply.body.includes('evil.test'));
  });

  s.attack('RDR-34', async () => {
    const i = await s.gate();
    const cookies = await signIn(i.at, PORTAL, 'alice', PASSWORD);
    const cookie = `Cookie: ${[...cookies].map(([n, v]) => `${n}=${v}`).join('; ')}`;
    for (const target of [
      '/api/token-login?redirect_uri=https://evil.test/',
      '/.lintel/start?rd=https://evil.test/',
      '/.lintel/callback?code=x&state=y&rd=https://evil.test/',
    ]) {
      const reply = await ask(i.at, { target, headers: [HOST, 'Accept: text/html', cookie] });
      assert.ok(reply.status >= 400, `${target}: ${reply.status}`);
      assert.deepEqual(valuesOf(reply, 'location'), []);
    }
    // The hand-over takes a path of the app and nothing else, and no token is in the address it leads to.
    for (const rd of ['https://evil.test/', '//evil.test/', '/\\evil.test/', '/%09/evil.test']) {
      const reply = await ask(i.at, {
        target: `/.lintel/start?rd=${encodeURIComponent(rd)}`,
        headers: ['Host: app.example.test', 'Accept: text/html'],
      });
      for (const to of destinations(reply)) {
        assertHome(to, 'start');
        const back = URL.parse(to)?.searchParams.get('rd');
        if (back) assertHome(back, 'rd of start');
      }
      for (const secret of cookies.values()) assert.ok(!JSON.stringify(reply.headers).includes(secret));
    }
  });
});
