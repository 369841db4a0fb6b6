import type { IncomingMessage } from 'node:http';
import { type Fault, fault } from '../core/fault.ts';
import { err, ok, type Result } from '../core/result.ts';

/** Reads a whole body of at most `limit` bytes. What is over is not read; the connection is closed after the answer. */
export async function readBody(req: IncomingMessage, limit: number): Promise<Result<Uint8Array, Fault>> {
  if (Number(req.headers['content-length'] ?? 0) > limit) return err(fault('BODY-TOO-LARGE', `over ${limit} bytes`));
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of req) {
      const bytes = Buffer.from(chunk);
      size += bytes.length;
      if (size > limit) return err(fault('BODY-TOO-LARGE', `over ${limit} bytes`));
      chunks.push(bytes);
    }
  } catch (error) {
    return err(fault('REQUEST-MALFORMED', `the body did not arrive: ${String(error)}`));
  }
  return ok(Buffer.concat(chunks));
}
