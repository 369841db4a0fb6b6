import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import type { Json } from '../../core/json.ts';
import { type AttributeValue, editUserFile, newUserFile } from './edit.ts';
import { replaceFile } from './replace-file.ts';

async function edited(text: string, name: string, attributes: Record<string, AttributeValue>): Promise<string> {
  const result = await editUserFile(text, { name, attributes: new Map(Object.entries(attributes)) });
  assert.ok(result.ok, result.ok ? '' : result.error);
  return result.value;
}

const FILE = `---
# who may come in

users:
    # the boss
    alice:   # since 2019
        displayname:  'Alice'   # as she likes it
        password: "$argon2id$v=19$old"  # changed in May
        groups:
        - admins
        # not dev
        - "ops"
        email: alice@example.com

    bob:
        password: $6$x$y
        displayname: Bob

# the end
`;

test('a value on the line of its key is exchanged alone', async () => {
  const text = await edited(FILE, 'alice', { password: '$argon2id$v=19$m=65536$new', displayname: 'Alicia' });
  assert.equal(
    text,
    FILE.replace('"$argon2id$v=19$old"', () => "'$argon2id$v=19$m=65536$new'").replace("'Alice' ", 'Alicia '),
  );
});

test('a list is exchanged with its lines, and a new attribute goes to the end of its entry', async () => {
  const text = await edited(FILE, 'alice', { groups: ['admins', 'a, b'], disabled: true });
  assert.equal(
    text,
    FILE.replace(/groups:[\s\S]*?"ops"/, 'groups: [admins, "a, b"]').replace(
      'alice@example.com\n',
      'alice@example.com\n        disabled: true\n',
    ),
  );
});

test('a new account goes behind the last one, at its indent and before what follows', async () => {
  const text = await edited(FILE, 'carol', { displayname: 'Carol: the third', password: '$6$s$k', groups: [] });
  const entry = `    carol:\n      displayname: "Carol: the third"\n      password: '$6$s$k'\n      groups: []\n`;
  assert.equal(
    text,
    FILE.replace('displayname: Bob\n', () => `displayname: Bob\n${entry}`),
  );
});

test('line ends of Windows stay', async () => {
  const text = await edited(FILE.replaceAll('\n', '\r\n'), 'bob', { displayname: 'Robert' });
  assert.equal(text, FILE.replace('displayname: Bob', 'displayname: Robert').replaceAll('\n', '\r\n'));
});

test('an empty list of users takes the first one', async () => {
  for (const empty of ['users:\n', 'users: {}\n', '# mine\nusers: {} # none yet\n', 'users:', '']) {
    assert.match(await edited(empty, 'ann', { displayname: 'Ann' }), /users:\n {2}ann:\n {4}displayname: Ann\n/);
  }
});

test('names that YAML would take for something else are quoted', async () => {
  for (const name of ['true', '007', 'a b', 'null', '-x', '@x', 'a: b', 'ö', '"', "o'neil"]) {
    const text = await edited('users:\n  ann:\n    displayname: Ann\n', name, { displayname: name, groups: [name] });
    const again = await edited(text, name, { displayname: 'B' });
    assert.match(again, /displayname: "?B"?\n/);
  }
});

test('what cannot be edited in place is rewritten, with its comments', async () => {
  const flow = 'users: {ann: {displayname: Ann, password: x}, bob: {displayname: Bob}} # all\n';
  const text = await edited(flow, 'ann', { displayname: 'Anna', groups: ['a'] });
  assert.match(text, /displayname: Anna/);
  assert.match(text, /# all/);
});

test('a folded text and one with escapes are exchanged with all their lines', async () => {
  const block = 'users:\n  ann:\n    displayname: >-\n      Ann\n      Lee\n    password: "a\\u0062"\n';
  const expected = "users:\n  ann:\n    displayname: B\n    password: '$x'\n";
  assert.equal(await edited(block, 'ann', { displayname: 'B', password: '$x' }), expected);
});

test('an entry that other entries are made from is left to people', async () => {
  const text = 'users:\n  ann: &a\n    displayname: Ann\n    password: x\n  bob: *a\n';
  for (const name of ['ann', 'bob']) {
    const result = await editUserFile(text, { name, attributes: new Map([['displayname', 'X']]) });
    assert.equal(result.ok, false, name);
  }
});

test('a file with errors is not edited', async () => {
  const result = await editUserFile('users: [', { name: 'ann', attributes: new Map([['displayname', 'A']]) });
  assert.equal(result.ok, false);
});

const directory = await mkdtemp(join(tmpdir(), 'lintel-edit-'));
after(() => rm(directory, { recursive: true }));

test('a replaced file keeps its mode, a new one is for its owner alone, and nothing else is left behind', async () => {
  const path = join(directory, 'a.yml');
  assert.equal((await replaceFile(path, newUserFile({ name: 'a', attributes: new Map() }), undefined)).ok, true);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await chmod(path, 0o640);
  assert.equal((await replaceFile(path, 'second', await readFile(path))).ok, true);
  assert.equal((await stat(path)).mode & 0o777, 0o640);
  assert.equal(await readFile(path, 'utf8'), 'second');
  assert.deepEqual(await readdir(directory), ['a.yml']);
});

test('a change by somebody else in between is not overwritten', async () => {
  const path = join(directory, 'b.yml');
  await writeFile(path, 'one');
  const result = await replaceFile(path, 'three', Buffer.from('zero'));
  assert.match(result.ok ? '' : result.error, /changed by somebody else/);
  assert.equal(await readFile(path, 'utf8'), 'one');
  assert.match(String((await replaceFile(path, 'new', undefined)).ok), /false/);
  assert.equal(
    (await readdir(directory)).some((f) => f.endsWith('.new')),
    false,
  );
});

test('a symlink stays, and its target is replaced', async () => {
  const [target, link] = [join(directory, 'target.yml'), join(directory, 'link.yml')];
  await writeFile(target, 'one');
  await symlink(target, link);
  assert.equal((await replaceFile(link, 'two', Buffer.from('one'))).ok, true);
  assert.equal(await readlink(link), target);
  assert.equal(await readFile(target, 'utf8'), 'two');
});

test('a directory that is not there is a sentence, not a throw', async () => {
  const result = await replaceFile(join(directory, 'no', 'c.yml'), 'x', undefined);
  assert.match(result.ok ? '' : result.error, /cannot be written/);
});

const OWN = `users:
  bob:
    attributes: # his
      tags: [a] # two
      "quota":
        disk: 5 # GiB
        mail: 1
      note: |
        x
    password: $6$x$y
  ann: {password: $6$x$y, attributes: {a: 1}}
groups: # all of them
  staff: {parents: [everyone]}
`;

async function owned(text: string, name: string, own: Record<string, Json | undefined>): Promise<string> {
  const result = await editUserFile(text, { name, attributes: new Map(), own: new Map(Object.entries(own)) });
  assert.ok(result.ok, result.ok ? '' : result.error);
  return result.value;
}

test("attributes of one's own are set, exchanged and taken out by line", async () => {
  assert.equal(
    await owned(OWN, 'bob', { tags: [1, 'b'], quota: undefined, 'x y': null }),
    OWN.replace('[a] # two', '[1,"b"]')
      .replace(/ {6}"quota":\n.*\n.*\n/, '')
      .replace('        x\n', '        x\n      "x y": null\n'),
  );
});

test('a block of text goes with its lines', async () => {
  assert.equal(await owned(OWN, 'bob', { note: undefined }), OWN.replace(/ {6}note: \|\n {8}x\n/, ''));
  assert.equal(await owned(OWN, 'bob', { note: 'y' }), OWN.replace('|\n        x', '"y"'));
});

test('the library takes over where lines do not do, and groups and others mean what they meant', async () => {
  const text = await owned(OWN, 'ann', { a: undefined, b: { c: [true] } });
  const expected = parse(OWN);
  expected.users.ann.attributes = { b: { c: [true] } };
  assert.deepEqual(parse(text), expected);
});

test('the first attribute makes the key, and taking the last one away and coming back works', async () => {
  const text = await owned(FILE, 'bob', { __proto__: null, a: 1, no: undefined });
  assert.equal(text, FILE.replace('displayname: Bob\n', 'displayname: Bob\n        attributes: {"a":1}\n'));
  const none = await owned(OWN.replace(/ {6}(?:"quota|note).*\n(?: {8}.*\n)*/g, ''), 'bob', { tags: undefined });
  assert.match(none, /attributes: # his\n {4}password/);
  assert.match(await owned(none, 'bob', { b: 'x' }), /attributes: \{"b":"x"\}/);
  assert.equal(await owned(FILE, 'bob', { no: undefined }), FILE);
});
