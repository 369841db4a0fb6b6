import type { ASTNode } from '@marcbachmann/cel-js';
import { compileRegex } from '../regex.ts';
import { oneOf } from '../suggest.ts';
import type { Refusal } from './refusal.ts';

/** Functions of the library that are replaced, because they have no bound or leave CEL's definition, and by what. */
export const REPLACED = {
  matches: 'boundedMatches',
  split: 'boundedSplit',
  join: 'boundedJoin',
  lowerAscii: 'onlyAsciiLower',
  upperAscii: 'onlyAsciiUpper',
} as const;

function isReplaced(name: string): name is keyof typeof REPLACED {
  return Object.hasOwn(REPLACED, name);
}

const FUNCTIONS: ReadonlySet<string> = new Set(['has', 'size', 'string', 'int', 'double', 'bool']);
const COMPREHENSIONS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'filter', 'map']);
const METHODS: ReadonlySet<string> = new Set([
  ...COMPREHENSIONS,
  ...Object.keys(REPLACED),
  'size',
  'startsWith',
  'endsWith',
  'contains',
  'trim',
  'indexOf',
  'lastIndexOf',
  'substring',
  'replace',
]);

/** Each walks over the list it is called on; one inside another multiplies, and more than that nobody needs. */
const DEEPEST_COMPREHENSION = 2;
const MOST_COMPREHENSIONS = 8;

/**
 * The first thing in it that does not run here. What is let through is a list of names, so that a function of a later
 * version of the library does not run before somebody has looked at it. Renames what REPLACED names.
 */
export function celRefusal(ast: ASTNode): Refusal | undefined {
  const walk = { comprehensions: 0 };
  return refusalIn(ast, 0, walk);
}

function refusalIn(node: ASTNode, depth: number, walk: { comprehensions: number }): Refusal | undefined {
  const below = (nodes: readonly ASTNode[], at = depth) => {
    for (const n of nodes) {
      const found = refusalIn(n, at, walk);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  switch (node.op) {
    case 'id':
      return undefined;
    case 'value':
      return typeof node.args === 'object' && node.args !== null
        ? refuse(node, 'Bytes and unsigned numbers do not run here.')
        : undefined;
    case '.':
      return below([node.args[0]]);
    case '.?':
    case '[?]':
      return refuse(node, 'Optional access does not run here; has(…) asks.');
    case 'call':
      if (!FUNCTIONS.has(node.args[0])) return unknown(node, node.args[0], 'function', FUNCTIONS);
      return below(node.args[1]);
    case 'rcall':
      return methodRefusal(node, depth, walk, below);
    case 'map':
      return below(node.args.flat());
    case '!_':
    case '-_':
      return below([node.args]);
    default:
      return below(node.args);
  }
}

type MethodNode = Extract<ASTNode, { op: 'rcall' }>;

function methodRefusal(
  node: MethodNode,
  depth: number,
  walk: { comprehensions: number },
  below: (nodes: readonly ASTNode[], at?: number) => Refusal | undefined,
): Refusal | undefined {
  const [name, receiver, args] = node.args;
  if (!METHODS.has(name)) return unknown(node, name, 'method', METHODS);
  const isComprehension = COMPREHENSIONS.has(name);
  if (isComprehension && (depth >= DEEPEST_COMPREHENSION || ++walk.comprehensions > MOST_COMPREHENSIONS))
    return refuse(node, `${name} inside so many of its kind does not run here.`);
  const pattern = name === 'matches' ? patternRefusal(args[0]) : undefined;
  if (pattern !== undefined) return pattern;
  if (isReplaced(name)) node.args[0] = REPLACED[name];
  return below([receiver]) ?? below(args, depth + (isComprehension ? 1 : 0));
}

function patternRefusal(pattern: ASTNode | undefined): Refusal | undefined {
  if (pattern?.op !== 'value' || typeof pattern.args !== 'string') return undefined;
  const regex = compileRegex(pattern.args);
  return regex.ok ? undefined : refuse(pattern, `This is no expression of RE2: ${regex.error}.`);
}

function unknown(node: ASTNode, name: string, kind: string, known: ReadonlySet<string>): Refusal {
  return {
    offset: node.start,
    message: `No ${kind} here is called ${name}.`,
    hint: `Known here: ${oneOf([...known])}.`,
  };
}

function refuse(node: ASTNode, message: string): Refusal {
  return { offset: node.start, message, hint: undefined };
}
