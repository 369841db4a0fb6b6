import { userInfo } from 'node:os';

/** The account that this process runs as, for advice: "now lintel", or "now uid 1000" where it has no name, as in many containers. */
export function account(): string {
  try {
    return `now ${userInfo().username}`;
  } catch {
    return `now uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
