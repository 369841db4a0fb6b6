import { isUtf8 } from 'node:buffer';
import type { CheckAnswer, CheckAttributes } from '../core/check-message.ts';
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
  switch (answer.kind) {
    case 'ok':
      return Buffer.concat([status(CODES.OK), messageField(RESPONSE.ok, ...set(answer.set), ...remove(answer.remove))]);
    case 'denied': {
      const { headers, body, status: http } = answer.reply;
      const parts = [
        messageField(DENIED.status, numberField(CODE, http)),
        ...headerFields(DENIED.headers, headers),
        bytesField(DENIED.body, Buffer.from(body, 'utf8')),
      ];
      return Buffer.concat([status(CODES[answer.code]), messageField(RESPONSE.denied, ...parts)]);
    }
    default:
      return answer satisfies never;
  }
}

function status(code: number): Buffer {
  return messageField(RESPONSE.status, numberField(CODE, code));
}

function set(headers: readonly string[]): Buffer[] {
  return headerFields(OK.headers, headers);
}

function remove(names: readonly string[]): Buffer[] {
  return names.map((name) => bytesField(OK.headersToRemove, Buffer.from(name, 'latin1')));
}

/** The first of a name replaces what is there, another one (a second Set-Cookie) is added to it. */
function headerFields(number: number, headers: readonly string[]): Buffer[] {
  const out: Buffer[] = [];
  const seen = new Set<string>();
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase();
    out.push(messageField(number, ...option(name, headers[i + 1] ?? '', seen.has(name))));
    seen.add(name);
  }
  return out;
}

function option(name: string, value: string, isAgain: boolean): Buffer[] {
  return [
    messageField(
      OPTION.header,
      bytesField(HEADER.key, Buffer.from(name, 'latin1')),
      bytesField(HEADER.value, carried(value)),
    ),
    numberField(OPTION.appendAction, isAgain ? APPEND_IF_EXISTS_OR_ADD : OVERWRITE_IF_EXISTS_OR_ADD),
    numberField(OPTION.keepEmptyValue, 1),
  ];
}

/**
 * A text of protobuf is UTF-8, and a reader refuses the whole answer otherwise. What is none (a name in latin1, an odd
 * cookie of a client) goes out empty, which still takes the client's copy away.
 */
function carried(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes : Buffer.alloc(0);
}
