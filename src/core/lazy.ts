/**
 * Made at the first call and kept. A failure is for those who waited for it and is forgotten: the next call tries again,
 * since what was missing (memory, a file descriptor for a module) may be there by then.
 */
export function lazy<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
