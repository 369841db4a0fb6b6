import type { Facts, Import } from './syntax.ts';

/** What one part of src/ may import. Patterns are folders ("core/"), files ("gate.ts"), "node:" or packages. */
interface Boundary {
  readonly may: readonly string[];
  /** Only types of these: gone when the program runs. */
  readonly mayTypesOf?: readonly string[];
}

/** The table of imports that may exist. The first part whose pattern fits a file rules it. A part may import itself. */
const BOUNDARIES: readonly (readonly [part: string, boundary: Boundary])[] = [
  ['core/', { may: [] }],
  ['gate.ts', { may: ['core/', 'identify/'] }],
  ['identify/', { may: ['core/'] }],
  ['dialects/', { may: ['core/'] }],
  ['stores/', { may: ['core/', 'node:', 'ops/account.ts', 'ops/private-file.ts'] }],
  ['sources/', { may: ['core/', 'node:', 'yaml', 'bcryptjs', 'config/suggest.ts', 'ops/account.ts'] }],
  ['passwords/', { may: ['core/', 'node:', 'bcryptjs'] }],
  ['portal/', { may: ['core/', 'node:'], mayTypesOf: ['server/'] }],
  ['proxy/', { may: ['core/', 'node:'], mayTypesOf: ['server/'] }],
  ['config/expression/cel.ts', { may: ['core/', 'config/', '@marcbachmann/cel-js'] }],
  ['config/expression/cel-allowed.ts', { may: ['core/', 'config/'], mayTypesOf: ['@marcbachmann/cel-js'] }],
  ['config/expression/python.ts', { may: ['core/', 'config/', '@lezer/python'] }],
  ['config/expression/python-read.ts', { may: ['core/', 'config/'], mayTypesOf: ['@lezer/python'] }],
  ['config/expression/', { may: ['core/', 'config/'] }],
  [
    'config/',
    {
      may: ['core/', 'node:', 'zod', 'yaml', 're2js', 'dialects/table.ts', 'stores/table.ts', 'sources/table.ts'],
    },
  ],
  ['server/', { may: ['core/', 'node:', 'ops/private-file.ts'] }],
  ['ops/', { may: ['core/', 'node:', 'pino', 'prom-client'] }],
  ['cli/', { may: ['*'] }],
  ['main.ts', { may: ['*'] }],
];

/** Values that a check earned; each is minted on the lines of one smart constructor, counted here. */
export const MINTS: ReadonlyMap<string, number> = new Map([
  ['core/text/host.ts', 2],
  ['core/session.ts', 2],
  ['core/peer.ts', 1],
  ['core/text/return-to.ts', 1],
  ['portal/html.ts', 1],
]);

const MEANINGLESS = /(^|\/)(utils?|helpers?|common|shared|lib|misc|types)\//;

/** Every breach of the house rules in these files, one line each: file, line, what, and what to do. */
export function breaches(all: readonly Facts[]): string[] {
  return [
    ...all.flatMap(boundaryBreaches),
    ...cycles(all),
    ...all.flatMap((f) => [...purityBreaches(f), ...typeBreaches(f), ...shapeBreaches(f)]),
  ];
}

/** Files and functions over the budget: a number to look at, not a linter to please. */
export function overBudget(all: readonly Facts[]): string[] {
  return all.flatMap((f) => [
    ...(f.lines > 300 ? [`${f.file}: ${f.lines} lines; is there one idea in it?`] : []),
    ...f.functions.filter((x) => x.lines > 80).map((x) => `${f.file}:${x.line}: ${x.name} has ${x.lines} lines`),
  ]);
}

function boundaryBreaches(f: Facts): string[] {
  const boundary = BOUNDARIES.find(([part]) => fits(f.file, part));
  if (boundary === undefined) return [`${f.file}: no line of the import table is about it; add one`];
  const [part, { may, mayTypesOf = [] }] = boundary;
  return f.imports
    .filter((i) => {
      const to = target(f.file, i);
      const own = fits(to, part);
      const allowed = may.some((m) => m === '*' || fits(to, m)) || (i.typeOnly && mayTypesOf.some((m) => fits(to, m)));
      const entry = fits(to, 'cli/') || to === 'main.ts';
      return !own && (!allowed || (entry && f.file !== 'main.ts'));
    })
    .map((i) => `${f.file}:${i.line}: ${part} may not import ${target(f.file, i)}`);
}

function fits(name: string, pattern: string): boolean {
  if (pattern === 'node:' || pattern.endsWith('/')) return name.startsWith(pattern);
  return name === pattern || (!pattern.endsWith('.ts') && name.startsWith(`${pattern}/`));
}

/** A relative import as a path below src/; anything else as it is written. */
function target(file: string, i: Import): string {
  return i.from.startsWith('.') ? new URL(i.from, `file:///${file}`).pathname.slice(1) : i.from;
}

function cycles(all: readonly Facts[]): string[] {
  const edges = new Map(
    all.map((f) => [f.file, f.imports.filter((i) => i.from.startsWith('.')).map((i) => target(f.file, i))]),
  );
  const done = new Set<string>();
  const found: string[] = [];
  const walk = (file: string, trail: readonly string[]): void => {
    const at = trail.indexOf(file);
    if (at >= 0) found.push(`a cycle of imports: ${[...trail.slice(at), file].join(' → ')}`);
    if (at >= 0 || done.has(file)) return;
    for (const next of edges.get(file) ?? []) walk(next, [...trail, file]);
    done.add(file);
  };
  for (const file of edges.keys()) walk(file, []);
  return found;
}

function purityBreaches(f: Facts): string[] {
  const environmentAllowed = f.file.startsWith('config/') || f.file === 'cli/terminal.ts' || f.file === 'main.ts';
  return [
    ...(f.file.startsWith('ops/') ? [] : f.impure).map(
      (x) => `${f.file}:${x.line}: ${x.text}: time and chance live in ops/; take a Clock or Secrets`,
    ),
    ...(environmentAllowed ? [] : f.environment).map(
      (x) => `${f.file}:${x.line}: only config/ reads the environment; commands have Io.env`,
    ),
  ];
}

function typeBreaches(f: Facts): string[] {
  const minted = MINTS.get(f.file) ?? 0;
  return [
    ...(f.assertions.length > minted ? f.assertions : []).map(
      (x) => `${f.file}:${x.line}: "${x.text}": only a smart constructor asserts a type (${minted} counted here)`,
    ),
    ...(f.assertions.length < minted
      ? [`${f.file}: ${f.assertions.length} assertions where ${minted} are counted; lower the count`]
      : []),
    ...f.nonNull.map((x) => `${f.file}:${x.line}: "${x.text}": absence is to be handled, not denied`),
    ...f.any.map((x) => `${f.file}:${x.line}: any`),
  ];
}

function shapeBreaches(f: Facts): string[] {
  return [
    ...f.marks.map((x) => `${f.file}:${x.line}: ${x.text}: finish it or write it down as an issue`),
    ...(f.barrel ? [`${f.file}: it only hands on what others export; import from where it is`] : []),
    ...(MEANINGLESS.test(f.file) ? [`${f.file}: the folder is named after nothing in particular`] : []),
    ...(f.file.split('/').length > 3 ? [`${f.file}: deeper than src/part/topic/file.ts`] : []),
    ...(f.lines > 400 ? [`${f.file}: ${f.lines} lines; more than 400`] : []),
  ];
}
