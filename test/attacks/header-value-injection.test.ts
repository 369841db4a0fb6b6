/**
 * Header value injection. The attacker cannot write `Remote-User`, but may choose their own display name: with a line
 * break in it, a separator, characters that reverse how an admin reads it, or a template that some proxy expands.
 *
 * Envoy GHSA-w5w5-487h-qv8q (CR LF), CVE-2024-21499 (NUL), oauth2-proxy GHSA-c5c4-8r6x-56w3 (a separator in a name),
 * Unicode TR 36 (invisible characters), Caddy GHSA-m2w3-8f23-hxxf (placeholders). Hence: a value is made in one
 * function, total over any text, and is never a template.
 */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { ask, exchange, type Reply, valuesOf } from '../black-box/raw.ts';
import { GATE_COOKIE, gate, type Installation, PASSWORD, USERS } from './fixture.ts';
import { runClass } from './run.ts';

const account = (displayname: string, groups: readonly string[] = []) => ({
  password: PASSWORD,
  displayname,
  email: 'somebody@example.test',
  groups,
});

const PEOPLE = {
  ...USERS,
  crlf: account('a\r\nRemote-User: admin'),
  nul: account('a\u0000b'),
  lf: account('a\nb'),
  cr: account('a\rb'),
  spaced: account('Spaced', [' admins ', '', '  ', 'a,b', 'staff']),
  bidi: account('a\u202eb\u200dc'),
  template: account(`{{env.SECRET}} \${jndi:x} {http.vars.x} $http_cookie`),
  polish: account('Łukasz 李', ['zażółć']),
};

let installation: Promise<Installation> | undefined;
const start = () => (installation ??= gate({ users: PEOPLE }));
after(async () => (await installation)?.stop());

async function answerFor(who: string): Promise<Reply> {
  const { at, cookie } = await start();
  const reply = await ask(at, {
    target: '/api/authz/forward-auth',
    headers: [
      'Host: auth.internal',
      'X-Forwarded-Method: GET',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: app.example.test',
      'X-Forwarded-Uri: /',
      `Cookie: ${await cookie(who)}`,
    ],
  });
  assert.equal(reply.status, 200, reply.body);
  assert.deepEqual(valuesOf(reply, 'remote-user'), [who]);
  return reply;
}

const nameOf = async (who: string) => valuesOf(await answerFor(who), 'remote-name');

runClass('header-value-injection', (s) => {
  s.attack('VAL-01', async () => {
    assert.deepEqual(await nameOf('crlf'), ['aRemote-User: admin']);
  });

  s.attack('VAL-02', async () => {
    for (const who of ['nul', 'lf', 'cr']) assert.deepEqual(await nameOf(who), ['ab'], who);
  });

  s.attack('VAL-07', async () => {
    // Trimmed; what is empty, or would turn into two groups once joined, is left out.
    const groups = valuesOf(await answerFor('spaced'), 'remote-groups');
    assert.deepEqual(groups, ['admins,staff']);
  });

  s.attack('VAL-08', async () => {
    for (const name of ['alice,bob', 'alice;role=admin']) {
      const odd = await gate({ users: { ...USERS, [name]: account('Odd') } }).catch((refused: Error) => refused);
      if (odd instanceof Error) {
        assert.match(odd.message, /alice/, 'the refusal names the account');
        continue;
      }
      try {
        const cookie = await odd.cookie(name).catch(() => undefined);
        if (cookie === undefined) continue;
        const headers = ['Host: app.example.test', 'X-Forwarded-Proto: https', `Cookie: ${cookie}`];
        const reply = await ask(odd.at, { target: '/api/authz/ext-authz//', headers });
        for (const value of valuesOf(reply, 'remote-user')) {
          assert.ok(!value.split(/[,;]/).some((part) => part === 'alice' || part === 'bob'), value);
        }
      } finally {
        await odd.stop();
      }
    }
  });

  s.attack('VAL-10', async () => {
    assert.deepEqual(await nameOf('bidi'), ['abc']);
  });

  s.attack('VAL-11', async () => {
    const { at } = await start();
    const bytes = '\u00ff\u00fe';
    for (const header of [`X-Anything: ${bytes}`, `Cookie: ${GATE_COOKIE}=${bytes}`, `Authorization: Basic ${bytes}`]) {
      const told = ['Host: app.example.test', 'X-Forwarded-Proto: https', header];
      const { replies } = await exchange(at, `GET /api/authz/ext-authz// HTTP/1.1\r\n${told.join('\r\n')}\r\n\r\n`);
      assert.ok(replies[0] && replies[0].status >= 300 && replies[0].status < 500, `${header}: ${replies[0]?.status}`);
    }
  });

  s.attack('VAL-12', async () => {
    assert.deepEqual(await nameOf('template'), [PEOPLE.template.displayname]);
  });

  s.extra('a name outside Latin-1 is UTF-8 on the wire and locks nobody out', async () => {
    const reply = await answerFor('polish');
    const text = (name: string) => Buffer.from(valuesOf(reply, name)[0] ?? '', 'latin1').toString('utf8');
    assert.equal(text('remote-name'), 'Łukasz 李');
    assert.equal(text('remote-groups'), 'zażółć');
  });
});
