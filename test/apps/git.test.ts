/** git behind Lintel: cloning and pushing with an app password, asked for as git asks; the server knows who pushed. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { missing, openScope, partPath, tempDir } from '../parts.ts';
import { startGit } from './git-server.ts';
import { appPassword, type House, lintel, startHouse } from './house.ts';

suite('git', { skip: missing('git') }, () => {
  const scope = openScope();
  after(scope.close);
  let house: House;
  let dir: string;
  let bare: string;
  let password: string;

  before(async () => {
    dir = tempDir(scope);
    bare = join(dir, 'notes.git');
    execFileSync(partPath('git'), ['init', '--quiet', '--bare', '--initial-branch=main', bare]);
    execFileSync(partPath('git'), ['-C', bare, 'config', 'core.logAllRefUpdates', 'always']);
    // What git runs to ask somebody: the answer is the app password.
    writeFileSync(join(dir, 'askpass'), '#!/bin/sh\nprintf %s "$APP_PASSWORD"\n');
    chmodSync(join(dir, 'askpass'), 0o700);
    const upstream = `http://127.0.0.1:${await startGit(scope, dir)}`;
    house = await startHouse(scope, {
      git: { url: 'https://localhost:PORT', upstream, access: [{ allow: 'signed_in' }] },
    });
    password = await appPassword(house, 'alice', 'git');
  });

  async function git(secret: string, ...args: string[]): Promise<string> {
    const settings = [`http.sslCAInfo=${house.ca}`, 'user.name=Somebody', 'user.email=somebody@example.com'];
    const env = {
      ...{ PATH: process.env.PATH ?? '', HOME: dir, GIT_CONFIG_NOSYSTEM: '1' },
      ...{ GIT_ASKPASS: join(dir, 'askpass'), GIT_TERMINAL_PROMPT: '0', APP_PASSWORD: secret },
    };
    const options = settings.flatMap((s) => ['-c', s]);
    const { stdout } = await promisify(execFile)(partPath('git'), [...options, ...args], { env, cwd: dir });
    return stdout.trim();
  }
  const from = (name: string) => `https://${name}@localhost:${house.port}/notes.git`;

  test('alice clones, commits and pushes; a second clone has it, and the server knows that it was alice', async () => {
    const work = join(dir, 'work');
    await git(password, 'clone', '--quiet', from('alice'), work);
    const text = 'Beware the Jabberwock. '.repeat(100_000);
    writeFileSync(join(work, 'poem.txt'), text);
    await git(password, '-C', work, 'add', 'poem.txt');
    await git(password, '-C', work, 'commit', '--quiet', '-m', 'A poem');
    await git(password, '-C', work, 'push', '--quiet', 'origin', 'HEAD:main');
    await git(password, 'clone', '--quiet', from('alice'), join(dir, 'again'));
    assert.equal(readFileSync(join(dir, 'again', 'poem.txt'), 'utf8'), text);
    assert.match(
      readFileSync(join(bare, 'logs', 'refs', 'heads', 'main'), 'utf8'),
      / alice <alice@http\.127\.0\.0\.1> /,
    );
  });

  test('nobody clones without an app password, with a wrong or a revoked one', async () => {
    const refused = async (secret: string, name: string) => {
      const cloning = git(secret, 'clone', '--quiet', from(name), join(dir, 'never'));
      await assert.rejects(cloning, /Authentication failed/, `${name} ${secret}`);
    };
    await refused('', 'alice');
    await refused('guess', 'alice');
    await refused(password, 'bob');
    const bobs = await appPassword(house, 'bob', 'git');
    await git(bobs, 'ls-remote', from('bob'));
    await lintel(house, 'users', 'token', 'revoke', '--user', 'bob');
    await refused(bobs, 'bob');
  });
});
