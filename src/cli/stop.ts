/** Resolves when the program is told to stop. The listeners stay: an impatient second Ctrl-C must not cut it short. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });
}
