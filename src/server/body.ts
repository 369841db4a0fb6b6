import { type Fault, fault } from '../core/fault.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { ArrivedRequest, ClientResponse } from './client.ts';

/** A form or a small JSON arrives at once; a sender that goes silent in the middle must not hold a connection. */
const WHOLE_WITHIN_MS = 10_000;

/**
 * Reads a whole body of at most `limit` bytes, and asks for it where the client waits to be asked (RFC 9110 §10.1.1).
 * What is over is not read; the connection is closed after the answer.
 */
export async function readBody(
  req: ArrivedRequest,
  res: ClientResponse,
  limit: number,
): Promise<Result<Uint8Array, Fault>> {
  if (Number(req.headers['content-length'] ?? 0) > limit) return err(fault('BODY-TOO-LARGE', `over ${limit} bytes`));
  if (req.headers.expect !== undefined && req.httpVersion !== '1.0') res.writeContinue();
  const chunks: Buffer[] = [];
  let size = 0;
  const late = AbortSignal.timeout(WHOLE_WITHIN_MS);
  const cut = () => req.destroy();
  late.addEventListener('abort', cut);
  try {
    for await (const chunk of req) {
      const bytes = Buffer.from(chunk);
      size += bytes.length;
      if (size > limit) return err(fault('BODY-TOO-LARGE', `over ${limit} bytes`));
      chunks.push(bytes);
    }
  } catch (error) {
    if (late.aborted) return err(fault('REQUEST-TIMEOUT', `the body did not arrive in ${WHOLE_WITHIN_MS} ms`));
    return err(fault('REQUEST-MALFORMED', `the body did not arrive: ${String(error)}`));
  } finally {
    late.removeEventListener('abort', cut);
  }
  return ok(Buffer.concat(chunks));
}
