/** The yardstick: what node:http itself costs for the very same request and the same four headers in the answer. */
import http from 'node:http';

const HEADERS = [
  ...['Content-Type', 'text/plain; charset=utf-8', 'Remote-User', 'alice', 'Remote-Groups', 'admins,dev'],
  ...['Remote-Name', 'Alice Adams', 'Remote-Email', 'alice@example.com', 'Content-Length', '6'],
];
const server = http.createServer((_req, res) => {
  res.writeHead(200, HEADERS);
  res.end('200 OK', 'latin1');
});
server.listen(Number(process.argv[2]), '127.0.0.1');
