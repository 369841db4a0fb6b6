/** Malformed and contradictory requests as bytes, for any face. */

/** What a well-formed request to one face looks like, so that each case breaks exactly one thing. */
export interface Face {
  readonly name: string;
  readonly host: string;
  readonly target: string;
  /** Headers besides Host. */
  readonly headers: readonly string[];
}

export interface BadRequest {
  readonly name: string;
  readonly bytes: (f: Face) => string | readonly string[];
  /** Error id that must be told; default: any. */
  readonly id?: RegExp;
  /** The answer has no id because there can be none: why. */
  readonly silent?: string;
  /** Faces that may answer it as usual, and why. */
  readonly fine?: Readonly<Record<string, string>>;
}

const lines = (...all: readonly string[]) => `${all.join('\r\n')}\r\n\r\n`;

/** The good request with other or more headers. */
function request(
  f: Face,
  o: {
    target?: string;
    method?: string;
    version?: string;
    host?: readonly string[];
    more?: readonly string[];
    body?: string;
  } = {},
): string {
  const first = `${o.method ?? 'GET'} ${o.target ?? f.target} ${o.version ?? 'HTTP/1.1'}`;
  return lines(first, ...(o.host ?? [`Host: ${f.host}`]), ...f.headers, ...(o.more ?? [])) + (o.body ?? '');
}

const withTarget = (target: (f: Face) => string) => (f: Face) => request(f, { target: target(f) });
const withHost =
  (...host: readonly string[]) =>
  (f: Face) =>
    request(f, { host: host.map((h) => h.replace('HOST', f.host)) });
const withHeaders =
  (...more: readonly string[]) =>
  (f: Face) =>
    request(f, { more });
const post =
  (...more: readonly string[]) =>
  (f: Face) =>
    request(f, { method: 'POST', more, body: '1\r\nZ\r\nQ' });

const many = (n: number) => Array.from({ length: n }, (_, i) => `X-Filler-${i}: ${i}`);

export const BAD: readonly BadRequest[] = [
  // Host
  { name: 'no Host', bytes: withHost() },
  { name: 'two different Hosts', bytes: withHost('Host: HOST', 'Host: evil.test') },
  { name: 'two equal Hosts', bytes: withHost('Host: HOST', 'Host: HOST') },
  { name: 'an empty Host', bytes: withHost('Host:') },
  { name: 'a list as Host', bytes: withHost('Host: HOST, evil.test') },
  { name: 'user information in Host', bytes: withHost('Host: HOST@evil.test') },
  { name: 'a port that is none', bytes: withHost('Host: HOST:http') },
  { name: 'a port beyond the last', bytes: withHost('Host: HOST:65536') },
  { name: 'a path in Host', bytes: withHost('Host: HOST/x') },
  { name: 'a space in Host', bytes: withHost('Host: ho st') },
  { name: 'a Host outside ASCII', bytes: withHost('Host: \u00ef\u00bc\u00a1pp.example.test') },
  { name: 'a NUL in Host', bytes: withHost('Host: HOST\u0000.evil.test') },
  {
    name: 'a Host that no app has',
    bytes: withHost('Host: nobody.test'),
    fine: { check: 'check endpoints stand on every host' },
  },

  // Request line
  { name: 'absolute form with another host', bytes: withTarget((f) => `http://evil.test${f.target}`) },
  { name: 'absolute form with the same host', bytes: withTarget((f) => `http://${f.host}${f.target}`) },
  { name: 'absolute form with a foreign scheme', bytes: withTarget((f) => `ftp://${f.host}${f.target}`) },
  { name: 'asterisk form', bytes: (f) => request(f, { method: 'OPTIONS', target: '*' }) },
  { name: 'authority form', bytes: withTarget(() => 'evil.test:443') },
  { name: 'CONNECT', bytes: (f) => request(f, { method: 'CONNECT', target: 'evil.test:443' }) },
  { name: 'a path without its slash', bytes: withTarget(() => 'public/x') },
  { name: 'an empty target', bytes: withTarget(() => '') },
  { name: '# in the target', bytes: withTarget((f) => `${f.target}#/public`) },
  { name: '\\ in the target', bytes: withTarget((f) => `${f.target}\\..\\admin`) },
  { name: 'a NUL in the target', bytes: withTarget((f) => `${f.target}\u0000.js`) },
  { name: 'a TAB in the target', bytes: withTarget((f) => `${f.target}\t`) },
  { name: 'a space in the target', bytes: withTarget((f) => `${f.target} /x`) },
  { name: 'raw UTF-8 in the target', bytes: withTarget((f) => `${f.target}/\u00c3\u00a9`) },
  { name: 'a bad percent escape', bytes: withTarget((f) => `${f.target}/%zz`) },
  { name: 'half a percent escape', bytes: withTarget((f) => `${f.target}/%4`) },
  { name: 'an encoded NUL', bytes: withTarget((f) => `${f.target}/%00`) },
  { name: 'an encoded line break', bytes: withTarget((f) => `${f.target}/%0d%0aX-A:%20b`) },
  { name: 'overlong UTF-8', bytes: withTarget((f) => `${f.target}/%c0%af`) },
  { name: 'dots that climb above the root', bytes: withTarget(() => '/../../etc/passwd') },
  {
    name: 'a target of 20 KiB',
    bytes: withTarget((f) => `${f.target}/${'a'.repeat(20_480)}`),
    id: /^REQUEST-TOO-LARGE$/,
  },
  { name: 'an unknown method', bytes: (f) => request(f, { method: 'FOO' }) },
  { name: 'a method in small letters', bytes: (f) => request(f, { method: 'get' }) },
  { name: 'a method of 10 KiB', bytes: (f) => request(f, { method: 'A'.repeat(10_240) }) },

  // Version
  { name: 'HTTP/0.9', bytes: (f) => `GET ${f.target}\r\n\r\n` },
  { name: 'HTTP/1.0 without Host', bytes: (f) => request(f, { version: 'HTTP/1.0', host: [] }) },
  { name: 'HTTP/2.0 in a request line', bytes: (f) => request(f, { version: 'HTTP/2.0' }) },
  { name: 'HTTP/9.9', bytes: (f) => request(f, { version: 'HTTP/9.9' }) },
  { name: 'the preface of HTTP/2', bytes: () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
  {
    name: 'a PROXY preamble, version 1',
    bytes: (f) => `PROXY TCP4 198.51.100.7 127.0.0.1 5000 80\r\n${request(f)}`,
    id: /^PEER-PREAMBLE$/,
  },
  {
    name: 'a PROXY preamble, version 2',
    bytes: (f) =>
      `\r\n\r\n\u0000\r\nQUIT\n\u0021\u0011\u0000\u000c\u007f\u0000\u0000\u0001\u007f\u0000\u0000\u0001\u0000\u0050\u0000\u0050${request(f)}`,
    id: /^PEER-PREAMBLE$/,
  },
  { name: 'a TLS greeting', bytes: () => '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003' },
  { name: 'rubbish', bytes: () => '\u00ff\u00fe\u0000\u0001hello\r\n\r\n' },

  // Header lines
  { name: 'obs-fold', bytes: withHeaders('X-Folded: a\r\n b') },
  { name: 'a bare LF in a value', bytes: withHeaders('X-Bad: a\nRemote-User: admin') },
  { name: 'a bare CR in a value', bytes: withHeaders('X-Bad: a\rRemote-User: admin') },
  { name: 'bare LF as line ends', bytes: (f) => request(f).replaceAll('\r\n', '\n') },
  { name: 'a NUL in a value', bytes: withHeaders('X-Bad: a\u0000b') },
  { name: 'a NUL in a name', bytes: withHeaders('X-B\u0000ad: a') },
  { name: 'a space before the colon', bytes: withHeaders('Remote-User : admin') },
  { name: 'a line without a colon', bytes: withHeaders('Nonsense') },
  { name: 'a header without a name', bytes: withHeaders(': value') },
  { name: 'a first header line that is folded', bytes: (f) => `GET ${f.target} HTTP/1.1\r\n Host: ${f.host}\r\n\r\n` },
  { name: 'a cookie of 20 KiB', bytes: withHeaders(`Cookie: a=${'b'.repeat(20_480)}`), id: /^REQUEST-TOO-LARGE$/ },
  { name: '101 headers', bytes: withHeaders(...many(101)), id: /^REQUEST-TOO-LARGE$/ },
  { name: '1000 headers', bytes: withHeaders(...many(1_000)), id: /^REQUEST-TOO-LARGE$/ },
  { name: '3000 headers', bytes: withHeaders(...many(3_000)), id: /^REQUEST-TOO-LARGE$/ },
  { name: 'a header of 100 KiB', bytes: withHeaders(`X-Big: ${'x'.repeat(102_400)}`), id: /^REQUEST-TOO-LARGE$/ },
  { name: 'an Expect that nobody knows', bytes: withHeaders('Expect: the-unexpected'), id: /^EXPECT-UNKNOWN$/ },

  // Framing
  { name: 'Content-Length and Transfer-Encoding', bytes: post('Content-Length: 4', 'Transfer-Encoding: chunked') },
  { name: 'two Content-Lengths', bytes: post('Content-Length: 4', 'Content-Length: 5') },
  { name: 'a list as Content-Length', bytes: post('Content-Length: 4, 4') },
  { name: 'a sign in Content-Length', bytes: post('Content-Length: +4') },
  { name: 'a negative Content-Length', bytes: post('Content-Length: -1') },
  { name: 'a Content-Length that is no number', bytes: post('Content-Length: 0x4') },
  { name: 'a Content-Length beyond all numbers', bytes: post('Content-Length: 99999999999999999999') },
  { name: 'Transfer-Encoding: xchunked', bytes: post('Transfer-Encoding: xchunked') },
  { name: 'Transfer-Encoding: identity', bytes: post('Transfer-Encoding: identity') },
  { name: 'Transfer-Encoding: chunked, identity', bytes: post('Transfer-Encoding: chunked, identity') },
  { name: 'Transfer-Encoding twice', bytes: post('Transfer-Encoding: chunked', 'Transfer-Encoding: identity') },
  {
    name: 'Transfer-Encoding in HTTP/1.0',
    bytes: (f) =>
      request(f, { method: 'POST', version: 'HTTP/1.0', more: ['Transfer-Encoding: chunked'], body: '0\r\n\r\n' }),
  },
];
