import type { RawApp } from '../schema-app.ts';
import type { Compile } from './compiled.ts';

/** What compiles expressions; each is there when some app needs it. */
export interface Compilers {
  readonly cel: Compile | undefined;
  readonly python: Compile | undefined;
}

export const NO_COMPILERS: Compilers = { cel: undefined, python: undefined };

/** Loads what these apps need: most configurations hold no expression, and the parsers cost 15 ms each. */
export async function compilersFor(apps: readonly RawApp[]): Promise<Compilers> {
  const needsCel = apps.some((a) => a.backend !== undefined || a.host_header !== undefined);
  const needsPython = apps.some((a) => a.mappings !== undefined);
  return {
    cel: needsCel ? (await import('./cel.ts')).compileCel : undefined,
    python: needsPython ? (await import('./python.ts')).compilePython : undefined,
  };
}
