/** A gRPC client of one method, and protobuf written and read by hand: what Lintel's own codec thinks is not asked. */
import {
  type ClientHttp2Session,
  type ClientSessionOptions,
  connect,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2';

export const CHECK = '/envoy.service.auth.v3.Authorization/Check';

/** One call as it came back. */
export interface Called {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** From the trailers, or the headers where nothing else came. */
  readonly status: number | undefined;
  readonly message: string;
  /** HTTP/2 error code of a stream that was reset. */
  readonly reset: number | undefined;
}

export interface GrpcClient {
  readonly session: ClientHttp2Session;
  /** Sends these bytes as the body of a call. */
  call(body: Uint8Array, headers?: Readonly<Record<string, string>>): Promise<Called>;
  /** One framed message. */
  check(message: Uint8Array): Promise<CheckResponse>;
  close(): void;
}

export function grpcClient(
  authority: string,
  options: ClientSessionOptions | SecureClientSessionOptions = {},
): GrpcClient {
  const session = connect(authority, options);
  session.on('error', () => {});
  const call: GrpcClient['call'] = (body, headers = {}) =>
    new Promise((resolve, reject) => {
      const head = {
        ':method': 'POST',
        ':path': CHECK,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      };
      const stream = session.request(head);
      const chunks: Buffer[] = [];
      let got: IncomingHttpHeaders = {};
      let trailers: IncomingHttpHeaders = {};
      stream.on('response', (h) => (got = h));
      stream.on('trailers', (h) => (trailers = h));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', () => {});
      stream.setTimeout(15_000, () => reject(new Error('no answer within 15 s')));
      stream.on('close', () => {
        const status = trailers['grpc-status'] ?? got['grpc-status'];
        resolve({
          headers: got,
          trailers,
          body: Buffer.concat(chunks),
          status: status === undefined ? undefined : Number(status),
          message: decodeURIComponent(String(trailers['grpc-message'] ?? got['grpc-message'] ?? '')),
          reset: stream.rstCode === 0 ? undefined : stream.rstCode,
        });
      });
      stream.end(body);
    });
  return {
    session,
    call,
    async check(message) {
      const called = await call(framed(message));
      if (called.status !== 0) throw new Error(`grpc-status ${called.status}: ${called.message}`);
      return readResponse(unframed(called.body));
    },
    close: () => session.destroy(),
  };
}

export function framed(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

export function unframed(bytes: Buffer): Buffer {
  if (bytes[0] !== 0 || bytes.readUInt32BE(1) !== bytes.length - 5) throw new Error('not one message');
  return bytes.subarray(5);
}

/** Any field of wire type 2. */
export function field(number: number, ...parts: readonly (Uint8Array | string)[]): Buffer {
  const value = Buffer.concat(parts.map((p) => (typeof p === 'string' ? Buffer.from(p, 'latin1') : p)));
  return Buffer.concat([varint(number * 8 + 2), varint(value.length), value]);
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

/** What a proxy tells about a request. */
export interface Told {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly scheme?: string;
  /** As the proxy joins them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** As `encode_raw_headers` sends them, repeated ones one by one. */
  readonly raw?: readonly (readonly [name: string, value: string])[];
  readonly source?: string | { readonly pipe: string };
}

/** HttpRequest of attribute_context.proto. */
export function httpRequest(told: Told): Buffer {
  const { method = 'GET', path = '/', host = 'app.example.test', scheme = 'https', headers = {}, raw } = told;
  const pairs = Object.entries(headers).map(([name, value]) => field(3, field(1, name), field(2, value)));
  const map =
    raw === undefined ? [] : [field(13, ...raw.map(([name, value]) => field(1, field(1, name), field(3, value))))];
  const size = Buffer.concat([varint(9 * 8), Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1])]);
  const text = [
    field(1, '17'),
    field(2, method),
    field(4, path),
    field(5, host),
    field(6, scheme),
    field(10, 'HTTP/1.1'),
  ];
  return Buffer.concat([...text, size, ...pairs, ...map]);
}

/** CheckRequest of external_auth.proto. */
export function checkRequest(told: Told = {}): Buffer {
  const { source = '198.51.100.7' } = told;
  const address =
    typeof source === 'string' ? field(1, field(2, source), varint(24), varint(4711)) : field(2, field(1, source.pipe));
  return field(
    1,
    field(1, field(1, address)),
    field(4, field(2, httpRequest(told))),
    field(10, field(1, 'k'), field(2, 'v')),
  );
}

export interface HeaderOption {
  readonly name: string;
  readonly value: string;
  readonly appendAction: number;
  readonly keepEmptyValue: boolean;
}

/** CheckResponse of external_auth.proto. */
export interface CheckResponse {
  readonly code: number;
  readonly ok: { readonly set: readonly HeaderOption[]; readonly remove: readonly string[] } | undefined;
  readonly denied:
    | { readonly status: number; readonly headers: readonly HeaderOption[]; readonly body: string }
    | undefined;
}

type Read = ReadonlyMap<number, readonly (Buffer | number)[]>;

function readFields(bytes: Buffer): Read {
  const out = new Map<number, (Buffer | number)[]>();
  let at = 0;
  const next = () => {
    let value = 0;
    for (let i = 0; ; i++) {
      const byte = bytes[at++]!;
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = next();
    const value = tag % 8 === 0 ? next() : tag % 8 === 2 ? next() : undefined;
    if (value === undefined) throw new Error(`wire type ${tag % 8}`);
    const number = Math.floor(tag / 8);
    out.set(number, [...(out.get(number) ?? []), tag % 8 === 0 ? value : bytes.subarray(at, at + value)]);
    if (tag % 8 === 2) at += value;
  }
  return out;
}

const bytesOf = (read: Read, n: number) => (read.get(n) ?? []).filter((v) => typeof v !== 'number');
const numberOf = (read: Read, n: number) => Number((read.get(n) ?? [0])[0]);

export function readResponse(bytes: Buffer): CheckResponse {
  const response = readFields(bytes);
  const [status] = bytesOf(response, 1);
  const [denied] = bytesOf(response, 2);
  const [ok] = bytesOf(response, 3);
  return {
    code: status === undefined ? 0 : numberOf(readFields(status), 1),
    denied: denied && readDenied(readFields(denied)),
    ok: ok && {
      set: bytesOf(readFields(ok), 2).map(readOption),
      remove: bytesOf(readFields(ok), 5).map((b) => b.toString('utf8')),
    },
  };
}

function readDenied(read: Read) {
  const [status] = bytesOf(read, 1);
  return {
    status: status === undefined ? 0 : numberOf(readFields(status), 1),
    headers: bytesOf(read, 2).map(readOption),
    body: Buffer.concat(bytesOf(read, 3)).toString('utf8'),
  };
}

function readOption(bytes: Buffer): HeaderOption {
  const option = readFields(bytes);
  const header = readFields(bytesOf(option, 1)[0] ?? Buffer.alloc(0));
  return {
    name: Buffer.concat(bytesOf(header, 1)).toString('utf8'),
    value: Buffer.concat(bytesOf(header, 2)).toString('utf8'),
    appendAction: numberOf(option, 3),
    keepEmptyValue: numberOf(option, 4) === 1,
  };
}

/** Name → value of what an allow sets. */
export function setHeaders(response: CheckResponse): Record<string, string> {
  return Object.fromEntries((response.ok?.set ?? []).map((h) => [h.name, h.value]));
}
