import { setImmediate } from 'node:timers/promises';
import type { Clock, SessionStore } from '../core/ports.ts';

/** Rows a batch may remove: some milliseconds of work, between which requests are served. */
const BATCH = 500;

export interface Sweeper {
  /** Resolves when no batch is running any more; then the store may be closed. */
  close(): Promise<void>;
}

/**
 * Removes what is over every `everyMs`, in batches, for as long as there is more. A failure goes to `failed` and the
 * next round tries again. Never keeps the process alive.
 */
export function startSweeper(
  store: Pick<SessionStore, 'sweep'>,
  clock: Pick<Clock, 'now'>,
  everyMs: number,
  failed: (error: unknown) => void,
): Sweeper {
  let closed = false;
  let running: Promise<void> | undefined;
  const round = async (): Promise<void> => {
    try {
      while (!closed && (await store.sweep(clock.now(), BATCH)) >= BATCH) await setImmediate();
    } catch (error) {
      failed(error);
    }
  };
  const timer = setInterval(() => {
    running ??= round().finally(() => {
      running = undefined;
    });
  }, everyMs);
  timer.unref();
  return {
    close: async () => {
      closed = true;
      clearInterval(timer);
      await running;
    },
  };
}
