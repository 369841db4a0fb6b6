import type { ListenAddress, Settings } from '../config/settings.ts';
import { messageOf } from '../core/thrown.ts';

/** Why a start failed, as somebody can act on it: what happened, why, what to do. One line, no full path of a program. */
export function startFailure(
  error: unknown,
  settings: Pick<Settings, 'metrics'> & Partial<Pick<Settings, 'grpc'>>,
): string {
  const { code, where, port } = factsOf(error);
  const key = isAt(where, settings.metrics) ? 'metrics' : isAt(where, settings.grpc) ? 'grpc' : 'listen';
  switch (code) {
    case 'EADDRINUSE':
      return `${where} is taken by another program, or by a Lintel that runs already. Stop it, or change ${key}: in the configuration.`;
    case 'EACCES':
      return `this account may not listen on ${where}. ${port < 1024 ? `Choose a port above 1023 for ${key}:, or give the service CAP_NET_BIND_SERVICE.` : `Check ${key}: in the configuration.`}`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${where} is no address of this machine. Correct ${key}: in the configuration.`;
    default:
      return messageOf(error);
  }
}

interface Facts {
  readonly code: string;
  /** "127.0.0.1:9091", the path of a socket, or a name that does not resolve. */
  readonly where: string;
  /** Infinity where there is none. */
  readonly port: number;
}

/** What Node says in the fields of a system error. */
function factsOf(error: unknown): Facts {
  const facts: Record<string, unknown> = error instanceof Error ? { ...error } : {};
  const host = String(facts.address ?? facts.hostname ?? '');
  const port = typeof facts.port === 'number' && facts.port >= 0 ? facts.port : undefined;
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    code: String(facts.code ?? ''),
    where: port === undefined ? host : `${shown}:${port}`,
    port: port ?? Number.POSITIVE_INFINITY,
  };
}

function isAt(where: string, address: ListenAddress | undefined): boolean {
  if (address === undefined) return false;
  if (address.kind === 'unix') return where === address.path;
  return where === `${address.host}:${address.port}` || where === `[${address.host}]:${address.port}`;
}
