/** git's own server for repositories over HTTP (`git http-backend`, a CGI program), which takes the name from a header. */
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { partPath, type Scope } from '../parts.ts';

/** Serves the repositories below `root`; returns the port. */
export async function startGit(scope: Scope, root: string): Promise<number> {
  const server = createServer((req, res) => cgi(root, req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function cgi(root: string, req: IncomingMessage, res: ServerResponse): void {
  const { pathname, search } = new URL(req.url ?? '', 'http://git');
  const header = (name: string) => String(req.headers[name] ?? '');
  const env = {
    PATH: process.env.PATH ?? '',
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    REQUEST_METHOD: req.method ?? '',
    PATH_INFO: decodeURIComponent(pathname),
    QUERY_STRING: search.slice(1),
    CONTENT_TYPE: header('content-type'),
    HTTP_CONTENT_ENCODING: header('content-encoding'),
    HTTP_GIT_PROTOCOL: header('git-protocol'),
    REMOTE_USER: header('remote-user'),
    REMOTE_ADDR: '127.0.0.1',
  };
  const program = spawn(partPath('git'), ['http-backend'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  program.stdin.on('error', () => {}); // it answers some requests without reading them
  req.pipe(program.stdin);
  let head = Buffer.alloc(0);
  program.stdout.on('data', (chunk: Buffer) => {
    if (res.headersSent) {
      res.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const lines = head.subarray(0, end).toString().split('\r\n');
    const fields = lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const);
    const status = fields.find(([name]) => name === 'Status')?.[1];
    res.writeHead(Number.parseInt(status ?? '200', 10), Object.fromEntries(fields.filter(([n]) => n !== 'Status')));
    res.write(head.subarray(end + 4));
  });
  program.stdout.on('end', () => res.end());
}
