import { additionalHeaders } from '../../core/attributes.ts';
import { isJsonObject, type Json, type JsonObject, member, NO_ATTRIBUTES } from '../../core/json.ts';
import { quoteName } from '../../core/text/quote.ts';
import { field, place, type Report } from './fields.ts';
import { booleanOf, isNothing, type List, type Mapping, type Node, type Scalar } from './node.ts';

/**
 * The map of attributes of one user or group as JSON, with warnings about headers in it that nobody will get; `of`
 * names whose it is. Bounded in depth and size, because aliases let a short text stand for a huge value.
 */
export function readAttributes(of: string, node: Node | undefined, report: Report): JsonObject {
  if (node === undefined || isNothing(node)) return NO_ATTRIBUTES;
  if (node.kind !== 'map') {
    const message = `The attributes of ${quoteName(of)} are not a map.`;
    report({ severity: 'error', ...place(node), message, hint: 'Write "name: value" for each of them.' });
    return NO_ATTRIBUTES;
  }
  const attributes = fromMap({ of, report, values: MAX_VALUES, characters: MAX_CHARACTERS, isOver: false }, node, 1);
  if (Object.keys(attributes).length === 0) return NO_ATTRIBUTES;
  checkHeaders(node, attributes, report);
  return attributes;
}

const MAX_DEPTH = 16;
const MAX_VALUES = 10_000;
const MAX_CHARACTERS = 65_536;

interface Reading {
  readonly of: string;
  readonly report: Report;
  /** How many more may come. */
  values: number;
  characters: number;
  /** An error was reported that makes the rest pointless. */
  isOver: boolean;
}

function fromNode(r: Reading, node: Node, depth: number): Json {
  r.values--;
  if (!mayTake(r, node, node.kind === 'scalar' ? node.text : '')) return null;
  if (node.kind === 'scalar') return fromScalar(r, node);
  if (depth >= MAX_DEPTH) return refuse(r, node, `are nested more than ${MAX_DEPTH} levels deep`);
  return node.kind === 'list' ? fromList(r, node, depth + 1) : fromMap(r, node, depth + 1);
}

function mayTake(r: Reading, at: Node, text: string): boolean {
  r.characters -= text.length;
  if (r.values < 0 || r.characters < 0) refuse(r, at, 'are more than 10,000 values or 65,536 characters');
  return !r.isOver;
}

function refuse(r: Reading, at: Node, what: string): null {
  const message = `The attributes of ${quoteName(r.of)} ${what}.`;
  const hint = 'Keep what no app and no rule needs elsewhere.';
  if (!r.isOver) r.report({ severity: 'error', ...place(at), message, hint });
  r.isOver = true;
  return null;
}

function fromList(r: Reading, list: List, depth: number): Json {
  return list.items.map((item) => fromNode(r, item, depth));
}

/** Through a Map and `fromEntries`, so that a key "__proto__" is a key like any other. */
function fromMap(r: Reading, map: Mapping, depth: number): JsonObject {
  const members = new Map<string, Json>();
  for (const { key, value } of map.pairs) {
    if (!mayTake(r, key, key.text)) break;
    if (key.isPlain && key.text === '<<') {
      const message = `"<<" in the attributes of ${quoteName(r.of)} is ignored: YAML 1.2 has no merge keys.`;
      r.report({ severity: 'warning', ...place(key), message, hint: 'Write the values out.' });
      continue;
    }
    if (members.has(key.text)) {
      const message = `${quoteName(key.text)} of ${quoteName(r.of)} is there twice.`;
      r.report({ severity: 'error', ...place(key), message, hint: 'Keep one of them.' });
    }
    members.set(key.text, fromNode(r, value, depth));
  }
  return Object.fromEntries(members);
}

const NUMBER = /^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+)$/;
const NO_JSON = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

/** By the core schema of YAML 1.2 (§10.3.2), so "yes" is a text. A number that JSON cannot hold stays the text it is. */
function fromScalar(r: Reading, node: Scalar): Json {
  if (isNothing(node)) return null;
  if (!node.isPlain) return node.text;
  if (/^[tf]/i.test(node.text)) return booleanOf(node) ?? node.text;
  if (!NUMBER.test(node.text)) {
    if (NO_JSON.test(node.text))
      doubt(r, node, `${quoteName(node.text)} is taken as a text: no app could read the number`);
    return node.text;
  }
  const value = Number(node.text);
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
    doubt(r, node, `${node.text} is taken as a text: it is too large for a number`);
    return node.text;
  }
  if (String(value) !== node.text) doubt(r, node, `${node.text} is the number ${value} in YAML`);
  return value === 0 ? 0 : value; // JSON has no -0
}

function doubt(r: Reading, at: Scalar, what: string): void {
  const message = `In the attributes of ${quoteName(r.of)} ${what}.`;
  r.report({ severity: 'warning', ...place(at), message, hint: 'Put it in quotes if it is meant as a text.' });
}

/** Each header by itself, for the sake of its line, and then what is wrong between them. */
function checkHeaders(map: Mapping, attributes: JsonObject, report: Report): void {
  const pair = field(map, 'additionalHeaders');
  const given = member(attributes, 'additionalHeaders');
  if (pair === undefined || given === undefined) return;
  const said = new Set<string>();
  const warn = (at: Node, message: string) => {
    if (!said.has(message)) report({ severity: 'warning', ...place(at), message });
    said.add(message);
  };
  for (const header of pair.value.kind === 'map' ? pair.value.pairs : []) {
    const value = isJsonObject(given) ? member(given, header.key.text) : undefined;
    if (value === undefined) continue;
    const alone = { additionalHeaders: Object.fromEntries([[header.key.text, value]]) };
    for (const problem of additionalHeaders(alone).problems) warn(header.key, problem);
  }
  for (const problem of additionalHeaders(attributes).problems) warn(pair.key, problem);
}
