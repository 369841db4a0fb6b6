import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

/** `import(…)`, and the two ways around it: `require(…)`, also one that was just made, and `getBuiltinModule(…)`. */
const LATE_IMPORT =
  /^(?:import|require|createRequire\([^)]*\)|process\.getBuiltinModule)\(\s*(?:['"]([^'"]+)['"]\s*\))?/;

/** What the rules need to know about one file: found in its syntax tree, so that text in strings and comments is text. */
export interface Facts {
  /** Relative to src/, with forward slashes. */
  readonly file: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  readonly functions: readonly { readonly name: string; readonly line: number; readonly lines: number }[];
  /** `x as T` and `<T>x`, but for `as const`. */
  readonly assertions: readonly Found[];
  readonly nonNull: readonly Found[];
  readonly any: readonly Found[];
  /** Reads of the clock and of randomness. */
  readonly impure: readonly Found[];
  readonly environment: readonly Found[];
  readonly marks: readonly Found[];
  /** True when the file does nothing but hand on what others export. */
  readonly barrel: boolean;
}

export interface Import {
  readonly from: string;
  readonly line: number;
  /** True for `import type` and for type-only dynamic forms: gone when the program runs. */
  readonly typeOnly: boolean;
  readonly dynamic: boolean;
}

export interface Found {
  readonly line: number;
  readonly text: string;
}

const CLOCK_AND_CHANCE = /^(Date\.now|Math\.random|crypto\.(getRandomValues|randomUUID))$/;
const CHANCE = new Set(['randomBytes', 'randomInt', 'randomUUID', 'randomFill', 'randomFillSync', 'getRandomValues']);

/** Parses sources, by path relative to src/, with the project's own compiler. Nothing is resolved or type-checked. */
export function readFacts(sources: ReadonlyMap<string, string>): Facts[] {
  const files = new Map([...sources].map(([file, text]) => [`/src/${file}`, text]));
  files.set(
    '/src/tsconfig.json',
    JSON.stringify({
      compilerOptions: { noLib: true, noResolve: true, types: [], noEmit: true, allowImportingTsExtensions: true },
      files: [...sources.keys()],
    }),
  );
  const api = new API({
    cwd: '/src',
    fs: {
      readFile: (name) => files.get(name) ?? null,
      fileExists: (name) => files.has(name),
      directoryExists: (name) => [...files.keys()].some((f) => f.startsWith(name === '/' ? name : `${name}/`)),
      getAccessibleEntries: () => ({ files: [], directories: [] }),
      realpath: (name) => name,
    },
  });
  try {
    const project = api.updateSnapshot({ openProjects: ['/src/tsconfig.json'] }).getProjects()[0];
    if (project === undefined) throw new Error('the compiler opened no project');
    return [...sources.keys()].map((file) => {
      const tree = project.program.getSourceFile(`/src/${file}`);
      if (tree === undefined) throw new Error(`the compiler did not read ${file}`);
      return factsOf(file, tree);
    });
  } finally {
    api.close();
  }
}

function factsOf(file: string, tree: SourceFile): Facts {
  const line = (node: Node) => lineAt(tree.text, node.getStart(tree));
  const found = (node: Node): Found => ({ line: line(node), text: node.getText(tree).split('\n', 1)[0] ?? '' });
  const facts = {
    file,
    lines: tree.text.trimEnd().split('\n').length,
    imports: [] as Import[],
    functions: [] as { name: string; line: number; lines: number }[],
    assertions: [] as Found[],
    nonNull: [] as Found[],
    any: [] as Found[],
    impure: [] as Found[],
    environment: [] as Found[],
    marks: [...tree.text.matchAll(/\b(TODO|FIXME|XXX|HACK)\b/g)].map((m) => ({
      line: lineAt(tree.text, m.index),
      text: m[0],
    })),
    barrel: tree.statements.length > 0 && tree.statements.every((s) => isReExport(s, tree)),
  };
  const visit = (node: Node): undefined => {
    collect(node, tree, facts, found);
    node.forEachChild(visit);
    return undefined;
  };
  visit(tree);
  return facts;
}

type Growing = { -readonly [K in keyof Facts]: Facts[K] extends readonly (infer E)[] ? E[] : Facts[K] };

function collect(node: Node, tree: SourceFile, facts: Growing, found: (node: Node) => Found): void {
  const text = () => node.getText(tree);
  switch (node.kind) {
    case SyntaxKind.ImportDeclaration:
    case SyntaxKind.ExportDeclaration: {
      const from = moduleOf(node, tree);
      const typeOnly = /^(import|export)\s+type\b/.test(text()) || onlyTypesNamed(text());
      if (from !== undefined) facts.imports.push({ from, line: found(node).line, typeOnly, dynamic: false });
      return;
    }
    case SyntaxKind.ImportType: {
      const from = /import\(\s*['"]([^'"]+)/.exec(text())?.[1];
      if (from !== undefined) facts.imports.push({ from, line: found(node).line, typeOnly: true, dynamic: true });
      return;
    }
    case SyntaxKind.CallExpression: {
      const from = LATE_IMPORT.exec(text());
      if (from !== null) {
        facts.imports.push({ from: from[1] ?? '(computed)', line: found(node).line, typeOnly: false, dynamic: true });
      }
      return;
    }
    case SyntaxKind.AsExpression:
    case SyntaxKind.TypeAssertionExpression:
      if (!/\bas\s+const$/.test(text())) facts.assertions.push(found(node));
      return;
    case SyntaxKind.NonNullExpression:
      facts.nonNull.push(found(node));
      return;
    case SyntaxKind.AnyKeyword:
      facts.any.push(found(node));
      return;
    case SyntaxKind.PropertyAccessExpression:
      if (CLOCK_AND_CHANCE.test(text())) facts.impure.push(found(node));
      if (/^process\s*\.\s*env$/.test(text())) facts.environment.push(found(node));
      return;
    case SyntaxKind.ElementAccessExpression:
      if (/^process\s*\[\s*['"`]env/.test(text())) facts.environment.push(found(node));
      return;
    case SyntaxKind.NewExpression:
      if (/^new\s+Date\s*(\(\s*\))?$/.test(text())) facts.impure.push(found(node));
      return;
    case SyntaxKind.BindingElement:
      if (/^env\b/.test(text()) && /=\s*process$/.test(declarationOf(node).getText(tree))) {
        facts.environment.push(found(node));
      }
      return;
    case SyntaxKind.ImportSpecifier:
      if (CHANCE.has(text().split(/\s+as\s+/, 1)[0] ?? '')) facts.impure.push(found(node));
      return;
    case SyntaxKind.FunctionDeclaration:
    case SyntaxKind.FunctionExpression:
    case SyntaxKind.ArrowFunction:
    case SyntaxKind.MethodDeclaration:
    case SyntaxKind.Constructor:
      facts.functions.push({
        name: /^[^(]*?([A-Za-z_$][\w$]*)\s*[(<]/.exec(text())?.[1] ?? 'anonymous',
        line: found(node).line,
        lines: text().split('\n').length,
      });
      return;
    default:
  }
}

function moduleOf(node: Node, tree: SourceFile): string | undefined {
  let from: string | undefined;
  node.forEachChild((child) => {
    if (child.kind === SyntaxKind.StringLiteral) from = child.getText(tree).slice(1, -1);
    return undefined;
  });
  return from;
}

/** `import { type A, type B } from …`: nothing of it is left at run time but the side effect of loading. */
function onlyTypesNamed(text: string): boolean {
  const names = /^(?:import|export)\s*\{([^}]*)\}/
    .exec(text)?.[1]
    ?.split(',')
    .map((n) => n.trim());
  return names?.every((n) => n === '' || n.startsWith('type ')) ?? false;
}

function declarationOf(node: Node): Node {
  let at = node;
  while (at.parent !== undefined && at.kind !== SyntaxKind.VariableDeclaration) at = at.parent;
  return at;
}

function isReExport(statement: Node, tree: SourceFile): boolean {
  return statement.kind === SyntaxKind.ExportDeclaration && moduleOf(statement, tree) !== undefined;
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
