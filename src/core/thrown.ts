/** The message of what was thrown; of anything but an Error, as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Node's code for what was thrown, such as "ENOENT" (https://nodejs.org/api/errors.html#errorcode), where it has one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
