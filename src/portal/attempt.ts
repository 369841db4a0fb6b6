import { type Fault, type FaultId, fault } from '../core/fault.ts';
import type { MaybePromise } from '../core/ports.ts';
import { err, ok, type Result } from '../core/result.ts';
import { messageOf } from '../core/thrown.ts';

/** Runs something of a port that may throw (a store or a source that is down) and makes its failure a value. */
export async function attempt<T>(id: FaultId, run: () => MaybePromise<T>): Promise<Result<T, Fault>> {
  try {
    return ok(await run());
  } catch (error) {
    return err(fault(id, messageOf(error)));
  }
}
