import { isUtf8 } from 'node:buffer';
import type { CheckAnswer, CheckAttributes } from '../core/check-message.ts';
import { utf8Bytes } from '../core/text/header-value.ts';
import { bytesField, type Fields, messageField, messageIn, numberField, parseMessage, textIn } from './protobuf.ts';

/**
 * Between the bytes of `envoy.service.auth.v3` and plain values. Field numbers are those of external_auth.proto,
 * attribute_context.proto and config/core/v3/{base,address}.proto; what is not named here is skipped.
 */
const REQUEST = { attributes: 1 } as const;
const CONTEXT = { source: 1, request: 4 } as const;
const PEER = { address: 1 } as const;
const ADDRESS = { socket: 1, pipe: 2 } as const;
const SOCKET = { address: 2 } as const;
const HTTP_OF_REQUEST = 2;
const HTTP = { method: 2, headers: 3, path: 4, host: 5, scheme: 6, headerMap: 13 } as const;
const HEADERS_OF_MAP = 1;
const HEADER = { key: 1, value: 2, rawValue: 3 } as const;
const RESPONSE = { status: 1, denied: 2, ok: 3 } as const;
const OK = { headers: 2, headersToRemove: 5 } as const;
const DENIED = { status: 1, headers: 2, body: 3 } as const;
const CODE = 1;
const OPTION = { header: 1, appendAction: 3, keepEmptyValue: 4 } as const;
const APPEND_IF_EXISTS_OR_ADD = 0;
const OVERWRITE_IF_EXISTS_OR_ADD = 2;

/** Numbers of gRPC and google.rpc.Code. */
export const CODES = {
  OK: 0,
  PERMISSION_DENIED: 7,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAUTHENTICATED: 16,
} as const;

/** A CheckRequest; undefined when the bytes are none, or say twice what can be said once. */
export function decodeCheck(bytes: Buffer): CheckAttributes | undefined {
  const context = messageIn(parseMessage(bytes), REQUEST.attributes);
  const http = messageIn(messageIn(context, CONTEXT.request), HTTP_OF_REQUEST);
  const method = textIn(http, HTTP.method);
  const path = textIn(http, HTTP.path);
  const host = textIn(http, HTTP.host);
  const scheme = textIn(http, HTTP.scheme);
  const headers = headersIn(http);
  const source = sourceIn(context);
  if (method === undefined || path === undefined || host === undefined || scheme === undefined) return undefined;
  if (headers === undefined || source === undefined) return undefined;
  return { method, path, host, scheme, headers, source: source.found };
}

/** Of the map (duplicates joined by the proxy) and of the raw list; a proxy fills one of them. */
function headersIn(http: Fields | undefined): string[] | undefined {
  const map = messageIn(http, HTTP.headerMap);
  if (http === undefined || map === undefined) return undefined;
  const out: string[] = [];
  for (const entry of [...(http.get(HTTP.headers) ?? []), ...(map.get(HEADERS_OF_MAP) ?? [])]) {
    const header = parseMessage(entry);
    const name = textIn(header, HEADER.key);
    const value = textIn(header, HEADER.value);
    const rawValue = textIn(header, HEADER.rawValue);
    if (name === undefined || value === undefined || rawValue === undefined) return undefined;
    if (value !== '' && rawValue !== '') return undefined;
    out.push(name, value === '' ? rawValue : value);
  }
  return out;
}

function sourceIn(context: Fields | undefined): { found: CheckAttributes['source'] } | undefined {
  const address = messageIn(messageIn(context, CONTEXT.source), PEER.address);
  const text = textIn(messageIn(address, ADDRESS.socket), SOCKET.address);
  if (address === undefined || text === undefined) return undefined;
  if (address.has(ADDRESS.socket)) return address.has(ADDRESS.pipe) ? undefined : { found: { kind: 'address', text } };
  return { found: address.has(ADDRESS.pipe) ? { kind: 'pipe' } : undefined };
}

/** A CheckResponse. */
export function encodeAnswer(answer: CheckAnswer): Buffer {
  return Buffer.from(encoded(answer), 'latin1');
}

function encoded(answer: CheckAnswer): string {
  switch (answer.kind) {
    case 'ok': {
      const removed = answer.remove.map((name) => bytesField(OK.headersToRemove, name));
      return status(CODES.OK) + messageField(RESPONSE.ok, ...headerFields(OK.headers, answer.set), ...removed);
    }
    case 'denied': {
      const { headers, body, status: http } = answer.reply;
      const parts = [
        messageField(DENIED.status, numberField(CODE, http)),
        ...headerFields(DENIED.headers, headers),
        bytesField(DENIED.body, utf8Bytes(body)),
      ];
      return status(CODES[answer.code]) + messageField(RESPONSE.denied, ...parts);
    }
    default:
      return answer satisfies never;
  }
}

function status(code: number): string {
  return messageField(RESPONSE.status, numberField(CODE, code));
}

/** The first of a name replaces what is there, another one (a second Set-Cookie) is added to it. */
function headerFields(number: number, headers: readonly string[]): string[] {
  const out: string[] = [];
  const seen = new Set<string>();
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase();
    out.push(messageField(number, ...option(name, headers[i + 1] ?? '', seen.has(name))));
    seen.add(name);
  }
  return out;
}

function option(name: string, value: string, isAgain: boolean): string[] {
  return [
    messageField(OPTION.header, bytesField(HEADER.key, name), bytesField(HEADER.value, carried(value))),
    numberField(OPTION.appendAction, isAgain ? APPEND_IF_EXISTS_OR_ADD : OVERWRITE_IF_EXISTS_OR_ADD),
    numberField(OPTION.keepEmptyValue, 1),
  ];
}

/** What a header can hold: a character above U+00FF would be cut to its low byte, which may be a line break. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const ASCII = /^[\t\x20-\x7e]*$/;

/**
 * A text of protobuf is UTF-8, and a reader refuses the whole answer otherwise. What is none (a name in latin1, an odd
 * cookie of a client) goes out empty, which still takes the client's copy away.
 */
function carried(value: string): string {
  return ASCII.test(value) || (VALUE.test(value) && isUtf8(Buffer.from(value, 'latin1'))) ? value : '';
}
