/**
 * Requests as bytes over a plain socket, answers as bytes back. An HTTP client would repair, refuse or reorder exactly
 * what these tests are about.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Reply {
  readonly status: number;
  /** In order of arrival, names as they came, values as latin1. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export interface Exchange {
  /** Complete answers in order; more than one when the other side saw more than one request. */
  readonly replies: readonly Reply[];
  /** What came after the last complete answer. */
  readonly rest: string;
  /** How it ended: `quiet` is a kept-alive connection after the answer, `timeout` is silence. */
  readonly end: 'closed' | 'quiet' | 'timeout';
  readonly elapsedMs: number;
}

export interface ExchangeOptions {
  /** Silence for this long after the last complete answer ends the exchange. */
  readonly settleMs?: number;
  /** …and not before there are so many answers; 1 unless told. More than can come: it ends when the connection does. */
  readonly least?: number;
  /** Total time; 10 s unless told. What is expected to come has come long before. */
  readonly timeoutMs?: number;
  /** Loopback address to come from; 127.0.0.2 is another peer than 127.0.0.1. */
  readonly from?: string;
  /** The method of the request, when it is HEAD the answer has no body. */
  readonly method?: string;
  /** TLS with this server name; the certificate is not checked. */
  readonly servername?: string;
  /** Several writes with a pause between them instead of one. */
  readonly pauseMs?: number;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Writes the bytes (latin1 text, one character a byte) and collects what comes back. Resolves in any case but a refused connection. */
export function exchange(
  to: Address,
  bytes: string | readonly string[],
  options: ExchangeOptions = {},
): Promise<Exchange> {
  const { settleMs = 0, least = 1, timeoutMs = 10_000 } = options;
  const head = (options.method ?? firstWord(bytes)) === 'HEAD';
  const started = performance.now();
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    let settle: NodeJS.Timeout | undefined;
    const place = { host: to.host, port: to.port, ...(options.from && { localAddress: options.from }) };
    const { servername } = options;
    const tls = servername === undefined ? {} : { servername, rejectUnauthorized: false };
    const socket = servername === undefined ? connect(place) : connectTls({ ...place, ...tls });
    const finish = (end: Exchange['end']) => {
      clearTimeout(settle);
      clearTimeout(limit);
      socket.destroy();
      const { replies, rest } = parseReplies(received, head);
      resolve({ replies, rest, end, elapsedMs: performance.now() - started });
    };
    const limit = setTimeout(() => finish('timeout'), timeoutMs);
    socket.on(
      servername === undefined ? 'connect' : 'secureConnect',
      () => void writeAll(socket, bytes, options.pauseMs ?? 20),
    );
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      clearTimeout(settle);
      const { replies, rest } = parseReplies(received, head);
      const isAnswered = replies.filter(isFinal).length >= least;
      if (isAnswered && rest === '') settle = setTimeout(() => finish('quiet'), settleMs);
    });
    socket.on('close', () => finish('closed'));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') {
        clearTimeout(limit);
        reject(error);
      } else finish('closed');
    });
  });
}

/** 101 is final, too: nothing that follows it is HTTP. */
function isFinal({ status }: Reply): boolean {
  return status >= 200 || status === 101;
}

function firstWord(bytes: string | readonly string[]): string {
  return (typeof bytes === 'string' ? bytes : (bytes[0] ?? '')).split(' ', 1)[0] ?? '';
}

async function writeAll(socket: Socket, bytes: string | readonly string[], pauseMs: number): Promise<void> {
  if (typeof bytes === 'string') {
    socket.write(bytes, 'latin1');
    return;
  }
  for (const part of bytes) {
    if (socket.destroyed) return;
    socket.write(part, 'latin1');
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** All complete answers at the start of `bytes`. An answer without length that the close has not ended yet counts as rest. */
export function parseReplies(bytes: Buffer, head = false): { replies: Reply[]; rest: string } {
  const replies: Reply[] = [];
  let text = bytes.toString('latin1');
  for (;;) {
    const parsed = parseReply(text, head);
    if (parsed === undefined) return { replies, rest: text };
    replies.push(parsed.reply);
    text = text.slice(parsed.length);
  }
}

function parseReply(text: string, head: boolean): { reply: Reply; length: number } | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const match = /^HTTP\/1\.[01] (\d{3})/.exec(statusLine);
  if (match === null) return undefined;
  const status = Number(match[1]);
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const from = end + 4;
  const bodiless = head || status < 200 || status === 204 || status === 304;
  if (bodiless) return { reply: { status, headers, body: '' }, length: from };
  const lengthHeader = headers.find(([n]) => n.toLowerCase() === 'content-length')?.[1];
  if (lengthHeader !== undefined) {
    const to = from + Number(lengthHeader);
    return text.length < to ? undefined : { reply: { status, headers, body: text.slice(from, to) }, length: to };
  }
  if (headers.some(([n, v]) => n.toLowerCase() === 'transfer-encoding' && v === 'chunked')) {
    const body = dechunk(text, from);
    return body && { reply: { status, headers, body: body.text }, length: body.end };
  }
  return { reply: { status, headers, body: text.slice(from) }, length: text.length };
}

export function dechunk(text: string, from: number): { text: string; end: number } | undefined {
  let out = '';
  let at = from;
  for (;;) {
    const line = text.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = Number.parseInt(text.slice(at, line), 16);
    if (!(size >= 0)) return undefined;
    if (size === 0) {
      const end = text.startsWith('\r\n', line + 2) ? line + 4 : text.indexOf('\r\n\r\n', line) + 4;
      return end < 4 || text.length < end ? undefined : { text: out, end };
    }
    out += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
    if (text.length < at) return undefined;
  }
}

/** Every value of a header, letter case aside. */
export function valuesOf(reply: Reply, name: string): string[] {
  return reply.headers.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, v]) => v);
}

export function headerOf(reply: Reply, name: string): string | undefined {
  return valuesOf(reply, name)[0];
}

export interface RequestParts {
  readonly method?: string;
  readonly target: string;
  /** "Name: value" lines as they go out, Host included. */
  readonly headers: readonly string[];
  readonly body?: string;
  readonly version?: string;
}

/** A request as bytes. Adds nothing. */
export function requestBytes(r: RequestParts): string {
  return `${r.method ?? 'GET'} ${r.target} ${r.version ?? 'HTTP/1.1'}\r\n${r.headers.map((h) => `${h}\r\n`).join('')}\r\n${r.body ?? ''}`;
}

/** UTF-8 text as one character a byte, for places that speak latin1. */
export function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** One request, one answer; fails when there is none. */
export async function ask(to: Address, r: RequestParts, options: ExchangeOptions = {}): Promise<Reply> {
  const done = await exchange(to, requestBytes(r), { method: r.method ?? 'GET', ...options });
  const reply = done.replies.find((x) => x.status >= 200);
  if (reply === undefined)
    throw new Error(
      `no answer to ${r.method ?? 'GET'} ${r.target} (${done.end} after ${Math.round(done.elapsedMs)} ms): ${done.rest}`,
    );
  return reply;
}
