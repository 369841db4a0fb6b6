import { isUtf8 } from 'node:buffer';
import { err, ok, type Result } from '../../core/result.ts';
import { readFullYaml } from './full-yaml.ts';
import { isNothing, type Node, type Pair, type UserFileProblem } from './node.ts';
import { Pace } from './pace.ts';
import { readPlainMapping } from './plain-yaml.ts';

/** Takes entries one by one, so that a large file never stands in memory as a tree. */
export interface Sink {
  /** Called before the first entry, and again when reading has to start over: what came before is void. */
  begin(): void;
  user(entry: Pair): void;
  /** An entry below the top-level key `groups`. */
  group(entry: Pair): void;
  /** Any other top-level key, or a second one of these two. */
  other(entry: Pair): void;
}

type Read = Result<undefined, readonly UserFileProblem[]>;

/**
 * The entries below `users:` and `groups:`. A file of the usual shape is cut into one block for each of them, read
 * plainly or else by the full parser; a file of another shape, or with aliases from one to another, is read by the full
 * parser as a whole.
 */
export async function readEntries(bytes: Buffer, sink: Sink): Promise<Read> {
  if (!isUtf8(bytes)) return err([whole('The file is not UTF-8.', 'Save it in UTF-8.')]);
  const from = bytes.subarray(0, 3).equals(BOM) ? 3 : 0;
  return (await readBlocks(bytes, from, sink)) ?? readWhole(bytes.toString('utf8', from), sink);
}

const DONE: Read = ok(undefined);
const BOM = Buffer.from('\ufeff');

async function readBlocks(bytes: Buffer, from: number, sink: Sink): Promise<Read | undefined> {
  sink.begin();
  const problems: UserFileProblem[] = [];
  const pace = new Pace();
  for (const block of blocks(bytes, from)) {
    if (block === 'odd') return undefined;
    const read = await readBlock(bytes.toString('utf8', block.from, block.to), block.line);
    if (read === undefined || (!read.ok && block.kind === 'other')) return undefined;
    if (read.ok) sink[block.kind](read.value);
    else problems.push(...read.error);
    if (pace.isDue()) await pace.rest();
  }
  return problems.length > 0 ? err(problems) : DONE;
}

/** undefined: the block cannot be read by itself. */
function readBlock(
  text: string,
  line: number,
): Result<Pair, readonly UserFileProblem[]> | Promise<Result<Pair, readonly UserFileProblem[]> | undefined> {
  const plain = readPlainMapping(text.split('\n'), line);
  const [pair, more] = plain?.pairs ?? [];
  return pair !== undefined && more === undefined ? ok(pair) : readBlockFully(text, line);
}

async function readBlockFully(
  text: string,
  line: number,
): Promise<Result<Pair, readonly UserFileProblem[]> | undefined> {
  const read = await readFullYaml(text, line);
  if (!read.ok) return read.error.kind === 'broken' ? err(read.error.problems) : undefined;
  const [pair, more] = read.value.kind === 'map' ? read.value.pairs : [];
  return pair !== undefined && more === undefined ? ok(pair) : undefined;
}

interface Block {
  readonly kind: 'user' | 'group' | 'other';
  readonly from: number;
  readonly to: number;
  /** Of its first byte, from 1. */
  readonly line: number;
}

/** Cuts a file whose top level is keys into blocks; `odd` once the file turns out to have another shape. */
function* blocks(bytes: Buffer, from: number): Generator<Block | 'odd'> {
  const cut: Cut = { begun: new Set(), kind: undefined, indent: 0 };
  let open: Block | undefined;
  for (let [line, at] = [1, from]; at < bytes.length; line++) {
    const end = lineEnd(bytes, at);
    const spaces = indentOf(bytes, at, end);
    const content = bytes[at + spaces];
    const isBlank = at + spaces >= end || content === HASH || (content === CR && at + spaces + 1 === end);
    // Comments and empty lines belong to the block before.
    const role = isBlank ? 'inner' : spaces === 0 ? topLine(cut, bytes.toString('utf8', at, end)) : 'indented';
    const meaning = role === 'indented' ? indentedLine(cut, spaces, content) : role;
    if (meaning === 'odd') return yield 'odd';
    if (meaning !== 'inner' && open !== undefined) yield { ...open, to: at };
    if (meaning === 'head') open = undefined;
    else if (meaning !== 'inner') open = { kind: meaning, from: at, to: end, line };
    at = end + 1;
  }
  if (open !== undefined) yield { ...open, to: bytes.length };
  if (!cut.begun.has('entry of user')) yield 'odd';
}

interface Cut {
  /** What was met so far. */
  readonly begun: Set<string>;
  /** What the lines below the last top-level key are. */
  kind: Block['kind'] | undefined;
  /** Of the entries below it; 0: none yet. */
  indent: number;
}

/** A block of that kind begins; the one before ends and none begins; the line belongs to the block it is in. */
type LineMeaning = Block['kind'] | 'head' | 'inner' | 'odd';

function topLine(cut: Cut, text: string): LineMeaning {
  const section = SECTION.exec(text)?.[1];
  const key = TOP_KEY.exec(text);
  const name = key?.[1] ?? key?.[2] ?? key?.[3];
  const what = START.test(text) ? 'start' : (section ?? 'other');
  const isOther = what === 'other' && name !== undefined && !/^(?:users|groups)$/.test(name);
  if (what === 'other' && !isOther) return 'odd';
  if (what === 'start' && cut.begun.size > 0) return 'odd';
  if (section !== undefined && cut.begun.has(section)) return 'odd';
  cut.begun.add(what);
  cut.kind = what === 'users' ? 'user' : what === 'groups' ? 'group' : isOther ? 'other' : undefined;
  cut.indent = 0;
  return isOther ? 'other' : 'head';
}

function indentedLine(cut: Cut, spaces: number, content: number | undefined): LineMeaning {
  if (cut.kind === 'other') return 'inner';
  if (cut.kind === undefined || spaces < cut.indent || content === TAB) return 'odd';
  if (cut.indent !== 0 && spaces > cut.indent) return 'inner';
  cut.indent = spaces;
  cut.begun.add(`entry of ${cut.kind}`);
  return cut.kind;
}

const [HASH, CR, TAB, SPACE, LF] = [0x23, 0x0d, 0x09, 0x20, 0x0a];
const SECTION = /^(users|groups): *(?:#.*)?\r?$/;
// A key that needs no YAML parser to be told from anything else.
const TOP_KEY = /^(?:([\p{L}\p{N}_.][\p{L}\p{N}_.@-]*)|"([^"\\]*)"|'([^']*)') *:(?: |\r?$)/u;
const START = /^--- *(?:#.*)?\r?$/;

function lineEnd(bytes: Buffer, at: number): number {
  const end = bytes.indexOf(LF, at);
  return end < 0 ? bytes.length : end;
}

function indentOf(bytes: Buffer, at: number, end: number): number {
  let spaces = 0;
  while (at + spaces < end && bytes[at + spaces] === SPACE) spaces++;
  return spaces;
}

async function readWhole(text: string, sink: Sink): Promise<Read> {
  sink.begin();
  const read = await readFullYaml(text, 1);
  if (!read.ok) {
    return err(
      read.error.kind === 'broken'
        ? read.error.problems
        : [whole('An alias (*name) refers to an anchor that is not there.', 'Write the value out.')],
    );
  }
  return usersOf(read.value, sink);
}

function usersOf(root: Node, sink: Sink): Read {
  const pairs = root.kind === 'map' ? root.pairs : [];
  const users = pairs.find((p) => p.key.text === 'users');
  const groups = pairs.find((p) => p.key.text === 'groups');
  if (users === undefined) return err([whole('There is no "users:" in this file.', ADD_FIRST)]);
  for (const pair of pairs) if (pair !== users && pair !== groups) sink.other(pair);
  const problems = [
    ...section(groups, 'Give each group an entry, such as "staff: {parents: [everyone]}".', (p) => sink.group(p)),
    ...section(users, ADD_FIRST, (p) => sink.user(p)),
  ];
  return problems.length > 0 ? err(problems) : DONE;
}

function section(pair: Pair | undefined, hint: string, take: (entry: Pair) => void): UserFileProblem[] {
  if (pair === undefined || isNothing(pair.value)) return [];
  const { key, value } = pair;
  if (value.kind !== 'map') {
    const message = `"${key.text}:" is not a map of names.`;
    return [{ severity: 'error', line: key.line, column: key.column, message, hint }];
  }
  for (const entry of value.pairs) take(entry);
  return [];
}

const ADD_FIRST = 'Run "lintel users add NAME" to make the first account and see its form.';

function whole(message: string, hint: string): UserFileProblem {
  return { severity: 'error', line: 0, column: 0, message, hint };
}
