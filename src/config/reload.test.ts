import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { eventually } from '../../test/black-box/lintel.ts';
import { loadConfig } from './load.ts';
import { watchConfig } from './reload.ts';
import type { Settings } from './settings.ts';

/** A configuration that is followed as a running Lintel follows it: taken up when good, kept when broken. */
async function follow(t: { after(f: () => void): void }) {
  const directory = mkdtempSync(join(tmpdir(), 'lintel-reload-'));
  const file = join(directory, 'lintel.yml');
  const state = { level: '', changes: 0, broken: 0, settings: undefined as Settings | undefined };
  const take = async () => {
    state.changes++;
    const loaded = await loadConfig([file], {});
    if (!loaded.ok) state.broken++;
    else [state.settings, state.level] = [loaded.settings, loaded.settings.log.level];
  };
  writeFileSync(file, 'log: {level: info}');
  await take();
  const watcher = watchConfig(state.settings?.watch ?? [], take);
  t.after(() => {
    watcher.close();
    rmSync(directory, { recursive: true });
  });
  return { directory, file, state, watcher };
}

test('a change is taken up; a broken one is not, and the next good one is', async (t) => {
  const { file, state } = await follow(t);
  writeFileSync(file, 'log: {level: debug}');
  await eventually('the change', () => state.level === 'debug');
  for (const broken of ['log: {level: loud}', 'log: {', 'lgo: {level: warn}']) {
    const before = state.broken;
    writeFileSync(file, broken);
    await eventually('the refusal', () => state.broken > before);
    assert.equal(state.level, 'debug');
  }
  writeFileSync(file, 'log: {level: warn}');
  await eventually('the mended change', () => state.level === 'warn');
});

test('a new file renamed over the old one is seen, again and again', async (t) => {
  const { directory, file, state } = await follow(t);
  for (const level of ['debug', 'warn', 'error']) {
    const fresh = join(directory, '.lintel.yml.swp');
    writeFileSync(fresh, `log: {level: ${level}}`);
    renameSync(fresh, file);
    await eventually(level, () => state.level === level);
  }
});

test('a switched directory link, as Kubernetes mounts it, is seen', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'lintel-mount-'));
  const version = (name: string) => {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'lintel.yml'), 'log: {}');
    symlinkSync(name, join(directory, '..next'));
    renameSync(join(directory, '..next'), join(directory, '..data'));
  };
  version('..1');
  symlinkSync('..data/lintel.yml', join(directory, 'lintel.yml'));
  let calls = 0;
  const watcher = watchConfig([join(directory, 'lintel.yml')], () => void calls++);
  t.after(() => {
    watcher.close();
    rmSync(directory, { recursive: true });
  });
  version('..2');
  await eventually('the switch', () => calls > 0);
});

test('the file that a link leads to is followed where it stands', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'lintel-link-'));
  mkdirSync(join(directory, 'etc'));
  mkdirSync(join(directory, 'srv'));
  writeFileSync(join(directory, 'srv', 'real.yml'), 'log: {}');
  symlinkSync('../srv/real.yml', join(directory, 'etc', 'lintel.yml'));
  let calls = 0;
  const watcher = watchConfig([join(directory, 'etc', 'lintel.yml')], () => void calls++);
  t.after(() => {
    watcher.close();
    rmSync(directory, { recursive: true });
  });
  writeFileSync(join(directory, 'srv', 'real.yml'), 'log: {level: warn}');
  await eventually('the change', () => calls > 0);
});

test('a burst of writes is one reload, and other files of the directory none', async (t) => {
  const { directory, file, state } = await follow(t);
  writeFileSync(join(directory, 'other'), 'x');
  await wait(300);
  assert.equal(state.changes, 1);
  for (let i = 0; i < 20; i++) writeFileSync(file, `log: {level: ${i % 2 === 0 ? 'debug' : 'warn'}}`);
  await eventually('the last write', () => state.level === 'warn');
  await wait(300);
  assert.equal(state.changes, 2);
});

test('reloads never overlap; a change during one makes another', async (t) => {
  let [running, most, runs] = [0, 0, 0];
  const first = Promise.withResolvers<void>();
  const watcher = watchConfig([], async () => {
    most = Math.max(most, ++running);
    runs++;
    await first.promise;
    running--;
  });
  t.after(() => watcher.close());
  watcher.trigger();
  await eventually('the first run', () => running === 1);
  watcher.trigger();
  await wait(200);
  first.resolve();
  await eventually('the second run', () => runs === 2 && running === 0);
  assert.equal(most, 1);
});

test('a directory that is not there is left out', () => {
  watchConfig(['/nowhere/at/all/lintel.yml'], () => assert.fail()).close();
});

test('newly named files are followed from then on', async (t) => {
  const { directory, state, watcher } = await follow(t);
  const other = join(directory, 'other.yml');
  watcher.follow([other]);
  writeFileSync(other, 'x');
  await eventually('the change', () => state.changes >= 2);
});

test('files named anew may have changed before they were followed: they are read once more, the same ones not', async (t) => {
  const { directory, file, state, watcher } = await follow(t);
  watcher.follow([file]);
  await wait(200);
  assert.equal(state.changes, 1);
  watcher.follow([file, join(directory, 'other.yml')]);
  await eventually('the second look', () => state.changes === 2);
  await wait(200);
  assert.equal(state.changes, 2);
});
