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
  /** A top-level key beside `users`. */
  other(entry: Pair): void;
}

type Read = Result<undefined, readonly UserFileProblem[]>;

/**
 * The entries below `users:`. A file of the usual shape is cut into one block for each user, read plainly or else by
 * the full parser; a file of another shape, or with aliases across users, is read by the full parser as a whole.
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
    if (read === undefined) return undefined;
    if (read.ok) sink.user(read.value);
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
  readonly from: number;
  readonly to: number;
  /** Of its first byte, from 1. */
  readonly line: number;
}

/** Cuts `users:` with entries of one indent into blocks; `odd` once the file turns out to have another shape. */
function* blocks(bytes: Buffer, from: number): Generator<Block | 'odd'> {
  let open: Block | undefined;
  let isInUsers = false;
  let indent = 0;
  for (let [line, at] = [1, from]; at < bytes.length; line++) {
    const end = lineEnd(bytes, at);
    const spaces = indentOf(bytes, at, end);
    const content = bytes[at + spaces];
    const isBlank = at + spaces >= end || content === HASH || (content === CR && at + spaces + 1 === end);
    if (isBlank) {
      // comments and empty lines belong to the block before
    } else if (!isInUsers) {
      const text = bytes.toString('utf8', at, end);
      isInUsers = USERS.test(text);
      if (!isInUsers && !START.test(text)) yield 'odd';
    } else if (spaces === 0 || spaces < indent || content === TAB) {
      yield 'odd';
    } else if (indent === 0 || spaces === indent) {
      indent = spaces;
      if (open !== undefined) yield { ...open, to: at };
      open = { from: at, to: end, line };
    }
    at = end + 1;
  }
  if (!isInUsers || open === undefined) yield 'odd';
  else yield { ...open, to: bytes.length };
}

const [HASH, CR, TAB, SPACE, LF] = [0x23, 0x0d, 0x09, 0x20, 0x0a];
const USERS = /^users: *(?:#.*)?\r?$/;
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
  if (users === undefined) return err([whole('There is no "users:" in this file.', ADD_FIRST)]);
  for (const pair of pairs) if (pair !== users) sink.other(pair);
  const { value } = users;
  if (value.kind === 'map') for (const pair of value.pairs) sink.user(pair);
  if (value.kind === 'map' || isNothing(value)) return DONE;
  const { line, column } = users.key;
  return err([{ severity: 'error', line, column, message: '"users:" is not a map of names.', hint: ADD_FIRST }]);
}

const ADD_FIRST = 'Run "lintel users add NAME" to make the first account and see its form.';

function whole(message: string, hint: string): UserFileProblem {
  return { severity: 'error', line: 0, column: 0, message, hint };
}
