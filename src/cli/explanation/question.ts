import { domainToASCII } from 'node:url';
import { type Fault, fault } from '../../core/fault.ts';
import { err, type Result } from '../../core/result.ts';
import { canonicalTarget, type Target, type Unknown } from '../../core/target.ts';
import { utf8Bytes } from '../../core/text/header-value.ts';
import type { Ip } from '../../core/text/ip.ts';

const URL_PARTS = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(.*)$/s;

/**
 * The target that a request for this URL would be. The path keeps its bytes, as in a request: no URL parser cleans it
 * up first, since what two parsers make of it is just what somebody may want explained.
 */
export function askedFor(url: string, method: string, client: Ip | Unknown): Result<Target, Fault> {
  const parts = URL_PARTS.exec(url);
  if (parts === null) return err(fault('TARGET-MISSING', `"${url}" is no URL; write it whole, as https://host/path`));
  const [, scheme = '', authority = '', rest = ''] = parts;
  const uri = rest.startsWith('/') ? rest : `/${rest}`;
  return canonicalTarget({ scheme, authority: asciiAuthority(authority), uri: utf8Bytes(uri), method, client });
}

/** A name typed in another script becomes what a browser would send. */
function asciiAuthority(authority: string): string {
  if (/^[\u0000-\u007f]*$/.test(authority)) return authority;
  const [host = '', port] = authority.split(':');
  return `${domainToASCII(host)}${port === undefined ? '' : `:${port}`}`;
}
