/** The listener of /healthz, /readyz and /metrics: what happened is counted once, and a dead store is told. */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { ask, headerOf } from '../black-box/raw.ts';
import { signIn } from '../black-box/sessions.ts';
import { openScope } from '../parts.ts';
import { base, CHECK, check, type Live, live, PORTAL } from './server.ts';

const WIKI = 'https://wiki.example.test';
const config = `${base('sqlite:DIR/lintel.db')}
apps:
  wiki:
    url: ${WIKI}
    access:
      - {paths: [/public], allow: everyone}
      - {paths: [/admin], allow: [group:admins]}
      - {paths: [/admin], deny: everyone}
      - {allow: signed_in}
`;

describe('the listener for operators', () => {
  const scope = openScope();
  after(scope.close);
  let at: Live;
  const get = (path: string, method = 'GET') =>
    ask(at.ops, { method, target: path, headers: [`Host: 127.0.0.1:${at.ops.port}`, 'Connection: close'] });

  before(async () => {
    at = await live(scope, { config });
  });

  /** Every sample: `name{label="value"}` → number. */
  async function metrics(): Promise<Map<string, number>> {
    const reply = await get('/metrics');
    assert.equal(reply.status, 200);
    assert.match(headerOf(reply, 'content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    const samples = reply.body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
  }

  test('counts what happened, each thing once', async () => {
    const before = await metrics();
    const cookies = await signIn(at, PORTAL, 'alice', 'wonderland-7');
    const gate = `gate=${cookies.get('gate')}`;
    await assert.rejects(signIn(at, PORTAL, 'alice', 'wrong'), /401/);
    for (let i = 0; i < 3; i++) assert.equal((await check(at, `${WIKI}/`, gate)).status, 200);
    for (let i = 0; i < 2; i++) assert.equal((await check(at, `${WIKI}/admin`, gate)).status, 403);
    for (let i = 0; i < 4; i++) assert.equal((await check(at, `${WIKI}/`)).status, 302);
    assert.equal((await check(at, `${WIKI}/%zz`, gate)).status, 400);
    const portal = cookies.get('__Host-lintel');
    const out = await ask(at, {
      method: 'POST',
      target: '/api/logout',
      headers: [
        `Host: ${new URL(PORTAL).host}`,
        'X-Forwarded-Proto: https',
        `Origin: ${PORTAL}`,
        'Content-Type: application/json',
        'Content-Length: 2',
        `Cookie: __Host-lintel=${portal}`,
      ],
      body: '{}',
    });
    assert.equal(out.status, 200, out.body);
    const now = await metrics();
    const moved = (name: string) => (now.get(name) ?? 0) - (before.get(name) ?? 0);
    const decisions = (outcome: string) => moved(`lintel_decisions_total{dialect="ForwardAuth",outcome="${outcome}"}`);
    const names = [...now.keys()].filter((name) => name.startsWith('lintel_decisions_total')).join(' ');
    assert.deepEqual(['allow', 'deny', 'challenge', 'fault'].map(decisions), [3, 2, 4, 1], names);
    assert.equal(moved('lintel_sign_ins_total{result="ok"}'), 1);
    assert.equal(moved('lintel_sign_ins_total{result="refused"}'), 1);
    assert.equal(moved('lintel_sign_outs_total'), 1);
    assert.equal(moved('lintel_faults_total{id="TARGET-PATH"}'), 1);
    assert.equal(moved('lintel_decision_duration_seconds_count'), 10);
    assert.equal(moved('lintel_decision_duration_seconds_bucket{le="+Inf"}'), 10);
    assert.ok((now.get('lintel_process_resident_memory_bytes') ?? 0) > 1e7);
  });

  test('holds the buckets of the histogram in order, and no label that a stranger chooses', async () => {
    await check(at, 'https://stranger-chose-this.example.test/secret-path');
    const now = await metrics();
    const buckets = [...now].filter(([name]) => name.startsWith('lintel_decision_duration_seconds_bucket'));
    assert.ok(buckets.length >= 10);
    for (const [i, [, n]] of buckets.entries()) assert.ok(i === 0 || n >= (buckets[i - 1]?.[1] ?? 0), 'cumulative');
    assert.deepEqual(
      [...now.keys()].filter((name) => /stranger|secret-path|alice/.test(name)),
      [],
    );
  });

  test('answers nothing else, and its paths are nowhere else', async () => {
    for (const path of ['/', CHECK, '/api/health', '/metrics/', '/%6detrics'])
      assert.equal((await get(path)).status, 404, path);
    for (const method of ['GET', 'HEAD', 'POST']) {
      const reply = await get('/outpost.goauthentik.io/ping', method);
      assert.deepEqual([reply.status, headerOf(reply, 'content-length'), reply.body], [204, undefined, ''], method);
    }
    assert.equal((await get('/metrics', 'POST')).status, 404);
    for (const path of ['/metrics', '/healthz', '/readyz']) {
      for (const host of ['lintel.internal', 'wiki.example.test', 'auth.example.test']) {
        const reply = await ask(at, { target: path, headers: [`Host: ${host}`, 'X-Forwarded-Proto: https'] });
        assert.ok(reply.status >= 400, `${path} on ${host}: ${reply.status}`);
      }
    }
  });

  test('is ready while the store can be read, and only then; it is alive all the time', async () => {
    const states = async () => [(await get('/healthz')).status, (await get('/readyz')).status];
    assert.deepEqual(await states(), [200, 200]);
    const gate = `gate=${(await signIn(at, PORTAL, 'alice', 'wonderland-7')).get('gate')}`;
    renameSync(at.database, `${at.database}.away`);
    assert.deepEqual(await states(), [200, 503]);
    assert.match((await get('/readyz')).body, /^STORE-UNAVAILABLE: .*moved or replaced/);
    renameSync(`${at.database}.away`, at.database);
    assert.deepEqual(await states(), [200, 200]);
    // Now so that reading fails: every table is gone under the running server.
    const database = new DatabaseSync(at.database, { timeout: 2_000 });
    database.exec('PRAGMA foreign_keys = OFF; DROP TABLE secrets; DROP TABLE sessions');
    database.close();
    assert.deepEqual(await states(), [200, 503]);
    assert.equal((await check(at, `${WIKI}/`, gate)).status, 503);
    assert.equal((await check(at, `${WIKI}/public`, gate)).status, 200);
  });
});
