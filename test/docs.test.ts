import { equal, ok } from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { CLI_DOC, cliDoc } from '../scripts/docs-cli.ts';
import { ERRORS_DOC, errorsDoc } from '../scripts/docs-errors.ts';
import { FAULTS } from '../src/core/fault.ts';
import { createMetrics } from '../src/ops/metrics.ts';

const ROOT = join(import.meta.dirname, '..');

test('docs/errors.md is what the table of errors says; "npm run docs" writes it', () => {
  equal(readFileSync(ERRORS_DOC, 'utf8'), errorsDoc());
});

test('docs/cli.md is what the commands say of themselves; "npm run docs" writes it', async () => {
  equal(readFileSync(CLI_DOC, 'utf8'), await cliDoc());
});

test('every error says what happened and what to do, in whole sentences', () => {
  for (const [id, { says, fix }] of Object.entries(FAULTS)) {
    for (const sentence of [says, fix]) {
      ok(/^[A-Z].*\.$/s.test(sentence), `${id}: "${sentence}" is a sentence`);
      ok(!/!|\bplease\b|\boops\b/i.test(sentence), `${id}: "${sentence}" keeps the tone`);
    }
  }
});

test('docs/operations.md names each metric of Lintel, and no other', async () => {
  const page = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
  const { text } = await createMetrics().exposition();
  const own = [...text.matchAll(/^# TYPE (lintel_(?!process_|nodejs_)\w+) /gm)].map(([, name = '']) => name);
  ok(own.length > 8, `${own}`);
  for (const name of own) ok(new RegExp(`\`${name}[\`{]`).test(page), `docs/operations.md does not name ${name}`);
  const told = [...page.matchAll(/`(lintel_[a-z_]+)[`{]/g)].map(([, name = '']) => name);
  for (const name of told) ok(own.includes(name), `docs/operations.md names ${name}, which there is not`);
});

const PAGES = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: ROOT });

test('every relative link of every page leads somewhere', () => {
  ok(PAGES.length > 5, 'the pages were found');
  for (const page of PAGES) {
    const text = withoutCode(readFileSync(join(ROOT, page), 'utf8'));
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const path = file === '' ? join(ROOT, page) : join(ROOT, dirname(page), file);
      ok(existsSync(path), `${page}: ${target} does not exist`);
      if (anchor !== undefined) ok(anchors(path).has(anchor), `${page}: ${target} has no such heading`);
    }
  }
});

test('every file that a page names in backticks exists', () => {
  for (const page of PAGES) {
    const text = readFileSync(join(ROOT, page), 'utf8').replace(/^```[\s\S]*?^```/gm, '');
    for (const [, path = ''] of text.matchAll(/`((?:src|test|docs|examples|scripts|bench|bin)\/[\w./-]+)`/g)) {
      ok(existsSync(join(ROOT, path)), `${page} names ${path}, which does not exist`);
    }
  }
});

test('every command that a page tells to run is one', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
  for (const page of PAGES) {
    const text = readFileSync(join(ROOT, page), 'utf8');
    for (const [, name = ''] of text.matchAll(/npm run ([\w:-]+)/g)) {
      ok(name in scripts, `${page} tells to run "npm run ${name}", and package.json has no such script`);
    }
  }
});

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ' '));
}

/** Anchors as GitHub makes them: lower case, punctuation away, blanks to dashes. */
function anchors(path: string): Set<string> {
  const headings = [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map((m) => m[1] ?? '');
  return new Set(
    headings.map((h) =>
      h
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    ),
  );
}
