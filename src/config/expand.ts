import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Problem } from './problem.ts';
import type { Expand } from './yaml.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const EXPRESSION = /(\$?)\$\{(env|file):([^}]*)\}/g;

/**
 * `${env:NAME}` and `${file:PATH}` inside values; `$${env:…}` stays as text. Paths count from the file they are written
 * in; the line end at the end of a file is cut. What comes from a file is taken for a secret.
 */
export function expander(cwd: string, env: Environment, files: Set<string>, problems: Problem[]): Expand {
  return (text, place) => {
    if (!text.includes('${env:') && !text.includes('${file:')) return undefined;
    let secret = false;
    const fail = (message: string) => {
      problems.push({ ...place, severity: 'error', message });
      return '';
    };
    const value = text.replace(EXPRESSION, (whole, escaped: string, kind: string, argument: string) => {
      if (escaped !== '') return whole.slice(1);
      if (kind === 'env') return env[argument] ?? fail(`The environment variable ${argument} is not set.`);
      secret = true;
      const path = resolve(dirname(resolve(cwd, place.file)), argument);
      files.add(path);
      return readSecret(path) ?? fail(`The file ${path} cannot be read.`);
    });
    return { value, secret };
  };
}

/** The contents of a file of one value, without the line end; undefined when it cannot be read. */
export function readSecret(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch {
    return undefined;
  }
}
