import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cpuMs } from '../../../test/black-box/cpu.ts';
import type { ExpressionInput } from '../../core/expression.ts';
import { compilePython } from './python.ts';
import { position } from './refusal.ts';

const INPUT: ExpressionInput = {
  user: {
    name: 'alice',
    displayName: 'Alice A.',
    email: 'alice@example.com',
    uid: 'ab12',
    groups: ['dev', 'ops'],
    attributes: { team: 'red', none: null, n: 1, list: ['a', 'b'] },
    groupAttributes: { tenant: 't1', additionalHeaders: { 'X-A': '1' } },
  },
  request: { host: 'app.example.com', path: '/', app: 'app' },
};

function run(text: string, input = INPUT): unknown {
  const compiled = compilePython(text);
  if (!compiled.ok) return assert.fail(`${position(text, compiled.error.offset)} ${compiled.error.message}`);
  const result = compiled.value.run(input);
  return result.ok ? result.value : { error: result.error };
}

/** "line 1, column 8: message | hint". */
function refusal(text: string): string {
  const compiled = compilePython(text);
  assert.ok(!compiled.ok, `it runs: ${text}`);
  const { offset, message, hint } = compiled.error;
  return `${position(text, offset)}: ${message} | ${hint ?? ''}`;
}

test("the expressions of authentik's documentation run as they are", () => {
  const backend = `return {
    "ak_proxy": {
        "backend_override": f"http://foo.bar.baz/{request.user.username}"
    }
}`;
  const host = `return {
    "ak_proxy": {
        "host_header": "my-internal-host-header"
    }
}
`;
  const headers = `return {
    "ak_proxy": {
        "user_attributes": {
            "additionalHeaders": {
                "X-App-User": request.user.username
            }
        }
    }
}`;
  assert.deepEqual(run(backend), { ak_proxy: { backend_override: 'http://foo.bar.baz/alice' } });
  assert.deepEqual(run(host), { ak_proxy: { host_header: 'my-internal-host-header' } });
  const attributes = { additionalHeaders: { 'X-App-User': 'alice' } };
  assert.deepEqual(run(headers), { ak_proxy: { user_attributes: attributes } });
  assert.deepEqual(run(backend.replaceAll('\n', '\r\n')), run(backend), 'Windows line ends');
});

test("authentik's own mapping for proxies is carried by what it means", () => {
  const own = `return {
    "ak_proxy": {
        "user_attributes": request.user.group_attributes(request),
        "is_superuser": ak_is_group_member(request.user, name="authentik Admins"),
    }
}`;
  const attributes = { tenant: 't1', additionalHeaders: { 'X-A': '1' } };
  assert.deepEqual(run(own), { ak_proxy: { user_attributes: attributes, is_superuser: false } });
});

const VALUES: readonly (readonly [text: string, value: unknown])[] = [
  ['return not True and False', false],
  ['return False and not True or True', true],
  ['return user.attributes.get("none", "d")', null],
  ['return user.attributes.get("nope", "d")', 'd'],
  ['return user.attributes.get("nope")', null],
  ['return 1 == "1"', false],
  ['return ak_is_group_member(request.user, name="ops")', true],
  ['return ak_is_group_member(user, name="op")', false],
  ['return "x" if user.attributes.get("nope") else "y"', 'y'],
  ['team = user.attributes["team"]\nif team == "red":\n    return team + "!"\nreturn None', 'red!'],
  ['if False:\n    return 1', null],
  ['return user.attributes.get("nope") or "fallback"', 'fallback'],
  ['return {"__proto__": {"x": 1}}.get("x")', null],
  ['return "constructor" in user.attributes', false],
  ['return user.attributes.get("toString")', null],
];

for (const [text, value] of VALUES) test(text.split('\n').join(' ⏎ '), () => assert.deepEqual(run(text), value));

const ERRORS: readonly (readonly [text: string, error: RegExp])[] = [
  ['return user.attributes["nope"]', /^line 1, column 23: there is no "nope"$/],
  ['return user.attributes["__proto__"]', /there is no "__proto__"/],
  ['return user.attributes["constructor"]', /there is no "constructor"/],
  [
    'x = user.attributes.get("none")\nreturn x.get("y")',
    /^line 2, column 10: 'NoneType' object has no attribute 'get'$/,
  ],
  ['return None.attributes', /'NoneType' object has no attribute 'attributes'/],
  ['return user.attributes.attributes', /'dict' object has no attribute 'attributes'/],
  ['return request.username', /'request' object has no attribute 'username'/],
  ['return "a" + 1', /str and int cannot be added/],
  ['return "1" < 2', /str and int have no order here/],
  ['return 1 in "1"', /only text can be in a text, not int/],
  ['return ak_is_group_member(request.user, name=None)', /the name of a group is text, not NoneType/],
  ['return ak_is_group_member(request, name="ops")', /asks about a user, not request/],
  ['if user.attributes.get("nope"):\n    x = 1\nreturn x', /^line 3, column 8: x has no value yet$/],
  ['return user', /the user itself is no value to return/],
  ['return 1e308 + 1e308', /inf is no number of JSON/],
];

for (const [text, error] of ERRORS)
  test(`fails: ${text.split('\n').join(' ⏎ ')}`, () => {
    const result = run(text);
    assert.ok(typeof result === 'object' && result !== null && 'error' in result, JSON.stringify(result));
    assert.match(String(result.error), error);
  });

const REFUSED: readonly (readonly [text: string, refusal: RegExp])[] = [
  ['import os', /^line 1, column 1: Nothing can be imported here\./],
  ['return __import__("os")', /^line 1, column 8: Nothing here is called __import__\(…\)\./],
  ['return user.__class__', /^line 1, column 13: There is no "__class__" here\./],
  ['return user.attributes.constructor', /There is no "constructor" here\./],
  ['return "".__proto__', /There is no "__proto__" here\./],
  ['return request.http_request', /There is no "http_request" here\./],
  ['return user.username.lower', /The method lower has to be called: lower\(…\)\./],
  ['return usr.username', /There is no usr here\. \| Did you mean user\?/],
  ['return provider.name', /There is no "?provider"? here\./],
  ['x = 1', /Nothing is returned\./],
  ['', /There is no expression\./],
  ['return {"a": 1', /This is not Python\./],
  ['return f"{user.username!r}"', /column 24: Formats/],
  ['return f"{user.username:>10}"', /column 24: Formats/],
  ['return [x for x in [1]]', /Comprehensions do not run here\./],
  ['for x in []:\n    pass\nreturn 1', /^line 1, column 1: Loops do not run here\./],
  ['while True:\n    pass', /Loops do not run here\./],
  ['return (lambda: 1)()', /column 8/],
  ['x = [1]\nx[0] = 2\nreturn x', /^line 2, column 1: An assignment is name = value here\./],
  ['x = 1\nx += 1\nreturn x', /^line 2, column 1: No a \+= b runs here; a = a \+ b does\./],
  ['user.username\nreturn 1', /This line does nothing/],
  ['return "a" * 1000000', /The operator \* is not one of those that run here\./],
  ['return 2 ** 99999', /The operator \*\* is not/],
  ['return user.attributes[1:]', /Slices do not run here\./],
  ['return {**user.attributes}', /A dict is key: value here; \*\* does not run\./],
  ['return b"a"', /Only text is a literal here, not bytes\./],
  ['return """a\nb"""', /A text ends on the line where it begins here\./],
  ['return "a" == not "b"', /The operator not is not/],
  ['return 1, 2', /A return has one value here\./],
  ['if True:\n\treturn 1', /^line 2, column 1: A tab indents this line/],
  ['return "\0"', /A control character stands here\./],
  [
    'return {"ak_proxy": {"backend_overide": "x"}}',
    /There is no "backend_overide" in ak_proxy\. \| Did you mean backend_override\?/,
  ],
  ['return user.attributes.get("a", default=1)', /The method get takes 1 to 2 plain values here\./],
  ['return user.attributes.get(*[1])', /The method get takes/],
  ['return ak_is_group_member(request.user, name="a", x="b")', /and nothing else/],
  ['return ak_is_group_member(request.user, name__iexact="a")', /and nothing else/],
  ['return (x := 1)', /Assignment inside an expression/],
  ['return print("x")', /./],
  ['ünï = 1\nreturn ünï', /A name is ASCII here\./],
];

for (const [text, expected] of REFUSED)
  test(`refused: ${text.split('\n').join(' ⏎ ')}`, () => assert.match(refusal(text), expected));

const HINTS: readonly (readonly [text: string, hint: string])[] = [
  [
    'return {"ak_proxy": {"backend_override": "http://a" if "x" in [g.name for g in user.ak_groups.all()] else "http://b"}}',
    `In CEL: backend: '("x" in user.groups ? "http://a" : "http://b")'.`,
  ],
  [
    'name = request.user.username\nif request.user.ak_groups.filter(name="ops").exists():\n    return {"ak_proxy": {"backend_override": f"http://{name}.ops"}}\nreturn {"ak_proxy": {"backend_override": "http://rest"}}',
    `In CEL: backend: '"ops" in user.groups ? "http://" + user.name + ".ops" : "http://rest"'.`,
  ],
  [
    'from urllib.parse import urlparse\nparsed_url = urlparse(provider.proxyprovider.internal_host)\nreturn {"ak_proxy": {"host_header": parsed_url.netloc}}',
    `In CEL: host_header: '"HOST"' with the host and port of the app's upstream.`,
  ],
  ['return any(g.name == "a" for g in request.user.all_groups())', 'In CEL this part is "a" in user.groups.'],
  ['return {"x": request.user.ak_groups.all()}', 'In CEL this part is user.groups.'],
  [
    'return regex_match(user.username, "^a")',
    `Write it in CEL, for example backend: '"http://app.internal/" + user.name'.`,
  ],
];

for (const [text, hint] of HINTS)
  test(`in CEL: ${text.split('\n').join(' ⏎ ').slice(0, 90)}`, () => assert.equal(refusal(text).split(' | ')[1], hint));

test('no expression takes long, however it grows', async () => {
  const double = (what: string) => `a = ${what}\n${'a = a + a\n'.repeat(500)}return a`;
  const pairs = `a = [1]\n${'a = [a, a]\n'.repeat(500)}`;
  const replaces = `a = "a"\n${'a = a.replace("a", "aaaaaaaaaaaaaaaa")\n'.repeat(200)}return a`;
  const splits = `a = "a a"\n${'a = ",".join(a.split(" ") + a.split(" "))\n'.repeat(200)}return a`;
  const dicts = `a = {}\n${'a = {"x": a, "y": a}\n'.repeat(500)}return a`;
  const all = [
    double('"x"'),
    double('[1]'),
    double('(1,)'),
    `${pairs}return a`,
    `${pairs}return a == a`,
    replaces,
    splits,
    dicts,
  ];
  const took = await cpuMs(() => {
    for (const text of [...all, `${pairs}return [a] in [[a]]`, `a = "x"\n${'a = f"{a}{a}"\n'.repeat(99)}return a`]) {
      const result = run(text);
      assert.ok(typeof result === 'object' && result !== null && 'error' in result, text.slice(0, 40));
      assert.match(String(result.error), /grows beyond|more work than/);
    }
  });
  assert.ok(took < 3000, `${took} ms`);
});

test('a value as deep as an expression can make it is a value or a sentence', () => {
  const deep = run(`a = {}\n${'a = {"x": a}\n'.repeat(1200)}return a`);
  assert.equal(JSON.stringify(deep).length, 6 * 1200 + 2);
  const equal = `a = [1]\n${'a = [a]\n'.repeat(900)}b = [1]\n${'b = [b]\n'.repeat(900)}return a == b`;
  assert.equal(run(equal), true);
});

test('deep and long texts are refused, not a full stack', () => {
  const deep = [
    `return ${'('.repeat(8000)}1${')'.repeat(8000)}`,
    `return ${'['.repeat(8000)}${']'.repeat(8000)}`,
    `return ${'not '.repeat(4000)}1`,
    `return ${'-'.repeat(16000)}1`,
    `return user${'.attributes'.repeat(1400)}`,
    `return ${'a if b else '.repeat(1300)}c`,
    `return ${'f"{'.repeat(3000)}`,
    `return 1${' + 1'.repeat(4000)}`,
    `${Array.from({ length: 150 }, (_, i) => `${' '.repeat(i)}if 1:\n`).join('')}${' '.repeat(150)}return 1`,
    `return "${'x'.repeat(20_000)}"`,
  ];
  for (const text of deep)
    assert.match(refusal(text), /nests too deep|at most|not Python|not one of those|does not run/, text.slice(0, 40));
});

test('any text is an expression or a refusal inside the text, and an evaluation a value or a sentence', () => {
  const token = fc.constantFrom(
    ...[
      'return ',
      'if ',
      ':\n  ',
      'else',
      'and ',
      'or ',
      'not ',
      ' in ',
      'is ',
      'f"',
      '"',
      "'",
      '{',
      '}',
      '(',
      ')',
      '[',
      ']',
    ],
    ...[
      'user',
      'request',
      '.',
      ',',
      'attributes',
      'get',
      '==',
      '<',
      '+',
      '-',
      '*',
      '=',
      '\n',
      '\\',
      '#',
      '1',
      '1e9',
      '😀',
      '\ud800',
    ],
    ...['__proto__', 'constructor', 'None', 'True', 'lambda', 'for ', ':=', '**', '`', '\t', '!r', ':>1', 'r"', 'b"'],
  );
  const text = fc.oneof(
    fc.array(token, { maxLength: 30 }).map((t) => t.join('')),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (source) => {
      const compiled = compilePython(source);
      if (!compiled.ok) return compiled.error.offset >= 0 && compiled.error.offset <= source.length;
      const result = compiled.value.run(INPUT);
      return result.ok ? JSON.stringify(result.value) !== undefined : result.error !== '';
    }),
    { numRuns: 3000 },
  );
});

test('what is asked of somebody is theirs, not of the evaluation before', () => {
  const compiled = compilePython('x = user.username\nreturn x');
  assert.ok(compiled.ok);
  const of = (name: string) => compiled.value.run({ ...INPUT, user: { ...INPUT.user, name } });
  assert.deepEqual(
    [of('alice'), of('bob'), of('alice')].map((r) => r.ok && r.value),
    ['alice', 'bob', 'alice'],
  );
});
