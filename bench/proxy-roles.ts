/**
 * The processes of bench/proxy.ts: `proxy-roles.ts ROLE PORT UPSTREAM_PORT`.
 */
import { createHash } from 'node:crypto';
import http from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { upstreamOf } from '../src/core/app.ts';
import { createForwarder } from '../src/proxy/forward.ts';

const BODY = 'x'.repeat(1024);
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${BODY.length}\r\nETag: "5f3e-1a2b"\r\nCache-Control: private\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n${BODY}`,
);
const IDENTITY = [
  'Remote-User',
  'alice',
  'Remote-Groups',
  'dev,ops',
  'Remote-Name',
  'Alice',
  'Remote-Email',
  'a@b.test',
];
const OWNED = new Set(['remote-user', 'remote-groups', 'remote-name', 'remote-email']);

function backend(socket: Socket): void {
  let rest = '';
  socket.setNoDelay(true);
  socket.on('data', (chunk) => {
    rest += chunk.toString('latin1');
    for (let end = rest.indexOf('\r\n\r\n'); end >= 0; end = rest.indexOf('\r\n\r\n')) {
      rest = rest.slice(end + 4);
      socket.write(ANSWER);
    }
  });
  socket.on('error', () => {});
}

function forwarder(port: number): http.Server {
  const upstream = upstreamOf('127.0.0.1', port);
  const proxy = createForwarder({
    ownedFolds: OWNED,
    isOurCookie: (name) => name === '__Host-lintel' || name === 'lintel',
    onRefusedCookie: () => {},
  });
  return http.createServer((req, res) => {
    proxy.forward({
      req,
      res,
      wire: {
        method: req.method ?? '',
        target: req.url ?? '',
        headers: req.rawHeaders,
        peer: { kind: 'unix' },
        encrypted: false,
      },
      upstream,
      identity: IDENTITY,
      clientAddress: '127.0.0.1',
      scheme: 'http',
      host: 'app.example.test',
      port: 80,
      hostHeader: undefined,
      authorization: 'pass',
      onFault: (f) => res.writeHead(502).end(f.detail),
    });
  });
}

const MiB = 1024 * 1024;
const PIECE = Buffer.alloc(65536, 'x');

/** `/N` answers N MiB, a body is read and thrown away, a WebSocket is agreed to and left alone. */
function streams(): http.Server {
  const server = http.createServer((req, res) => {
    if (req.method === 'PUT') {
      req.resume();
      req.on('end', () => res.end('taken'));
      return;
    }
    let left = (Number(req.url?.slice(1)) || 0) * MiB;
    res.writeHead(200, { 'Content-Length': left });
    const more = () => {
      while (left > 0) {
        left -= PIECE.length;
        if (!res.write(PIECE)) return;
      }
      res.end();
    };
    res.on('drain', more);
    more();
  });
  server.on('upgrade', (req, socket) => {
    const accept = createHash('sha1').update(`${req.headers['sec-websocket-key']}${GUID}`).digest('base64');
    const head = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}`;
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${head}\r\n\r\n`);
    socket.on('error', () => {});
    socket.resume();
  });
  return server;
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** What a first attempt looks like: node:http on both sides, headers copied. */
function crude(port: number): http.Server {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
  return http.createServer((req, res) => {
    const headers = [...req.rawHeaders, ...IDENTITY];
    const forwarded = http.request(
      { host: '127.0.0.1', port, agent, method: req.method, path: req.url, headers },
      (up) => {
        res.writeHead(up.statusCode ?? 502, up.rawHeaders);
        up.pipe(res);
      },
    );
    forwarded.on('error', () => res.destroy());
    req.pipe(forwarded);
  });
}

/** Not a proxy: what node:http itself costs for this request and this answer. */
function bare(): http.Server {
  return http.createServer((_req, res) => {
    res.writeHead(200, [
      'Content-Type',
      'text/plain; charset=utf-8',
      'Content-Length',
      '1024',
      'ETag',
      '"5f3e-1a2b"',
      'Cache-Control',
      'private',
    ]);
    res.end(BODY, 'latin1');
  });
}

const [role = '', port, upstream] = process.argv.slice(2);
const roles = new Map<string, () => Server>([
  ['backend', () => createServer(backend)],
  ['forwarder', () => forwarder(Number(upstream))],
  ['crude', () => crude(Number(upstream))],
  ['bare', bare],
  ['streams', streams],
]);
const make = roles.get(role);
if (make === undefined) throw new Error(`no such role: ${role}`);
make().listen(Number(port), '127.0.0.1');
