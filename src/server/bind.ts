import { rmSync, statSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { codeOf } from '../core/thrown.ts';

export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Where a server came to listen. */
export interface Bound {
  /** "127.0.0.1:9091", "[::1]:9091" or "unix:/path", with the port that was given. */
  readonly address: string;
  /** undefined: a unix socket. */
  readonly port: number | undefined;
}

/** Listens at an address, a unix socket for its owner and group alone. Rejects with the system's error. */
export async function bind(server: Server, address: Address): Promise<Bound> {
  if (address.kind === 'unix') {
    await bindSocket(server, address.path, 0o660);
    return { address: `unix:${address.path}`, port: undefined };
  }
  const { host, port } = address;
  await listening(server, () => {
    // Node's own choice for every address is "::", and 0.0.0.0 where the system has no IPv6.
    if (host === '::') server.listen(port);
    else server.listen(port, host);
  });
  const bound = server.address();
  const given = bound !== null && typeof bound === 'object' ? bound.port : undefined;
  return { address: `${host.includes(':') ? `[${host}]` : host}:${given}`, port: given };
}

/**
 * Listens on a socket in the file system with these rights. What a crash left there is taken away; a socket that
 * somebody listens on, and a file of any other kind, stay. Rejects with the system's error.
 */
export async function bindSocket(server: Server, path: string, rights: 0o600 | 0o660): Promise<void> {
  if (await isLeftOver(path)) rmSync(path, { force: true });
  await listening(server, () => {
    // The socket is made within this call: no moment passes in which it is open to others.
    const umask = process.umask(0o777 & ~rights);
    server.listen(path);
    process.umask(umask);
  });
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    listen();
  });
}

/** True when a server listens on this socket. */
export async function answers(path: string): Promise<boolean> {
  return (await connectError(path)) === undefined;
}

/** Linux says ECONNREFUSED of a file that is no socket too; one that may not be asked, or is busy, belongs to somebody. */
async function isLeftOver(path: string): Promise<boolean> {
  if (codeOf(await connectError(path)) !== 'ECONNREFUSED') return false;
  return statSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}

/** Why nobody answers there; undefined: somebody does. */
function connectError(path: string): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.on('error', resolve);
  });
}
