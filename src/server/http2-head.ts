/** An HTTP/2 request head in the shape of an HTTP/1.1 one. */
export interface Http2Head {
  /** Flat list without pseudo-header fields: one `host` first, cookies in one line. */
  readonly list: string[];
  /** Why this is no request; undefined: it is one. */
  readonly malformed: string | undefined;
}

/** Octets of a header list with 32 for each field (RFC 9113 §6.5.2); over it the request is refused with an id. */
export const MAX_HEADER_LIST = 16 * 1024;

/** Fields of one connection: a message that has one is malformed (RFC 9113 §8.2.2). nghttp2 refuses them too. */
export const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

interface Found {
  readonly pseudo: Map<string, string>;
  readonly fields: string[];
  readonly hosts: string[];
  readonly cookies: string[];
  malformed: string | undefined;
}

/**
 * Reads what node:http2 hands on, pseudo-header fields among the others (RFC 9113 §8.3.1): one `:authority` or one
 * `host`, and the same where there are both; `:scheme` https, since that is how the request came; a method and a path.
 * Cookies that came as several fields are one line again (§8.2.3). Everything behind sees one kind of request.
 */
export function readHead(raw: readonly string[]): Http2Head {
  const found = walk(raw);
  const authority = found.pseudo.get(':authority') ?? found.hosts[0];
  const malformed = found.malformed ?? contradiction(found);
  const list = authority === undefined ? [] : ['host', authority];
  list.push(...found.fields);
  if (found.cookies.length > 0) list.push('cookie', found.cookies.join('; '));
  return { list, malformed };
}

function walk(raw: readonly string[]): Found {
  const found: Found = {
    pseudo: new Map(),
    fields: [],
    hosts: [],
    cookies: [],
    malformed: undefined,
  };
  for (let i = 0; i + 1 < raw.length; i += 2) take(raw[i] ?? '', raw[i + 1] ?? '', found);
  return found;
}

function take(name: string, value: string, found: Found): void {
  if (name.startsWith(':')) {
    if (found.pseudo.has(name)) found.malformed ??= `${name} is repeated`;
    found.pseudo.set(name, value);
  } else if (name === 'host') found.hosts.push(value);
  else if (name === 'cookie') found.cookies.push(value);
  else if (CONNECTION_SPECIFIC.has(name)) found.malformed ??= `${name} in HTTP/2`;
  else if (name === 'te' && value.toLowerCase() !== 'trailers') found.malformed ??= 'te in HTTP/2';
  else found.fields.push(name, value);
}

function contradiction({ pseudo, hosts }: Found): string | undefined {
  const authority = pseudo.get(':authority');
  if (hosts.length > 1) return 'Host is repeated';
  if (authority !== undefined && hosts[0] !== undefined && !isSame(authority, hosts[0])) {
    return ':authority and host name different hosts';
  }
  if (pseudo.get(':scheme') !== 'https') return ':scheme is not https';
  if (pseudo.has(':protocol')) return ':protocol asks for a tunnel';
  return pseudo.get(':path') === undefined ? ':path is absent' : undefined;
}

function isSame(a: string, b: string): boolean {
  return a === b || a.toLowerCase() === b.toLowerCase();
}

/** The size of a header list as RFC 9113 §6.5.2 counts it. */
export function headerListSize(list: readonly string[]): number {
  let size = 0;
  for (const text of list) size += text.length;
  return size + (list.length / 2) * 32;
}
