/** What every command is: a name, help with an example, and a function from arguments to an exit code. */
export interface Command {
  readonly name: string;
  /** One line for the overview. */
  readonly summary: string;
  /** Full help, an example included; printed for --help. */
  readonly help: string;
  /** Resolves to the exit code: 0 good, 1 a negative answer or a finding, 2 usage or configuration error. */
  run(args: readonly string[], io: Io): Promise<number>;
}

export interface Io {
  /** Writes to standard output; the caller adds line ends. */
  out(text: string): void;
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True when standard output is a terminal; else a file or a program reads it. */
  readonly terminal?: boolean;
  /** True when standard output is a terminal and NO_COLOR is not set. */
  readonly colour: boolean;
  /** All of standard input as text. */
  stdin(): Promise<string>;
}
