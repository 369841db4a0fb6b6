import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ExpressionInput } from '../core/expression.ts';
import { loadConfig } from './load.ts';

const directory = mkdtempSync(join(tmpdir(), 'lintel-expressions-'));

function file(app: string): string {
  const path = join(mkdtempSync(join(directory, 'x')), 'lintel.yml');
  writeFileSync(path, `apps:\n  lab:\n    url: https://lab.example.com\n    access: [{allow: signed_in}]\n${app}`);
  return path;
}

async function findings(app: string): Promise<string[]> {
  const loaded = await loadConfig([file(app)], {});
  const problems = loaded.ok ? loaded.warnings : loaded.problems;
  return problems
    .filter((p) => !/access|users|portal/.test(p.message))
    .map((p) => `${p.line}:${p.column} ${p.severity} ${p.message}${p.hint === undefined ? '' : ` | ${p.hint}`}`);
}

const INPUT: ExpressionInput = {
  user: {
    name: 'alice',
    displayName: 'Alice',
    email: 'alice@example.com',
    uid: 'ab12',
    groups: ['dev'],
    attributes: {},
    groupAttributes: {},
  },
  request: { host: 'lab.example.com', path: '/', app: 'lab' },
};

async function routed(app: string) {
  const loaded = await loadConfig([file(app)], {});
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const [lab] = loaded.settings.apps;
  assert.ok(lab !== undefined);
  return lab.routing?.(INPUT);
}

const UPSTREAM = '    upstream: http://127.0.0.1:8080\n';

test('an app without expressions routes nothing', async () => {
  assert.equal(await routed(UPSTREAM), undefined);
});

test('CEL and mappings of an app become one function', async () => {
  const app = `${UPSTREAM}    backend: '"http://" + user.name + ".lab.internal:8080"'
    allowed_backends: 'http://*.lab.internal:8080'
    mappings: |
      return {
          "ak_proxy": {
              "host_header": "my-internal-host-header"
          }
      }
`;
  assert.deepEqual(await routed(app), {
    ok: true,
    value: {
      backend: 'http://alice.lab.internal:8080',
      hostHeader: 'my-internal-host-header',
      userAttributes: undefined,
    },
  });
});

test('a choice at sign-in needs a sign-in to the app: below a shared cookie there is none', async () => {
  const shared = 'portal: https://auth.example.com\ndomains: [{domain: example.com}]\n';
  const app = `${UPSTREAM}    backend: '"http://a.internal"'\n${shared}`;
  const loaded = await loadConfig([file(app)], {});
  const found = loaded.ok ? [] : loaded.problems.map((p) => `${p.line} ${p.severity} ${p.message}`);
  assert.match(found.join('\n'), /^\d+ error app lab chooses its backend .* below example\.com/m);
});

test('a mapping may come from a file of its own', async () => {
  writeFileSync(join(directory, 'mapping.py'), 'return {"ak_proxy": {"host_header": "h"}}\n');
  const result = await routed(`${UPSTREAM}    mappings: ["\${file:${join(directory, 'mapping.py')}}"]\n`);
  assert.ok(result?.ok && result.value.hostHeader === 'h');
});

const FINDINGS: readonly (readonly [name: string, app: string, ...found: RegExp[]])[] = [
  [
    'a broken expression is an error with both places',
    `${UPSTREAM}    backend: '"http://" + usr.name'\n`,
    /^6:14 error In line 1, column 13 of this expression: Unknown variable: usr\. \| user has name,/,
  ],
  [
    'every broken mapping of a list',
    `${UPSTREAM}    mappings:\n      - return {}\n      - import os\n      - |\n        if True:\n            return open("x")\n`,
    /^8:9 error In line 1, column 1 of this expression: Nothing can be imported here\./,
    /^9:9 error In line 2, column 12 of this expression: Nothing here is called open\(…\)\./,
  ],
  [
    'a pattern that is none',
    `${UPSTREAM}    backend: '"http://a"'\n    allowed_backends: ["http://*", "http://b"]\n`,
    /^7:24 error http:\/\/\* has no valid host\. \| Write http:\/\/\*\.lab\.internal:8080 or an address\.$/,
  ],
  [
    'patterns without an expression',
    `${UPSTREAM}    allowed_backends: [http://a]\n`,
    /^6:23 warning No expression here makes a backend\./,
  ],
  ['a backend nobody forwards to', `    backend: '"http://a"'\n`, /^5:14 warning Lintel forwards nothing to this app/],
  [
    'a number where an expression belongs',
    `${UPSTREAM}    backend: 5\n`,
    /^6:14 error app lab, backend is an expression in CEL, not 5\.$/,
  ],
];

for (const [name, app, ...expected] of FINDINGS)
  test(name, async () => {
    const found = await findings(app);
    assert.equal(found.length, expected.length, found.join('\n'));
    for (const [i, line] of found.entries()) assert.match(line, expected[i] ?? /$^/);
  });

test('the parsers are loaded by those who have expressions, and by nobody else', () => {
  const loads = (app: string) => {
    const script = `
      import { registerHooks } from 'node:module';
      const seen = [];
      registerHooks({ resolve(s, c, next) { if (/lezer.python|cel-js/.test(s)) seen.push(s); return next(s, c); } });
      const { loadConfig } = await import(${JSON.stringify(new URL('load.ts', import.meta.url).href)});
      await loadConfig([${JSON.stringify(file(app))}], {});
      console.log(seen.sort().join());`;
    return execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).trim();
  };
  assert.equal(loads(UPSTREAM), '');
  assert.equal(loads(`${UPSTREAM}    host_header: '"h"'\n`), '@marcbachmann/cel-js');
  assert.equal(loads(`${UPSTREAM}    mappings: return {}\n`), '@lezer/python');
});
