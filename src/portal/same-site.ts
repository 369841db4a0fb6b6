import { type Fault, fault } from '../core/fault.ts';
import { first, single } from '../core/text/header-list.ts';
import { quote } from '../core/text/quote.ts';
import type { Wire } from '../core/wire.ts';

/** `form`: sent by a browser, which always says where from. `json`: may come from a program that is no browser. */
export type ChangeKind = 'form' | 'json';

/**
 * Cross-site request forgery: a change is made only for a request that our own pages sent. Apps are siblings under one
 * site, so SameSite cookies and `Sec-Fetch-Site: same-site` prove nothing; the origin has to be the very same.
 * Returns the fault, or undefined when the change may go on.
 */
export function foreignChange(wire: Wire, ownOrigin: string, kind: ChangeKind): Fault | undefined {
  const origin = single(wire.headers, 'origin');
  const site = single(wire.headers, 'sec-fetch-site');
  if (origin.kind === 'repeated' || site.kind === 'repeated') return refuse('a repeated Origin or Sec-Fetch-Site');
  if (site.kind === 'one' && site.value !== 'same-origin') return refuse(`Sec-Fetch-Site ${quote(site.value)}`);
  if (origin.kind === 'one') {
    return origin.value === ownOrigin ? undefined : refuse(`Origin ${quote(origin.value)}, expected ${ownOrigin}`);
  }
  if (site.kind === 'one') return undefined;
  if (kind === 'json' && !saysBrowser(wire)) return undefined;
  return refuse('neither Origin nor Sec-Fetch-Site');
}

function saysBrowser(wire: Wire): boolean {
  return ['sec-fetch-mode', 'sec-fetch-dest', 'sec-fetch-user'].some((name) => first(wire.headers, name) !== undefined);
}

function refuse(detail: string): Fault {
  return fault('ORIGIN-REFUSED', detail);
}
