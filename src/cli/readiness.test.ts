import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../config/load.ts';
import { misnamed } from './misnamed.ts';
import { lacking, userFileProblems } from './readiness.ts';

const directory = mkdtempSync(join(tmpdir(), 'lintel-readiness-'));
const PROXIED = 'apps: {a: {url: https://a.x.org, upstream: http://127.0.0.1:8080, access: [{allow: signed_in}]}}';
const ASKED = 'apps: {a: {url: https://a.x.org, access: [{allow: signed_in}]}}';
const PORTAL = 'portal: https://auth.x.org';
const USERS = 'users: file:./users.yml';

async function settingsOf(...lines: string[]) {
  writeFileSync(join(directory, 'lintel.yml'), lines.join('\n'));
  const loaded = await loadConfig(['lintel.yml'], {}, directory);
  return loaded.ok ? loaded.settings : assert.fail(JSON.stringify(loaded.problems));
}

const CASES: readonly (readonly [string, readonly string[], readonly RegExp[]])[] = [
  ['nothing', [PROXIED, PORTAL, USERS], []],
  ['accounts', [PROXIED, PORTAL], [/^1 .*nobody has an account/]],
  ['a portal', [PROXIED, USERS], [/^1 .*there is no portal/]],
  ['a proxy that may ask', [ASKED, PORTAL, USERS], [/^1 app a has no upstream.*trusted_proxies is empty/]],
  ['nothing, with a proxy', [ASKED, PORTAL, USERS, 'trusted_proxies: [127.0.0.1]'], []],
  ['nothing, with a proxy on a socket', [ASKED, PORTAL, USERS, 'trusted_proxies: [unix]'], []],
  ['nothing when nobody is asked to sign in', [PROXIED.replace('signed_in', 'everyone')], []],
  ['accounts and portal for a default that asks', ['policy: {default: signed_in}'], [/account/, /portal/]],
];

for (const [what, lines, expected] of CASES) {
  test(`lacking: ${what}`, async () => {
    const found = lacking(await settingsOf(...lines), 'lintel.yml');
    assert.equal(found.length, expected.length, JSON.stringify(found));
    for (const [i, pattern] of expected.entries()) assert.match(`${found[i]?.line} ${found[i]?.message}`, pattern);
    assert.ok(found.every((p) => p.severity === 'warning' && p.hint !== undefined));
  });
}

test('a user file that is not there, and one that is wrong, are errors with a place', async () => {
  const settings = await settingsOf(PROXIED, PORTAL, 'users: file:./nobody.yml');
  const [missing] = await userFileProblems(settings);
  assert.equal(missing?.severity, 'error');
  assert.match(`${missing?.message} ${missing?.hint}`, /There is no user file .*lintel users add/);
  writeFileSync(join(directory, 'nobody.yml'), 'users:\n  alice:\n    password: plain\n');
  const [wrong] = await userFileProblems(settings);
  assert.deepEqual([wrong?.severity, wrong?.line], ['error', 3]);
});

test('people in rules, bindings and entitlements whom nobody is, for a spelling, are told', async () => {
  const hash = '$argon2id$v=19$m=256,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  const people = {
    users: { alice: { password: hash, displayname: 'Alice', groups: ['dev'] } },
    groups: { dev: { parents: ['staff'] }, later: {} },
  };
  writeFileSync(join(directory, 'people.yml'), JSON.stringify(people));
  const app = (name: string, rules: string) => `  ${name}: {url: https://${name}.x.org, ${rules}}`;
  const settings = await settingsOf(
    ...['users: file:./people.yml', PORTAL, 'trusted_proxies: [127.0.0.1]', 'apps:'],
    app('a', 'bindings: [{user: Alice, negate: true}]'),
    app('b', 'bindings: [{group: Staff, negate: true}, {group: staff, negate: true}, {user: alice, negate: true}]'),
    app('c', 'access: [{deny: [user:Alice, group:staff]}, {allow: [group:staf, group:later, group:dev, user:nobody]}]'),
    app('d', 'access: [{allow: signed_in}], entitlements: {edit: [group:dev, group:Dev], read: user:alcie}'),
  );
  assert.deepEqual(
    (await userFileProblems(settings)).map((p) => `${p.line} ${p.severity} ${p.message} ${p.hint}`),
    [
      '5 warning app a, bindings shuts out the user Alice, whom no account is. Did you mean alice?',
      '6 warning app b, bindings shuts out the group Staff, in which nobody is. Did you mean staff?',
      '7 warning app c, rule 1 shuts out the user Alice, whom no account is. Did you mean alice?',
      '7 warning app c, rule 2 names the group staf, in which nobody is. Did you mean staff?',
      '7 warning app c, rule 2 names the user nobody, whom no account is. Check the spelling; letter case counts.',
      '8 warning app d, entitlement edit names the group Dev, in which nobody is. Did you mean dev?',
      '8 warning app d, entitlement read names the user alcie, whom no account is. Did you mean alice?',
    ],
  );
});

test('names nobody has are found quickly among a hundred thousand accounts', async () => {
  const hash = '$argon2id$v=19$m=256,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  const users = new Set(Array.from({ length: 100_000 }, (_, i) => `user-${i}`));
  const names = Array.from({ length: 200 }, (_, i) => `user:nobody-${i}, group:stff-${i}`).join(', ');
  writeFileSync(join(directory, 'one.yml'), JSON.stringify({ users: { alice: { password: hash, displayname: 'A' } } }));
  const settings = await settingsOf(
    ...['users: file:./one.yml', PORTAL, 'trusted_proxies: [127.0.0.1]'],
    `apps: {a: {url: https://a.x.org, access: [{allow: [${names}]}]}}`,
  );
  const before = process.cpuUsage();
  const found = misnamed(settings, { users, groups: new Set(['staff']) });
  assert.equal(found.length, 400);
  assert.ok(process.cpuUsage(before).user < 1_000_000, 'a second would be felt');
});
