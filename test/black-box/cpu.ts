/**
 * Milliseconds of processor time that `run` cost this process, all its threads together. For bounds on work: unlike the
 * clock it does not count what other processes took from this one.
 */
export async function cpuMs(run: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
