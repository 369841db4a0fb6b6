import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { cpuMs } from '../../../test/black-box/cpu.ts';
import { NO_ATTRIBUTES } from '../../core/json.ts';
import type { User } from '../../core/subject.ts';
import { checkHash } from '../../passwords/format.ts';
import { type Directory, EMPTY } from './directory.ts';
import { type Judged, judgeUserFile } from './file-source.ts';

const HASH = '$argon2id$v=19$m=256,t=2,p=2$61jK+Po407hRJ+ECboKdeQ$e5nzb7pvL8NNym665jVVBpuO+hTcHarAg7tNzFiE4cc';

function judge(text: string, before: Directory = EMPTY): Promise<Judged> {
  return judgeUserFile(Buffer.from(text), { search: { email: false, caseInsensitive: false }, checkHash }, before);
}

function user(name: string, more = ''): string {
  return `  ${name}:\n    displayname: ${name}\n    password: '${HASH}'\n${more}`;
}

async function load(text: string, before: Directory = EMPTY): Promise<Directory> {
  const { directory, problems } = await judge(text, before);
  ok(directory, JSON.stringify(problems));
  return directory;
}

function find(directory: Directory, name: string): User {
  const found = directory.accounts.get(name)?.user;
  ok(found);
  return found;
}

/** Every problem as "severity line:column message". */
async function said(text: string): Promise<string> {
  const { problems } = await judge(text);
  return problems.map((p) => `${p.severity} ${p.line}:${p.column} ${p.message}`).join('\n');
}

const STAFF = `groups:
  everyone:
    attributes: {theme: light, additionalHeaders: {X-Site: main, X-Role: everyone}, tags: [all]}
  staff:
    parents: [everyone, paid]
    attributes:
      additionalHeaders:
        X-Role: staff
      tags: [staff]
  admins: {parents: staff}
  alone:
users:
${user('ann', '    groups: [admins, alone]\n    attributes:\n      tags: [ann]\n      additionalHeaders: {X-Me: 1}\n')}${user('bob')}`;

test('groups bring their ancestors, and attributes by name ascending with the user last', async () => {
  const directory = await load(STAFF);
  const ann = find(directory, 'ann');
  deepEqual(ann.groups, ['admins', 'alone']);
  deepEqual(ann.memberships, ['admins', 'alone', 'staff', 'everyone', 'paid']);
  deepEqual(ann.attributes, { tags: ['ann'], additionalHeaders: { 'X-Me': 1 } });
  const headers = { 'X-Site': 'main', 'X-Role': 'staff', 'X-Me': 1 };
  deepEqual(ann.mergedAttributes, { theme: 'light', additionalHeaders: headers, tags: ['all', 'staff', 'ann'] });
  deepEqual(directory.headerNames, ['X-Me', 'X-Role', 'X-Site']);
  const bob = find(directory, 'bob');
  equal(bob.memberships, bob.groups);
  equal(bob.mergedAttributes, NO_ATTRIBUTES);
});

test('"ascending" is by code point, not by what JavaScript compares', async () => {
  const group = (name: string) => `  "${name}": {attributes: {who: "${name}"}}\n`;
  const text = `groups:\n${group('\u{1f600}')}${group('\uffee')}${group('Z')}${group('a')}users:\n`;
  const who = async (list: string) =>
    find(await load(`${text}${user('ann', `    groups: ${list}\n`)}`), 'ann').mergedAttributes;
  deepEqual(await who('["\u{1f600}", "\uffee"]'), { who: '\u{1f600}' });
  deepEqual(await who('[a, Z]'), { who: 'a' });
});

test('members of the same groups share what these bring', async () => {
  const more = '    groups: [admins]\n';
  const directory = await load(`${STAFF}${user('cy', more)}${user('dan', more)}`);
  const [cy, dan] = [find(directory, 'cy'), find(directory, 'dan')];
  equal(cy.groups, dan.groups);
  equal(cy.memberships, dan.memberships);
  equal(cy.mergedAttributes, dan.mergedAttributes);
});

test('a change of a group makes new objects for its members only', async () => {
  const text = `${STAFF}${user('cy', '    groups: [alone]\n')}${user('dan', '    groups: [paid]\n')}`;
  const before = await load(text);
  const names = ['ann', 'bob', 'cy', 'dan'];
  const changed = async (next: string) => {
    const after = await load(next, before);
    return names.filter((name) => find(after, name) !== find(before, name));
  };
  deepEqual(await changed(text), []);
  deepEqual(await changed(text.replace('theme: light', 'theme: dark')), ['ann']);
  deepEqual(await changed(text.replace('  alone:\n', '  alone: {attributes: {a: 1}}\n')), ['ann', 'cy']);
  deepEqual(await changed(text.replace('[everyone, paid]', '[everyone]')), ['ann']);
  deepEqual(await changed(text.replace('tags: [ann]', 'tags: [Ann]')), ['ann']);
  deepEqual(await changed(text.replace('  alone:\n', '  paid: {parents: [all]}\n')), ['ann', 'dan']);
  deepEqual(await changed(text.replace(/users:\n {2}ann:/, `users:\n  ann:\n    uid: ${'a'.repeat(64)}`)), ['ann']);
  equal((await load(text, before)).headerNames, before.headerNames);
  notEqual((await load(text.replace('X-Me', 'X-My'), before)).headerNames, before.headerNames);
});

for (const [what, groups, error] of [
  ['itself', '  a: {parents: [a]}\n', /^error 2:3 .*: "a" \(line 2\) → "a"\.$/],
  [
    'three',
    '  a: {parents: [b]}\n  x: {parents: [a]}\n  b:\n    parents:\n      - z\n      - c\n  c: {parents: [a, q]}\n',
    /^error 2:3 These groups are their own ancestors: "a" \(line 2\) → "b" \(line 5\) → "c" \(line 8\) → "a"\.$/,
  ],
] as const) {
  test(`a circle of ${what} is refused, with its path and lines`, async () => {
    const { directory, problems } = await judge(`groups:\n${groups}users:\n${user('bob')}`);
    equal(directory, undefined);
    match(problems.map((p) => `${p.severity} ${p.line}:${p.column} ${p.message}`).join('\n'), error);
  });
}

test('a diamond is no circle', async () => {
  const groups = '  a: {parents: [b, c]}\n  b: {parents: [d]}\n  c: {parents: [d]}\n  d: {}\n';
  const directory = await load(`users:\n${user('bob', '    groups: [a]\n')}groups:\n${groups}`);
  deepEqual(find(directory, 'bob').memberships, ['a', 'b', 'c', 'd']);
});

test('20,000 groups nested in each other take no recursion and no time to speak of', async () => {
  const chain = (last: string) =>
    `groups:\n${Array.from({ length: 20_000 }, (_, i) => `  g${i}:\n    parents:\n      - ${i === 19_999 ? last : `g${i + 1}`}\n`).join('')}users:\n${user('bob', '    groups: [g0]\n')}`;
  const took = await cpuMs(async () => {
    equal(find(await load(chain('top')), 'bob').memberships.length, 20_001);
    match(await said(chain('g0')), /^error 2:3 These groups .*"g19" \(line 60\) → 19980 more → "g0"\.$/);
  });
  ok(took < 15_000, `${took} ms`);
});

test('parents need no entry, but one that looks misspelt is asked about', async () => {
  const text = `groups:\n  staff:\n    parents: [everyon, root]\nusers:\n${user('bob', '    groups: [everyone, staff]\n')}`;
  equal(
    await said(text),
    'warning 3:5 Nobody is in the group "everyon", a parent of "staff". Did you mean "everyone"?',
  );
  deepEqual(find(await load(text), 'bob').memberships, ['everyone', 'staff', 'everyon', 'root']);
});

for (const [what, text, error] of [
  ['groups that are a list', 'groups:\n  - a\n', /error 1:1 "groups:" is not a map of names/],
  ['groups that are a text', 'groups: staff\n', /error 1:1 "groups:" is not a map of names/],
  ['a group that is a text', 'groups:\n  a: b\n', /error 2:6 The group "a" is not a map/],
  ['two groups:', 'groups:\n  a: {}\ngroups:\n  b: {}\n', /error 3:1 "groups:" is there twice/],
  [
    'a group twice',
    'groups:\n  a: {}\n  " a": {}\n',
    /error 3:3 The group "a" is there twice, the first time in line 2/,
  ],
  ['parents that are a map', 'groups:\n  a: {parents: {b: 1}}\n', /error 2:16 "parents" is not a list of texts/],
  ['a bidi override', 'groups:\n  "\\u202e": {}\n', /error 2:3 The group "\\u202e" holds a control/],
  ['an unknown key', 'groups:\n  a: {parent: b}\n', /warning 2:7 "parent" of "a" is not an attribute/],
  ['a "|"', 'groups:\n  "a|b": {}\n', /warning 2:3 The group "a\|b" holds "\|": .* left out of X-authentik-groups/],
  ['a ","', 'groups:\n  "a,b": {}\n', /warning 2:3 The group "a,b" holds ",": .* left out of Remote-Groups/],
  [
    'a header that belongs to the connection',
    'groups:\n  a: {attributes: {additionalHeaders: {Host: x}}}\n',
    /warning 2:40 The header "Host" is left out/,
  ],
] as const) {
  test(`${what} in the groups is told with its place`, async () => {
    const found = await said(`${text}users:\n${user('bob')}`);
    match(found, error);
    equal(found.split('\n').length, 1, found);
    match(
      await said(`users:\n${user('bob')}${text}`),
      new RegExp(error.source.replace(/ (\d+):/, (_, l) => ` ${Number(l) + 4}:`).replace(/line 2/, 'line 6')),
    );
  });
}

test('a "|" in a group of a user is told', async () => {
  match(await said(`users:\n${user('bob', '    groups: ["a|b"]\n')}`), /^warning 5:5 The group "a\|b" holds "\|"/);
});

const LAYOUTS: readonly string[] = [
  STAFF,
  `theme: dark\n${STAFF}other:\n  a: [1\n    , 2]\n`,
  `---\n# c\ntheme: |\n  users:\n    x\n\n${STAFF.replaceAll('\n', '\r\n')}`,
  `"groups":\n  a: {}\nusers:\n${user('bob')}`,
  `users:\n${user('bob')}groups: {a: {parents: [b]}}\n`,
  `users:\n${user('bob')}groups: {\n}\n`,
  `users:\n${user('bob')}groups:\n- a\n`,
  `users:\n${user('bob')}groups:\n`,
  `groups: &g\n  a: {}\nusers:\n${user('bob')}`,
  `users:\n${user('bob')}users:\n${user('ann')}`,
  `users: {}\ngroups:\n  a: {}\n`,
  `groups:\n  a: {}\n`,
  `groups:\n  a: {attributes: &a {x: 1}}\nusers:\n${user('bob', '    attributes: *a\n')}`,
  `users:\n${user('bob')}\ttheme: x\n`,
  `theme: "a\nb: c"\nusers:\n${user('bob')}`,
  `theme: [a,\nb]\nusers:\n${user('bob')}`,
  `users:\n${user('bob')}---\nusers:\n${user('ann')}`,
];

for (const [i, text] of LAYOUTS.entries()) {
  test(`cut into blocks, layout ${i} says what it says as a whole`, async () => {
    const [blocks, whole] = [await judge(text), await judge(`${text}...\n`)]; // an end mark is nothing to cut at
    deepEqual(blocks, whole);
  });
}
