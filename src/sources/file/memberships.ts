import { suggest } from '../../config/suggest.ts';
import { mergeAttributes } from '../../core/attributes.ts';
import type { JsonObject } from '../../core/json.ts';
import { quoteName } from '../../core/text/quote.ts';
import { place, type Report } from './fields.ts';
import { type Groups, withAncestors } from './group.ts';

/** What a set of groups brings to each of its members, who share it. */
export interface Membership {
  readonly groups: readonly string[];
  /** With all ancestors. */
  readonly memberships: readonly string[];
  /** Those of all of these groups, merged. */
  readonly attributes: JsonObject;
}

/**
 * Memberships of one state of the file. One that did not change is the very object of the state before, so that users
 * are compared by it.
 */
export class Memberships {
  readonly #groups: Groups;
  readonly #before: ReadonlyMap<string, Membership>;
  readonly #known = new Map<string, Membership>();

  constructor(groups: Groups, before: ReadonlyMap<string, Membership>) {
    this.#groups = groups;
    this.#before = before;
  }

  /** By what `of` was asked for. */
  get known(): ReadonlyMap<string, Membership> {
    return this.#known;
  }

  of(groups: readonly string[]): Membership {
    const key = groups.join('\0');
    let membership = this.#known.get(key);
    if (membership === undefined) {
      membership = this.#make(groups, this.#before.get(key));
      this.#known.set(key, membership);
    }
    return membership;
  }

  #make(groups: readonly string[], before: Membership | undefined): Membership {
    const memberships = withAncestors(groups, this.#groups);
    const described = memberships.flatMap((name) => this.#groups.get(name) ?? []);
    const attributes = mergeAttributes(
      described.toSorted((a, b) => byCodePoint(a.name, b.name)).map((group) => group.attributes),
    );
    const isSame =
      before !== undefined &&
      isSameList(before.memberships, memberships) &&
      isSameList(before.groups, groups) &&
      isSameJson(before.attributes, attributes);
    return isSame ? before : { groups, memberships, attributes };
  }
}

/** UTF-8 sorts as code points do; UTF-16, which `<` compares, does not. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((item, i) => item === b[i]));
}

/** The order of members counts: of two spellings of a header the later wins. */
export function isSameJson(a: JsonObject, b: JsonObject): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

const MAX_COMPARED = 1000;
/** Of a name, for a slip to be told from another name. */
const MIN_LENGTH = 4;

/** Parents that nobody is in and that have no entry are fine, but often a slip of the pen. */
export function checkParents(groups: Groups, used: Iterable<Membership>, report: Report): void {
  const parents = new Map<string, string>();
  for (const group of groups.values()) for (const parent of group.parents) parents.set(parent, group.name);
  for (const name of groups.keys()) parents.delete(name);
  if (parents.size === 0) return;
  const known = new Set(groups.keys());
  for (const membership of used) for (const name of membership.groups) known.add(name);
  if (known.size > MAX_COMPARED) return;
  for (const [parent, child] of [...parents].slice(0, MAX_COMPARED / 10)) {
    const near = known.has(parent) || parent.length < MIN_LENGTH ? undefined : suggest(parent, known);
    const at = groups.get(child)?.parentsAt;
    if (near === undefined || at === undefined) continue;
    const message = `Nobody is in the group ${quoteName(parent)}, a parent of ${quoteName(child)}. Did you mean ${quoteName(near)}?`;
    report({
      severity: 'warning',
      ...place(at),
      message,
      hint: `If not, give it an entry, ${quoteName(parent)}, below groups:.`,
    });
  }
}
