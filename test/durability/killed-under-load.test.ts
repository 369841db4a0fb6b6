/**
 * Lintel is killed while it proxies under load and people sign in, sign out, make and revoke app passwords. Clients see
 * whole answers or broken connections; after a restart everything that was acknowledged is so: also what was taken away.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { basic } from '../black-box/app-passwords.ts';
import { ask, headerOf } from '../black-box/raw.ts';
import { probe, wrk } from '../live/load.ts';
import { missing, type Scope } from '../parts.ts';
import { startCapture } from '../proxies/site.ts';
import {
  linesFor,
  makeAppPassword,
  makeCrowd,
  ONE,
  Recorder,
  type Redeemed,
  revokeAppPassword,
  signOutEverywhere,
} from './crowd.ts';
import { type Server, startServer, undoing } from './server.ts';

const ROUNDS = 3;
const AT_ONCE = 6;
/** More in each round than are done before the kill. */
const PEOPLE = 40;

/** What one person asked for and was told. `asked` without `told`: the answer never came, so both outcomes are right. */
interface Story {
  readonly name: string;
  cookie?: string;
  redeemed?: readonly Redeemed[];
  password?: string;
  revocation?: 'asked' | 'told';
  leaving?: 'asked' | 'told';
}

/** One person's visit; throws when the connection breaks. */
async function visit(server: Server, story: Story, n: number): Promise<void> {
  const b = new Recorder(server, 'lintel');
  const { reply, trail } = await b.open(`${ONE}/`, story.name);
  assert.equal(reply.status, 200, trail.join('\n'));
  story.cookie = b.cookies(new URL(ONE).host);
  story.redeemed = b.redeemed;
  if (n % 2 === 0) {
    const password = await makeAppPassword(b);
    assert.ok(password !== undefined);
    story.password = password;
    if (n % 4 === 0) {
      story.revocation = 'asked';
      assert.ok(await revokeAppPassword(b));
      story.revocation = 'told';
    }
  }
  if (n % 3 === 0) {
    story.leaving = 'asked';
    assert.ok(await signOutEverywhere(b));
    story.leaving = 'told';
  }
}

/** People come one after the other through a few doors at once, until the server is killed after so many visits. */
async function crowd(server: Server, stories: Story[], round: number, killAfter: number): Promise<void> {
  let next = 0;
  let done = 0;
  const door = async () => {
    while (server.process.signalCode === null && next < PEOPLE) {
      const n = next++;
      const story: Story = { name: `user${round}-${n}` };
      stories.push(story);
      try {
        await visit(server, story, n);
      } catch (error) {
        // Only what a broken connection looks like, and only because of the kill.
        assert.match(String(error), /no answer to .*\(closed|ECONNREFUSED/);
        await gone(server);
        return;
      }
      if (++done >= killAfter && hasEveryKind(stories, round)) server.process.kill('SIGKILL');
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, door));
  server.process.kill('SIGKILL');
  await gone(server);
}

/** Whether something of each kind was acknowledged in this round, to be looked up after it. */
function hasEveryKind(stories: readonly Story[], round: number): boolean {
  const ours = stories.filter((s) => s.name.startsWith(`user${round}-`) && s.cookie !== undefined);
  const kinds: ((s: Story) => boolean)[] = [
    (s) => s.leaving === undefined,
    (s) => s.leaving === 'told',
    (s) => s.password !== undefined && s.revocation === undefined,
    (s) => s.revocation === 'told',
  ];
  return kinds.every((is) => ours.some(is));
}

async function gone({ process }: Server): Promise<void> {
  if (process.signalCode === null && process.exitCode === null) await once(process, 'exit');
  assert.equal(process.signalCode, 'SIGKILL');
}

test('kill -9 of Lintel under load', { skip: missing('wrk') }, async (t) => {
  const later = undoing(t);
  const scope: Scope = { after: later };
  const dir = mkdtempSync(join(tmpdir(), 'lintel-killed-load-'));
  later(() => rmSync(dir, { recursive: true, force: true }));
  const app = await startCapture(scope);
  const names = Array.from({ length: ROUNDS }, (_, r) => Array.from({ length: PEOPLE }, (_, n) => `user${r}-${n}`));
  const site = await makeCrowd(dir, { accounts: ['alice', ...names.flat()], ports: [app.port, app.port] });
  const stories: Story[] = [];
  let alice: string | undefined;
  let served = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const server = await startServer(site);
    later(() => server.end('SIGKILL'));
    if (alice === undefined) {
      const b = new Recorder(server, 'lintel');
      await b.open(`${ONE}/`, 'alice');
      alice = b.cookies(new URL(ONE).host);
    }
    const lines = linesFor(ONE, `Cookie: ${alice}`);
    const load = wrk(scope, server, '/', lines);
    const prober = probe(scope, server, '/', lines);
    await load.seen(200);
    await crowd(server, stories, round, 8 + Math.floor(Math.random() * 8));
    const { statuses } = await load.lift();
    assert.deepEqual([...statuses.keys()], [200], 'alice, who signed in before the first kill, is let in or cut off');
    served += statuses.get(200) ?? 0;
    const failures = (await prober.stop()).filter((a) => a.status !== 200).map((a) => a.failure);
    assert.ok(failures.length > 0);
    for (const failure of failures) assert.match(failure ?? 'an answer', /^(?:ECONNRESET|ECONNREFUSED|EPIPE)$/);
  }
  const server = await startServer(site);
  later(() => server.end('SIGKILL'));
  const counts = await assertAsTold(server, stories);
  await server.end('SIGTERM');
  t.diagnostic(`${ROUNDS} kills, ${served} proxied answers; acknowledged and so after it: ${counts}`);
  const db = new DatabaseSync(join(site.data, 'lintel.db'));
  later(() => db.close());
  assert.equal(db.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok');
  assert.deepEqual(db.prepare('PRAGMA foreign_key_check').all(), []);
});

async function assertAsTold(server: Server, stories: readonly Story[]): Promise<string> {
  const counts = { signIns: 0, handOvers: 0, appPasswords: 0, revocations: 0, signOuts: 0 };
  const asks = async (line: string) => (await ask(server, { target: '/', headers: linesFor(ONE, line) })).status;
  for (const s of stories) {
    if (s.cookie !== undefined && s.leaving !== 'asked') {
      const status = await asks(`Cookie: ${s.cookie}`);
      assert.equal(status, s.leaving === 'told' ? 302 : 200, `${s.name}, leaving: ${s.leaving}`);
      counts[s.leaving === 'told' ? 'signOuts' : 'signIns'] += 1;
    }
    for (const { url, cookies } of s.redeemed ?? []) {
      const { pathname, search } = new URL(url);
      const again = await ask(server, { target: pathname + search, headers: linesFor(ONE, `Cookie: ${cookies}`) });
      assert.equal(again.status, 400, 'a code that was redeemed before the kill');
      assert.equal(headerOf(again, 'set-cookie'), undefined);
      counts.handOvers += 1;
    }
    if (s.password !== undefined && s.revocation !== 'asked') {
      assert.equal(await asks(basic(s.name, s.password)), s.revocation === 'told' ? 401 : 200, s.name);
      counts[s.revocation === 'told' ? 'revocations' : 'appPasswords'] += 1;
    }
  }
  for (const [what, count] of Object.entries(counts)) assert.ok(count >= 3, `${what}: ${count}`);
  return JSON.stringify(counts);
}
