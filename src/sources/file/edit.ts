import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { readAttributes } from './attribute-values.ts';
import { readEntries } from './entries.ts';
import { field } from './fields.ts';
import { isNothing, type Node, type Pair } from './node.ts';

export type AttributeValue = string | boolean | readonly string[] | JsonObject;

/** One account and what is to be written about it, in order. */
export interface Edit {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, AttributeValue>;
  /** What to set below the account's `attributes:`, one by one; undefined takes one out. The account must exist. */
  readonly own?: ReadonlyMap<string, Json | undefined>;
}

/**
 * Changes the text of a user file: adds the account at the end, or sets attributes of the one that is there. Every
 * other byte stays: comments, order, quotes, line ends. Where a file is written in a way that this cannot edit in
 * place, the YAML library rewrites it, which keeps comments and order but not every blank. Either way the result is
 * read back and compared before it is handed out. The error is a sentence.
 */
export async function editUserFile(text: string, edit: Edit): Promise<Result<string, string>> {
  if (text.trim() === '') return ok(newUserFile(edit));
  const { name, own } = edit;
  const first = edit.attributes.size === 0 ? ok(text) : await editOnce(text, { name, attributes: edit.attributes });
  return !first.ok || own === undefined || own.size === 0
    ? first
    : editOnce(first.value, { name, attributes: new Map(), own });
}

async function editOnce(text: string, edit: Edit): Promise<Result<string, string>> {
  const before = await read(text);
  if (before === undefined) return err('The file has errors in its YAML; mend them first.');
  const edited = inPlace(text, before.users, edit);
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

interface Content {
  readonly users: readonly Pair[];
  /** What is not users, by what it means. */
  readonly beside: readonly string[];
}

async function read(text: string): Promise<Content | undefined> {
  let [users, beside]: [Pair[], string[]] = [[], []];
  const done = await readEntries(Buffer.from(text), {
    begin: () => {
      [users, beside] = [[], []];
    },
    user: (entry) => void users.push(entry),
    group: (entry) => void beside.push(meaning(entry)),
    other: (entry) => void beside.push(meaning(entry)),
  }).catch(() => undefined);
  return done?.ok === true ? { users, beside } : undefined;
}

function inPlace(text: string, users: readonly Pair[], edit: Edit): string | undefined {
  const ends = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = text.split(/\r?\n/);
  const entry = users.find((u) => u.key.text === edit.name);
  const edited = entry === undefined ? withEntry(lines, users, edit) : withChanges(lines, entry, edit);
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
  const own = edit.own === undefined ? {} : changed({}, edit.own);
  const all = Object.keys(own).length === 0 ? edit.attributes : new Map(edit.attributes).set('attributes', own);
  const attributes = [...all].map(([key, value]) => `${margin}  ${key}: ${written(value)}`);
  return [`${margin}${nameWritten(edit.name)}:`, ...attributes];
}

function withChanges(lines: string[], entry: Pair, { attributes, own }: Edit): string[] | undefined {
  const changes = new Map<string, string | undefined>([...attributes].map(([key, value]) => [key, written(value)]));
  if (own === undefined || entry.value.kind !== 'map') return withMembers(lines, entry, changes);
  const present = field(entry.value, 'attributes');
  if (present === undefined || isNothing(present.value)) {
    const attributes = changed({}, own);
    if (Object.keys(attributes).length === 0) return lines;
    return withMembers(lines, entry, changes.set('attributes', JSON.stringify(attributes)));
  }
  const members = [...own].map(
    ([key, value]) => [key, value === undefined ? undefined : JSON.stringify(value)] as const,
  );
  return withMembers(lines, present, new Map(members));
}

/** Sets members of a block map to what is written for them, or takes them out. */
function withMembers(
  lines: string[],
  { key, value }: Pair,
  changes: ReadonlyMap<string, string | undefined>,
): string[] | undefined {
  if (value.kind !== 'map' || value.line === key.line) return undefined;
  // From the last line up, so that places further up stay right.
  const present = value.pairs.filter((p) => changes.has(p.key.text)).toSorted((a, b) => b.key.line - a.key.line);
  const absent = [...changes].filter(([name]) => !value.pairs.some((p) => p.key.text === name));
  const margin = ' '.repeat(value.column - 1);
  const added = absent.flatMap(([name, v]) => (v === undefined ? [] : [`${margin}${nameWritten(name)}: ${v}`]));
  let edited = lines.toSpliced(Math.max(...value.pairs.map((p) => endOf(lines, p))), 0, ...added);
  for (const pair of present) {
    const text = changes.get(pair.key.text);
    edited = text === undefined ? withoutMember(edited, pair) : withValue(edited, pair, text);
  }
  return edited;
}

function withoutMember(lines: readonly string[], pair: Pair): string[] {
  return lines.toSpliced(pair.key.line - 1, endOf(lines, pair) - pair.key.line + 1);
}

function changed(attributes: JsonObject, own: ReadonlyMap<string, Json | undefined>): JsonObject {
  const members = new Map(Object.entries(attributes));
  for (const [key, value] of own) {
    if (value === undefined) members.delete(key);
    else members.set(key, value);
  }
  return Object.fromEntries(members);
}

/** A value on the line of its key is exchanged within the line, so that a comment behind it stays. */
function withValue(lines: readonly string[], pair: Pair, text: string): string[] {
  const { key, value } = pair;
  const line = lines[key.line - 1] ?? '';
  const from = value.column - 1;
  const isInline = value.kind === 'scalar' && value.line === key.line && value.text !== '';
  // Not so where the text has escapes, or is a block below the line.
  if (isInline && line.startsWith(value.text, value.isPlain ? from : from + 1)) {
    const length = value.text.length + (value.isPlain ? 0 : 2);
    return lines.toSpliced(key.line - 1, 1, line.slice(0, from) + text + line.slice(from + length));
  }
  const head = line.slice(0, key.column - 1 + key.text.length + (key.isPlain ? 0 : 2));
  return lines.toSpliced(key.line - 1, endOf(lines, pair) - key.line + 1, `${head}: ${text}`);
}

/** The last line of a member: of its last value, and what is indented below it, such as a block of text. */
function endOf(lines: readonly string[], { key, value }: Pair): number {
  let end = lastLine(value);
  for (let i = end; i < lines.length; i++) {
    const line = lines[i] ?? '';
    if (/^ *(?:#|$)/.test(line)) continue;
    if (line.search(/[^ ]/) < key.column) break;
    end = i + 1;
  }
  return end;
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
  if (isJsonObject(value)) return JSON.stringify(value);
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
    for (const [key, value] of edit.own ?? []) {
      if (value === undefined) document.deleteIn(['users', edit.name, 'attributes', key]);
      else document.setIn(['users', edit.name, 'attributes', key], document.createNode(value));
    }
    return document.toString({ lineWidth: 0 });
  } catch {
    return undefined; // the entry is an alias, or no map
  }
}

/** The edited text holds the same accounts and groups, but for what was to be changed. */
async function isAsMeant(before: Content, text: string, edit: Edit): Promise<boolean> {
  const after = await read(text);
  if (after === undefined) return false;
  const others = ({ users, beside }: Content) =>
    users
      .filter((u) => u.key.text !== edit.name)
      .map((u) => meaning(u))
      .concat(beside);
  const mine = after.users.filter((u) => u.key.text === edit.name);
  const [entry] = mine;
  if (mine.length !== 1 || entry === undefined) return false;
  const found = attributesOf(entry);
  const wanted = attributesOf(before.users.find((u) => u.key.text === edit.name));
  for (const [key, value] of edit.attributes) wanted.set(key, JSON.stringify(flat(value)));
  if (edit.own !== undefined) {
    const own = JSON.stringify(changed(JSON.parse(wanted.get('attributes') ?? '{}'), edit.own));
    if (own !== '{}' || found.has('attributes')) wanted.set('attributes', own);
  }
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
  return new Map(pairs.map(({ key, value }) => [key.text, JSON.stringify(meaningOf(key.text, value))]));
}

/** Attributes of one's own keep their types; everything else is text. */
function meaningOf(key: string, value: Node): unknown {
  return key === 'attributes' ? readAttributes('', value, () => {}) : content(value);
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
