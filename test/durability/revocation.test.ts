/** `lintel sessions revoke` and `lintel users token revoke` beside a running server: the very next request is refused, whatever the storage. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../black-box/lintel.ts';
import { check, checkWith, gateCookie, makeSite, signIn, startServer, undoing } from './server.ts';

for (const storage of ['sqlite', 'memory'] as const) {
  test(`${storage}: revoked on the command line, refused at the next request`, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'lintel-revoked-'));
    const later = undoing(t);
    later(() => rmSync(dir, { recursive: true, force: true }));
    const site = await makeSite(dir, storage);
    const server = await startServer(site);
    later(() => server.end('SIGKILL'));
    const cookie = gateCookie(await signIn(server)) ?? '';
    const other = gateCookie(await signIn(server)) ?? '';
    const env = { ...process.env, RUNTIME_DIRECTORY: join(dir, 'run') };
    const command = [join(ROOT, 'src', 'main.ts'), 'sessions'];
    const lintel = (...args: string[]) =>
      execFileSync(process.execPath, [...command, ...args, '--config', site.config], { env, encoding: 'utf8' });
    const listed: { id: string; user: string }[] = JSON.parse(lintel('list', '--json'));
    assert.deepEqual(
      listed.map((s) => s.user),
      ['alice', 'alice'],
    );
    assert.equal(await check(server, cookie), 200);
    assert.equal(await check(server, other), 200);
    lintel('revoke', '--id', listed[0]?.id ?? '');
    const [first, second] = [await check(server, cookie), await check(server, other)];
    assert.deepEqual([first, second].filter((status) => status === 200).length, 1);
    assert.match(lintel('revoke', '--user', 'alice'), /takes effect on the next request/);
    assert.notEqual(await check(server, cookie), 200);
    assert.notEqual(await check(server, other), 200);
    const again = spawnSync(process.execPath, [...command, 'revoke', '--all', '--config', site.config], { env });
    assert.equal(again.status, 1, 'nothing matched');
    await server.end('SIGTERM');
    if (storage === 'memory') assert.deepEqual(readdirSync(join(dir, 'run')), [], 'the socket is gone');
  });
}

for (const storage of ['sqlite', 'memory'] as const) {
  test(`${storage}: an app password made and revoked on the command line counts at the next request`, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'lintel-revoked-'));
    const later = undoing(t);
    later(() => rmSync(dir, { recursive: true, force: true }));
    const site = await makeSite(dir, storage);
    const server = await startServer(site);
    later(() => server.end('SIGKILL'));
    const env = { ...process.env, RUNTIME_DIRECTORY: join(dir, 'run') };
    const command = [join(ROOT, 'src', 'main.ts'), 'users', 'token'];
    const lintel = (...args: string[]) =>
      execFileSync(process.execPath, [...command, ...args, '--config', site.config], {
        env,
        encoding: 'utf8',
        stdio: 'pipe',
      });
    const secret = lintel('add', 'alice', '--name', 'Phone', '--app', 'app').trim();
    assert.equal(await checkWith(server, `Authorization: Bearer ${secret}`), 200);
    const [listed]: { id: string; lastUsed: string | null }[] = JSON.parse(lintel('list', 'alice', '--json'));
    assert.ok(listed?.lastUsed, 'the use is shown');
    lintel('revoke', listed.id);
    assert.equal(await checkWith(server, `Authorization: Bearer ${secret}`), 401);
    const again = spawnSync(process.execPath, [...command, 'revoke', listed.id, '--config', site.config], { env });
    assert.equal(again.status, 1, 'nothing matched');
    assert.ok(!server.output().includes(secret));
  });
}
