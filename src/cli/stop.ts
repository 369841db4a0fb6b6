/**
 * Resolves when the program is told to stop. The listeners stay: the launcher passes on a Ctrl-C that the terminal has
 * sent to both, and the second one must not cut the stopping short.
 */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });
}
