import { type Fault, fault } from '../core/fault.ts';
import { err, ok, type Result } from '../core/result.ts';
import { withoutCookies } from '../core/text/cookie.ts';
import { quote } from '../core/text/quote.ts';
import { tunnelProtocols } from '../core/text/upgrade.ts';
import type { Wire } from '../core/wire.ts';
import { connectionOptions, type HeaderNames, nominated } from './hop-by-hop.ts';

/** What the caller knows about the request; everything that the app is told about it beside the client's own headers. */
export interface Asserted {
  /** Flat list of every owned header, in full: the app gets exactly these. Kept for the life of the array. */
  readonly identity: readonly string[];
  /** Canonical text; undefined when the chain of proxies does not tell it. */
  readonly clientAddress: string | undefined;
  readonly scheme: string;
  /** Canonical host, with the port where one was written. */
  readonly host: string;
  /** Effective port. */
  readonly port: number;
  /** The Host that the app gets in place of the client's, which X-Forwarded-Host tells in any case. */
  readonly hostHeader: string | undefined;
  readonly authorization: Authorization;
}

/** `drop`: Lintel accepted it itself, so the app must not see it. `set`: the app gets this in place of the client's. */
export type Authorization = 'pass' | 'drop' | { readonly set: string };

/** The request as it was judged, and what its connection says about the body. */
export interface HeadSource {
  readonly wire: Pick<Wire, 'method' | 'target' | 'headers'>;
  readonly isHttp10: boolean;
  /** A body follows although no header says so. */
  readonly hasUnframedBody: boolean;
  /** True: an upgrade that the client asks for may come about. */
  readonly mayUpgrade: boolean;
}

/** A request head ready to be written, and how its body is framed towards the app. */
export interface RequestHead {
  /** latin1, ends with the empty line. */
  readonly text: string;
  readonly body: 'none' | 'length' | 'chunked';
  /** Bytes, for `length`; 0 otherwise. */
  readonly length: number;
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** What the app is offered in `Upgrade`; undefined: nothing. */
  readonly upgrade: string | undefined;
}

/** One object for each configuration. */
export interface HeadRules {
  readonly names: HeaderNames;
  readonly isOurCookie: (name: string) => boolean;
}

/** What one walk over the headers finds. */
interface Found {
  text: string;
  hosts: number;
  lengths: number;
  length: string;
  encodings: number;
  encoding: string;
  connection: string | undefined;
  expect: string | undefined;
  upgrade: string | undefined;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * The head of the upstream request: the received request-target byte for byte, the client's end-to-end headers without
 * anything it may not claim, then what Lintel asserts. Framing is decided here and written anew, never copied.
 * Fails with a fault of the client's when the request must not be forwarded.
 */
export function requestHead(source: HeadSource, asserted: Asserted, rules: HeadRules): Result<RequestHead, Fault> {
  const { method, target, headers } = source.wire;
  let found = walk(headers, asserted, rules, NONE);
  if (found.connection !== undefined) {
    const names = nominated(found.connection);
    if (names.size > 0) found = walk(headers, asserted, rules, names);
  }
  const problem = judge(source, found);
  if (problem !== undefined) return err(problem);
  const upgrade = source.mayUpgrade ? offered(found) : undefined;
  const length = found.lengths === 0 ? 0 : Number(found.length);
  const isChunked = found.encodings > 0 || (found.lengths === 0 && source.hasUnframedBody);
  const framing = isChunked
    ? 'Transfer-Encoding: chunked\r\n'
    : found.lengths > 0
      ? `Content-Length: ${found.length}\r\n`
      : '';
  return ok({
    text: `${method} ${target} HTTP/1.1\r\n${found.text}${upgrade === undefined ? '' : `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`}${framing}${asserts(asserted)}${identityBlock(asserted.identity, rules)}\r\n`,
    body: isChunked ? 'chunked' : length > 0 ? 'length' : 'none',
    length,
    expectsContinue: found.expect !== undefined && !source.isHttp10,
    upgrade,
  });
}

function walk(raw: readonly string[], asserted: Asserted, rules: HeadRules, drop: ReadonlySet<string>): Found {
  const found: Found = {
    text: '',
    hosts: 0,
    lengths: 0,
    length: '',
    encodings: 0,
    encoding: '',
    connection: undefined,
    expect: undefined,
    upgrade: undefined,
  };
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    const kind = rules.names.request(name);
    switch (kind) {
      case 'pass':
        if (drop.size === 0 || !drop.has(name.toLowerCase())) found.text += `${name}: ${value}\r\n`;
        break;
      case 'drop':
        break;
      case 'host':
        found.hosts++;
        if (asserted.hostHeader === undefined) found.text += `Host: ${value}\r\n`;
        break;
      case 'cookie': {
        const rest = withoutCookies(value, rules.isOurCookie);
        if (rest !== undefined) found.text += `${name}: ${rest}\r\n`;
        break;
      }
      case 'authorization':
        if (asserted.authorization === 'pass') found.text += `${name}: ${value}\r\n`;
        break;
      case 'connection':
        found.connection = found.connection === undefined ? value : `${found.connection},${value}`;
        break;
      case 'content-length':
        found.lengths++;
        found.length = value;
        break;
      case 'transfer-encoding':
        found.encodings++;
        found.encoding = value;
        break;
      case 'expect':
        found.expect = found.expect === undefined ? value : `${found.expect},${value}`;
        break;
      case 'upgrade':
        found.upgrade = found.upgrade === undefined ? value : `${found.upgrade},${value}`;
        break;
      default:
        kind satisfies never;
    }
  }
  return found;
}

const LENGTH = /^(0|[1-9][0-9]{0,14})$/;

/** Node's parser refuses most of these already; a proxy that forwards must not depend on it (request smuggling). */
function judge(source: HeadSource, found: Found): Fault | undefined {
  if (found.hosts !== 1) return fault('REQUEST-MALFORMED', `${found.hosts} Host headers`);
  if (found.encodings > 0) {
    if (found.lengths > 0) return fault('REQUEST-MALFORMED', 'Content-Length beside Transfer-Encoding');
    if (found.encodings > 1 || found.encoding.toLowerCase() !== 'chunked') {
      return fault('REQUEST-MALFORMED', `Transfer-Encoding ${quote(found.encoding)}`);
    }
    if (source.isHttp10) return fault('REQUEST-MALFORMED', 'Transfer-Encoding in HTTP/1.0');
  }
  if (found.lengths > 1 || (found.lengths === 1 && !LENGTH.test(found.length))) {
    return fault('REQUEST-MALFORMED', `Content-Length ${quote(found.length)}`);
  }
  // The app would echo what Lintel tells it: identity headers, and whatever the next proxy adds.
  if (source.wire.method === 'TRACE') return fault('METHOD-NOT-ALLOWED', 'TRACE is not forwarded');
  if (found.expect !== undefined && found.expect.toLowerCase() !== '100-continue') {
    return fault('EXPECT-UNKNOWN', `Expect ${quote(found.expect)}`);
  }
  return source.mayUpgrade ? unfitForUpgrade(source, found) : upgradeFault(found);
}

/**
 * A WebSocket client can do nothing with a plain answer, and bytes that follow its request are frames, not requests;
 * so it is refused where no tunnel can be. Any other upgrade (h2c) is an offer that a server may ignore: the request
 * goes on without it.
 */
function upgradeFault(found: Found): Fault | undefined {
  return wanted(found).some((protocol) => protocol.startsWith('websocket'))
    ? fault('UPGRADE-UNSUPPORTED', `Upgrade ${quote(found.upgrade ?? '')}`)
    : undefined;
}

function unfitForUpgrade(source: HeadSource, found: Found): Fault | undefined {
  const protocols = offered(found);
  if (protocols === undefined) return fault('UPGRADE-UNSUPPORTED', `Upgrade ${quote(found.upgrade ?? '')}`);
  if (found.encodings > 0 || (found.lengths > 0 && found.length !== '0')) {
    return fault('UPGRADE-UNSUPPORTED', 'an upgrade with a body');
  }
  const isWebSocket = connectionOptions(protocols).includes('websocket');
  return isWebSocket && source.wire.method !== 'GET'
    ? fault('UPGRADE-UNSUPPORTED', `WebSocket by ${source.wire.method}`)
    : undefined;
}

/** Protocols asked for, in lower case; none without `Connection: upgrade` (RFC 9110 §7.8). */
function wanted(found: Found): string[] {
  if (found.upgrade === undefined || found.connection === undefined) return [];
  return connectionOptions(found.connection).includes('upgrade') ? connectionOptions(found.upgrade) : [];
}

/** What of it may be tunnelled. */
function offered(found: Found): string | undefined {
  const protocols = tunnelProtocols(wanted(found).join(','));
  return protocols.length === 0 ? undefined : protocols.join(', ');
}

function asserts(a: Asserted): string {
  const own =
    (a.hostHeader === undefined ? '' : `Host: ${checked('Host', a.hostHeader)}\r\n`) +
    (typeof a.authorization === 'string' ? '' : `Authorization: ${checked('Authorization', a.authorization.set)}\r\n`);
  const from =
    a.clientAddress === undefined ? '' : `X-Forwarded-For: ${a.clientAddress}\r\nX-Real-IP: ${a.clientAddress}\r\n`;
  return `${own}${from}X-Forwarded-Proto: ${a.scheme}\r\nX-Forwarded-Host: ${a.host}\r\nX-Forwarded-Port: ${a.port}\r\n`;
}

/** Of each configuration its own: what is checked against one list of names holds for no other. */
const blocks = new WeakMap<HeadRules, WeakMap<readonly string[], string>>();
/** latin1 without controls: a character above U+00FF would be cut to its low byte on the wire, which may be a line break. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function identityBlock(identity: readonly string[], rules: HeadRules): string {
  return blocks.get(rules)?.get(identity) ?? rememberBlock(identity, rules);
}

function rememberBlock(identity: readonly string[], rules: HeadRules): string {
  let block = '';
  for (let i = 0; i + 1 < identity.length; i += 2) {
    const name = identity[i] ?? '';
    const value = identity[i + 1] ?? '';
    if (rules.names.request(name) !== 'drop') throw new Error(`identity header ${name} is not among the owned names`);
    block += `${name}: ${checked(name, value)}\r\n`;
  }
  const known = blocks.get(rules) ?? new WeakMap<readonly string[], string>();
  blocks.set(rules, known.set(identity, block));
  return block;
}

function checked(name: string, value: string): string {
  if (!VALUE.test(value)) throw new Error(`header ${name} has a value that no header can hold`);
  return value;
}
