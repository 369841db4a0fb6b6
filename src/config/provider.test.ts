import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig, type Problem } from './load.ts';

async function load(apps: string) {
  const dir = await mkdtemp(join(tmpdir(), 'lintel-provider-'));
  try {
    const file = join(dir, 'lintel.yml');
    await writeFile(file, `listen: [127.0.0.1:1]\nportal: https://auth.x.org\napps:\n${apps}\n`);
    return await loadConfig([file], {}, dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function problems(apps: string): Promise<string[]> {
  const loaded = await load(apps);
  const found: readonly Problem[] = loaded.ok ? loaded.warnings : loaded.problems;
  return found.map((p) => `${p.line}:${p.column} ${p.severity} ${p.message}`);
}

async function apps(text: string) {
  const loaded = await load(text);
  assert.ok(loaded.ok, JSON.stringify(loaded.ok || loaded.problems));
  return loaded.settings.apps;
}

test('bindings become one rule: any of them, or all, with negation, in order, without disabled ones', async () => {
  const [any] = await apps(
    '  a: {url: https://a.x.org, bindings: [{group: staff, order: 2}, {user: bob, negate: true, order: 1}, {group: off, enabled: false}]}',
  );
  assert.deepEqual(any?.rules[0]?.subjects, [
    [{ kind: 'not', of: { kind: 'user', name: 'bob' } }],
    [{ kind: 'group', name: 'staff' }],
  ]);
  const [all] = await apps('  a: {url: https://a.x.org, engine: all, bindings: [{group: staff}, {group: admins}]}');
  assert.deepEqual(all?.rules[0]?.subjects, [
    [
      { kind: 'group', name: 'staff' },
      { kind: 'group', name: 'admins' },
    ],
  ]);
});

test('a whole domain covers itself and what lies below, and ends sign-ins at its url', async () => {
  const [app] = await apps('  d: {url: https://login.corp.org, domain: corp.org, access: [{allow: signed_in}]}');
  assert.deepEqual(
    app?.urls.map((u) => u.host),
    [
      { kind: 'exact', host: 'login.corp.org' },
      { kind: 'exact', host: 'corp.org' },
      { kind: 'wildcard', suffix: '.corp.org' },
    ],
  );
  assert.deepEqual(app?.domain, { domain: 'corp.org', cookie: '__Secure-lintel-domain-d' });
});

test('the external host of a whole domain may be the portal, as authentik has it; no other app may have it', async () => {
  const [app] = await apps('  d: {url: https://auth.x.org, domain: x.org, access: [{allow: signed_in}]}');
  assert.equal(app?.domain?.domain, 'x.org');
  assert.match(
    (await problems('  d: {url: https://auth.x.org, access: [{allow: signed_in}]}')).join(),
    /error auth\.x\.org is the portal; the app d cannot have it too/,
  );
});

test('unauthenticated lines are trimmed, blank ones ignored, and matched against the path or the whole URL', async () => {
  const [single] = await apps(
    '  a:\n    url: https://a.x.org\n    unauthenticated: "^/a$\\r\\n\\r\\n  ^/b  \\n"\n    access: [{allow: signed_in}]',
  );
  assert.deepEqual(
    single?.rules[0]?.pathRegexes.map((r) => r.source),
    ['^/a$', '^/b'],
  );
  const [whole] = await apps(
    '  a:\n    url: https://a.x.org\n    domain: x.org\n    unauthenticated: ^https://a\\.x\\.org/b\n    access: [{allow: signed_in}]',
  );
  assert.deepEqual(
    whole?.rules[0]?.urlRegexes?.map((r) => r.source),
    ['^https://a\\.x\\.org/b'],
  );
});

for (const [what, text, expected] of [
  [
    'broken line',
    '  a:\n    url: https://a.x.org\n    unauthenticated: |\n      ^/ok\n      (unclosed\n    access: [{allow: signed_in}]',
    /^6:\d+ error Line 2 of .*\(unclosed/,
  ],
  [
    'unanchored line',
    '  a: {url: https://a.x.org, unauthenticated: /skip, access: [{allow: signed_in}]}',
    /warning Line 1 of .* also matches in the middle/,
  ],
  [
    'a group that binds people',
    '  a: {url: https://a.x.org, unauthenticated: "^/(?P<User>.*)$", access: [{allow: signed_in}]}',
    /error .*lets everyone through/,
  ],
  [
    'bindings beside access',
    '  a: {url: https://a.x.org, bindings: [{group: g}], access: [{allow: signed_in}]}',
    /error .*access rules and bindings/,
  ],
  [
    'two apps that differ in their port',
    '  a: {url: https://a.x.org, access: [{allow: everyone}]}\n  b: {url: "https://a.x.org:8443", access: [{allow: signed_in}]}',
    /warning The apps a and b are told apart by the port alone/,
  ],
  ['an empty access', '  a: {url: https://a.x.org, access: []}', /error The access of app a is empty/],
  ...['.*', '^/?', '^/a|', '^', '(?:)'].map(
    (all) =>
      [
        `open by ${all}`,
        `  a: {url: https://a.x.org, unauthenticated: '${all}', access: [{allow: signed_in}]}`,
        /warning Line 1 .* matches everything/,
      ] as const,
  ),
  ['an empty list', '  a: {url: https://a.x.org, bindings: []}', /error .*is empty/],
  ['nobody bound', '  a: {url: https://a.x.org, bindings: [{negate: true}]}', /error .*neither or both/],
  ['both at once', '  a: {url: https://a.x.org, bindings: [{user: u, group: g}]}', /error .*neither or both/],
  ['all disabled', '  a: {url: https://a.x.org, bindings: [{group: g, enabled: false}]}', /warning Every binding/],
  ['engine alone', '  a: {url: https://a.x.org, engine: all, access: [{allow: signed_in}]}', /error engine says/],
  [
    'a domain with an upstream',
    '  a: {url: https://a.x.org, domain: x.org, upstream: http://127.0.0.1:1, access: [{allow: signed_in}]}',
    /error .*proxy of a whole domain/,
  ],
  [
    'a url outside the domain',
    '  a: {url: https://a.y.org, domain: x.org, access: [{allow: signed_in}]}',
    /error .*at or below x\.org/,
  ],
  [
    'a wildcard url of a domain',
    '  a: {url: "https://*.x.org", domain: x.org, access: [{allow: signed_in}]}',
    /error .*at or below x\.org/,
  ],
  [
    'a domain that is none',
    '  a: {url: https://a.x.org, domain: localhost, access: [{allow: signed_in}]}',
    /error .*is not a domain/,
  ],
  [
    'two whole domains that nest',
    '  a: {url: https://a.x.org, domain: x.org, access: [{allow: signed_in}]}\n  b: {url: https://b.s.x.org, domain: s.x.org, access: [{allow: signed_in}]}',
    /warning Each app below x\.org/,
  ],
  [
    'an entitlement for a client',
    '  a: {url: https://a.x.org, entitlements: {e: ["oauth2:client:c"]}, access: [{allow: signed_in}]}',
    /error .*is not a person/,
  ],
  [
    'an entitlement with the separator',
    '  a: {url: https://a.x.org, entitlements: {"a|b": [group:g]}, access: [{allow: signed_in}]}',
    /error .*name of an entitlement/,
  ],
  [
    'two owners of Authorization',
    '  a: {url: https://a.x.org, basic_auth: {password_attribute: p}, intercept_header_auth: false, access: [{allow: signed_in}]}',
    /error .*its own Authorization/,
  ],
  [
    'an assertion in a header of proxies',
    '  a: {url: https://a.x.org, assertion: X-Forwarded-For, access: [{allow: signed_in}]}',
    /error .*cannot carry an identity/,
  ],
] as const) {
  test(`finding: ${what}`, async () => {
    const found = await problems(text);
    assert.ok(
      found.some((p) => expected.test(p)),
      `${expected} is not in\n${found.join('\n')}`,
    );
  });
}
