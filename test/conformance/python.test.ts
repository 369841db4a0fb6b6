import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePython } from '../../src/config/expression/python.ts';
import { position } from '../../src/config/expression/refusal.ts';
import type { ExpressionInput } from '../../src/core/expression.ts';
import { missing, partPath } from '../parts.ts';

/**
 * Lintel's Python against Python itself. The rule: where Lintel has a value, Python has the same; where Python has no
 * value, Lintel has none. Lintel may refuse more (`NARROWER` at run time; anything at load).
 */
const INPUT: ExpressionInput = {
  user: {
    name: 'alice',
    displayName: 'Alice Ä. 😀',
    email: 'alice@example.com',
    uid: 'ab12',
    groups: ['dev', 'ops'],
    attributes: { team: 'red', n: 1, f: 1.5, none: null, on: true, list: ['a', 1, 'dev'], map: { k: 'v', 'a b': 2 } },
    groupAttributes: { team: 'blue', tenant: 't1' },
  },
  request: { host: 'app.example.com', path: '/', app: 'app' },
};

/** What Lintel says where it does less than Python, on purpose. */
const NARROWER =
  /have no order here|cannot be put into text here|a key is text here|is asks about|is too large a number|takes a list of texts|itself is no value|replace of the empty/;

const leaf = fc.constantFrom(
  ...[
    'True',
    'False',
    'None',
    '0',
    '1',
    '2',
    '-1',
    '1.0',
    '1.5',
    '0x10',
    '1_000',
    '1e3',
    '10000000000000000.0',
    '.5',
    '1e-7',
  ],
  ...[
    '""',
    '"a"',
    "'dev'",
    'r"\\d"',
    '"\\x41\\u00e4"',
    "'''a\nb'''",
    '"a" "b"',
    '"\\q"',
    '"é😀"',
    'u"x"',
    '"  a b "',
    '"red"',
  ],
  ...[
    '[]',
    '{}',
    '()',
    '["a", 1]',
    '{"k": 1}',
    '(1,)',
    '[1, True, 1.0]',
    '{"a": None,}',
    '("a", "b")',
    '[[1], {"a": 2}]',
  ],
  ...['x', 'y', 'user.username', 'request.user.name', 'user.email', 'request.user.uid', 'user.attributes'],
  ...['user.attributes.get("team")', 'user.attributes.get("nope")', 'user.attributes.get("none", "d")'],
  ...[
    'user.attributes.get("nope", "d")',
    'user.attributes["team"]',
    'user.attributes["nope"]',
    'user.attributes["map"]["k"]',
  ],
  ...[
    'user.attributes["n"]',
    'user.attributes["f"]',
    'user.attributes["on"]',
    'user.attributes["list"]',
    'user.attributes["list"][-1]',
  ],
  ...[
    'user.group_attributes()',
    'request.user.group_attributes(request).get("tenant")',
    'user.attributes.get("map", {}).get("k")',
  ],
  ...[
    'ak_is_group_member(request.user, name="ops")',
    'ak_is_group_member(user, name="x")',
    'user.attributes.get("list")[0]',
  ],
  ...[
    'f"{x}"',
    "f'{user.username}-{1.0}'",
    'f"{{{x}}}"',
    "f\"{'a' if x else 'b'}\" 'c'",
    'rf"\\{y}"',
    'f"{1 + 1}{None}{True}"',
  ],
);

const { expr } = fc.letrec<{ expr: string; more: string }>((tie) => {
  const e = tie('more');
  const one = (write: (a: string) => string) => e.map(write);
  const two = (write: (a: string, b: string) => string) => fc.tuple(e, e).map(([a, b]) => write(a, b));
  const infix = fc
    .constantFrom('+', '==', '!=', '<', '<=', '>', '>=', 'in', 'not in', 'and', 'or', 'and', 'or', '==', 'is', 'is not')
    .chain((op) => two((a, b) => `${a} ${op} ${b}`));
  const method = fc.constantFrom('lower()', 'upper()', 'strip()', 'split()', 'strip("a ")', 'split("a")', 'get("k")');
  const withText = fc.constantFrom('startswith', 'endswith', 'join', 'get', 'strip', 'split');
  return {
    expr: e,
    more: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      leaf,
      infix,
      infix,
      one((a) => `not ${a}`),
      one((a) => `(${a})`),
      one((a) => `-${a}`),
      one((a) => `[${a}]`),
      one((a) => `str(${a})`),
      one((a) => `len(${a})`),
      one((a) => `bool(${a})`),
      one((a) => `{"k": ${a}}`),
      fc.tuple(e, method).map(([a, m]) => `(${a}).${m}`),
      fc.tuple(e, withText, e).map(([a, m, b]) => `(${a}).${m}(${b})`),
      two((a, b) => `(${a})[${b}]`),
      two((a, b) => `(${a}).replace("a", ${b})`),
      fc.tuple(e, e, e).map(([a, b, c]) => `${a} if ${b} else ${c}`),
    ),
  };
});

const program = fc.oneof(
  expr.map((e) => `x = "a"\ny = 2\nreturn ${e}`),
  fc.tuple(leaf, expr).map(([a, b]) => `x = 1\ny = None\nx = ${a}\nreturn ${b}`),
  fc.tuple(leaf, expr, expr).map(([a, b, c]) => `x = True\ny = ${a}\nx = ${b}\nreturn f"{x}" + str(${c})`),
  fc
    .tuple(leaf, leaf, expr, expr)
    .map(
      ([a, b, c, d]) =>
        `x = 0\nx = ${a}\n# note\nif ${b}:\n    y = 2\n    return x\nelif ${c}:\n    y = 3\nelse:\n    y = None\nreturn ${d}`,
    ),
);

function python(programs: readonly string[]) {
  const out = execFileSync(partPath('python3'), [join(import.meta.dirname, 'python.py')], {
    input: JSON.stringify({ user: INPUT.user, programs }),
    maxBuffer: 1 << 28,
    encoding: 'utf8',
  });
  return JSON.parse(out) as { kind: 'syntax' | 'error' | 'value' | 'no json'; json?: string; what?: string }[];
}

function lintel(text: string) {
  const compiled = compilePython(text);
  if (!compiled.ok)
    return { kind: 'refused', message: `${position(text, compiled.error.offset)} ${compiled.error.message}` };
  const result = compiled.value.run(INPUT);
  return result.ok ? { kind: 'value', value: result.value } : { kind: 'error', message: result.error };
}

function compareAll(programs: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  const theirs = python(programs);
  for (const [i, text] of programs.entries()) {
    const ours = lintel(text);
    const real = theirs[i]!;
    const both = `${ours.kind}/${real.kind}`;
    counts[both] = (counts[both] ?? 0) + 1;
    const story = `${text}\n  here: ${JSON.stringify(ours)}\n  python: ${JSON.stringify(real)}`;
    if (ours.kind === 'value') {
      assert.equal(real.kind, 'value', story);
      assert.deepEqual(JSON.parse(JSON.stringify(ours.value)), JSON.parse(real.json!), story);
    } else if (ours.kind === 'error' && real.kind === 'value') assert.match(ours.message!, NARROWER, story);
  }
  return counts;
}

test('generated programs mean what Python means by them', { skip: missing('python3') }, (t) => {
  const counts = compareAll(fc.sample(program, { numRuns: 3000, seed: Number(process.env.LINTEL_SEED ?? 7) }));
  t.diagnostic(JSON.stringify(counts));
  assert.ok((counts['value/value'] ?? 0) > 800, 'too few programs have a value');
});

/** Written by hand: precedence, chains, truth, what a key may be called, escapes. */
const PROGRAMS: readonly string[] = [
  'return not True and False',
  'return not False or True',
  'return True or False and False',
  'return not 1 == 2 and 3',
  'return 1 if False else 2 if False else 3',
  'return (1 if True else 2) if False else 3',
  'return 1 < 2 < 3, 1',
  'return 1 < 3 > 2 == 2',
  'return (1 < 2) < 2',
  'return "a" in "abc" in ["abc"]',
  'return not "a" in "abc"',
  'return 1 == True and 0 == False and "1" != 1',
  'return 1 in [True], "a" in {"a": 1}, None in [None]',
  'return [1 in [True], "a" in {"a": 1}, None in [None], 1.0 in (1,), [1] in [[1.0]]]',
  'return None or 0 or "" or [] or "x"',
  'return "x" and 1 and [2]',
  'return [] and undefined_name_here',
  'return {"a": 1, "a": 2}',
  'return {"__proto__": 1, "constructor": {"prototype": 2}}',
  'return user.attributes.get("__proto__")',
  'return user.attributes.get("constructor", "none")',
  'return user.attributes["toString"]',
  'return "constructor" in user.attributes',
  'return user.attributes.get("none", "default")',
  'return user.attributes.get("none").get("x")',
  'return "%s" + 1',
  'return 1 + True + 1.5',
  'return 9007199254740993 + 1 == 9007199254740994',
  'return 9007199254740993 == 9007199254740992.0',
  'return [str(0.1 + 0.2), str(1e22), str(1e-5), str(123456789012345680.0), str(-0.0), str(1e16), str(5e-324)]',
  'return "\\x41\\101\\u0041\\U0001F600\\n\\t\\\'\\"\\a\\q"',
  "return r'\\n' + rf'\\n{1}' + fr'{{}}' + F'{1}' + U'x'",
  'return "a\\\nb"',
  'return """a\n  b"""',
  'return f"{1}" "{1}" f"{{1}}"',
  'return f"{ user.username }"',
  'return f"{user.attributes[\'team\']}"',
  'return "ß".upper() + "İ".lower() + "ΑΣ".lower()',
  'return "\\x1c\\x85\\xa0 a\\ufeff \\u3000".strip()',
  'return "a\\x1cb\\x85c\\u2028d".split()',
  'return "a,b,,c".split(",")',
  'return ["abc".startswith(("x", "a")), "abc".endswith("c"), "abc".startswith("")]',
  'return "aaa".replace("a", "aa")',
  'return ",".join(("a", "b"))',
  'return ["a" < "b", "Z" < "a", "\\uffff" < "\\U00010000", "a" < "ab", "" < "a"]',
  'return [len("😀"), len([1, 2]), len({}), len(())]',
  'return ["😀x"[0], "abc"[-1], [1, 2][True], (1, 2)[-2]]',
  'return "abc"[3]',
  'return [bool([]), bool([0]), bool(0.0), bool("0"), bool(None), bool({}), bool(())]',
  'x = 1\nif x:\n    y = 2\nelse:\n    z = 3\nreturn z',
  'if user.attributes.get("nope"):\n  return 1\nelif user.attributes.get("team") == "red":\n  return 2\nreturn 3',
  'if True:\n    if False:\n        return 1\n    elif True:\n        pass\n    x = 5\nreturn x',
  'if True: return 1\nreturn 2',
  'x = 1; y = 2; return x + y',
  '"""doc"""\nreturn 1',
  '# only\nreturn (  # here\n    1 +\n    2\n)',
  'return -1 + 2 - 0' /* minus between two values does not run here */,
  'return --1',
  'return - True',
  'return -"a"',
  'user = request.user\nreturn user.username',
  'request = None\nreturn request.user',
  'return user == request.user',
  'return user.username.attributes',
  'return [None is None, 1 is not None, True is True, "a" is None]',
  'return "a"in"abc"and 1or 2',
  'return',
  'x = 1\nreturn x if x is not None and x != "" else "none"',
  'return 0777',
  'return 1__0',
  'return "a" == not "b"',
  'return {**user.attributes}',
  'return {1: 2}',
  'return b"x"',
];

test('what people write, and what trips those who read Python with another language in mind', {
  skip: missing('python3'),
}, (t) => {
  t.diagnostic(JSON.stringify(compareAll(PROGRAMS)));
});
