import { holdsToken } from './app-token.ts';
import { decodeUtf8 } from './text/utf8.ts';

/**
 * What an `Authorization` or `Proxy-Authorization` value presents.
 *
 *   credentials = auth-scheme 1*SP ( token68 / … )        (RFC 9110 §11.4; the scheme in any letter case)
 *   user-pass   = base64( user-id ":" password ), UTF-8   (RFC 7617 §2)
 */
export type HeaderCredential =
  | { readonly kind: 'absent' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'malformed' };

const ABSENT: HeaderCredential = { kind: 'absent' };
const MALFORMED: HeaderCredential = { kind: 'malformed' };

/**
 * An empty value counts as absent. Unknown schemes, bad base64 (its padding is part of it), no colon, empty name or
 * password are malformed.
 */
export function parseAuthorization(value: string): HeaderCredential {
  const text = value.trim();
  if (text === '') return ABSENT;
  const space = text.indexOf(' ');
  if (space < 0) return MALFORMED;
  const scheme = text.slice(0, space).toLowerCase();
  const rest = text.slice(space + 1);
  if (scheme === 'bearer') {
    const token = rest.trim();
    return /^[A-Za-z0-9\-._~+/]+=*$/.test(token) ? { kind: 'bearer', token } : MALFORMED;
  }
  return scheme === 'basic' ? parseUserPass(rest) : MALFORMED;
}

/**
 * True when an `Authorization` value has an app password anywhere in it, however malformed the rest: as a Bearer, as
 * either half of Basic, or beside a scheme that nobody knows. Such a value is Lintel's and no app may see it.
 */
export function carriesToken(value: string): boolean {
  if (holdsToken(value)) return true;
  const bytes = /^\s*basic\s/i.test(value) ? decodeBase64(value.trim().slice(6).trim()) : undefined;
  return bytes !== undefined && holdsToken(decodeUtf8(bytes) ?? '');
}

function parseUserPass(base64: string): HeaderCredential {
  const bytes = base64.length % 4 === 0 ? decodeBase64(base64) : undefined;
  const text = bytes === undefined ? undefined : decodeUtf8(bytes);
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon < 1 || colon === text.length - 1 || text.includes('\0')) return MALFORMED;
  return { kind: 'basic', username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Base64 with or without padding (RFC 4648 §4); undefined for any other character or length. */
function decodeBase64(text: string): number[] | undefined {
  const body = text.replace(/={1,2}$/, '');
  if (body.length % 4 === 1 || body.length > 4096 || !/^[A-Za-z0-9+/]*$/.test(body)) return undefined;
  const out: number[] = [];
  let bits = 0;
  let held = 0;
  for (let i = 0; i < body.length; i++) {
    held = (held << 6) | sextet(body.charCodeAt(i));
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push((held >> bits) & 255);
      held &= (1 << bits) - 1;
    }
  }
  return out;
}

function sextet(c: number): number {
  if (c >= 0x61) return c - 71;
  if (c >= 0x41) return c - 65;
  if (c >= 0x30) return c + 4;
  return c === 0x2b ? 62 : 63;
}
