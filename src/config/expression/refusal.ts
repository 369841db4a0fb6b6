/** Why a text is no expression that Lintel runs, and where in it. */
export interface Refusal {
  /** In UTF-16 units from the start of the text. */
  readonly offset: number;
  /** One sentence. */
  readonly message: string;
  readonly hint: string | undefined;
}

/** "line 2, column 5": both count from 1, columns in UTF-16 units as editors count. */
export function position(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return `line ${line}, column ${offset - before.lastIndexOf('\n')}`;
}

/** The longest expression, in UTF-16 units: a hundred times what anybody writes by hand. */
export const LONGEST = 16_384;
/** The deepest nesting of an expression. */
export const DEEPEST = 100;
/** The longest text that an expression may make, in UTF-16 units. */
export const LONGEST_TEXT = 65_536;

/** What `ak_proxy` holds here; `is_superuser` is in authentik's own mapping, and means nothing to an outpost. */
export const PROXY_KEYS: readonly string[] = ['backend_override', 'host_header', 'user_attributes', 'is_superuser'];
