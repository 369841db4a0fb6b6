import type { PathPattern } from '../core/policy/rule.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { Refusal } from './address.ts';

/**
 * Paths in rules, compared with the decoded path, letter case and all.
 *
 *   prefix  /api        /api itself and everything below /api/, not /apix
 *           /api/       everything below, not /api itself
 *   glob    *           within one segment, also none of its characters
 *           **          a segment of its own: any number of segments (as the last one at least one, maybe empty)
 */
export function parsePathPattern(source: string): Result<PathPattern, Refusal> {
  if (!source.startsWith('/'))
    return err([`The path ${source} does not begin with a slash.`, `Write it as /${source}.`]);
  if (source.includes('?')) {
    return err([
      `The path ${source} has a "?".`,
      'Paths are compared without the query; test it with query: or resources:.',
    ]);
  }
  if (/\/\/|\/\.{1,2}(\/|$)/.test(source)) {
    return err([`The path ${source} is not in its simplest form.`, 'Write single slashes and no dot segments.']);
  }
  if (/%(?!2F)/.test(source)) {
    return err([`The path ${source} has a percent escape.`, 'Write the character itself; only %2F stays as it is.']);
  }
  if (!source.includes('*')) return ok({ source, test: prefix(source) });
  const segments = source.slice(1).split('/');
  if (segments.some((s) => s.includes('**') && s !== '**')) {
    return err([
      `In ${source}, ** stands beside other characters.`,
      'Let ** be a segment of its own, as in /public/**.',
    ]);
  }
  return ok({ source, test: glob(segments) });
}

function prefix(source: string): (path: string) => boolean {
  if (source.endsWith('/')) return (path) => path.startsWith(source);
  const { length } = source;
  return (path) => path.startsWith(source) && (path.length === length || path.charCodeAt(length) === 0x2f);
}

/** Goes back to the last ** only, which suffices for wildcards: time is bounded by segments times segments. */
function glob(pattern: readonly string[]): (path: string) => boolean {
  const tests = pattern.map((p) => (p === '**' ? undefined : segment(p)));
  const last = tests.length - 1;
  return (path) => {
    const parts = path.slice(1).split('/');
    let [i, j, star, resume] = [0, 0, -1, 0];
    while (i < parts.length) {
      const test = tests[j];
      if (j <= last && test === undefined) {
        if (j === last) return true;
        [star, resume, j] = [j, i, j + 1];
      } else if (test?.(parts[i] ?? '') === true) [i, j] = [i + 1, j + 1];
      else if (star >= 0) [resume, i, j] = [resume + 1, resume + 1, star + 1];
      else return false;
    }
    return j > last;
  };
}

function segment(pattern: string): (text: string) => boolean {
  const [head = '', ...middle] = pattern.split('*');
  const tail = middle.pop();
  if (tail === undefined) return (text) => text === pattern;
  return (text) => {
    if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail)) return false;
    let from = head.length;
    const end = text.length - tail.length;
    for (const part of middle) {
      const found = text.indexOf(part, from);
      if (found < 0 || found + part.length > end) return false;
      from = found + part.length;
    }
    return true;
  };
}
