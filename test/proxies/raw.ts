/** Requests as bytes over TLS: no client library tidies up what a test wants to send. */
import { connect } from 'node:tls';

export interface Answer {
  readonly status: number;
  /** Lower-case names; of repeated headers the first. */
  readonly headers: ReadonlyMap<string, string>;
  readonly setCookies: readonly string[];
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly host: string;
  readonly path: string;
  /** Whole header lines, sent as they are after Host. */
  readonly lines?: readonly string[];
  /** Sent as it is after the empty line; its framing is among the lines. */
  readonly body?: string;
}

/** Sends one request on a connection of its own and reads until the server closes it. */
export function ask(port: number, { method = 'GET', host, path, lines = [], body = '' }: Ask): Promise<Answer> {
  const hasConnection = lines.some((line) => /^connection:/i.test(line));
  const head = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    ...lines,
    ...(hasConnection ? [] : ['Connection: close']),
    '',
    '',
  ].join('\r\n');
  return exchange(port, /^[\d.]+$/.test(host) ? 'app.example.com' : host, `${head}${body}`).then((text) =>
    parse(text, method),
  );
}

/** `bytes` in latin1, both ways. Resolves with whatever came when the server is done, at the latest after `within`. */
export function exchange(port: number, servername: string, bytes: string, within = 30_000): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false }, () =>
      socket.write(bytes, 'latin1'),
    );
    const timer = setTimeout(() => socket.destroy(), within);
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    // A server that refuses a request may reset the connection after its answer.
    socket.on('error', (error) => (text === '' ? reject(error) : undefined));
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}

export function parse(text: string, method = 'GET'): Answer {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end < 0 ? text.length : end).split('\r\n');
  const headers = new Map<string, string>();
  const setCookies: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'set-cookie') setCookies.push(value);
    if (!headers.has(name)) headers.set(name, value);
  }
  const raw = end < 0 || method === 'HEAD' ? '' : text.slice(end + 4);
  const body = headers.get('transfer-encoding') === 'chunked' ? dechunk(raw) : raw;
  return { status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1] ?? 0), headers, setCookies, body };
}

function dechunk(raw: string): string {
  let out = '';
  for (let at = 0; at < raw.length; ) {
    const line = raw.indexOf('\r\n', at);
    const size = Number.parseInt(raw.slice(at, line), 16);
    if (line < 0 || !(size > 0)) break;
    out += raw.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
  return out;
}

/** Cookies by host, as a browser that never shares between hosts keeps them. */
export type Jar = Map<string, Map<string, string>>;

export function cookieLine(jar: Jar, host: string): string {
  return [...(jar.get(host) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
}

/** Follows redirects from one https host to the next through the same proxy port, keeping cookies. */
export async function follow(port: number, jar: Jar, url: string, lines: readonly string[] = []): Promise<Answer> {
  let at = new URL(url);
  for (let hop = 0; hop < 12; hop++) {
    const cookies = cookieLine(jar, at.hostname);
    const answer = await ask(port, {
      host: at.hostname,
      path: at.pathname + at.search,
      lines: ['Accept: text/html', ...(cookies === '' ? [] : [`Cookie: ${cookies}`]), ...lines],
    });
    keep(jar, at.hostname, answer);
    const location = answer.headers.get('location');
    if (location === undefined || answer.status < 300 || answer.status > 399) return answer;
    at = new URL(location, at);
  }
  throw new Error(`more than twelve redirects from ${url}, the last to ${at.href}`);
}

export function keep(jar: Jar, host: string, answer: Answer): void {
  const cookies = jar.get(host) ?? new Map<string, string>();
  jar.set(host, cookies);
  for (const line of answer.setCookies) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (value === '' || /;\s*max-age=0/i.test(line)) cookies.delete(name);
    else cookies.set(name, value);
  }
}

/** Signs in through the portal's API and opens `appUrl`, so that the jar holds the app's own cookie. */
export async function signIn(port: number, jar: Jar, user: string, password: string, appUrl: string): Promise<Answer> {
  const host = 'auth.example.com';
  const body = JSON.stringify({ username: user, password, keepMeLoggedIn: false });
  const answer = await ask(port, {
    method: 'POST',
    host,
    path: '/api/firstfactor',
    lines: [`Origin: https://${host}`, 'Content-Type: application/json', `Content-Length: ${body.length}`],
    body,
  });
  if (answer.status !== 200) throw new Error(`sign-in as ${user} was answered ${answer.status}: ${answer.body}`);
  keep(jar, host, answer);
  return follow(port, jar, appUrl);
}
