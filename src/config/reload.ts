import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

export interface ConfigWatch {
  /** Runs the callback as a change would (SIGHUP). */
  trigger(): void;
  /** Watches these files from now on. */
  follow(files: readonly string[]): void;
  close(): void;
}

/** Editors and configuration management write in several steps; this long after the last one the file is whole. */
const SETTLE_MS = 100;

/**
 * Calls `onChange` after one of the files changed, once for a burst of changes, never twice at the same time; a change
 * that comes while it runs makes it run again. Watches the directories, because an editor that writes a new file and
 * renames it over the old one (or a symbolic link that is switched, as Kubernetes does) leaves a watch on the file blind.
 * A directory that cannot be watched is left out: SIGHUP remains.
 */
export function watchConfig(files: readonly string[], onChange: () => void | Promise<void>): ConfigWatch {
  let watchers: FSWatcher[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;
  let isAgain = false;

  const run = async () => {
    if (isRunning) {
      isAgain = true;
      return;
    }
    isRunning = true;
    try {
      await onChange();
    } finally {
      isRunning = false;
      if (isAgain) {
        isAgain = false;
        trigger();
      }
    }
  };
  const trigger = () => {
    clearTimeout(timer);
    timer = setTimeout(run, SETTLE_MS);
  };
  const stop = () => {
    for (const w of watchers) w.close();
    watchers = [];
  };
  const follow = (paths: readonly string[]) => {
    stop();
    for (const [directory, names] of byDirectory(paths)) {
      const watcher = watchDirectory(directory, names, trigger);
      if (watcher !== undefined) watchers.push(watcher);
    }
  };
  follow(files);
  return {
    trigger,
    follow,
    close() {
      clearTimeout(timer);
      stop();
    },
  };
}

function byDirectory(files: readonly string[]): Map<string, Set<string>> {
  const out = new Map<string, Set<string>>();
  for (const file of files) {
    const names = out.get(dirname(file)) ?? new Set();
    out.set(dirname(file), names.add(basename(file)));
  }
  return out;
}

function watchDirectory(directory: string, names: ReadonlySet<string>, trigger: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, { persistent: false }, (_, name) => {
      // "..data" is the link that Kubernetes switches when a mounted ConfigMap changes.
      if (name === null || names.has(name) || name === '..data') trigger();
    });
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
