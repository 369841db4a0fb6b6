import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExpressionInput } from '../../core/expression.ts';
import { compileCel } from './cel.ts';
import { compilePython } from './python.ts';
import { compileRouting } from './routing.ts';

const INPUT: ExpressionInput = {
  user: {
    name: 'alice',
    displayName: 'Alice',
    email: 'alice@example.com',
    uid: 'ab12',
    groups: ['dev'],
    attributes: { backend: 'http://own.internal', none: null },
    groupAttributes: { tenant: 't1', roles: ['a', 'b'], additionalHeaders: { 'X-A': '1', 'X-B': '2' } },
  },
  request: { host: 'app.example.com', path: '/', app: 'app' },
};

interface Texts {
  backend?: string;
  host_header?: string;
  mappings?: string[];
  allowed_backends?: string[];
}

function route(texts: Texts, input = INPUT): unknown {
  const reports: string[] = [];
  const listed = (list: string[] | undefined, key: string) => list?.map((t, i) => [t, [key, i]] as const);
  const all = {
    backend: texts.backend,
    host_header: texts.host_header,
    mappings: listed(texts.mappings, 'mappings') ?? [],
    allowed_backends: listed(texts.allowed_backends, 'allowed_backends'),
  };
  const compiled = compileRouting(all, { cel: compileCel, python: compilePython }, (path, message, hint) =>
    reports.push(`${path.join('.')}: ${message} | ${hint ?? ''}`),
  );
  if (compiled === undefined) return reports;
  assert.deepEqual(reports, []);
  const result = compiled.route(input);
  return result.ok ? result.value : result.error;
}

const proxy = (python: string) => `return {"ak_proxy": ${python}}`;
const NOTHING = { backend: undefined, hostHeader: undefined, userAttributes: undefined };

const CASES: readonly (readonly [name: string, texts: Texts, expected: unknown])[] = [
  ['nothing to say', {}, []],
  [
    'backend in CEL',
    { backend: '"http://" + user.name + ".lab:8080/x/"' },
    { ...NOTHING, backend: 'http://alice.lab:8080/x' },
  ],
  ['host in CEL', { host_header: '"In." + request.app' }, { ...NOTHING, hostHeader: 'in.app' }],
  [
    'a mapping',
    { mappings: [proxy('{"backend_override": f"http://foo.bar.baz/{request.user.username}", "host_header": "h"}')] },
    { ...NOTHING, backend: 'http://foo.bar.baz/alice', hostHeader: 'h' },
  ],
  ['a mapping that says nothing', { mappings: ['if False:\n    return {}', 'return {"other": 1}'] }, NOTHING],
  [
    'later mappings win, key by key',
    {
      mappings: [
        proxy('{"backend_override": "http://a", "host_header": "a"}'),
        proxy('{"backend_override": "http://b"}'),
      ],
    },
    { ...NOTHING, backend: 'http://b', hostHeader: 'a' },
  ],
  [
    'CEL has the last word',
    { backend: '"http://c"', mappings: [proxy('{"backend_override": "http://a", "host_header": "a"}')] },
    { ...NOTHING, backend: 'http://c', hostHeader: 'a' },
  ],
  [
    'attributes are laid over those of groups and account',
    { mappings: [proxy('{"user_attributes": {"additionalHeaders": {"X-B": user.username}}}')] },
    {
      ...NOTHING,
      userAttributes: { additionalHeaders: { 'X-B': 'alice' } },
    },
  ],
  [
    'inside allowed_backends',
    { backend: '"http://" + user.name + ".lab"', allowed_backends: ['http://*.lab'] },
    { ...NOTHING, backend: 'http://alice.lab' },
  ],
  [
    'outside allowed_backends',
    { backend: '"http://" + user.name + ".lab"', allowed_backends: ['http://bob.lab', 'http://*.lab:81'] },
    'The backend "http://alice.lab" lies outside allowed_backends.',
  ],
  [
    'an empty list allows nothing',
    { backend: '"http://a"', allowed_backends: [] },
    'The backend "http://a" lies outside allowed_backends.',
  ],
  [
    'a mapping is bound by it too',
    { mappings: [proxy('{"backend_override": "http://169.254.169.254/x"}')], allowed_backends: ['http://*.lab'] },
    'The backend "http://169.254.169.254/x" lies outside allowed_backends.',
  ],
  ['no URL', { backend: 'user.name' }, 'The backend "alice" is not an absolute http or https URL.'],
  ['nothing in the attribute', { backend: 'user.attributes.none' }, 'backend, the result is null, not text.'],
  ['no attribute', { backend: 'user.attributes.nope' }, 'backend, line 1, column 17: No such key: nope.'],
  [
    'None is no backend',
    { mappings: [proxy('{"backend_override": user.attributes.get("nope")}')] },
    'The backend is None, not text.',
  ],
  [
    'empty text is no backend',
    { mappings: [proxy('{"backend_override": ""}')] },
    'The backend "" is not an absolute http or https URL.',
  ],
  ['a number is no backend', { mappings: [proxy('{"backend_override": 1}')] }, 'The backend is a number, not text.'],
  ['None is no host', { mappings: [proxy('{"host_header": None}')] }, 'The host header is None, not text.'],
  [
    'a host that would split the request',
    { mappings: [proxy('{"host_header": "a\\r\\nX-Evil: 1"}')] },
    'The host header "a\\r\\nX-Evil: 1" is no host with or without a port.',
  ],
  ['no dict', { mappings: ['return "http://a"'] }, 'mapping 1 returns text, not a dict or None.'],
  ['no dict inside', { mappings: ['return {"ak_proxy": []}'] }, 'mapping 1 returns a list as ak_proxy, not a dict.'],
  ['a policy that answers yes', { mappings: ['return True'] }, 'mapping 1 returns a boolean, not a dict or None.'],
  [
    'a key nobody knows, made at run time',
    { mappings: ['k = "backend" + "_overide"\nreturn {"ak_proxy": {k: "http://a"}}'] },
    'mapping 1 returns "backend_overide" in ak_proxy. Did you mean backend_override?',
  ],
  [
    'attributes that are none',
    { mappings: [proxy('{"user_attributes": [1]}')] },
    'The mappings return user_attributes that are no dict.',
  ],
  [
    'a header whose name is made at run time',
    { mappings: [proxy('{"user_attributes": {"additionalHeaders": {"X-" + user.username: "1"}}}')] },
    'A mapping makes the header name "X-alice"; names have to be written out.',
  ],
  [
    'headers taken over from groups',
    { mappings: [proxy('{"user_attributes": {"additionalHeaders": user.group_attributes()["additionalHeaders"]}}')] },
    { ...NOTHING, userAttributes: {} },
  ],
  [
    "authentik's own mapping changes nothing",
    {
      mappings: [
        proxy(
          '{"user_attributes": request.user.group_attributes(request), "is_superuser": ak_is_group_member(user, name="x")}',
        ),
      ],
    },
    { ...NOTHING, userAttributes: {} },
  ],
  [
    'headers in a name',
    { mappings: ['h = {"X-B": "3"}\nreturn {"ak_proxy": {"user_attributes": {"additionalHeaders": h}}}'] },
    { ...NOTHING, userAttributes: { additionalHeaders: { 'X-B': '3' } } },
  ],
  [
    'the second mapping fails',
    { mappings: [proxy('{"backend_override": "http://a"}'), 'x = 1\nreturn user.attributes["nope"]'] },
    'mapping 2, line 2, column 23: there is no "nope".',
  ],
  [
    'all that does not compile is reported',
    {
      backend: 'usr.name',
      host_header: '"a" +',
      mappings: [proxy('{}'), 'import os'],
      allowed_backends: ['http://a', 'x'],
    },
    [
      `mappings.1: In line 1, column 1 of this expression: Nothing can be imported here. | Write it in CEL, for example backend: '"http://app.internal/" + user.name'.`,
      'backend: In line 1, column 1 of this expression: Unknown variable: usr. | user has name, displayName, email, uid, groups, attributes and group_attributes; request has host, path and app.',
      'host_header: In line 1, column 6 of this expression: Unexpected token: EOF. | ',
      'allowed_backends.1: x is not an absolute http or https URL. | Write http://*.lab.internal:8080 or an address.',
    ],
  ],
];

for (const [name, texts, expected] of CASES) test(name, () => assert.deepEqual(route(texts), expected));

test('a name cannot carry a request off', () => {
  const texts = { backend: '"http://" + user.name + ".lab.internal"', allowed_backends: ['http://*.lab.internal'] };
  for (const name of [
    'evil.example/',
    'evil.example#',
    'evil.example?',
    'u@evil.example',
    'evil.example:80/',
    'a\\b',
    '..',
    'a b',
    'a\n',
    '127.0.0.1/',
  ]) {
    const result = route(texts, { ...INPUT, user: { ...INPUT.user, name } });
    assert.equal(typeof result, 'string', `${name}: ${JSON.stringify(result)}`);
  }
});

test('attributes that no session could keep are refused', () => {
  const text = `x = "${'x'.repeat(3000)}"\n${'x = x + x\n'.repeat(4)}return {"ak_proxy": {"user_attributes": {"a": x, "b": x}}}`;
  assert.equal(route({ mappings: [text] }), 'The mappings return more user_attributes than a session keeps.');
});

test('an attribute called __proto__ is one, and changes nothing else', () => {
  const result = route({
    mappings: [proxy('{"user_attributes": {"__proto__": {"isAdmin": True}, "constructor": 1}}')],
  });
  assert.ok(typeof result === 'object' && result !== null && 'userAttributes' in result);
  const { userAttributes } = result;
  assert.ok(typeof userAttributes === 'object' && userAttributes !== null);
  assert.equal(Object.hasOwn(userAttributes, '__proto__'), true);
  assert.equal(Reflect.get(userAttributes, 'isAdmin'), undefined);
  assert.equal(Reflect.get({}, 'isAdmin'), undefined);
});
