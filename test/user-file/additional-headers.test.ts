/** What groups and attributes of the user file do at the door: nested groups in rules, headers that reach an app, and from when on. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { SessionStore } from '../../src/core/ports.ts';
import { bearer, plantToken } from '../black-box/app-passwords.ts';
import { type Arrival, type Backend, foldedValues, startBackend } from '../black-box/backend.ts';
import { cheapHash, eventually, type Running, serve } from '../black-box/lintel.ts';
import { ask } from '../black-box/raw.ts';
import { openStore } from '../black-box/sessions.ts';

type Attributes = Readonly<Record<string, unknown>>;

/** The user file with alice in `staff`, below `parent`, and a disabled bob. */
function fileOf(parent: string, staff: Attributes, alice: Attributes = {}, bob: Attributes = {}): string {
  const password = cheapHash('correct horse');
  return JSON.stringify({
    groups: { staff: { parents: [parent], attributes: { additionalHeaders: staff } } },
    users: {
      alice: { displayname: 'Alice', password, groups: ['staff'], attributes: { additionalHeaders: alice } },
      bob: { displayname: 'Bob', password, disabled: true, attributes: { additionalHeaders: bob } },
    },
  });
}

let at: Running;
let backend: Backend;
let store: SessionStore;
let alice: string;
before(async () => {
  backend = await startBackend();
  const members = { paths: ['/members'] };
  const access = [{ ...members, allow: ['group:everyone'] }, { ...members, deny: 'everyone' }, { allow: 'everyone' }];
  const upstream = `http://127.0.0.1:${backend.port}`;
  const config = {
    portal: 'https://auth.example.test',
    storage: 'sqlite:DIR/lintel.db',
    users: 'file:DIR/users.yml',
    metrics: 'off',
    apps: { app: { url: 'http://app.example.test', upstream, headers: 'authentik', access } },
  };
  const users = { alice: { displayname: 'Alice', password: 'correct horse' } };
  at = await serve({ config, users, healthHost: 'auth.example.test' });
  store = await openStore(at.database);
  alice = bearer((await plantToken(store)).secret);
});
after(async () => {
  await store.close();
  await at.stop();
  await backend.close();
});

/** What the app gets of one request; undefined when it gets none. */
async function arrives(headers: readonly string[], target = '/'): Promise<Arrival | undefined> {
  backend.take();
  await ask(at, { target, headers: ['Host: app.example.test', ...headers] });
  return backend.take()[0];
}

async function becomes(file: string, name: string, values: readonly string[]): Promise<void> {
  writeFileSync(at.users, file);
  await eventually(`${name}: ${values}`, async () => {
    const arrival = await arrives([alice]);
    return arrival !== undefined && JSON.stringify(foldedValues(arrival, name)) === JSON.stringify(values);
  });
}

const CLAIMS = ['X-Team: evil', 'X_Team: evil', 'x.team: evil', 'X-Off: evil', 'X-Bad: evil'];

test('headers that a group or user sets arrive, and nobody else can claim them, from the change of the file on', async () => {
  const before = await arrives([alice, 'X-Team: mine']);
  assert.deepEqual(before && foldedValues(before, 'X-Team'), ['mine'], 'a name that nobody sets is the client’s');
  const headers = { 'X-Team': 'staff', 'X-Num': 7, 'X-Bad': 'a\r\nX-Inject: 1' };
  const mine = { 'X-Num': 8, 'X-authentik-username': 'override' };
  await becomes(fileOf('everyone', headers, mine, { 'X-Off': 1 }), 'X-Team', ['staff']);
  const hers = await arrives([alice, ...CLAIMS]);
  const others = await arrives(CLAIMS);
  assert.ok(hers && others);
  const told = (arrival: Arrival) =>
    ['X-Team', 'X-Num', 'X-Off', 'X-Bad', 'X-Inject', 'X-authentik-username'].map((n) =>
      foldedValues(arrival, n).join('+'),
    );
  assert.deepEqual(told(hers), ['staff', '8', '', '', '', 'override']);
  assert.deepEqual(told(others), ['', '', '', '', '', '']);
  assert.ok(!`${hers.raw}${others.raw}`.includes('evil'));
  await eventually('it is told', () => /The header \\?"X-Bad\\?" is left out/.test(at.output()));
});

test('ancestors count in rules, and no longer once the parent is another; headers tell the groups as written', async () => {
  await becomes(fileOf('everyone', { 'X-Step': 1 }), 'X-Step', ['1']);
  const arrival = await arrives([alice], '/members');
  assert.deepEqual(arrival && foldedValues(arrival, 'X-authentik-groups'), ['staff']);
  await becomes(fileOf('others', { 'X-Step': 2 }), 'X-Step', ['2']);
  assert.equal(await arrives([alice], '/members'), undefined);
});

test('a circle of groups is told with its path, and the data from before stay', async () => {
  await becomes(fileOf('everyone', { 'X-Step': 3 }), 'X-Step', ['3']);
  writeFileSync(at.users, fileOf('staff', { 'X-Step': 4 }));
  await eventually('an error', () =>
    /These groups are their own ancestors: \\?"staff\\?" \(line 1\)/.test(at.output()),
  );
  const arrival = await arrives([alice], '/members');
  assert.deepEqual(arrival && foldedValues(arrival, 'X-Step'), ['3']);
});
