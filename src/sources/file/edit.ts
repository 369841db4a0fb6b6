import { err, ok, type Result } from '../../core/result.ts';
import { readEntries } from './entries.ts';
import type { Node, Pair } from './node.ts';

export type AttributeValue = string | boolean | readonly string[];

/** One account and what is to be written about it, in order. */
export interface Edit {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, AttributeValue>;
}

/**
 * Changes the text of a user file: adds the account at the end, or sets attributes of the one that is there. Every
 * other byte stays: comments, order, quotes, line ends. Where a file is written in a way that this cannot edit in
 * place, the YAML library rewrites it, which keeps comments and order but not every blank. Either way the result is
 * read back and compared before it is handed out. The error is a sentence.
 */
export async function editUserFile(text: string, edit: Edit): Promise<Result<string, string>> {
  if (text.trim() === '') return ok(newUserFile(edit));
  const before = await read(text);
  if (before === undefined) return err('The file has errors in its YAML; mend them first.');
  const edited = inPlace(text, before, edit);
  if (edited !== undefined && (await isAsMeant(before, edited, edit))) return ok(edited);
  const whole = await rewritten(text, edit);
  if (whole !== undefined && (await isAsMeant(before, whole, edit))) return ok(whole);
  return err(`The entry of "${edit.name}" is written in a way that cannot be changed by a program; edit it by hand.`);
}

/** A new file with this one account. */
export function newUserFile(edit: Edit): string {
  return ['# Accounts that may sign in. Change them with "lintel users", or here: changes are picked up.', 'users:']
    .concat(entryLines(edit, 2))
    .map((line) => `${line}\n`)
    .join('');
}

async function read(text: string): Promise<Pair[] | undefined> {
  let users: Pair[] = [];
  const done = await readEntries(Buffer.from(text), {
    begin: () => {
      users = [];
    },
    user: (entry) => void users.push(entry),
    group: () => {},
    other: () => {},
  }).catch(() => undefined);
  return done?.ok === true ? users : undefined;
}

function inPlace(text: string, users: readonly Pair[], edit: Edit): string | undefined {
  const ends = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = text.split(/\r?\n/);
  const entry = users.find((u) => u.key.text === edit.name);
  const edited = entry === undefined ? withEntry(lines, users, edit) : withAttributes(lines, entry, edit);
  if (edited !== undefined && edited.at(-1) !== '') edited.push('');
  return edited?.join(ends);
}

/** Adds an entry after the last one, at its indent. */
function withEntry(lines: string[], users: readonly Pair[], edit: Edit): string[] | undefined {
  const last = users.at(-1);
  if (last === undefined) {
    const at = lines.findIndex((line) => /^users: *(?:\{\}|~|null)? *(?:#.*)?$/.test(line));
    return at < 0 ? undefined : lines.toSpliced(at, 1, 'users:', ...entryLines(edit, 2));
  }
  const indent = last.key.column - 1;
  let at = last.key.line; // of the line after the key, counted from 0
  for (let i = at; i < lines.length; i++) {
    const line = lines[i] ?? '';
    if (/^ *(?:#|$)/.test(line)) continue;
    if (line.search(/[^ ]/) <= indent) break;
    at = i + 1;
  }
  return lines.toSpliced(at, 0, ...entryLines(edit, indent));
}

function entryLines(edit: Edit, indent: number): string[] {
  const margin = ' '.repeat(indent);
  const attributes = [...edit.attributes].map(([key, value]) => `${margin}  ${key}: ${written(value)}`);
  return [`${margin}${nameWritten(edit.name)}:`, ...attributes];
}

function withAttributes(lines: string[], entry: Pair, edit: Edit): string[] | undefined {
  const { value } = entry;
  if (value.kind !== 'map' || value.line === entry.key.line) return undefined;
  // From the last line up, so that places further up stay right.
  const present = value.pairs
    .filter((p) => edit.attributes.has(p.key.text))
    .toSorted((a, b) => b.key.line - a.key.line);
  const absent = [...edit.attributes].filter(([key]) => !value.pairs.some((p) => p.key.text === key));
  const margin = ' '.repeat(value.column - 1);
  const added = absent.map(([key, v]) => `${margin}${key}: ${written(v)}`);
  let edited = lines.toSpliced(lastLine(value), 0, ...added);
  for (const pair of present) edited = withValue(edited, pair, written(edit.attributes.get(pair.key.text) ?? ''));
  return edited;
}

/** A value on the line of its key is exchanged within the line, so that a comment behind it stays. */
function withValue(lines: readonly string[], { key, value }: Pair, text: string): string[] {
  const line = lines[key.line - 1] ?? '';
  if (value.kind === 'scalar' && value.line === key.line && value.text !== '') {
    const from = value.column - 1;
    const length = value.text.length + (value.isPlain ? 0 : 2);
    return lines.toSpliced(key.line - 1, 1, line.slice(0, from) + text + line.slice(from + length));
  }
  const head = line.slice(0, key.column - 1 + key.text.length + (key.isPlain ? 0 : 2));
  return lines.toSpliced(key.line - 1, lastLine(value) - key.line + 1, `${head}: ${text}`);
}

function lastLine(node: Node): number {
  switch (node.kind) {
    case 'scalar':
      return node.line;
    case 'list':
      return Math.max(node.line, ...node.items.map(lastLine));
    case 'map':
      return Math.max(node.line, ...node.pairs.map((p) => lastLine(p.value)));
    default:
      return node satisfies never;
  }
}

const PLAIN = /^(?!(?:true|false|null|yes|no|on|off|y|n)$)[a-z_](?:[\w.-]|[ @](?=[\w.-]))*$/i;

function nameWritten(name: string): string {
  return PLAIN.test(name) && !name.includes(' ') ? name : JSON.stringify(name);
}

/** JSON is YAML. A hash stands in single quotes, as Authelia's examples have it. */
function written(value: AttributeValue): string {
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'string')
    return `[${value.map((v) => (/^[\w-]+$/.test(v) ? nameWritten(v) : JSON.stringify(v))).join(', ')}]`;
  return /^[$\w{}=,+/.-]+$/.test(value) && value.includes('$') ? `'${value}'` : textWritten(value);
}

function textWritten(value: string): string {
  return PLAIN.test(value) ? value : JSON.stringify(value);
}

async function rewritten(text: string, edit: Edit): Promise<string | undefined> {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { uniqueKeys: false });
  if (document.errors.length > 0) return undefined;
  try {
    for (const [key, value] of edit.attributes) document.setIn(['users', edit.name, key], value);
    return document.toString({ lineWidth: 0 });
  } catch {
    return undefined; // the entry is an alias, or no map
  }
}

/** The edited text holds the same accounts, but for what was to be changed. */
async function isAsMeant(before: readonly Pair[], text: string, edit: Edit): Promise<boolean> {
  const after = await read(text);
  if (after === undefined) return false;
  const others = (users: readonly Pair[]) => users.filter((u) => u.key.text !== edit.name).map((u) => meaning(u));
  const mine = after.filter((u) => u.key.text === edit.name);
  const was = before.find((u) => u.key.text === edit.name);
  const [entry] = mine;
  if (mine.length !== 1 || entry === undefined) return false;
  const kept = [...attributesOf(was)].filter(([key]) => !edit.attributes.has(key));
  const wanted = new Map([...kept, ...[...edit.attributes].map(([k, v]) => [k, JSON.stringify(flat(v))] as const)]);
  const found = attributesOf(entry);
  return (
    isSame(others(before), others(after)) &&
    wanted.size === found.size &&
    [...wanted].every(([key, value]) => found.get(key) === value)
  );
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

function attributesOf(entry: Pair | undefined): Map<string, string> {
  const pairs = entry?.value.kind === 'map' ? entry.value.pairs : [];
  return new Map(pairs.map((p) => [p.key.text, JSON.stringify(content(p.value))]));
}

function meaning(entry: Pair): string {
  return JSON.stringify([entry.key.text, content(entry.value)]);
}

function content(node: Node): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.text;
    case 'list':
      return node.items.map(content);
    case 'map':
      return node.pairs.map((p) => [p.key.text, content(p.value)]);
    default:
      return node satisfies never;
  }
}

function flat(value: AttributeValue): unknown {
  return typeof value === 'boolean' ? String(value) : value;
}
