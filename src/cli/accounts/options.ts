/** What `lintel users` does to one account. */
export type AccountAction = 'add' | 'set' | 'passwd' | 'disable' | 'enable';

/** What the actions of `lintel users` take. */
export interface AccountOptions {
  readonly config?: string[];
  readonly file?: string;
  readonly 'display-name'?: string;
  readonly email?: string[];
  readonly group?: string[];
  readonly attribute?: string[];
  readonly 'password-stdin'?: boolean;
  readonly verify?: string;
  readonly json?: boolean;
}
