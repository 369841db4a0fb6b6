import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { basename } from 'node:path';
import { test } from 'node:test';
import { breaches, MINTS, overBudget } from './architecture/rules.ts';
import { type Facts, readFacts } from './architecture/syntax.ts';

const SRC = new URL('../src/', import.meta.url);

/** Tests stand beside their source and are exempt; so are benchmarks and the contract suites that tests call. */
const EXEMPT = /\.(test|bench|contract)\.ts$/;

async function source(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const file of glob('**/*.ts', { cwd: SRC })) {
    const name = file.replaceAll('\\', '/');
    if (!EXEMPT.test(name)) files.set(name, readFileSync(new URL(name, SRC), 'utf8'));
  }
  return files;
}

let facts: Facts[] = [];

test('src/ keeps the import table and the house rules', async (t) => {
  facts = readFacts(await source());
  ok(facts.length > 20, 'the sources were found');
  for (const line of overBudget(facts)) t.diagnostic(`over budget: ${line}`);
  deepEqual(breaches(facts), []);
});

test('every brand that is counted is still there', () => {
  for (const file of MINTS.keys())
    ok(
      facts.some((f) => f.file === file),
      `${file} mints brands and is gone`,
    );
});

test('functions are short', (t) => {
  const lengths = facts.flatMap((f) => f.functions.map((x) => x.lines)).sort((a, b) => a - b);
  const at = (share: number) => lengths[Math.floor(lengths.length * share)] ?? 0;
  t.diagnostic(`${lengths.length} functions: p50 ${at(0.5)}, p90 ${at(0.9)}, longest ${lengths.at(-1)} lines`);
  ok(at(0.5) <= 12 && at(0.9) <= 35, 'the budget of the middle and of the long ones');
});

/** Each rule is fed what it forbids: a rule that cannot fail guards nothing. */
const FORBIDDEN: readonly (readonly [rule: string, file: string, text: string, says: RegExp])[] = [
  ['core imports node', 'core/a.ts', "import { readFile } from 'node:fs/promises';", /core\/ may not import node:fs/],
  ['core imports a package', 'core/a.ts', "import { z } from 'zod';", /core\/ may not import zod/],
  ['core imports config', 'core/policy/a.ts', "import type { S } from '../../config/s.ts';", /config\/s\.ts/],
  ['core loads a package late', 'core/a.ts', "export const f = () => import('zod');", /may not import zod/],
  ['core names a type of a package', 'core/a.ts', "export type T = import('pino').Logger;", /may not import pino/],
  ['core hands on a package', 'core/a.ts', "export const a = 1;\nexport { z } from 'zod';", /may not import zod/],
  ['an import is computed', 'stores/a.ts', 'export const f = (x: string) => import(x);', /\(computed\)/],
  ['require', 'stores/a.ts', "export const z = createRequire(import.meta.url)('zod');", /may not import zod/],
  [
    'a builtin by name',
    'core/a.ts',
    "export const fs = process.getBuiltinModule('node:fs');",
    /may not import node:fs/,
  ],
  ['the gate imports a store', 'gate.ts', "import { open } from './stores/sqlite.ts';", /stores\/sqlite\.ts/],
  ['a dialect imports node', 'dialects/a.ts', "import 'node:http';", /dialects\/ may not import node:http/],
  ['a store imports a source', 'stores/a.ts', "import '../sources/file/users.ts';", /sources\/file/],
  ['the portal runs the server', 'portal/a.ts', "import { listen } from '../server/http.ts';", /server\/http/],
  ['config names a store', 'config/a.ts', "import { open } from '../stores/sqlite.ts';", /stores\/sqlite/],
  ['somebody imports a command', 'server/a.ts', "import { serve } from '../cli/serve.ts';", /cli\/serve/],
  ['a file stands outside the table', 'other.ts', 'export const a = 1;', /no line of the import table/],
  ['the clock', 'server/a.ts', 'export const t = Date.now();', /time and chance/],
  ['the date', 'server/a.ts', 'export const t = new Date();', /time and chance/],
  ['chance', 'stores/a.ts', 'export const n = Math.random();', /time and chance/],
  ['random bytes', 'portal/a.ts', "import { randomBytes } from 'node:crypto';", /time and chance/],
  ['the environment', 'server/a.ts', 'export const e = process.env.HOME;', /only config\/ reads/],
  ['the environment, taken apart', 'server/a.ts', 'export const { env } = process;', /only config\/ reads/],
  ['an assertion', 'core/a.ts', 'export const a = (x: unknown) => x as string;', /smart constructor/],
  ['an assertion in angle brackets', 'core/a.ts', 'export const a = (x: unknown) => <string>x;', /smart constructor/],
  ['a denied absence', 'core/a.ts', 'export const a = (x?: string) => x!;', /not denied/],
  ['any', 'core/a.ts', 'export const a = (x: any) => x;', /: any/],
  ['a mark', 'core/a.ts', '// TODO later\nexport const a = 1;', /finish it/],
  ['a barrel', 'core/a.ts', "export { b } from './b.ts';", /only hands on/],
  ['a barrel of everything', 'core/a.ts', "export * from './b.ts';", /only hands on/],
  ['a folder of nothing', 'core/utils/a.ts', 'export const a = 1;', /named after nothing/],
  ['too deep', 'portal/a/b/c.ts', 'export const a = 1;', /deeper/],
  ['too long', 'core/a.ts', 'export const a = 1;\n'.repeat(401), /more than 400/],
];

const ALLOWED: readonly (readonly [file: string, text: string])[] = [
  ['core/a.ts', "import { b } from './text/b.ts';\nexport const c = [b, 'import x from node:fs', `any!`] as const;"],
  ['ops/a.ts', "import { randomBytes } from 'node:crypto';\nexport const a = () => [Date.now(), randomBytes(1)];"],
  ['portal/a.ts', "import type { Handler } from '../server/http.ts';\nexport type A = Handler;"],
  ['config/a.ts', "import { STORES } from '../stores/table.ts';\nexport const a = [STORES, process.env.A];"],
  ['cli/a.ts', "import { b } from '../server/run.ts';\nexport const a = new Date(0);\nexport const c = b;"],
];

test('each rule can fail', async (t) => {
  const files = FORBIDDEN.map(([rule, file, text, says], i) => ({ rule, file, text, says, i }));
  for (const { rule, file, text, says } of files) {
    await t.test(rule, () => {
      const found = breaches(readFacts(new Map([[file, text]])));
      equal(found.length > 0, true, `nothing was found in: ${text}`);
      match(found.join('\n'), says);
    });
  }
});

test('a cycle is found, through types too', () => {
  const found = breaches(
    readFacts(
      new Map([
        ['core/a.ts', "import { b } from './b.ts';\nexport const a = b;"],
        ['core/b.ts', "import type { C } from './text/c.ts';\nexport const b: C = 1;"],
        ['core/text/c.ts', "import { a } from '../a.ts';\nexport type C = typeof a;"],
      ]),
    ),
  );
  deepEqual(found, ['a cycle of imports: core/a.ts → core/b.ts → core/text/c.ts → core/a.ts']);
});

test('what is allowed passes', () => {
  for (const [file, text] of ALLOWED) deepEqual(breaches(readFacts(new Map([[file, text]]))), [], file);
});

test('a long file and a long function are reported', () => {
  const long = `export function f(): void {\n${'  f();\n'.repeat(300)}}\n`;
  equal(overBudget(readFacts(new Map([['core/a.ts', long]]))).length, 2);
});

test('what the program imports when it runs, it installs', () => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const { dependencies } = manifest as { dependencies: Record<string, string> };
  const imported = facts
    .filter((f) => !GENERATES.has(f.file))
    .flatMap((f) => f.imports.filter((i) => !i.typeOnly && !/^(node:|\.)/.test(i.from)).map((i) => i.from));
  deepEqual(new Set(imported.map(packageOf)), new Set(Object.keys(dependencies)));
  const running = facts.filter((f) => !GENERATES.has(f.file)).flatMap((f) => f.imports.filter((i) => !i.typeOnly));
  deepEqual(
    running.filter((i) => [...GENERATES].some((file) => basename(file) === basename(i.from))),
    [],
    'the schema in zod is for types and for making the JSON Schema',
  );
});

/** What `lintel serve` takes in before it listens. Anything else costs every start: load it where it is first needed. */
const AT_START = {
  from: ['main.ts', 'cli/cli.ts', 'cli/terminal.ts', 'cli/serve.ts', 'stores/sqlite.ts'],
  packages: ['pino', 'yaml'],
  /** They bring TLS and HTTP/2 with them, a tenth of the time to start. */
  late: ['node:http2', 'node:https', 'node:tls'],
  /** Whole parts for people who sign in, for apps that Lintel forwards to, and for expressions. */
  lateParts:
    /^(portal|proxy)\/|^server\/(http2|grpc|certificates|self-signed|x509)\.ts$|^config\/expression\/(cel|python)/,
  modules: 180,
};

test('a start loads nothing that only some sites or requests need', () => {
  const [files, packages] = [new Set<string>(), new Set<string>()];
  const walk = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const i of facts.find((f) => f.file === file)?.imports ?? []) {
      if (i.typeOnly || i.dynamic) continue;
      if (i.from.startsWith('.')) walk(new URL(i.from, `file:///${file}`).pathname.slice(1));
      else packages.add(i.from);
    }
  };
  for (const file of AT_START.from) walk(file);
  deepEqual([...packages].filter((name) => !name.startsWith('node:')).sort(), AT_START.packages);
  deepEqual(
    AT_START.late.filter((name) => packages.has(name)),
    [],
  );
  deepEqual(
    [...files].filter((file) => AT_START.lateParts.test(file)),
    [],
  );
  for (const part of ['portal/portal.ts', 'server/http2.ts'])
    ok(
      facts.some((f) => f.file === part),
      part,
    );
  ok(
    files.size > 100 && files.size <= AT_START.modules,
    `${files.size} modules are loaded before lintel serve listens`,
  );
});

test('nor any part of Node that only some need', () => {
  const script = `await Promise.all(${JSON.stringify(AT_START.from.map((file) => `./src/${file}`).slice(1))}.map((f) => import(f)));
    console.log(process.moduleLoadList.join());`;
  const cwd = new URL('..', SRC);
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd, encoding: 'utf8' });
  const loaded = said.trim().split(',');
  ok(loaded.includes('NativeModule http'), 'the list is there');
  deepEqual(
    loaded.filter((name) => /^NativeModule (http2|https|tls|internal\/deps\/undici\/undici)$/.test(name)),
    [],
  );
});

/** "a/b" is of a, "@a/b/c" of @a/b. */
function packageOf(name: string): string {
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/');
}

/** Run by developers only: they make config/schema-json.ts. */
const GENERATES = new Set([
  'config/schema.ts',
  'config/schema-app.ts',
  'config/schema-listen.ts',
  'config/schema-words.ts',
  'config/write-schema.ts',
]);
