import assert from 'node:assert/strict';
import { test } from 'node:test';
import { additionalHeaders } from '../core/attributes.ts';
import type { JsonObject } from '../core/json.ts';
import type { UserSource } from '../core/ports.ts';
import { foldName } from '../core/text/header-list.ts';

/** What a source under test knows, in the words of the contract. */
export interface ContractUser {
  readonly name: string;
  readonly displayName: string;
  readonly emails: readonly string[];
  readonly groups: readonly string[];
  readonly passwordHash: string;
  readonly disabled: boolean;
  readonly attributes?: JsonObject;
}

export interface ContractGroup {
  readonly name: string;
  readonly parents: readonly string[];
  readonly attributes: JsonObject;
}

export interface SourceUnderTest {
  readonly source: UserSource;
  /** Makes these the accounts and groups, all of them, and returns once the source has seen it. */
  become(users: readonly ContractUser[], groups?: readonly ContractGroup[]): Promise<void>;
}

const HASH = '$argon2id$v=19$m=256,t=2,p=2$61jK+Po407hRJ+ECboKdeQ$e5nzb7pvL8NNym665jVVBpuO+hTcHarAg7tNzFiE4cc';
const OTHER = '$argon2id$v=19$m=64,t=1,p=1$V3tsrtJ6lltHydQ0j71YDA$2p8o4ghIJEmVNOAocagBWahsfQI1zLFM/xwPVeJliOk';

export const ALICE: ContractUser = {
  name: 'alice',
  displayName: 'Alice Ångström',
  emails: ['alice@example.com', 'a@example.org'],
  groups: ['admins', 'Büro'],
  passwordHash: HASH,
  disabled: false,
};
export const BOB: ContractUser = {
  name: 'bob',
  displayName: 'Bob',
  emails: [],
  groups: [],
  passwordHash: OTHER,
  disabled: false,
};

/** What every `UserSource` promises. `open` starts one that holds these users; names are matched exactly. */
export function sourceContract(kind: string, open: (users: readonly ContractUser[]) => Promise<SourceUnderTest>): void {
  const check = (what: string, body: (t: SourceUnderTest) => Promise<void>) => {
    test(`${kind}: ${what}`, async () => {
      const under = await open([ALICE, BOB]);
      try {
        await body(under);
      } finally {
        under.source.close();
      }
    });
  };

  check('an account is found by its name with all it has', async ({ source }) => {
    const user = await source.lookup('alice');
    assert.ok(user);
    const { epoch, uid, ...rest } = user;
    const { passwordHash: _, disabled: __, ...expected } = ALICE;
    assert.deepEqual(rest, { ...expected, memberships: ALICE.groups, attributes: {}, mergedAttributes: {} });
    assert.match(uid, /^[0-9a-f]{64}$/);
    assert.ok(epoch.length >= 8 && !ALICE.passwordHash.includes(epoch));
    assert.equal(source.count(), 2);
  });

  check('nobody is found by another spelling, a part, or a name of JavaScript', async ({ source }) => {
    for (const name of ['', 'Alice', 'alice ', 'ali', 'alice@example.com', '__proto__', 'constructor', 'toString']) {
      assert.equal(await source.lookup(name), undefined, name);
      assert.equal(await source.resolve(name), undefined, name);
    }
  });

  check('what was typed resolves to the very object that lookup hands out, with its hash', async ({ source }) => {
    const found = await source.resolve('alice');
    assert.equal(found?.passwordHash, ALICE.passwordHash);
    assert.equal(found?.user, await source.lookup('alice'));
  });

  check('an account that did not change keeps its object when others do', async ({ source, become }) => {
    const before = await source.lookup('alice');
    await become([{ ...BOB, displayName: 'Robert' }, ALICE]);
    assert.equal(await source.lookup('alice'), before);
    assert.equal((await source.lookup('bob'))?.displayName, 'Robert');
  });

  check('any change of an account makes a new object', async ({ source, become }) => {
    const changes: Partial<ContractUser>[] = [
      { displayName: 'Alicia' },
      { emails: ['alice@example.com'] },
      { groups: ['admins'] },
      { passwordHash: OTHER },
      { attributes: { a: 1 } },
    ];
    for (const change of changes) {
      const before = await source.lookup('alice');
      await become([{ ...ALICE, ...change }, BOB]);
      assert.notEqual(await source.lookup('alice'), before, JSON.stringify(change));
      await become([ALICE, BOB]);
    }
  });

  check('the epoch changes with the password and with nothing else', async ({ source, become }) => {
    const first = (await source.lookup('alice'))?.epoch;
    await become([{ ...ALICE, displayName: 'A', groups: [], emails: [] }]);
    assert.equal((await source.lookup('alice'))?.epoch, first);
    await become([{ ...ALICE, passwordHash: OTHER }]);
    assert.notEqual((await source.lookup('alice'))?.epoch, first);
  });

  check('a disabled account is not found, and is found again once enabled', async ({ source, become }) => {
    await become([{ ...ALICE, disabled: true }, BOB]);
    assert.equal(await source.lookup('alice'), undefined);
    assert.equal(await source.resolve('alice'), undefined);
    await become([ALICE, BOB]);
    assert.equal((await source.lookup('alice'))?.name, 'alice');
  });

  check('a removed account is gone and a new one is there, and listeners hear of it', async ({ source, become }) => {
    let heard = 0;
    const ended: string[] = [];
    source.onChange((names) => {
      heard++;
      ended.push(...names);
    });
    await become([ALICE, { ...BOB, name: 'carol' }]);
    assert.equal(await source.lookup('bob'), undefined);
    assert.equal((await source.lookup('carol'))?.name, 'carol');
    assert.ok(heard >= 1);
    assert.deepEqual(ended, ['bob']);
    await become([
      { ...ALICE, disabled: true },
      { ...BOB, name: 'carol', passwordHash: ALICE.passwordHash },
    ]);
    assert.deepEqual(ended, ['bob', 'alice', 'carol'], 'disabled, or with another password');
    await become([
      { ...ALICE, displayName: 'A' },
      { ...BOB, name: 'carol', passwordHash: ALICE.passwordHash },
    ]);
    assert.equal(ended.length, 3, 'nobody lost anything');
  });

  check('groups bring ancestors and attributes, and a change of one reaches its members only', async (t) => {
    const { source, become } = t;
    const alice = { ...ALICE, attributes: { list: [3], own: 1 } };
    const groups = (title: string) => [
      { name: 'admins', parents: ['staff'], attributes: { list: [1] } },
      { name: 'staff', parents: ['everyone'], attributes: { list: [2], title } },
    ];
    await become([alice, BOB], groups('x'));
    const before = await source.lookup('alice');
    const bob = await source.lookup('bob');
    assert.deepEqual(before?.groups, ALICE.groups);
    assert.deepEqual([...before.memberships].toSorted(), ['Büro', 'admins', 'everyone', 'staff'].toSorted());
    assert.deepEqual(before.attributes, alice.attributes);
    assert.deepEqual(before.mergedAttributes, { list: [1, 2, 3], title: 'x', own: 1 });
    await become([alice, BOB], groups('x'));
    assert.equal(await source.lookup('alice'), before);
    await become([alice, BOB], groups('y'));
    assert.equal((await source.lookup('alice'))?.mergedAttributes.title, 'y');
    assert.equal(await source.lookup('bob'), bob);
  });

  check('every header that attributes may set is named, whoever has it', async ({ source, become }) => {
    assert.deepEqual(source.headerNames(), []);
    const headers = (map: JsonObject) => ({ additionalHeaders: map });
    const alice = { ...ALICE, attributes: headers({ 'X-Both': [2], 'X-Bad': 'a\nb', Host: 'x' }) };
    const off = { ...BOB, disabled: true, attributes: headers({ 'x-off': 1 }) };
    await become(
      [alice, off],
      [
        { name: 'admins', parents: [], attributes: headers({ 'X-Group': 'g', 'X-Both': [1] }) },
        { name: 'empty', parents: [], attributes: headers({ Authorization: 'Bearer static' }) },
      ],
    );
    const names = source.headerNames();
    assert.deepEqual(names, ['Authorization', 'X-Bad', 'X-Both', 'X-Group', 'x-off']);
    assert.equal(source.headerNames(), names);
    const merged = additionalHeaders((await source.lookup('alice'))?.mergedAttributes ?? {}).headers;
    assert.deepEqual(merged.find((h) => h.name === 'X-Both')?.value, '[1,2]');
    const folds = new Set(names.map(foldName));
    assert.ok(merged.every((h) => folds.has(foldName(h.name))));
    await become([ALICE, BOB]);
    assert.deepEqual(source.headerNames(), []);
  });
}
