import { suggest } from '../../config/suggest.ts';
import { quoteName } from '../../core/text/quote.ts';
import { isNothing, type Mapping, type Node, type Pair, type UserFileProblem } from './node.ts';

/** Takes each problem as it is met. */
export type Report = (problem: UserFileProblem) => void;

// Control, formatting (bidi overrides, zero-width), separators but the space, private, unassigned, lone surrogates.
export const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

export function place(at: Node): { line: number; column: number } {
  return { line: at.line, column: at.column };
}

export function field(map: Mapping, key: string): Pair | undefined {
  return map.pairs.find((p) => p.key.text === key);
}

/** One text; empty when it is absent. */
export function text(map: Mapping, key: string, report: Report): string {
  const value = field(map, key)?.value;
  if (value === undefined || isNothing(value)) return '';
  if (value.kind === 'scalar') return value.text.trim();
  report({ severity: 'error', ...place(value), message: `${quoteName(key)} is not a text.`, hint: 'Write one value.' });
  return '';
}

/** One text or a list of them. */
export function texts(map: Mapping, key: string, report: Report): string[] {
  const value = field(map, key)?.value;
  if (value === undefined || isNothing(value)) return [];
  const out: string[] = [];
  for (const item of value.kind === 'list' ? value.items : [value]) {
    if (item.kind === 'scalar') out.push(isNothing(item) ? '' : item.text.trim());
    else {
      const message = `${quoteName(key)} is not a list of texts.`;
      report({ severity: 'error', ...place(item), message, hint: 'Write one text for each "-".' });
    }
  }
  return out;
}

/** Names of groups below a key, each once. Empty and doubtful ones are reported; `of` names whose they are. */
export function groupNames(map: Mapping, key: string, of: string, report: Report): string[] {
  const at = field(map, key)?.key ?? map;
  const kept = new Set<string>();
  for (const group of texts(map, key, report)) {
    if (checkGroupName(group, at, of, report)) kept.add(group);
  }
  return [...kept];
}

/** Reports what is wrong or doubtful about the name of a group; false when it cannot be one. */
export function checkGroupName(group: string, at: Node, of: string, report: Report): boolean {
  const about = (severity: 'error' | 'warning', message: string) => report({ severity, ...place(at), message });
  if (group === '') {
    about('warning', `A group of ${quoteName(of)} is empty; it is left out.`);
    return false;
  }
  if (INVISIBLE.test(group)) {
    about('error', `The group ${quoteName(group)} holds a control or invisible character.`);
    return false;
  }
  for (const [separator, header] of SEPARATORS) {
    if (!group.includes(separator)) continue;
    about(
      'warning',
      `The group ${quoteName(group)} holds "${separator}": it counts in rules but is left out of ${header}.`,
    );
  }
  return true;
}

const SEPARATORS = [
  [',', 'Remote-Groups'],
  ['|', 'X-authentik-groups'],
] as const;

/** Reports keys that are there twice, and those that nobody knows. */
export function checkKeys(of: string, map: Mapping, known: ReadonlySet<string>, report: Report): void {
  const seen = new Set<string>();
  for (const { key } of map.pairs) {
    if (seen.has(key.text)) {
      const message = `${quoteName(key.text)} of ${quoteName(of)} is there twice.`;
      report({ severity: 'error', ...place(key), message, hint: 'Keep one of them.' });
    }
    seen.add(key.text);
    if (known.has(key.text)) continue;
    const message = `${quoteName(key.text)} of ${quoteName(of)} is not an attribute that is known here; it is ignored.`;
    const near = suggest(key.text, known);
    const hint = near === undefined ? 'Attributes of your own stand below "attributes:".' : `Did you mean ${near}?`;
    report({ severity: 'warning', ...place(key), message, hint });
  }
}
