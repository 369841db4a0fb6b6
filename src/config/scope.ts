import { dirname, isAbsolute, resolve } from 'node:path';
import type { Place } from '../core/policy/rule.ts';
import { type Compilers, NO_COMPILERS } from './expression/compilers.ts';
import type { Problem } from './problem.ts';
import { keyOrigin, type Node, nearest, type Path, placeOf } from './tree.ts';

/** What the readers of each section share: where things stand, and one list for everything that is wrong. */
export class Scope {
  readonly problems: Problem[] = [];
  /** Files that the configuration depends on, beside those it was read from. */
  readonly files = new Set<string>();
  /** Loaded before anything is read, because reading does not wait. */
  readonly compilers: Compilers;
  readonly #tree: Node;
  readonly #cwd: string;
  readonly #broken: ReadonlySet<string>;

  /** `broken`: paths (see `pathKey`) that stand for something unreadable, about which everything is said already. */
  constructor(tree: Node, cwd: string, broken: ReadonlySet<string>, compilers = NO_COMPILERS) {
    this.#tree = tree;
    this.#cwd = cwd;
    this.#broken = broken;
    this.compilers = compilers;
  }

  place(path: Path): Place {
    return placeOf(nearest(this.#tree, path).origin);
  }

  keyPlace(path: Path): Place {
    return placeOf(keyOrigin(this.#tree, path));
  }

  isBroken(path: Path): boolean {
    return this.#broken.has(pathKey(path));
  }

  error(path: Path, message: string, hint?: string): undefined {
    this.add('error', this.place(path), message, hint);
  }

  warn(path: Path, message: string, hint?: string): void {
    this.add('warning', this.place(path), message, hint);
  }

  /** For findings about something that carries its place with it. */
  add(severity: Problem['severity'], place: Place, message: string, hint?: string): void {
    const { file, line, column } = place;
    this.problems.push({ file, line, column, severity, message, ...(hint === undefined ? {} : { hint }) });
  }

  /** A path relative to the file it is written in; from the environment or a default: to the working directory. */
  file(path: Path, written: string): string {
    if (isAbsolute(written)) return written;
    const { origin } = nearest(this.#tree, path);
    const base = origin.kind === 'file' ? dirname(resolve(this.#cwd, origin.place.file)) : this.#cwd;
    return resolve(base, written);
  }
}

export function pathKey(path: Path): string {
  return path.join('\u0000');
}

/** One or several, as a list with the path of each. */
export function listed(value: string | readonly string[] | undefined, path: Path): readonly [string, Path][] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [[value, path]] : value.map((v, i) => [v, [...path, i]]);
}
