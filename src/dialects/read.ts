import { type Fault, fault } from '../core/fault.ts';
import type { TrustedPeer } from '../core/peer.ts';
import { err, ok, type Result } from '../core/result.ts';
import { first, type HeaderList, type Single, single } from '../core/text/header-list.ts';
import type { WebScheme } from '../core/text/origin.ts';
import { quote } from '../core/text/quote.ts';
import { decodeComponent } from '../core/text/url-encode.ts';
import { decodeUtf8 } from '../core/text/utf8.ts';
import type { Wire } from '../core/wire.ts';

/**
 * The one value of a routing header, lower-case name. Taking a `TrustedPeer` is the point: without the proof that the
 * peer may speak for others, reading a forwarded header does not compile. Missing, empty and repeated are faults.
 */
export function forwarded(_peer: TrustedPeer, headers: HeaderList, name: string, shown: string): Result<string, Fault> {
  return theOne(single(headers, name), shown);
}

function theOne(found: Single, shown: string): Result<string, Fault> {
  if (found.kind === 'repeated') return err(fault('TARGET-REPEATED', `${shown} came more than once`));
  if (found.kind === 'absent' || found.value === '') return err(fault('TARGET-MISSING', `${shown} is missing.`));
  return ok(found.value);
}

/** As `forwarded`, with a value to use when the header is absent. Repeated and empty stay faults. */
export function forwardedOr(
  _peer: TrustedPeer,
  headers: HeaderList,
  name: string,
  shown: string,
  absent: string,
): Result<string, Fault> {
  const found = single(headers, name);
  return found.kind === 'absent' ? ok(absent) : theOne(found, shown);
}

/** A method as Authelia takes it (contract authelia.md §2.2): any word of capitals, and nothing beside them. */
export function capitals(method: Result<string, Fault>): Result<string, Fault> {
  if (!method.ok || /^[A-Z]+$/.test(method.value)) return method;
  return err(fault('TARGET-METHOD', `method ${quote(method.value)}`));
}

/** True when the header is there at all. */
export function present(headers: HeaderList, name: string): boolean {
  return first(headers, name) !== undefined;
}

/**
 * One parameter of the endpoint's own query, where an operator's snippet puts options: the first of its name. One that
 * cannot be decoded is given as it came, so that it is refused and not taken for absent.
 */
export function endpointParameter(wire: Wire, key: string): string | undefined {
  const mark = wire.target.indexOf('?');
  if (mark < 0) return undefined;
  for (const part of wire.target.slice(mark + 1).split('&')) {
    const [name = '', ...rest] = part.split('=');
    if (decodeComponent(name) !== key) continue;
    const value = rest.join('=');
    return decodeComponent(value) ?? value;
  }
  return undefined;
}

/** The header as text, for portal overrides; empty is a value too. A header is not escaped: "+" and "%20" stay. */
export function headerText(headers: HeaderList, name: string): string | undefined {
  const value = first(headers, name);
  return value === undefined ? undefined : (decodeUtf8(Array.from(value, (c) => c.charCodeAt(0))) ?? value);
}

/** The scheme of the connection itself, used where a proxy may leave the header out (contract §2.2). */
export function connectionScheme(wire: Wire): WebScheme {
  return wire.encrypted ? 'https' : 'http';
}
