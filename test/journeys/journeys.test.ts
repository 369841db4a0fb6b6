/** Plays test/journeys/*.txt (README.md there describes the notation) against real servers, one for each configuration. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { PASSWORD, PORTAL, USERS } from '../attacks/fixture.ts';
import { type Arrival, type Backend, foldedValues, startBackend } from '../black-box/backend.ts';
import { handOver } from '../black-box/hand-over.ts';
import { type Running, serve } from '../black-box/lintel.ts';
import { exchange, type Reply, valuesOf } from '../black-box/raw.ts';
import { signIn } from '../black-box/sessions.ts';

interface Section {
  readonly title: string;
  readonly text: string;
  readonly line: number;
}

interface Stage {
  readonly at: Running;
  readonly backend: Backend;
}

const stages = new Map<string, Promise<Stage>>();
after(async () => {
  for (const stage of await Promise.allSettled(stages.values())) {
    if (stage.status === 'rejected') continue;
    await stage.value.at.stop();
    await stage.value.backend.close();
  }
});

function stageFor(config: string): Promise<Stage> {
  const known = stages.get(config);
  if (known !== undefined) return known;
  const made = startBackend().then(async (backend) => {
    const text = config.replaceAll('UPSTREAM', String(backend.port));
    try {
      return { backend, at: await serve({ config: text, users: USERS, healthHost: 'auth.example.test' }) };
    } catch (error) {
      await backend.close();
      throw error;
    }
  });
  stages.set(config, made);
  return made;
}

describe('journeys', () => {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.txt'));
  assert.ok(files.length >= 12);
  for (const file of files) {
    test(file.replace('.txt', ''), () => play(readFileSync(join(import.meta.dirname, file), 'utf8')));
  }
});

async function play(text: string): Promise<void> {
  const [config, ...steps] = sections(text);
  assert.equal(config?.title, 'lintel.yml');
  const stage = await stageFor(config?.text ?? '');
  const names = new Map<string, string>();
  let reply: Reply | undefined;
  let arrivals: readonly Arrival[] = [];
  for (const step of steps) {
    const [, signer] = /^sign in (\w+)$/.exec(step.title) ?? [];
    const [, url, opener] = /^open (\S+) as (\w+)$/.exec(step.title) ?? [];
    const [asked, from] = /^request(?: from (\S+))?$/.exec(step.title) ?? [];
    if (signer !== undefined) {
      for (const [n, v] of await signIn(stage.at, PORTAL, signer, PASSWORD)) names.set(`${signer} ${n}`, v);
    } else if (url !== undefined && opener !== undefined) {
      names.set(`${opener} cookies`, await handOver(stage.at, PORTAL, url, opener, PASSWORD));
    } else if (asked !== undefined) {
      ({ reply, arrivals } = await send(stage, fill(step, names), from));
    } else if (step.title === 'answer') answers(reply, step);
    else if (step.title === 'app saw') saw(arrivals, step);
    else assert.fail(`line ${step.line}: nobody knows "-- ${step.title}"`);
  }
}

function sections(text: string): Section[] {
  const out: { title: string; text: string; line: number }[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.startsWith('-- ')) out.push({ title: line.slice(3), text: '', line: i + 1 });
    else {
      const last = out.at(-1);
      if (last !== undefined) last.text += `${line}\n`;
    }
  }
  return out;
}

function fill(step: Section, names: ReadonlyMap<string, string>): string {
  return step.text.trimEnd().replace(/\{\{([^}]+)\}\}/g, (_, name: string) => {
    const value = names.get(name);
    assert.ok(value, `line ${step.line}: no ${name} among ${[...names.keys()]}`);
    return value;
  });
}

async function send(
  stage: Stage,
  text: string,
  from?: string,
): Promise<{ reply: Reply | undefined; arrivals: Arrival[] }> {
  stage.backend.take();
  const bytes = `${text.replaceAll('\n', '\r\n')}\r\n\r\n`;
  const done = await exchange(stage.at, bytes, { settleMs: 30, ...(from !== undefined && { from }) });
  return { reply: done.replies[0], arrivals: stage.backend.take() };
}

function answers(reply: Reply | undefined, step: Section): void {
  assert.ok(reply, 'no answer');
  const [head = '', ...body] = step.text.split('\n\n');
  const [status, ...headers] = head.trim().split('\n');
  const about = `line ${step.line}: ${reply.status} ${JSON.stringify(reply.headers)} ${reply.body.slice(0, 300)}`;
  assert.equal(String(reply.status), status, about);
  for (const line of headers) {
    const [name, value] = split(line);
    const values = valuesOf(reply, name);
    if (value === '(absent)') assert.deepEqual(values, [], `${name}; ${about}`);
    else assert.ok(values.length === 1 && like(values[0] ?? '', value), `${line}; ${about}`);
  }
  for (const part of body.join('\n\n').split('\n')) {
    if (part !== '') assert.ok(like(reply.body, `*${part}*`), `${part}; ${about}`);
  }
}

function saw(arrivals: readonly Arrival[], step: Section): void {
  const [first = '', ...headers] = step.text.trim().split('\n');
  if (first === '(nothing)') {
    assert.deepEqual(arrivals, []);
    return;
  }
  assert.equal(arrivals.length, 1, `line ${step.line}`);
  const [arrival] = arrivals;
  assert.equal(arrival?.raw.split('\r\n')[0], first, `line ${step.line}`);
  for (const line of headers) {
    const [name, value] = split(line);
    const values = foldedValues(arrival!, name);
    if (value === '')
      assert.deepEqual(
        values.filter((v) => v !== ''),
        [],
        `${line}; line ${step.line}`,
      );
    else assert.ok(values.length === 1 && like(values[0] ?? '', value), `${line}; line ${step.line}: ${values}`);
  }
}

function split(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

/** `*` stands for anything. */
function like(text: string, pattern: string): boolean {
  const source = pattern
    .split('*')
    .map((p) => p.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${source}$`, 's').test(text);
}
