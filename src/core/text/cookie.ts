/**
 * Cookies, picked and cut without parsing the rest.
 *
 *   cookie-string = cookie-pair *( ";" SP cookie-pair )      (RFC 6265 §4.2.1; read tolerantly: any OWS around pairs)
 *   cookie-pair   = cookie-name "=" cookie-value
 *
 * A value in double quotes is taken without them. Names compare byte for byte, as browsers store them.
 */

/** Every value of `name` in one Cookie header line, in order: two of them is cookie tossing, and the caller must know. */
export function pickCookies(line: string, name: string): string[] {
  const out: string[] = [];
  let from = line.includes(name) ? 0 : line.length;
  while (from < line.length) {
    let end = line.indexOf(';', from);
    if (end < 0) end = line.length;
    while (line.charCodeAt(from) === 0x20 || line.charCodeAt(from) === 0x09) from++;
    if (line.startsWith(name, from)) {
      let eq = from + name.length;
      while (line.charCodeAt(eq) === 0x20 || line.charCodeAt(eq) === 0x09) eq++;
      if (line.charCodeAt(eq) === 0x3d && eq < end) out.push(unquote(line.slice(eq + 1, end).trim()));
    }
    from = end + 1;
  }
  return out;
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/**
 * The header line without the cookies that `isOurs` names, or undefined when nothing is left. What stays keeps its
 * bytes. A pair without "=" is a nameless cookie in browsers, a name in some servers: it is judged as a name.
 */
export function withoutCookies(line: string, isOurs: (name: string) => boolean): string | undefined {
  const kept = line.split(';').filter((pair) => {
    const eq = pair.indexOf('=');
    return !isOurs((eq < 0 ? pair : pair.slice(0, eq)).trim());
  });
  const joined = kept.join(';').trim();
  return joined === '' ? undefined : joined;
}

/** Where a cookie of Lintel's is sent. */
export interface CookieScope {
  readonly secure: boolean;
  /** Undefined: the host that set it, and no other. */
  readonly domain?: string | undefined;
}

/**
 * A Set-Cookie value (RFC 6265 §4.1) for all paths, out of reach of scripts. SameSite=Lax: a sign-in comes back from
 * another site, and Strict would leave the cookie behind. `maxAge`: seconds. Name and value are ours (token characters
 * only), so nothing needs quoting.
 */
export function setCookie(name: string, value: string, maxAge: number, { secure, domain }: CookieScope): string {
  const scope = domain === undefined ? '' : `; Domain=${domain}`;
  return `${name}=${value}; Path=/; HttpOnly; SameSite=Lax${scope}; Max-Age=${maxAge}${secure ? '; Secure' : ''}`;
}

/** The Set-Cookie value that takes it out of the browser again; the scope is the one it was set with. */
export function removedCookie(name: string, scope: CookieScope): string {
  return setCookie(name, '', 0, scope);
}
