import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AS_YAML } from '../cli/whoami/demo-settings.ts';
import { loadConfig } from './load.ts';

const directory = mkdtempSync(join(tmpdir(), 'lintel-fall-through-'));

/** "line message | hint" of each finding about falling through; rules stand one per line, from line 1. */
async function leaks(own: readonly string[], policy: readonly string[] = [], url = 'https://a.x.org') {
  const list = (rules: readonly string[]) => rules.map((r) => `\n  - ${r}`).join('');
  const access = own.length === 0 ? '' : `, access: [\n  ${own.join(',\n  ')}]`;
  const text = `apps: {a: {url: ${JSON.stringify(url)}${access}}}\npolicy:\n rules:${list(policy) || ' []'}\n`;
  const file = join(mkdtempSync(join(directory, 'x')), 'l.yml');
  writeFileSync(file, text);
  const loaded = await loadConfig([file], {});
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const found = loaded.warnings.filter((w) => w.message.includes('passed over'));
  assert.ok(found.every((w) => w.severity === 'warning'));
  return found.map((w) => `${w.line} ${w.message} | ${w.hint}`);
}

const ADMIN = '{paths: [/admin], allow: [group:admins]}';

test('whoever is not in the group falls through to the wider rule', async () => {
  assert.deepEqual(await leaks(['{paths: [/x], allow: everyone}', ADMIN, '{allow: signed_in}']), [
    '3 People outside group:admins are let in to /admin by app a, rule 3 (line 4): a rule that does not match is passed over.' +
      ' | Add {paths: [/admin], deny: everyone} after it.',
  ]);
});

test('the hint is a rule that loads, and ends the warning', async () => {
  const cases: readonly string[] = [
    ADMIN,
    "{paths: ['/a/**', /b], methods: [POST], allow: [user:o]}",
    "{paths_regex: ['^/it''s(/|$)'], resources: ['^/r\\?a=[0-9]+$'], allow: group:x}",
  ];
  for (const narrow of cases) {
    const [found] = await leaks([narrow, '{allow: signed_in}']);
    const fix = /Add (\{.*\}) after it/.exec(found ?? '')?.[1] ?? assert.fail(found);
    assert.deepEqual(await leaks([narrow, fix, '{allow: signed_in}']), [], fix);
  }
});

const LEAKS: readonly [name: string, own: readonly string[], expected: RegExp][] = [
  [
    'to everyone',
    [ADMIN, '{allow: everyone}'],
    /^2 People outside group:admins are let in to \/admin by app a, rule 2/,
  ],
  [
    'to other people, which may be meant',
    [ADMIN, '{allow: [group:staff, group:admins]}'],
    /^2 Beside group:admins, group:staff or group:admins is let in .* after it, or put that rule first if it is meant so\.$/,
  ],
  [
    'users',
    ['{paths: /b, allow: [user:o, group:p]}', '{allow: signed_in}'],
    /^2 People other than user:o or group:p are/,
  ],
  [
    'all of some groups',
    ['{paths: /b, subjects: [[group:o, group:p]]}', '{allow: signed_in}'],
    /outside group:o with group:p/,
  ],
  [
    'methods alone',
    ['{methods: [POST, PUT], allow: group:o}', '{allow: signed_in}'],
    /let in with POST, PUT by .*\{methods: \[POST, PUT\], deny/,
  ],
  [
    'some methods',
    [ADMIN, '{methods: [GET], allow: signed_in}'],
    /to \/admin with GET by .*\{paths: \[\/admin\], methods: \[GET\], deny/,
  ],
  [
    'networks',
    ['{networks: [10.0.0.0/8], allow: group:o}', '{allow: signed_in}'],
    /are let in by .* Add a rule with the same conditions and deny/,
  ],
  ['query', ['{query: [[{key: a}]], allow: group:o}', '{allow: signed_in}'], /Add a rule with the same conditions/],
  [
    'two factors do not help',
    ['{paths: /b, allow: group:o, level: two_factor}', '{allow: signed_in}'],
    /^2 People outside/,
  ],
  ['two rules are not both asked', [ADMIN, '{paths: [/admin], level: two_factor}'], /^2 People outside group:admins/],
  ['a wider path', [ADMIN, '{paths: [/], allow: signed_in}'], /^2 People outside/],
  [
    'a deny for a few',
    [ADMIN, '{paths: [/admin], deny: [group:guests]}', '{allow: signed_in}'],
    /^2 .* before that rule\.$/,
  ],
  ['a deny for a part', [ADMIN, '{paths: [/admin], methods: [GET], deny: everyone}', '{allow: signed_in}'], /^2 /],
  ['a deny for another path', [ADMIN, '{paths: [/admi], deny: everyone}', '{allow: signed_in}'], /^2 /],
  ['a deny that comes too late', [ADMIN, '{allow: signed_in}', '{paths: [/admin], deny: everyone}'], /^2 /],
  [
    'one of two paths',
    ['{paths: [/a, /b], allow: group:o}', '{paths: [/a], deny: everyone}', '{allow: signed_in}'],
    /let in to \/b by .* Add \{paths: \[\/b\], deny: everyone\} before that rule\.$/,
  ],
  [
    'said once, after the last of several',
    [ADMIN, '{paths: [/admin], allow: group:ops}', '{allow: signed_in}'],
    /^3 People outside group:ops/,
  ],
  [
    'a deny by an expression for elsewhere',
    [ADMIN, "{paths_regex: '^/b', deny: everyone}", '{allow: signed_in}'],
    /^2 /,
  ],
  [
    'an expression, and a deny for elsewhere',
    ["{paths_regex: '^/b', allow: group:o}", '{paths: /c, deny: everyone}', '{allow: signed_in}'],
    /^2 /,
  ],
];

for (const [name, own, expected] of LEAKS) {
  test(`let in: ${name}`, async () => {
    const found = await leaks(own);
    assert.equal(found.length, 1, JSON.stringify(found, null, 1));
    assert.match(found[0] ?? '', expected);
  });
}

const SOUND: readonly [name: string, own: readonly string[]][] = [
  ['a deny follows', [ADMIN, '{paths: [/admin], deny: everyone}', '{allow: signed_in}']],
  [
    'a deny follows later',
    [ADMIN, '{paths: /x, allow: everyone}', '{paths: [/admin], deny: everyone}', '{allow: signed_in}'],
  ],
  ['a deny of more', [ADMIN, '{paths: [/], deny: everyone}', '{allow: signed_in}']],
  [
    'denies one by one',
    [
      '{paths: [/a, /b], allow: group:o}',
      '{paths: /a, deny: everyone}',
      '{paths: /b, deny: everyone}',
      '{allow: signed_in}',
    ],
  ],
  ['a deny of those people', [ADMIN, '{paths: [/admin], deny: [group:staff]}', '{allow: [group:staff]}']],
  ['a deny of those people before', ['{deny: [group:staff]}', ADMIN, '{allow: [group:staff]}']],
  ['nothing follows', [ADMIN]],
  ['another path', [ADMIN, '{paths: [/wiki], allow: signed_in}']],
  ['other methods', ['{methods: [POST], allow: group:o}', '{methods: [GET], allow: signed_in}']],
  ['another network', ['{networks: [10.0.0.0/8], allow: group:o}', '{networks: [192.0.2.0/24], allow: signed_in}']],
  ['people alone', ['{allow: [group:admins]}', '{allow: [group:staff]}']],
  ['people alone, then everybody', ['{allow: [group:admins], level: two_factor}', '{allow: signed_in}']],
  ['the same requests for others', [ADMIN, '{paths: [/admin], allow: [group:ops]}']],
  ['a level for the same people', ['{paths: [/admin], allow: [group:a], level: two_factor}', '{allow: [group:a]}']],
  [
    'a level for these people',
    ['{paths: [/admin], allow: [group:a], level: two_factor}', '{paths: [/admin], allow: signed_in}'],
  ],
  ['a level alone', ['{paths: [/admin], level: two_factor}', '{allow: signed_in}']],
  ['people within the people', ['{paths: [/admin], allow: [group:a]}', '{subjects: [[group:a, group:b]]}']],
  ['an exception', [ADMIN, '{paths: [/admin/help], allow: signed_in}']],
  ['an exception for reading', [ADMIN, '{paths: [/admin], methods: [GET], allow: signed_in}']],
  [
    'an exception elsewhere',
    ['{methods: [POST], allow: group:o}', '{paths: [/search], allow: signed_in}', '{methods: [GET], allow: signed_in}'],
  ],
  ['the wider rule first', ['{allow: [group:staff]}', '{methods: [GET], allow: [group:guests]}']],
  ['no person at all', [ADMIN, "{subjects: ['oauth2:client:x']}"]],
  [
    'the same expression denied',
    ["{paths_regex: '^/b', allow: group:o}", "{paths_regex: '^/b', deny: everyone}", '{allow: signed_in}'],
  ],
  [
    'an expression, denied as a path',
    ["{paths_regex: '^/b(/|$)', allow: group:o}", '{paths: /b, deny: everyone}', '{allow: signed_in}'],
  ],
  ['a path, denied by an expression', [ADMIN, "{resources: '^/admin', deny: everyone}", '{allow: signed_in}']],
];

for (const [name, own] of SOUND) {
  test(`sound: ${name}`, async () => assert.deepEqual(await leaks(own), []));
}

test('policy rules are compared where their hosts meet', async () => {
  const admins = "{hosts: ['*.x.org'], paths: [/admin], allow: [group:admins]}";
  const wiki = '{hosts: [b.x.org], allow: signed_in}';
  assert.deepEqual(await leaks([], [admins, wiki]), [
    '4 People outside group:admins are let in to /admin by policy rule 2 (line 5): a rule that does not match is passed over.' +
      ' | Add {hosts: [b.x.org], paths: [/admin], deny: everyone} after it.',
  ]);
  assert.deepEqual(await leaks([], [admins, '{hosts: [b.y.org], allow: signed_in}']), []);
  assert.deepEqual(await leaks([], [admins, '{hosts: [b.x.org], paths: /admin, deny: everyone}', wiki]), []);
  const host = '{hosts: [b.x.org, c.x.org], allow: [group:admins]}';
  const all = "{hosts: ['*.x.org'], allow: signed_in}";
  assert.match(
    String(await leaks([], [host, all])),
    /^4 .* let in to b\.x\.org, c\.x\.org by .*\{hosts: \[b\.x\.org, c\.x\.org\], deny/,
  );
  const each = ['{hosts: b.x.org, deny: everyone}', '{hosts: c.x.org, deny: everyone}'];
  assert.deepEqual(await leaks([], [host, ...each, all]), []);
  assert.deepEqual(await leaks([], ["{hosts: ['*.x.org'], allow: [group:admins]}", wiki]), [], 'an exception');
});

test('from a policy rule one falls into the rules of the app', async () => {
  const admins = "{hosts: ['*.x.org'], paths: [/admin], allow: [group:admins]}";
  assert.match(
    String(await leaks(['{allow: signed_in}'], [admins])),
    /^5 .* by app a, rule 1 \(line 2\).* after it\.$/,
  );
  assert.deepEqual(await leaks(['{paths: /admin, deny: everyone}', '{allow: signed_in}'], [admins]), []);
  assert.deepEqual(await leaks(['{allow: signed_in}'], ["{hosts: ['*.x.org'], allow: [group:admins]}"]), []);
});

test('no false alarm while a rule cannot be read', async () => {
  const file = join(directory, 'broken.yml');
  writeFileSync(
    file,
    `apps: {a: {url: https://a.x.org, access: [${ADMIN}, {paths: admin, deny: everyone}, {allow: signed_in}]}}`,
  );
  const loaded = await loadConfig([file], {});
  assert.deepEqual(!loaded.ok && loaded.problems.map((p) => p.severity), ['error']);
});

test('the examples and the demo are free of it', async () => {
  const examples = new URL('../../examples/', import.meta.url);
  const files = readdirSync(examples, { recursive: true, encoding: 'utf8' }).filter((f) =>
    /^[^/]+\/lintel\.yml$/.test(f),
  );
  const texts = files.map((f) => readFileSync(new URL(f, examples), 'utf8'));
  assert.ok(texts.length >= 5);
  for (const text of [...texts, AS_YAML.replace('PORT', '8080')]) {
    const file = join(mkdtempSync(join(directory, 'e')), 'lintel.yml');
    writeFileSync(file, text);
    const loaded = await loadConfig([file], {});
    // An app that is a whole domain is always told what sharing a cookie means.
    const warnings = loaded.ok ? loaded.warnings.filter((w) => !w.message.includes('can replay it')) : undefined;
    assert.deepEqual(warnings, [], JSON.stringify(loaded));
  }
});

test('a thousand apps behind a long policy are checked in no time', async () => {
  const apps = Array.from(
    { length: 1000 },
    (_, i) => `  a${i}: {url: https://a${i}.x.org, access: [{allow: signed_in}]}`,
  );
  const rules = Array.from({ length: 200 }, (_, i) => {
    const at = `  - {hosts: ['*.x.org'], paths: [/r${i}]`;
    return `${at}, allow: [group:g]}\n${at}, deny: everyone}`;
  });
  const file = join(directory, 'many.yml');
  writeFileSync(file, `apps:\n${apps.join('\n')}\npolicy:\n rules:\n${rules.join('\n')}\n`);
  const start = process.cpuUsage();
  const loaded = await loadConfig([file], {});
  const { user, system } = process.cpuUsage(start);
  assert.deepEqual(loaded.ok && loaded.warnings, []);
  assert.ok((user + system) / 1000 < 5000, `${(user + system) / 1000} ms`);
});
