/** git through Lintel's own proxy: it asks without credentials first, is asked for Basic, and gives the app password. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { PASSWORD, proxy } from '../attacks/fixture.ts';
import { plantToken } from '../black-box/app-passwords.ts';
import { ask, headerOf } from '../black-box/raw.ts';
import { openScope, type Scope, tempDir } from '../parts.ts';

const HOST = 'git.example.test';
const hasGit = spawnSync('git', ['--version']).status === 0;

/** A bare repository with one commit, as files for git's plain HTTP protocol. */
function makeRepository(dir: string): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: dir, stdio: 'pipe', env: clean(dir) });
  git('init', '-q', 'work');
  writeFileSync(join(dir, 'work', 'beam.txt'), 'raised\n');
  const author = ['-c', 'user.name=A', '-c', 'user.email=a@example.test'];
  git('-C', 'work', 'add', '.');
  git('-C', 'work', ...author, 'commit', '-q', '-m', 'Raise the beam');
  git('clone', '-q', '--bare', 'work', 'served/notes.git');
  git('-C', 'served/notes.git', 'update-server-info');
  return join(dir, 'served');
}

function clean(home: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: home, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' };
}

async function serveFiles(scope: Scope, root: string): Promise<number> {
  const server = createServer((req, res) => {
    const path = normalize(join(root, new URL(req.url ?? '/', 'http://x').pathname));
    try {
      res.writeHead(200).end(readFileSync(path));
    } catch {
      res.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

suite('git with an app password', { skip: !hasGit && 'git is not installed' }, () => {
  const scope = openScope();
  let site: Awaited<ReturnType<typeof proxy>>;
  let dir = '';

  before(async () => {
    dir = tempDir(scope);
    mkdirSync(join(dir, 'served'));
    const upstream = `http://127.0.0.1:${await serveFiles(scope, makeRepository(dir))}`;
    const app = (name: string) => ({ url: `http://${name}.example.test`, upstream, access: [{ allow: 'signed_in' }] });
    const own = { ...app('own'), intercept_header_auth: false };
    site = await proxy({ config: { apps: { git: app('git'), own }, trusted_proxies: ['127.0.0.3'] } });
  });
  after(async () => {
    await site.stop();
    await scope.close();
  });

  /** Clones with this answer to git's question for a password. */
  async function clone(password: string, into: string) {
    const answer = join(dir, `${into}-askpass`);
    writeFileSync(answer, `#!/bin/sh\necho '${password}'\n`, { mode: 0o700 });
    const resolve = `http.curloptResolve=${HOST}:${site.at.port}:127.0.0.1`;
    const url = `http://alice@${HOST}:${site.at.port}/notes.git`;
    const env = { ...clean(dir), GIT_ASKPASS: answer };
    const child = spawn('git', ['-c', resolve, 'clone', '-q', url, join(dir, into)], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [stderr, [status]] = await Promise.all([child.stderr.toArray(), once(child, 'exit')]);
    return { status, stderr: Buffer.concat(stderr).toString() };
  }

  test('clones with it, not without, and not with one for another app', async () => {
    const { secret } = await plantToken(site.store, { apps: ['git'] });
    const done = await clone(secret, 'good');
    assert.equal(done.status, 0, done.stderr);
    assert.equal(readFileSync(join(dir, 'good', 'beam.txt'), 'utf8'), 'raised\n');
    const other = await plantToken(site.store, { apps: ['own'] });
    for (const [i, password] of [other.secret, 'wrong'].entries()) {
      const refused = await clone(password, `bad${i}`);
      assert.notEqual(refused.status, 0);
      assert.match(refused.stderr, /Authentication failed/);
    }
    assert.equal((await clone(PASSWORD, 'account')).status, 0, 'the account password works here too');
  });

  const asked = async (method: string, headers: readonly string[], host = HOST) =>
    ask(site.at, { method, target: '/', headers: [`Host: ${host}`, ...headers] }, { from: '127.0.0.2' });

  test('programs are asked for Basic; browsers and their scripts are not, nor where the app owns the header', async () => {
    for (const method of ['PROPFIND', 'REPORT', 'MKCALENDAR', 'PUT', 'OPTIONS']) {
      const reply = await asked(method, ['Accept: */*']);
      assert.equal(reply.status, 401, method);
      assert.match(headerOf(reply, 'www-authenticate') ?? '', /^Basic realm=/, method);
    }
    const scripts = [
      ['PUT', 'Sec-Fetch-Mode: cors'],
      ['PUT', 'Origin: http://git.example.test'],
      ['DELETE', 'X-Requested-With: XMLHttpRequest'],
      ['OPTIONS', 'Origin: http://own.example.test'],
      ['GET', 'Accept: text/html'],
      ['GET', 'User-Agent: Mozilla/5.0 git/2'],
      ['POST', 'Accept: application/json'],
    ] as const;
    for (const [method, header] of scripts) {
      assert.equal(headerOf(await asked(method, [header]), 'www-authenticate'), undefined, `${method} ${header}`);
    }
    const own = await asked('PROPFIND', [], 'own.example.test');
    assert.equal(headerOf(own, 'www-authenticate'), undefined);
  });
});

test('without a portal a program is asked for Basic too: there is no other way in', async (t) => {
  const site = await proxy({ config: { portal: undefined } });
  t.after(() => site.stop());
  const at = (...headers: string[]) =>
    ask(site.at, { target: '/', headers: ['Host: app.example.test', ...headers] }, { from: '127.0.0.2' });
  const program = await at('User-Agent: git/2.50.0', 'Accept: */*');
  assert.equal(program.status, 401);
  assert.match(headerOf(program, 'www-authenticate') ?? '', /^Basic realm=/);
  assert.equal(headerOf(program, 'location'), undefined);
  for (const browser of [['Accept: text/html'], ['Sec-Fetch-Mode: cors']]) {
    const reply = await at(...browser);
    assert.deepEqual([reply.status, headerOf(reply, 'www-authenticate')], [401, undefined]);
  }
});
