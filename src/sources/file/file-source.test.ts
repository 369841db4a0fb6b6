import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMs } from '../../../test/black-box/cpu.ts';
import { eventually } from '../../../test/black-box/lintel.ts';
import { checkHash } from '../../passwords/format.ts';
import { type ContractGroup, type ContractUser, sourceContract } from '../source.contract.ts';
import type { Search } from './directory.ts';
import { type FileSource, openFileSource } from './file-source.ts';
import type { UserFileProblem } from './node.ts';

const HASH = '$argon2id$v=19$m=256,t=2,p=2$61jK+Po407hRJ+ECboKdeQ$e5nzb7pvL8NNym665jVVBpuO+hTcHarAg7tNzFiE4cc';
const directory = await mkdtemp(join(tmpdir(), 'lintel-users-'));
after(() => rm(directory, { recursive: true }));
let files = 0;

async function write(text: string): Promise<string> {
  const path = join(directory, `users-${files++}.yml`);
  await writeFile(path, text);
  return path;
}

interface Opened {
  readonly source: FileSource;
  readonly path: string;
  readonly problems: UserFileProblem[];
}

const EXACT: Search = { email: false, caseInsensitive: false };

async function open(text: string, search = EXACT, watch = false): Promise<Opened> {
  const path = await write(text);
  const problems: UserFileProblem[] = [];
  const onProblem = (found: readonly UserFileProblem[]) => void problems.push(...found);
  const opened = await openFileSource({ path, search, checkHash, onProblem, watch });
  assert.ok(opened.ok, opened.ok ? '' : JSON.stringify(opened.error));
  return { source: opened.value, path, problems };
}

/** Every error of a file that must not load, as "line:column message". */
async function errorsOf(text: string, search = EXACT): Promise<string[]> {
  const path = await write(text);
  const opened = await openFileSource({ path, search, checkHash, watch: false });
  assert.equal(opened.ok, false, 'loaded although it must not');
  if (opened.ok) return [];
  return opened.error.filter((p) => p.severity === 'error').map((p) => `${p.line}:${p.column} ${p.message}`);
}

function user(name: string, more = ''): string {
  return `  ${name}:\n    displayname: ${name}\n    password: '${HASH}'\n${more}`;
}

function fileOf(users: readonly ContractUser[], groups: readonly ContractGroup[] = []): string {
  const entry = (u: ContractUser) =>
    `  ${u.name}:\n    disabled: ${u.disabled}\n    displayname: ${JSON.stringify(u.displayName)}\n` +
    `    password: ${u.passwordHash}\n    email: ${JSON.stringify(u.emails)}\n    groups: ${JSON.stringify(u.groups)}\n` +
    `    attributes: ${JSON.stringify(u.attributes ?? {})}\n`;
  const group = ({ name, ...content }: ContractGroup) => `  ${name}: ${JSON.stringify(content)}\n`;
  return `groups:\n${groups.map(group).join('')}users:\n${users.map(entry).join('')}`;
}

sourceContract('file', async (users) => {
  const { source, path } = await open(fileOf(users));
  return {
    source,
    become: async (...next) => {
      await writeFile(path, fileOf(...next));
      assert.equal(await source.reload(), true);
    },
  };
});

test("the file that Authelia's documentation shows loads as it is", async () => {
  const { source, problems } = await open(`---
###############################################################
#                         Users Database                      #
###############################################################

# This file can be used if you do not have an LDAP set up.

users:
  authelia:
    disabled: false
    displayname: 'Test User'
    password: '${HASH}'
    email: authelia@example.com
    groups:
      - admins
      - dev
    given_name: ""
    birthdate: "1990-01-31"
    website: https://example.com:8443/~me#top
    address:
      street_address: '1 Main St'
      locality: ""
    extra:
      example: value
      list: [1, 2]
  harry:
    password: "${HASH}" # a comment
    displayname: Harry Potter
    email:
    - harry@example.com
    - hp@example.com
    groups: []
...
`);
  assert.deepEqual(problems, []);
  assert.deepEqual((await source.lookup('authelia'))?.groups, ['admins', 'dev']);
  assert.deepEqual((await source.lookup('harry'))?.emails, ['harry@example.com', 'hp@example.com']);
});

test('any YAML does: anchors, tags, block scalars, flow style, escapes, CRLF, a byte order mark', async () => {
  const { source } = await open(
    `\ufeffusers:\r\n  007: &base\r\n    displayname: "J\\u00e4mes"\r\n    password: >-\r\n      ${HASH}\r\n    groups: &g [a, "b"]\r\n` +
      `  moneypenny: {displayname: !!str 12, password: "${HASH}", groups: *g, email: [m@x.org]}\r\n`,
  );
  assert.equal((await source.lookup('007'))?.displayName, 'Jämes');
  assert.deepEqual((await source.lookup('moneypenny'))?.groups, ['a', 'b']);
  assert.equal((await source.lookup('moneypenny'))?.displayName, '12');
});

test('e-mail addresses sign in when that is on, in any letter case, and names still do', async () => {
  const text = `users:\n${user('Ann', '    email: [Ann@Example.com, a@b.c]\n')}`;
  const off = await open(text);
  assert.equal(await off.source.resolve('ann@example.com'), undefined);
  const on = await open(text, { email: true, caseInsensitive: false });
  for (const typed of ['ann@example.com', 'ANN@EXAMPLE.COM', 'a@b.c', 'Ann']) {
    assert.equal((await on.source.resolve(typed))?.user.name, 'Ann', typed);
  }
  assert.equal(await on.source.resolve('ann'), undefined);
  assert.equal(await on.source.lookup('a@b.c'), undefined);
});

test('with case-insensitive names any spelling resolves to the one in the file', async () => {
  const { source } = await open(`users:\n${user('josé')}`, { email: false, caseInsensitive: true });
  for (const typed of ['josé', 'JOSÉ', 'jose\u0301', 'JOSE\u0301']) {
    assert.equal((await source.resolve(typed))?.user.name, 'josé', typed);
  }
});

test('a decomposed spelling resolves also where letter case counts', async () => {
  const { source } = await open(`users:\n${user('josé')}`);
  assert.equal((await source.resolve('jose\u0301'))?.user.name, 'josé');
  assert.equal(await source.resolve('JOSÉ'), undefined);
});

const BOTH: Search = { email: true, caseInsensitive: true };
const mail = (address: string) => `    email: ${address}\n`;

const BROKEN: readonly (readonly [what: string, text: string, error: RegExp, search?: Search])[] = [
  ['an empty file', '', /^0:0 There is no "users:" in this file/],
  ['a list of users', 'users:\n  - bob\n', /^1:1 "users:" is not a map/],
  ['two users:', `users:\n${user('bob')}users:\n${user('ann')}`, /^5:1 "users:" is there twice|twice/],
  ['broken YAML', `users:\n${user('bob')}  ann:\n    displayname: "Ann\n`, /^\d+:\d+ /],
  ['a user without attributes', 'users:\n  bob:\n', /^2:3 The user "bob" has no attributes/],
  ['no password', 'users:\n  bob:\n    displayname: B\n', /^2:3 The password hash of "bob" is empty/],
  [
    'yescrypt',
    'users:\n  bob:\n    displayname: B\n    password: $y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7\n',
    /^4:15 The password hash of "bob" is yescrypt/,
  ],
  [
    'a plain password',
    'users:\n  bob:\n    password: hunter2\n    displayname: B\n',
    /^3:15 .* "bob" is not a known kind/,
  ],
  [
    'a user twice',
    `users:\n${user('bob')}${user('bob')}`,
    /^5:1 The user "bob" is there twice, the first time in line 2/,
  ],
  ['users that differ in letter case', `users:\n${user('bob')}${user('Bob')}`, /^5:1 .* differ in letter case/],
  [
    'an attribute twice',
    `users:\n${user('bob', '    displayname: X\n')}`,
    /^5:5 "displayname" of "bob" is there twice/,
  ],
  ['capitals where case does not count', `users:\n${user('Bob')}`, /^2:1 The user name "Bob" has capital/, BOTH],
  [
    'an address of two users',
    `users:\n${user('ann', mail('x@y.z'))}${user('bob', mail('X@y.z'))}`,
    /^6:1 "bob" has the e-mail address x@y.z, and so has "ann" in line 2/,
    BOTH,
  ],
  [
    'an address that is the name of another',
    `users:\n${user('ann', mail('b@y.z'))}${user('b@y.z')}`,
    /^6:1 The name of one of "b@y.z" and "ann"/,
    BOTH,
  ],
  [
    'a group that is a map',
    `users:\n${user('bob', '    groups:\n      - a: b\n')}`,
    /^6:9 "groups" is not a list of texts/,
  ],
  ['disabled: maybe', `users:\n${user('bob', '    disabled: maybe\n')}`, /^5:15 "disabled" is neither/],
  [
    'a bidi override in a group',
    `users:\n${user('bob', '    groups: ["\\u202e"]\n')}`,
    /^5:5 The group "\\u202e" holds/,
  ],
];

for (const [what, text, error, search] of BROKEN) {
  test(`${what} is refused with its place`, async () => {
    const errors = await errorsOf(text, search);
    assert.match(errors.join('\n'), error);
    assert.equal(errors.length, 1, errors.join('\n'));
  });
}

for (const name of [
  'a,b',
  'a;b',
  'a|b',
  ' a',
  'a ',
  '',
  'a\\nb',
  'a\\u200bb',
  'a\\u202eb',
  'a\\u00a0b',
  'a\\u0000',
  'x'.repeat(201),
]) {
  test(`the user name ${JSON.stringify(name).slice(0, 30)} is refused`, async () => {
    const errors = await errorsOf(`users:\n${user('ok')}${user(`"${name}"`)}`);
    assert.match(errors.join('\n'), /^5:3 .*user name|^5:3 A user has an empty name/);
  });
}

test('a missing file names the command that makes it', async () => {
  const opened = await openFileSource({ path: join(directory, 'none.yml'), search: EXACT, checkHash, watch: false });
  assert.equal(opened.ok, false);
  if (!opened.ok)
    assert.match(`${opened.error[0]?.message} ${opened.error[0]?.hint}`, /no user file .* "lintel users add NAME/);
});

test('a file that is not UTF-8 is refused', async () => {
  const path = await write('');
  await writeFile(path, Buffer.from([...Buffer.from(`users:\n${user('bob')}  k`), 0xe4, 0x0a]));
  const opened = await openFileSource({ path, search: EXACT, checkHash, watch: false });
  assert.equal(opened.ok, false);
});

test('thousands of nested brackets are a problem, not a crash', async () => {
  assert.equal((await errorsOf(`users: ${'['.repeat(50_000)}`)).length > 0, true);
});

test('what is doubtful loads with a warning', async () => {
  const { source, problems } = await open(
    `theme: dark\nusers:\n${user('bob:x', '    groups: ["", "a,b", dev, dev]\n    emial: x\n')}`,
  );
  const said = problems.map((p) => `${p.severity} ${p.line} ${p.message}`).join('\n');
  assert.match(said, /warning 1 "theme" is not known here/);
  assert.match(said, /warning 3 .*HTTP Basic/);
  assert.match(said, /warning 6 A group of "bob:x" is empty/);
  assert.match(said, /warning 6 The group "a,b" holds ","/);
  assert.match(said, /warning 7 "emial" of "bob:x" is not an attribute/);
  assert.deepEqual((await source.lookup('bob:x'))?.groups, ['a,b', 'dev']);
});

test('a broken new file keeps the old data and says where it is broken', async () => {
  const { source, path, problems } = await open(`users:\n${user('bob')}`);
  const before = source.lookup('bob');
  for (const broken of ['', 'users:\n  bob:\n    password: x\n', 'users: [', '\u0000', 'users:\n  bob: *nobody\n']) {
    problems.length = 0;
    await writeFile(path, broken);
    assert.equal(await source.reload(), false, broken);
    assert.ok(problems.length > 0, broken);
    assert.equal(source.lookup('bob'), before);
  }
  await unlink(path);
  assert.equal(await source.reload(), false);
  assert.equal(source.lookup('bob'), before);
});

test('a read that threw is told to who asked for it, and the next one takes the file up', async () => {
  const { source, path } = await open(`users:\n${user('bob')}`);
  let isBroken = true;
  source.onChange(() => {
    if (isBroken) throw new Error('who listens is broken');
  });
  await assert.rejects(source.reload(), /who listens is broken/);
  isBroken = false;
  await writeFile(path, `users:\n${user('bob', '    disabled: true\n')}`);
  assert.equal(await source.reload(), true);
  assert.equal(source.lookup('bob'), undefined);
});

test('the costliest hash is that of the account whose check takes longest', async () => {
  const costly = '$2b$14$KR9FDLp/ZPIhSUbdOFdCfO4dzRYiYTIiZ/BDZ7WIe/jMV.1IKWG/m';
  const { source } = await open(`users:\n${user('a')}  b:\n    displayname: B\n    password: ${costly}\n${user('c')}`);
  assert.equal(source.costliestHash(), costly);
});

test('a change is picked up: written in place, renamed over, and again after a removal', async () => {
  const { source, path } = await open(`users:\n${user('one')}`, EXACT, true);
  try {
    await writeFile(path, `users:\n${user('two')}`);
    await eventually('two', () => source.lookup('two') !== undefined);
    await writeFile(`${path}.new`, `users:\n${user('three')}`);
    await rename(`${path}.new`, path);
    await eventually('three', () => source.lookup('three') !== undefined);
    await unlink(path);
    await sleep(50);
    await writeFile(path, `users:\n${user('four')}`);
    await eventually('four', () => source.lookup('four') !== undefined);
    assert.equal(source.lookup('one'), undefined);
  } finally {
    source.close();
  }
});

test('a symlink that is swapped beside its target is picked up, as Kubernetes does it', async () => {
  const [first, second] = [await write(`users:\n${user('one')}`), await write(`users:\n${user('two')}`)];
  const link = join(directory, 'link.yml');
  await symlink(first, link);
  const opened = await openFileSource({ path: link, search: EXACT, checkHash });
  assert.ok(opened.ok);
  try {
    await symlink(second, `${link}.new`);
    await rename(`${link}.new`, link);
    await eventually('two', () => opened.value.lookup('two') !== undefined);
  } finally {
    opened.value.close();
  }
});

test('many writes in a row are read once or twice, and the last one counts', async () => {
  const { source, path } = await open(`users:\n${user('zero')}`, EXACT, true);
  let reads = 0;
  source.onChange(() => reads++);
  const began = performance.now();
  try {
    for (let i = 1; i <= 20; i++) {
      await writeFile(path, `users:\n${user(`user${i}`)}`);
      await sleep(10);
    }
    await eventually('user20', () => source.lookup('user20') !== undefined);
    // One in each 200 ms is as many as there may be, and on a quiet machine all is over in two of them.
    const most = 2 + (performance.now() - began) / 200;
    assert.ok(reads <= most, `${reads} reads`);
  } finally {
    source.close();
  }
});

test('20,000 users load, of which one needs the full parser', async () => {
  const many = Array.from({ length: 20_000 }, (_, i) => user(`user${i}`)).join('');
  const took = await cpuMs(async () => {
    const { source } = await open(`users:\n${many}${user('last', '    email: "a\\u0062@c.d"\n')}`);
    assert.equal(source.count(), 20_001);
    assert.deepEqual((await source.lookup('last'))?.emails, ['ab@c.d']);
  });
  assert.ok(took < 10_000, `${took} ms`);
});
