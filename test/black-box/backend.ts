/** An app behind the gate that keeps the exact bytes it was sent. */
import { createServer, type Server, type Socket } from 'node:net';
import { dechunk } from './raw.ts';

export interface Arrival {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** In order of arrival, names as they came, values as latin1. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** All its bytes (latin1), head, body and trailers. */
  readonly raw: string;
  /** Which connection it came on, counted from 1. */
  readonly connection: number;
}

export interface Backend {
  readonly port: number;
  /** All arrivals since the start or the last `take`. */
  take(): Arrival[];
  /** What was left over on each connection when it closed: a request that was cut off, or bytes that are none. */
  readonly leftOver: () => readonly string[];
  close(): Promise<void>;
}

/** `answer` makes the raw answer to one request; the default is a small 200. */
export async function startBackend(answer: (a: Arrival) => string = () => plainAnswer('reached')): Promise<Backend> {
  let arrivals: Arrival[] = [];
  const leftOver: string[] = [];
  let connections = 0;
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const connection = ++connections;
    open.add(socket);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (;;) {
        const parsed = parseRequest(text, connection);
        if (parsed === undefined) return;
        text = text.slice(parsed.length);
        arrivals.push(parsed.arrival);
        socket.write(answer(parsed.arrival), 'latin1');
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (text !== '') leftOver.push(text);
      open.delete(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    take: () => {
      const taken = arrivals;
      arrivals = [];
      return taken;
    },
    leftOver: () => leftOver,
    close: () => {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export function plainAnswer(body: string, headers: readonly string[] = []): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${headers.map((h) => `${h}\r\n`).join('')}Content-Length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`;
}

function parseRequest(text: string, connection: number): { arrival: Arrival; length: number } | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const [requestLine = '', ...lines] = head.split('\r\n');
  const [method = '', target = '', version = ''] = requestLine.split(' ');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const value = (name: string) => headers.find(([n]) => n.toLowerCase() === name)?.[1];
  const from = end + 4;
  let body = '';
  let length = from;
  if (value('transfer-encoding') !== undefined) {
    const done = dechunk(text, from);
    if (done === undefined) return undefined;
    body = done.text;
    length = done.end;
  } else if (value('content-length') !== undefined) {
    length = from + Number(value('content-length'));
    if (text.length < length) return undefined;
    body = text.slice(from, length);
  }
  const raw = text.slice(0, length);
  return { arrival: { method, target, version, headers, body, raw, connection }, length };
}

/** The name as back ends compare it: WSGI, CGI and PHP know no other characters. */
export function folded(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-');
}

/** Every value that a back end which folds names would take for this header. */
export function foldedValues(a: Arrival, name: string): string[] {
  return a.headers.filter(([n]) => folded(n) === folded(name)).map(([, v]) => v);
}
