import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../config/load.ts';
import type { Log } from '../ops/log.ts';
import { openUsers } from './users-source.ts';

const HASH = '$argon2id$v=19$m=256,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
const GOOD = JSON.stringify({ users: { alice: { password: HASH, displayname: 'Alice' } } });

test('a user file that breaks while Lintel runs, or goes away, is told with what stays, and once when it is mended', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'lintel-users-source-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'users.yml');
  writeFileSync(join(directory, 'lintel.yml'), 'portal: https://auth.x.org\nusers: file:./users.yml\n');
  writeFileSync(path, GOOD);
  const loaded = await loadConfig(['lintel.yml'], {}, directory);
  const said: string[] = [];
  const log: Log = {
    isEnabled: () => true,
    flush: () => undefined,
    write(level, message, fields) {
      said.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`.replaceAll(directory, 'DIR'));
    },
  };
  const opened = loaded.ok ? await openUsers(loaded.settings, log) : assert.fail();
  const users = opened.ok ? opened.value : assert.fail(opened.error);
  t.after(() => users.close());
  const after = async (act: () => void) => {
    said.length = 0;
    act();
    await users.reload();
    return said.filter((line, i) => said.indexOf(line) === i);
  };
  const STAYS = 'error the user file was not taken up; the accounts as they were stay {"accounts":1}';

  const broken = await after(() => writeFileSync(path, GOOD.replace('argon2id', 'nothing')));
  assert.match(broken[0] ?? '', /^error The password hash of "alice" .*"at":"DIR\/users\.yml:1:\d+","hint":"Run/);
  assert.deepEqual(broken.slice(1), [STAYS]);
  const gone = await after(() => rmSync(path));
  assert.match(gone[0] ?? '', /^error There is no user file .*"at":"DIR\/users\.yml","hint":"Run/);
  assert.deepEqual(gone.slice(1), [STAYS]);
  assert.notEqual(await users.lookup('alice'), undefined);
  assert.deepEqual(await after(() => writeFileSync(path, GOOD)), ['info accounts taken up {"accounts":1}']);
  assert.deepEqual(await after(() => writeFileSync(path, `${GOOD}\n`)), []);
  const doubtful = await after(() => writeFileSync(path, GOOD.replace('"Alice"', '""')));
  assert.deepEqual(doubtful, ['warn The user "alice" has no displayname. {"at":"DIR/users.yml:1:11"}']);
});
