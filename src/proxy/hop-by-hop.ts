import { foldName } from '../core/text/header-list.ts';
import { isClientClaim, isIdentityName } from './client-claims.ts';

/** What the proxy does with a request header of this name. */
export type RequestKind =
  | 'pass'
  | 'drop'
  | 'host'
  | 'cookie'
  | 'authorization'
  | 'connection'
  | 'content-length'
  | 'transfer-encoding'
  | 'expect'
  | 'upgrade';

/** What it does with a response header of this name; `invalid`: the name is no token. */
export type ResponseKind =
  | 'pass'
  | 'drop'
  | 'invalid'
  | 'connection'
  | 'keep-alive'
  | 'content-length'
  | 'transfer-encoding'
  | 'upgrade'
  | 'set-cookie';

/**
 * Fields of one connection only (RFC 9110 §7.6.1, RFC 9112 §7.1.2, RFC 7540 §3.2.1), whether or not Connection
 * nominates them. Trailer goes with them, because trailers are dropped in both directions.
 */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'te',
  'trailer',
  'upgrade',
  'http2-settings',
]);

const REQUEST_KINDS: ReadonlyMap<string, RequestKind> = new Map([
  ['host', 'host'],
  ['cookie', 'cookie'],
  ['authorization', 'authorization'],
  ['connection', 'connection'],
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
  ['expect', 'expect'],
  ['upgrade', 'upgrade'],
]);

const RESPONSE_KINDS: ReadonlyMap<string, ResponseKind> = new Map([
  ['connection', 'connection'],
  ['keep-alive', 'keep-alive'],
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
  ['upgrade', 'upgrade'],
  ['set-cookie', 'set-cookie'],
]);

/** Fields for the recipient of the content: nominating one is malformed (RFC 9110 §7.6.1), and is ignored. */
const END_TO_END: ReadonlySet<string> = new Set([
  'host',
  'cookie',
  'set-cookie',
  'authorization',
  'www-authenticate',
  'content-length',
  'content-type',
  'content-encoding',
  'content-range',
  'transfer-encoding',
  'cache-control',
  'range',
  'date',
  'location',
  'origin',
  'vary',
]);

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const CACHED_NAMES = 512;
const CACHED_LENGTH = 64;
const NOTHING: ReadonlySet<string> = new Set();

/**
 * What becomes of each header name. Folding runs once for a spelling, not once for a request: spellings seen are
 * remembered in a bounded map that starts again when it is full, so a client that invents names costs only itself.
 */
export class HeaderNames {
  #owned: ReadonlySet<string>;
  readonly #requests = new Map<string, RequestKind>();
  readonly #responses = new Map<string, ResponseKind>();

  /** `ownedFolds`: folded names of every identity header of every profile and preset. */
  constructor(ownedFolds: ReadonlySet<string>) {
    this.#owned = ownedFolds;
  }

  /** Another configuration is in force: names are judged anew. */
  own(ownedFolds: ReadonlySet<string>): void {
    this.#owned = ownedFolds;
    this.#requests.clear();
    this.#responses.clear();
  }

  request(name: string): RequestKind {
    return this.#requests.get(name) ?? remember(this.#requests, name, this.#judgeRequest(name));
  }

  response(name: string): ResponseKind {
    return this.#responses.get(name) ?? remember(this.#responses, name, this.#judgeResponse(name));
  }

  #judgeRequest(name: string): RequestKind {
    const special = REQUEST_KINDS.get(name.toLowerCase());
    if (special !== undefined) return special;
    const fold = foldName(name);
    // An alias of a framing, routing or hop-by-hop name (`Content_Length`) is one to an app that folds, and to nobody else.
    if (HOP_BY_HOP.has(fold) || REQUEST_KINDS.has(fold)) return 'drop';
    return this.#owned.has(fold) || isClientClaim(fold) ? 'drop' : 'pass';
  }

  #judgeResponse(name: string): ResponseKind {
    if (!TOKEN.test(name)) return 'invalid';
    const special = RESPONSE_KINDS.get(name.toLowerCase());
    if (special !== undefined) return special;
    const fold = foldName(name);
    return HOP_BY_HOP.has(fold) || this.#owned.has(fold) || isIdentityName(fold) ? 'drop' : 'pass';
  }
}

function remember<K>(map: Map<string, K>, name: string, kind: K): K {
  if (name.length > CACHED_LENGTH) return kind;
  if (map.size >= CACHED_NAMES) map.clear();
  map.set(name, kind);
  return kind;
}

/**
 * The lower-case names that a Connection value nominates for removal, without connection options that name no field
 * and without end-to-end fields. What the proxy writes itself is written after the removal and so cannot be nominated.
 */
export function nominated(connection: string): ReadonlySet<string> {
  if (connection === 'keep-alive' || connection === 'close' || connection === '') return NOTHING;
  const out = new Set<string>();
  for (const option of connectionOptions(connection)) {
    if (option !== 'close' && !END_TO_END.has(option)) out.add(option);
  }
  return out;
}

/** The options of a Connection value in lower case. */
export function connectionOptions(connection: string): string[] {
  return connection
    .split(',')
    .map((option) => option.trim().toLowerCase())
    .filter((option) => option !== '');
}
