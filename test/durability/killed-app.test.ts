/** An app that is killed under load: its people get an answer with an id or a clean prefix, those of other apps notice nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../black-box/lintel.ts';
import { type Address, ask, dechunk, headerOf, parseReplies, requestBytes } from '../black-box/raw.ts';
import { NO_ERRORS, probe, wrk } from '../live/load.ts';
import { Browser } from '../outpost/street.ts';
import { freePort, missing, type Running, type Scope, startProcess } from '../parts.ts';
import { lineOf, linesFor, makeCrowd, ONE, TWO } from './crowd.ts';
import { startServer, undoing } from './server.ts';

/** For those who are kept waiting on purpose. */
const PATIENT = { timeoutMs: 60_000 };
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
  const streams = Array.from({ length: 8 }, () => openStream(server, stream));
  const waiting = Array.from({ length: 8 }, () => ask(server, { target: '/never', headers: one }, PATIENT));
  const half = { method: 'POST', target: '/', headers: [...one, 'Content-Length: 1000000'], body: 'x'.repeat(10_000) };
  const upload = ask(server, half, PATIENT);
  const lines = (s: Stream) => s.received().split('\n').length;
  await eventually('every stream is under way', () => streams.every((s) => lines(s) > 100));
  for (const weight of [load, others]) await weight.seen(200);

  victim.child.kill('SIGKILL');
  await once(victim.child, 'exit');
  const killed = performance.now();
  for (const stream of streams) {
    const cut = (await stream.closed) - killed;
    assert.ok(cut < 5_000, `cut after ${cut} ms`);
    const { replies, rest } = parseReplies(Buffer.from(stream.received(), 'latin1'));
    assert.deepEqual(replies, [], 'half an answer looks whole');
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
  await prober.more(20);
  await load.seen(502);

  // It answers before it has said that it is ready.
  const starting = performance.now();
  await startApp(scope, ports[0]);
  const back = performance.now();
  await eventually('it is served', async () => (await ask(server, { target: '/', headers: one })).status === 200);
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

interface Stream {
  /** All bytes so far, latin1. */
  received(): string;
  /** performance.now() when it ended. */
  readonly closed: Promise<number>;
}

function openStream(to: Address, request: string): Stream {
  const socket = connect(to.port, to.host);
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk) => (text += chunk));
  socket.on('error', () => {});
  socket.write(request);
  const closed = new Promise<number>((resolve) => socket.once('close', () => resolve(performance.now())));
  return { received: () => text, closed };
}

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
