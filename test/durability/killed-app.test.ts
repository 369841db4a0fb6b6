/** An app that is killed under load: its people get an answer with an id or a clean prefix, those of other apps notice nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, dechunk, exchange, headerOf, requestBytes } from '../black-box/raw.ts';
import { NO_ERRORS, probe, wrk } from '../live/load.ts';
import { Browser } from '../outpost/street.ts';
import { freePort, missing, type Running, type Scope, startProcess } from '../parts.ts';
import { lineOf, linesFor, makeCrowd, ONE, TWO } from './crowd.ts';
import { startServer, undoing } from './server.ts';

const APP = join(import.meta.dirname, 'app.ts');

function startApp(scope: Scope, port: number): Promise<Running> {
  return startProcess(scope, process.execPath, [APP, String(port)], { ready: /ready/ });
}

test('kill -9 of an app under load', { skip: missing('wrk') }, async (t) => {
  const later = undoing(t);
  const scope: Scope = { after: later };
  const dir = mkdtempSync(join(tmpdir(), 'lintel-killed-app-'));
  later(() => rmSync(dir, { recursive: true, force: true }));
  const ports = [await freePort(), await freePort()] as const;
  const [victim] = [await startApp(scope, ports[0]), await startApp(scope, ports[1])];
  const server = await startServer(await makeCrowd(dir, { accounts: ['alice'], ports }));
  later(() => server.end('SIGKILL'));
  const b = new Browser(server, 'lintel');
  for (const url of [ONE, TWO]) assert.equal((await b.open(`${url}/`, 'alice')).reply.status, 200);
  const [one, two] = [ONE, TWO].map((url) => linesFor(url, `Cookie: ${b.cookies(new URL(url).host)}`));
  assert.ok(one && two);

  const others = wrk(scope, server, '/', two);
  const load = wrk(scope, server, '/', one);
  const prober = probe(scope, server, '/', one);
  const stream = requestBytes({ target: '/stream', headers: one });
  const streams = Array.from({ length: 8 }, () => exchange(server, stream, { timeoutMs: 10_000 }));
  const waiting = Array.from({ length: 8 }, () => ask(server, { target: '/never', headers: one }));
  const half = { method: 'POST', target: '/', headers: [...one, 'Content-Length: 1000000'], body: 'x'.repeat(10_000) };
  const upload = ask(server, half);
  await sleep(1_000);

  victim.child.kill('SIGKILL');
  await once(victim.child, 'exit');
  const killed = performance.now();
  for (const { replies, rest, end, elapsedMs } of await Promise.all(streams)) {
    assert.deepEqual(replies, [], 'half an answer looks whole');
    assert.equal(end, 'closed');
    assert.ok(elapsedMs < 3_000, `cut after ${elapsedMs} ms`);
    assertPrefix(rest);
  }
  for (const reply of await Promise.all([...waiting, upload])) {
    assert.equal(reply.status, 502);
    assert.equal(headerOf(reply, 'x-lintel-error'), 'UPSTREAM-DOWN');
  }
  for (let i = 0; i < 20; i += 1) {
    const reply = await ask(server, { target: '/', headers: one });
    assert.equal(headerOf(reply, 'x-lintel-error'), 'UPSTREAM-DOWN');
    assert.equal(reply.status, 502);
  }
  await sleep(500);

  // It answers before it has said that it is ready.
  const starting = performance.now();
  await startApp(scope, ports[0]);
  const back = performance.now();
  while ((await ask(server, { target: '/', headers: one })).status !== 200) assert.ok(performance.now() - back < 2_000);
  const recovered = performance.now();
  await prober.more(50);
  const [mine, theirs] = [await load.lift(), await others.lift()];
  const answers = await prober.stop();

  assert.deepEqual([...theirs.statuses.keys()], [200], 'another app');
  assert.deepEqual(theirs.errors, NO_ERRORS);
  assert.deepEqual([...mine.statuses.keys()].sort(), [200, 502]);
  assert.deepEqual(mine.errors, NO_ERRORS);
  const between = answers.filter((a) => a.began > killed && a.ended < starting);
  assert.ok(between.length > 0 && between.every((a) => a.status === 502));
  const after = answers.filter((a) => a.began > recovered);
  assert.ok(after.length > 0 && after.every((a) => a.status === 200), 'no stale connection is used');
  assert.ok(answers.every((a) => a.status !== 0));
  const count = (status: number) => mine.statuses.get(status) ?? 0;
  t.diagnostic(
    `${count(200)} answers of the app, ${count(502)} of 502, none lost; ${theirs.statuses.get(200)} of the other`,
  );
  t.diagnostic(`back ${(recovered - back).toFixed(0)} ms after the app was`);
});

/** A head and chunks that hold the first lines, in order, and no end. */
function assertPrefix(rest: string): void {
  const from = rest.indexOf('\r\n\r\n') + 4;
  assert.match(rest.slice(0, from), /^HTTP\/1\.1 200 [\s\S]*transfer-encoding: chunked/i);
  assert.equal(dechunk(rest, from), undefined);
  // Made whole here to read it: what was cut may be cut within a chunk.
  const text = rest
    .slice(from)
    .replace(/(^|\r\n)[0-9a-f]+\r\n/g, '')
    .replace(/\r\n$/, '');
  const lines = text.split('\n').slice(0, -1);
  assert.ok(lines.length > 20, `${lines.length} lines`);
  for (const [n, line] of lines.entries()) assert.equal(`${line}\n`, lineOf(n));
}
