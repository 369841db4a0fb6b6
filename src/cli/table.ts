import type { Command } from './command.ts';

/** Every command, in the order of the overview. Loaded when it is called, so that an unused one costs nothing. */
export const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['demo', async () => (await import('./demo.ts')).demo],
  ['serve', async () => (await import('./serve.ts')).serve],
  ['config', async () => (await import('./config.ts')).config],
  ['explain', async () => (await import('./explain.ts')).explain],
  ['users', async () => (await import('./users.ts')).users],
  ['sessions', async () => (await import('./sessions.ts')).sessions],
]);
