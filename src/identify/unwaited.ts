import type { AuditSink, MaybePromise } from '../core/ports.ts';

/** A write of when something was last used. Never waited for: a full disk must not turn into a refused request. */
export function unwaited(audit: AuditSink, write: () => MaybePromise<unknown>): void {
  const failed = (error: unknown) => audit.record({ kind: 'touch-failed', error: String(error) });
  try {
    Promise.resolve(write()).catch(failed);
  } catch (error) {
    failed(error);
  }
}
