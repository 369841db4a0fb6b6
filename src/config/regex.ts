import { createRequire } from 'node:module';
import type { Regex } from '../core/policy/rule.ts';
import { err, ok, type Result } from '../core/result.ts';
import { isNativeText, nativeRegex } from './native-regex.ts';

/**
 * A regular expression in RE2's syntax (Go's, linear time), searched for anywhere in the text unless it is anchored.
 * The error says in a few words what the syntax is not.
 */
export function compileRegex(source: string): Result<Regex, string> {
  const native = nativeRegex(source);
  if (native === undefined) return throughRe2(source);
  const { regex, groups } = native;
  if (!isBoundOnce(groups)) return err(TWICE);
  const user = groups.findIndex((g) => isNamed(g, 'user'));
  const group = groups.findIndex((g) => isNamed(g, 'group'));
  let whole: Result<Regex, string> | undefined;
  const re2 = () => {
    whole ??= throughRe2(source);
    return whole.ok ? whole.value : undefined;
  };
  return ok({
    source,
    bindsSubject: user >= 0 || group >= 0,
    test: (text) => (isNativeText(text) ? regex.test(text) : re2()?.test(text) === true),
    captures: (text) => {
      if (!isNativeText(text)) return re2()?.captures(text);
      const m = regex.exec(text);
      return m === null ? undefined : pick(m, user, group);
    },
  });
}

const TWICE = 'it names the group User or Group twice';

/** A named group that took no part in the match is empty, as in Go: nobody's name, where undefined would bind nothing. */
function pick(m: RegExpExecArray, user: number, group: number) {
  return { user: user < 0 ? undefined : (m[user + 1] ?? ''), group: group < 0 ? undefined : (m[group + 1] ?? '') };
}

function isNamed(name: string, wanted: string): boolean {
  return name.toLowerCase() === wanted;
}

function isBoundOnce(names: readonly string[]): boolean {
  return ['user', 'group'].every((wanted) => names.filter((n) => isNamed(n, wanted)).length < 2);
}

function throughRe2(source: string): Result<Regex, string> {
  const { RE2JS } = engine();
  const compiled = attempt(() => RE2JS.compile(source));
  if (!compiled.ok) return compiled;
  const re = compiled.value;
  const named = Object.entries(re.namedGroups());
  if (!isBoundOnce(named.map(([name]) => name))) return err(TWICE);
  const user = named.find(([name]) => isNamed(name, 'user'))?.[1];
  const group = named.find(([name]) => isNamed(name, 'group'))?.[1];
  return ok({
    source,
    bindsSubject: user !== undefined || group !== undefined,
    test: (text) => re.test(text),
    captures: (text) => {
      if (!re.test(text)) return undefined;
      const m = re.matcher(text);
      if (!m.find()) return undefined;
      const value = (index: number | undefined) => (index === undefined ? undefined : (m.group(index) ?? ''));
      return { user: value(user), group: value(group) };
    },
  });
}

let loaded: typeof import('re2js') | undefined;

/** Loaded when the first expression needs it: most configurations have none that does. */
function engine(): typeof import('re2js') {
  loaded ??= load();
  return loaded;
}

function load(): typeof import('re2js') {
  return createRequire(import.meta.url)('re2js');
}

function attempt<T>(compile: () => T): Result<T, string> {
  try {
    return ok(compile());
  } catch (e) {
    const message = e instanceof Error ? e.message : String(e);
    return err(message.replace(/^error parsing regexp: /, ''));
  }
}

/** True when it is tied to the start (and, for `both`, the end) of the text in each of its alternatives. */
export function isAnchored(source: string, ends: 'start' | 'both'): boolean {
  const body = source.replace(/^\(\?[a-zA-Z]+\)/, '');
  if (hasTopLevelBar(body)) return false;
  const start = /^(\^|\\A|\.\*)/.test(body);
  return start && (ends === 'start' || /(^|[^\\])(\\\\)*(\$|\\z|\.\*)$/.test(body));
}

function hasTopLevelBar(source: string): boolean {
  let depth = 0;
  let inClass = false;
  for (let i = 0; i < source.length; i++) {
    const c = source[i];
    if (c === '\\') i++;
    else if (inClass) inClass = c !== ']';
    else if (c === '[') inClass = true;
    else if (c === '(') depth++;
    else if (c === ')') depth--;
    else if (c === '|' && depth === 0) return true;
  }
  return false;
}
