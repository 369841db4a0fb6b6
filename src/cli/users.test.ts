import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { keptIo } from '../../test/cli/io.ts';
import { runCli } from './cli.ts';

const directory = await mkdtemp(join(tmpdir(), 'lintel-users-cli-'));
after(() => rm(directory, { recursive: true }));
let files = 0;

interface Seen {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

async function lintel(args: readonly string[], stdin = ''): Promise<Seen> {
  const io = keptIo({ stdin: async () => stdin });
  const code = await runCli(['users', ...args], io);
  return { out: io.said, err: io.complained, code };
}

function path(): string {
  return join(directory, `users-${files++}.yml`);
}

const BOB =
  "users:\n  bob: # mine\n    displayname: Bob\n    password: '$6$rounds=1500$anothersalt$oIc8cxlniDjeYFIcrt2yLvn1/hVqz.xP/ezOqUIHCwOrq7KY/QW5l8zprTE090weafH06.3zvTlgTsqAe4RMn1'\n";

async function bobs(text = BOB): Promise<string> {
  const file = path();
  await writeFile(file, text);
  return file;
}

async function opens(file: string, name: string, password: string): Promise<boolean> {
  const hash = new RegExp(`${name}:[\\s\\S]*?password: '?([^'\\s]+)`).exec(await readFile(file, 'utf8'))?.[1] ?? '';
  return (await lintel(['hash', password, '--verify', hash])).code === 0;
}

test('the first account makes the file, for its owner alone, and shows a password that opens it', async () => {
  const file = path();
  const seen = await lintel(['add', 'alice', '--file', file, '--display-name', 'Älice', '--group', 'admins']);
  assert.equal(seen.code, 0, seen.err);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const password = /Password {2}([a-z2-9]{4}(?:-[a-z2-9]{4}){4})\n/.exec(seen.out)?.[1];
  assert.ok(password, seen.out);
  assert.equal(await opens(file, 'alice', password), true);
  const list = await lintel(['list', '--file', file, '--json']);
  const [{ uid, ...alice }, ...more] = JSON.parse(list.out);
  assert.match(uid, /^[0-9a-f]{64}$/);
  assert.deepEqual(more, []);
  assert.deepEqual(alice, {
    ...{ name: 'alice', displayName: 'Älice', emails: [], groups: ['admins'], memberships: ['admins'] },
    ...{ attributes: {}, mergedAttributes: {}, disabled: false, hash: 'argon2id' },
  });
});

test('a password from standard input is taken without its line end, and not shown', async () => {
  const file = await bobs();
  const seen = await lintel(['passwd', 'bob', '--file', file, '--password-stdin'], 'pass word \r\n');
  assert.equal(seen.code, 0, seen.err);
  assert.equal(seen.out.includes('pass word'), false);
  assert.equal(await opens(file, 'bob', 'pass word '), true);
  assert.match(await readFile(file, 'utf8'), / {2}bob: # mine\n/);
});

for (const [what, stdin] of [
  ['an empty password', '\n'],
  ['two lines', 'a\nb\n'],
  ['a password over 1024 bytes', 'x'.repeat(1025)],
] as const) {
  test(`${what} is refused, and the file stays as it is`, async () => {
    const file = await bobs();
    assert.equal((await lintel(['passwd', 'bob', '--file', file, '--password-stdin'], stdin)).code, 2);
    assert.equal(await readFile(file, 'utf8'), BOB);
  });
}

test('set, disable and enable change what they say', async () => {
  const file = await bobs();
  await lintel([
    'set',
    'bob',
    '--file',
    file,
    '--group',
    'a',
    '--group',
    'b',
    '--email',
    'b@x.org',
    '--email',
    'c@x.org',
  ]);
  await lintel(['disable', 'bob', '--file', file]);
  const account = async () => JSON.parse((await lintel(['list', '--json', '--file', file])).out)[0];
  const { emails, groups, disabled } = await account();
  assert.deepEqual(
    { emails, groups, disabled },
    { emails: ['b@x.org', 'c@x.org'], groups: ['a', 'b'], disabled: true },
  );
  await lintel(['enable', 'bob', '--file', file]);
  await lintel(['set', 'bob', '--file', file, '--group', '']);
  assert.deepEqual((await account()).groups, []);
  assert.equal((await account()).disabled, false);
});

test('attributes are set as JSON or text and taken away, and list tells them merged', async () => {
  const file = path();
  const attributesOf = async (name: string) => {
    const list = JSON.parse((await lintel(['list', '--file', file, '--json'])).out);
    const { attributes, mergedAttributes } = list.find((u: { name: string }) => u.name === name);
    return [attributes, mergedAttributes];
  };
  const set = async (...attributes: string[]) => {
    const seen = await lintel(['set', 'ann', '--file', file, ...attributes.flatMap((a) => ['--attribute', a])]);
    assert.equal(seen.code, 0, seen.err);
  };
  const added = await lintel(['add', 'ann', '--file', file, '--attribute', 'dept=sales', '--attribute', 'quota=5']);
  assert.equal(added.code, 0, added.err);
  assert.equal((await lintel(['add', 'bob', '--file', file, '--attribute', 'x=[1]'])).code, 0);
  assert.deepEqual(await attributesOf('ann'), [
    { dept: 'sales', quota: 5 },
    { dept: 'sales', quota: 5 },
  ]);
  assert.deepEqual((await attributesOf('bob'))[0], { x: [1] });
  await set('quota=', 'id="007"', 'on=true', 'list=["a", {"b": null}]', 'sum=a=b');
  const expected = { dept: 'sales', id: '007', on: true, list: ['a', { b: null }], sum: 'a=b' };
  assert.deepEqual((await attributesOf('ann'))[0], expected);
  await writeFile(file, `${await readFile(file, 'utf8')}groups:\n  g: {attributes: {list: [0], dept: x}}\n`);
  assert.equal((await lintel(['set', 'ann', '--file', file, '--group', 'g', '--attribute', 'on='])).code, 0);
  const { on: _, ...rest } = expected;
  assert.deepEqual(await attributesOf('ann'), [rest, { ...rest, list: [0, ...expected.list] }]);
});

test('an attribute that would not arrive as it is written is refused', async () => {
  const file = await bobs();
  for (const [given, said] of [
    ['x', /takes KEY=VALUE, not "x"/],
    ['=1', /takes KEY=VALUE/],
    ['x={"a": 1', /begins like JSON but is none/],
    ['x=[1', /begins like JSON but is none/],
    ['x=1.10', /would not stay as it is written/],
    ['x=9007199254740993', /would not stay/],
    ['x=1e999', /would not stay/],
    ['x={"a": [9007199254740993]}', /would not stay/],
    [`x="${'y'.repeat(65_537)}"`, /65,536 characters/],
  ] as const) {
    const seen = await lintel(['set', 'bob', '--file', file, '--attribute', given]);
    assert.equal(seen.code, 2, given);
    assert.match(seen.err, said);
    assert.equal(await readFile(file, 'utf8'), BOB);
  }
});

test('what does not fit is said, with exit codes, and changes nothing', async () => {
  const file = await bobs();
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['add', 'bob', '--file', file], 1, /there is an account "bob".*already/],
    [['passwd', 'bbo', '--file', file], 1, /no account "bbo".*Did you mean "bob"/],
    [['add', 'a,b', '--file', file], 2, /holds ","/],
    [['add', 'BOB', '--file', file], 2, /differ in letter case.*Nothing was changed/s],
    [['add', 'x', '--file', file, '--group', 'a\u202eb'], 2, /control or invisible/],
    [['set', 'bob', '--file', file], 2, /say what to set/],
    [['set', 'bob', '--file', file, '--password-stdin'], 2, /set does not take --password-stdin/],
    [['passwd', '--file', file], 2, /needs the name/],
    [['list'], 2, /--config FILE, or the user file with --file/],
    [['remove', 'bob'], 2, /there is no "remove"/],
    [[], 2, /say list, add/],
    [['list', '--file', join(directory, 'none.yml')], 2, /no user file/],
    [['hash', 'x', '--verify', 'nonsense'], 2, /not a known kind/],
  ];
  for (const [args, code, said] of cases) {
    const seen = await lintel(args);
    assert.equal(seen.code, code, args.join(' '));
    assert.match(seen.err, said);
    assert.equal(seen.out, '');
  }
  assert.equal(await readFile(file, 'utf8'), BOB);
});

test('passwd mends an account whose hash is not supported', async () => {
  const file = await bobs('users:\n  ann:\n    displayname: Ann\n    password: hunter2\n');
  const list = await lintel(['list', '--file', file]);
  assert.equal(list.code, 2);
  assert.match(list.err, /:4:15 error\n.*"ann" is not a known kind.*\n.*lintel users passwd ann/);
  assert.equal((await lintel(['passwd', 'ann', '--file', file])).code, 0);
  assert.equal((await lintel(['list', '--file', file])).code, 0);
});

test('the configuration names the file and how names are compared', async () => {
  const file = await bobs();
  const config = join(directory, 'lintel.yml');
  await writeFile(config, `listen: 127.0.0.1:0\nusers: {file: ${file}, case_insensitive: true}\n`);
  const seen = await lintel(['add', 'Carol', '--config', config]);
  assert.equal(seen.code, 2);
  assert.match(seen.err, /"Carol" has capital letters/);
  assert.equal((await lintel(['add', 'carol', '--config', config])).code, 0);
});

test('hash reads standard input and prints the hash alone', async () => {
  const seen = await lintel(['hash'], 'secret\n');
  assert.match(seen.out, /^\$argon2id\$v=19\$m=65536,t=3,p=4\$[^$]+\$[^$]+\n$/);
  assert.equal((await lintel(['hash', '--verify', seen.out.trim()], 'secret')).code, 0);
  assert.equal((await lintel(['hash', '--verify', seen.out.trim()], 'Secret')).code, 1);
});

test('a new group that is spelt nearly as another is taken, with a note on standard error', async () => {
  const file = await bobs();
  const said = (err: string) => err.replaceAll(/^Changing .*\n/gm, '');
  const add = async (name: string, group: string) => {
    const { code, err } = await lintel(['add', name, '--file', file, '--group', group, '--json']);
    return { code, err: said(err) };
  };
  assert.equal((await add('ann', 'staff')).err, '');
  assert.equal((await add('cem', 'staff')).err, '');
  assert.equal((await add('dana', 'guests')).err, '');
  const slip = await add('eva', 'stff');
  assert.deepEqual([slip.code, slip.err], [0, 'lintel users: "stff" is a new group; did you mean "staff"?\n']);
  assert.match(
    (await lintel(['set', 'ann', '--file', file, '--group', 'guest'])).err,
    /new group; did you mean "guests"/,
  );
  assert.equal(said((await lintel(['set', 'ann', '--file', file, '--email', 'a@x.org'])).err), '');
});
