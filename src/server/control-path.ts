import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { answers } from './bind.ts';
import { type Control, type ControlledStore, serveControl } from './control.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where the control socket of a server with these configuration files may stand, best first: the server takes the
 * first directory it can have to itself, a client asks all of them in turn, because a shell and a service manager
 * differ in what they set. The name is a hash, for a socket path holds 107 bytes (unix(7)).
 */
export function controlPaths(configFiles: readonly string[], env: Environment): readonly string[] {
  const uid = process.getuid?.();
  if (uid === undefined) return [];
  const directories = [
    ...(env.RUNTIME_DIRECTORY?.split(':') ?? []),
    '/run/lintel',
    join(env.XDG_RUNTIME_DIR ?? `/run/user/${uid}`, 'lintel'),
    join(tmpdir(), `lintel-${uid}`),
  ];
  const files = configFiles.map((file) => realpathSync(file));
  const name = createHash('sha256').update(files.join('\0')).digest('hex').slice(0, 24);
  return [...new Set(directories)].map((directory) => join(directory, `${name}.sock`));
}

/** Serves at the first of these paths whose directory is, or can be made, private. Rejects when there is none. */
export async function openControl(paths: readonly string[], store: ControlledStore): Promise<Control> {
  const path = paths.find((p) => makePrivate(dirname(p)));
  if (path === undefined) throw new Error(`No private directory for the control socket: tried ${paths.join(', ')}.`);
  return serveControl({ path, store });
}

/** The first of these paths where a server answers, in a directory that nobody else could have made. */
export async function findControl(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (isPrivate(dirname(path)) && (await answers(path))) return path;
  return undefined;
}

function makePrivate(directory: string): boolean {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch {
    // There already, or not for us to make: judged next.
  }
  return isPrivate(directory);
}

/** In /tmp anybody may have made a directory, or a link, of this name. The socket itself is 0600 from its first moment. */
function isPrivate(directory: string): boolean {
  const found = lstatSync(directory, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
}
