/**
 * The wire format of Protocol Buffers, as far as an authorization check needs it: messages whose fields are strings,
 * bytes and messages (protobuf.dev/programming-guides/encoding).
 *
 *   message = *( tag value )            tag   = varint: field number << 3 | wire type
 *   value   = varint (0) | 8 bytes (1) | varint length, bytes (2) | 4 bytes (5)
 *
 * Groups (3, 4) belong to no message of this version of the language and are refused, so nothing here recurses.
 */

/** Fields of wire type 2 by number, every occurrence in order. */
export type Fields = ReadonlyMap<number, readonly Buffer[]>;

const NO_FIELDS: Fields = new Map();

/** The fields of a message; those of other wire types are checked and left out. undefined: these bytes are no message. */
export function parseMessage(bytes: Buffer): Fields | undefined {
  const fields = new Map<number, Buffer[]>();
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    if (tag === undefined || tag.value < 8 || tag.value > MAX_TAG) return undefined;
    const body = valueAt(bytes, tag.end, tag.value % 8);
    if (body === undefined) return undefined;
    if (tag.value % 8 === 2) add(fields, Math.floor(tag.value / 8), bytes.subarray(body.start, body.end));
    at = body.end;
  }
  return fields;
}

/** Field numbers have 29 bits. */
const MAX_TAG = 2 ** 32 - 1;

function add(fields: Map<number, Buffer[]>, number: number, value: Buffer): void {
  const known = fields.get(number);
  if (known === undefined) fields.set(number, [value]);
  else known.push(value);
}

/** Where the value of a field begins and ends; undefined: over the end, or of a type that is not read. */
function valueAt(bytes: Buffer, from: number, type: number): { start: number; end: number } | undefined {
  if (type === 0) {
    const varint = readVarint(bytes, from);
    return varint === undefined ? undefined : { start: from, end: varint.end };
  }
  const length = type === 1 ? { value: 8, end: from } : type === 5 ? { value: 4, end: from } : undefined;
  const { value, end } = length ?? (type === 2 ? readVarint(bytes, from) : undefined) ?? { value: Infinity, end: from };
  return value > bytes.length - end ? undefined : { start: end, end: end + value };
}

/** At most ten bytes. Values above 2^53 lose their low bits: they are skipped, or too long for any message. */
function readVarint(bytes: Buffer, from: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[from + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: from + i + 1 };
  }
  return undefined;
}

/**
 * The message in a field: without fields when absent. A field that comes twice makes the whole malformed: the language
 * would merge the two, and what a proxy writes once needs no second.
 */
export function messageIn(fields: Fields | undefined, number: number): Fields | undefined {
  const [only, ...others] = fields?.get(number) ?? [];
  if (fields === undefined || others.length > 0) return undefined;
  return only === undefined ? NO_FIELDS : parseMessage(only);
}

/** The text of a field, one character for each byte, empty when absent; undefined as for `messageIn`. */
export function textIn(fields: Fields | undefined, number: number): string | undefined {
  const [only, ...others] = fields?.get(number) ?? [];
  return fields === undefined || others.length > 0 ? undefined : (only?.toString('latin1') ?? '');
}

/** A field of wire type 2. As all that is written here: a string with one character for each byte, made into bytes once. */
export function bytesField(number: number, value: string): string {
  return varint(number * 8 + 2) + varint(value.length) + value;
}

/** A message as a field. */
export function messageField(number: number, ...fields: readonly string[]): string {
  return bytesField(number, fields.join(''));
}

/** A number or enum as a field. */
export function numberField(number: number, value: number): string {
  return varint(number * 8) + varint(value);
}

function varint(value: number): string {
  let out = '';
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out += String.fromCharCode((rest % 0x80) | 0x80);
  return out + String.fromCharCode(rest);
}
