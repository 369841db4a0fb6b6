import type { UpstreamServer } from '../core/app.ts';
import { type Fault, fault } from '../core/fault.ts';
import { parsePath } from '../core/text/path.ts';
import { quoteAddress } from '../core/text/quote.ts';

/**
 * The request head with the server's base path before the received target, byte for byte. Policy judged the received
 * path alone; with the base before it a reading could climb out of the base (`//../admin` where slashes are merged), so
 * all readings of the whole are looked at, and one that leaves the base is a fault.
 */
export function atServer(
  head: string,
  wire: { readonly method: string; readonly target: string },
  { basePath }: UpstreamServer,
): string | Fault {
  if (basePath === '') return head;
  const { method, target } = wire;
  const mark = target.indexOf('?');
  const path = parsePath(`${basePath}${mark < 0 ? target : target.slice(0, mark)}`);
  const isInside = path.ok && path.value.readings.every((r) => r === basePath || r.startsWith(`${basePath}/`));
  if (!isInside)
    return fault('TARGET-PATH', `path ${quoteAddress(target)} leaves the base ${basePath} of the upstream`);
  return `${method} ${basePath}${head.slice(method.length + 1)}`;
}
