/**
 * Skip-rule bypass. A rule opens health checks or style sheets to everybody, and the attacker dresses up their request
 * as one: in the query string, with an encoded question mark, with another method, with a suffix.
 *
 * oauth2-proxy GHSA-7rh7-c77v-6434 (the query counted as path), AOS-CX CVE-2026-23813 (an unanchored expression),
 * Authelia #4186 (an anonymous request fell past the rule for a group), oauth2-proxy GHSA-652x-m2gr-hppm (a group rule
 * that can never hold passed). Hence: path expressions see the path alone, expressions run in linear time, and a rule
 * that an anonymous person might satisfy is a reason to ask who they are.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LINTEL } from '../black-box/lintel.ts';
import { attack } from './cases.ts';
import { runClass, sendThrough } from './run.ts';

runClass('skip-rule-bypass', (s) => {
  s.attack('SKP-13', async () => {
    const target = await s.target('check');
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const { reply, exchange } = await sendThrough(target, attack('SKP-13'), 'anonymous');
      assert.ok(reply && reply.status >= 300, `${reply?.status}`);
      times.push(exchange.elapsedMs);
    }
    // The quickest of five: a busy machine slows some of them down, a backtracking engine all of them, by hours.
    assert.ok(Math.min(...times) < 1_000, `${times.map(Math.round)} ms`);
  });

  s.attack('SKP-15', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'lintel-test-'));
    const file = join(dir, 'lintel.yml');
    const lines = ['portal: https://auth.example.test', 'apps:', '  app:', '    url: https://app.example.test'];
    writeFileSync(file, [...lines, "    access: [{allow: ['', group:admins]}]", ''].join('\n'));
    const done = spawnSync(LINTEL, ['config', 'check', '--config', file], { encoding: 'utf8' });
    rmSync(dir, { recursive: true, force: true });
    assert.equal(done.status, 2, done.stdout + done.stderr);
    assert.match(done.stdout + done.stderr, /lintel\.yml:5:\d+/);
  });
});
