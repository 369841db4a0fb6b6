import { type FSWatcher, realpathSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

export interface ConfigWatch {
  /** Runs the callback as a change would (SIGHUP). */
  trigger(): void;
  /** Watches these files from now on. Runs the callback again when they are others: one may have changed unseen. */
  follow(files: readonly string[]): void;
  close(): void;
}

/** Editors and configuration management write in several steps; this long after the last one the file is whole. */
const SETTLE_MS = 100;

/**
 * Calls `onChange` after one of the files changed, once for a burst of changes, never twice at the same time; a change
 * that comes while it runs makes it run again. Watches the directories, because an editor that writes a new file and
 * renames it over the old one (or a symbolic link that is switched, as Kubernetes does) leaves a watch on the file blind;
 * of a link, the directory it stands in and the one it leads to. A directory that cannot be watched is left out: SIGHUP remains.
 */
export function watchConfig(files: readonly string[], onChange: () => void | Promise<void>): ConfigWatch {
  let watchers: FSWatcher[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;
  let isAgain = false;
  let watched = '';
  let isClosed = false;

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
    if (!isClosed) timer = setTimeout(run, SETTLE_MS);
  };
  const stop = () => {
    for (const w of watchers) w.close();
    watchers = [];
  };
  const follow = (paths: readonly string[]) => {
    const all = [...new Set(paths.flatMap(withTarget))].sort();
    if (all.join('\0') === watched) return;
    const isFirst = watched === '';
    watched = all.join('\0');
    stop();
    for (const [directory, names] of byDirectory(all)) {
      const watcher = watchDirectory(directory, names, trigger);
      if (watcher !== undefined) watchers.push(watcher);
    }
    if (!isFirst) trigger();
  };
  follow(files);
  return {
    trigger,
    follow,
    close() {
      isClosed = true;
      clearTimeout(timer);
      stop();
    },
  };
}

function withTarget(file: string): string[] {
  try {
    return [file, realpathSync(file)];
  } catch {
    return [file];
  }
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
