/** What both readers of user files yield: YAML cut down to what an account can be made of. Places count from 1. */
export type Node = Scalar | List | Mapping;

export interface Scalar {
  readonly kind: 'scalar';
  readonly text: string;
  /** Written without quotes: `~` is then nothing, `true` a boolean. */
  readonly isPlain: boolean;
  readonly line: number;
  readonly column: number;
}

export interface List {
  readonly kind: 'list';
  readonly items: readonly Node[];
  readonly line: number;
  readonly column: number;
}

export interface Mapping {
  readonly kind: 'map';
  readonly pairs: readonly Pair[];
  readonly line: number;
  readonly column: number;
}

export interface Pair {
  readonly key: Scalar;
  readonly value: Node;
}

/** One thing wrong or doubtful in a user file. */
export interface UserFileProblem {
  readonly severity: 'error' | 'warning';
  /** 0 when it is about the file as a whole. */
  readonly line: number;
  readonly column: number;
  /** One sentence, what is wrong. */
  readonly message: string;
  /** One sentence, what to do. */
  readonly hint?: string;
}

export function isNothing(node: Node): boolean {
  return node.kind === 'scalar' && node.isPlain && /^(?:|~|null|Null|NULL)$/.test(node.text);
}

/** true and false as YAML 1.2 spells them, and the yes/no/on/off of YAML 1.1 that older files hold. */
export function booleanOf(node: Node): boolean | undefined {
  if (node.kind !== 'scalar' || !node.isPlain) return undefined;
  if (/^(?:true|True|TRUE|yes|Yes|YES|on|On|ON)$/.test(node.text)) return true;
  return /^(?:false|False|FALSE|no|No|NO|off|Off|OFF)$/.test(node.text) ? false : undefined;
}
