import type { JsonObject } from '../../core/json.ts';
import { quoteName } from '../../core/text/quote.ts';
import { readAttributes } from './attribute-values.ts';
import { checkGroupName, checkKeys, field, groupNames, place, type Report } from './fields.ts';
import { isNothing, type Node, type Pair } from './node.ts';

/** A group that has an entry of its own. */
export interface Group {
  readonly name: string;
  /** In the order of the file; they need no entries. */
  readonly parents: readonly string[];
  readonly attributes: JsonObject;
  /** Where its name stands. */
  readonly at: Node;
  /** Where its parents stand. */
  readonly parentsAt: Node;
}

/** The groups with entries by name, in order of the file. */
export type Groups = ReadonlyMap<string, Group>;

/** One group from its entry; undefined when it cannot be one. Problems are reported. */
export function readGroup(entry: Pair, report: Report): Group | undefined {
  const { key, value } = entry;
  const name = key.text.trim();
  if (value.kind !== 'map' && !isNothing(value)) {
    const message = `The group ${quoteName(name)} is not a map.`;
    report({ severity: 'error', ...place(value), message, hint: 'It may have "parents:" and "attributes:".' });
    return undefined;
  }
  if (!checkGroupName(name, key, 'this file', report)) return undefined;
  const map = value.kind === 'map' ? value : { kind: 'map' as const, pairs: [], ...place(key) };
  checkKeys(name, map, KNOWN, report);
  return {
    name,
    parents: groupNames(map, 'parents', name, report),
    attributes: readAttributes(name, field(map, 'attributes')?.value, report),
    at: key,
    parentsAt: field(map, 'parents')?.key ?? key,
  };
}

const KNOWN: ReadonlySet<string> = new Set(['parents', 'attributes']);

/** The groups by name; a second one of a name and circles of parents are reported as errors. */
export function gatherGroups(read: readonly Group[], report: Report): Groups {
  const groups = new Map<string, Group>();
  for (const group of read) {
    const twin = groups.get(group.name);
    if (twin === undefined) groups.set(group.name, group);
    else {
      const message = `The group ${quoteName(group.name)} is there twice, the first time in line ${twin.at.line}.`;
      report({ severity: 'error', ...place(group.at), message, hint: 'Remove one of them.' });
    }
  }
  for (const circle of circles(groups)) reportCircle(circle, report);
  return groups;
}

/** The names and those of all their ancestors, nearest first; the very list that was given when there are none. */
export function withAncestors(names: readonly string[], groups: Groups): readonly string[] {
  const all = new Set(names);
  // A Set goes on with what is added while it is walked: breadth first, each once, and circles end.
  for (const name of all) for (const parent of groups.get(name)?.parents ?? []) all.add(parent);
  return all.size === names.length ? names : [...all];
}

interface Step {
  readonly group: Group;
  next: number;
}

const MAX_CIRCLES = 10;

/** Circles of parents: depth first without recursion, each group once, so that depth and size are only a matter of time. */
function circles(groups: Groups): readonly (readonly Group[])[] {
  const found: (readonly Group[])[] = [];
  const done = new Set<string>();
  for (const start of groups.values()) {
    const path: Step[] = done.has(start.name) ? [] : [{ group: start, next: 0 }];
    const depths = new Map([[start.name, 0]]);
    for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
      const name = step.group.parents[step.next++];
      if (name === undefined) {
        path.pop();
        depths.delete(step.group.name);
        done.add(step.group.name);
        continue;
      }
      const depth = depths.get(name);
      const parent = done.has(name) ? undefined : groups.get(name);
      if (depth !== undefined) found.push(path.slice(depth).map((s) => s.group));
      else if (parent !== undefined) {
        depths.set(name, path.length);
        path.push({ group: parent, next: 0 });
      }
      if (found.length >= MAX_CIRCLES) return found;
    }
  }
  return found;
}

const MAX_NAMED = 20;

function reportCircle(circle: readonly Group[], report: Report): void {
  const [first] = circle;
  if (first === undefined) return;
  const named = circle.slice(0, MAX_NAMED).map((g) => `${quoteName(g.name)} (line ${g.parentsAt.line})`);
  if (circle.length > MAX_NAMED) named.push(`${circle.length - MAX_NAMED} more`);
  const message = `These groups are their own ancestors: ${[...named, quoteName(first.name)].join(' → ')}.`;
  report({ severity: 'error', ...place(first.at), message, hint: 'Take one of these parents out.' });
}
