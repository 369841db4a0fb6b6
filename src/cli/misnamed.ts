import type { Problem } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { suggest } from '../config/suggest.ts';
import type { Place, SubjectPattern } from '../core/policy/rule.ts';

/** Everybody whom rules can mean. */
export interface Known {
  readonly users: ReadonlySet<string>;
  /** Those that somebody is in, ancestors included, and those with an entry of their own. */
  readonly groups: ReadonlySet<string>;
}

/**
 * People in rules, bindings and entitlements whom nobody is, for a spelling: where they are shut out, whoever was meant is
 * let in; where they are let in, whoever was meant is not. Warnings, one for each place and name.
 */
export function misnamed(settings: Settings, known: Known): Problem[] {
  return [...settings.rules.flatMap(ofRule), ...settings.apps.flatMap(ofApp)].flatMap((named) => doubt(named, known));

  function ofApp(app: Settings['apps'][number]): Named[] {
    const rights = (app.entitlements ?? []).flatMap(({ name, people = [], place }) =>
      place === undefined
        ? []
        : people.map((of) => ({ of, place, label: `app ${app.name}, entitlement ${name}`, isShut: false })),
    );
    return [...app.rules.flatMap(ofRule), ...rights];
  }
}

interface Named {
  readonly of: SubjectPattern;
  readonly place: Place;
  readonly label: string;
  /** Whoever this is does not get in. */
  readonly isShut: boolean;
}

function ofRule({ subjects, outcome, place, label }: Settings['rules'][number]): Named[] {
  return subjects.flat().map((s) => {
    const isShut = s.kind === 'not' || outcome.kind === 'deny';
    return { of: s.kind === 'not' ? s.of : s, place, label, isShut };
  });
}

function doubt({ of, place, label, isShut }: Named, known: Known): Problem[] {
  if (of.kind !== 'user' && of.kind !== 'group') return [];
  const names = of.kind === 'user' ? known.users : known.groups;
  if (names.has(of.name)) return [];
  const who =
    of.kind === 'user' ? `the user ${of.name}, whom no account is` : `the group ${of.name}, in which nobody is`;
  const near = nearest(of.name, names);
  const hint = near === undefined ? 'Check the spelling; letter case counts.' : `Did you mean ${near}?`;
  const { file, line, column } = place;
  return [
    { severity: 'warning', file, line, column, message: `${label} ${isShut ? 'shuts out' : 'names'} ${who}.`, hint },
  ];
}

/** Looking for what was meant takes time with every name there is. */
const MOST_COMPARED = 5000;

/** The name that was most likely meant; undefined when none is near, or when there are too many to look through. */
export function nearest(name: string, names: ReadonlySet<string>): string | undefined {
  return names.size > MOST_COMPARED ? undefined : suggest(name, names);
}
