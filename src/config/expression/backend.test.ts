import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isAllowed, parseAllowed, parseBackend, parseHostHeader } from './backend.ts';

function url(text: string): string {
  const b = parseBackend(text);
  return typeof b === 'string' ? `! ${b}` : b.url;
}

const BACKENDS: readonly (readonly [text: string, url: string])[] = [
  ['http://foo.bar.baz/alice', 'http://foo.bar.baz/alice'],
  ['HTTPS://Foo.Bar:8443/Base/', 'https://foo.bar:8443/Base'],
  ['http://a:80', 'http://a'],
  ['https://a:443/', 'https://a'],
  ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
  ['http://[::1]:8080/x', 'http://[::1]:8080/x'],
  ['http://a/b%20c/@:+', 'http://a/b%20c/@:+'],
  ['', '! is not an absolute http or https URL'],
  ['foo.bar.baz', '! is not an absolute http or https URL'],
  ['//foo.bar.baz', '! is not an absolute http or https URL'],
  ['/x', '! is not an absolute http or https URL'],
  ['ftp://a', '! is not an absolute http or https URL'],
  ['javascript:alert(1)', '! is not an absolute http or https URL'],
  ['http:/a', '! is not an absolute http or https URL'],
  ['http:a', '! is not an absolute http or https URL'],
  ['http://', '! has no valid host'],
  ['http:///x', '! has no valid host'],
  ['http://user@a', '! holds a user name'],
  ['http://user:pass@a', '! holds a user name'],
  ['http://a?x=1', '! has a query or a fragment'],
  ['http://a/#x', '! has a query or a fragment'],
  ['http://a b', '! holds spaces, controls or letters outside ASCII'],
  [' http://a', '! holds spaces, controls or letters outside ASCII'],
  ['http://a\r\nX: y', '! holds spaces, controls or letters outside ASCII'],
  ['http://a/ü', '! holds spaces, controls or letters outside ASCII'],
  ['http://bücher.example', '! holds spaces, controls or letters outside ASCII'],
  ['http://a\\b', '! has no valid host'],
  ['http://a/\\b', '! has a path that can be read in more than one way'],
  ['http://a/../b', '! has a path that can be read in more than one way'],
  ['http://a/b/..', '! has a path that can be read in more than one way'],
  ['http://a/./b', '! has a path that can be read in more than one way'],
  ['http://a/%2e%2e/b', '! has a path that can be read in more than one way'],
  ['http://a/b%2Fc', '! has a path that can be read in more than one way'],
  ['http://a/b%5cc', '! has a path that can be read in more than one way'],
  ['http://a/b%00', '! has a path that can be read in more than one way'],
  ['http://a/b%zz', '! has a path that can be read in more than one way'],
  ['http://a//b', '! has a path that can be read in more than one way'],
  ['http://a/b;c', '! has a path that can be read in more than one way'],
  ['http://a:0', '! has no valid host'],
  ['http://a:65536', '! has no valid host'],
  ['http://a:', '! has no valid host'],
  ['http://a:80:80', '! has no valid host'],
  ['http://-a', '! has no valid host'],
  ['http://a..b', '! has no valid host'],
  ['http://127.1', '! has no valid host'],
  ['http://2130706433', '! has no valid host'],
  ['http://0x7f.0.0.1', '! has no valid host'],
  ['http://0x7f000001', '! has no valid host'],
  ['http://127.0.0.01', '! has no valid host'],
  ['http://[::g]', '! has no valid host'],
  ['http://%61', '! has no valid host'],
];

for (const [text, expected] of BACKENDS)
  test(`backend ${JSON.stringify(text)}`, () => assert.equal(url(text), expected));

const ALLOWED: readonly (readonly [pattern: string, yes: readonly string[], no: readonly string[]])[] = [
  [
    'http://a.internal',
    ['http://a.internal', 'http://A.INTERNAL:80/x'],
    [
      'https://a.internal',
      'http://a.internal:81',
      'http://b.a.internal',
      'http://xa.internal',
      'http://a.internal.evil',
    ],
  ],
  [
    'http://*.lab.internal:8080',
    ['http://x.lab.internal:8080', 'http://x.y.lab.internal:8080/base'],
    [
      'http://lab.internal:8080',
      'http://xlab.internal:8080',
      'http://x.lab.internal',
      'http://x.lab.internal.evil:8080',
      'https://x.lab.internal:8080',
    ],
  ],
  [
    'http://a/users',
    ['http://a/users', 'http://a/users/alice'],
    ['http://a', 'http://a/usersx', 'http://a/user', 'http://a/Users'],
  ],
  ['http://a/users/', ['http://a/users'], ['http://a/other']],
  ['http://127.0.0.1:8080', ['http://127.0.0.1:8080'], ['http://127.0.0.1', 'http://localhost:8080']],
];

for (const [text, yes, no] of ALLOWED)
  test(`allowed ${text}`, () => {
    const pattern = parseAllowed(text);
    assert.ok(typeof pattern !== 'string', String(pattern));
    const holds = (t: string) => {
      const b = parseBackend(t);
      assert.ok(typeof b !== 'string', `${t} ${b}`);
      return isAllowed(b, [pattern]);
    };
    for (const t of yes) assert.equal(holds(t), true, t);
    for (const t of no) assert.equal(holds(t), false, t);
  });

test('patterns that allow nobody knows what are none', () => {
  for (const text of [
    '*',
    'http://*',
    'http://*.',
    'http://a*.b',
    'http://*.*.b',
    'a.internal',
    'http://*.0.0.1',
    'http://*.[::1]',
    'http://a/*',
    'http://a:*',
    'http://a/../b',
    'http://u@a',
  ])
    assert.equal(typeof parseAllowed(text), 'string', text);
  const nobody = parseBackend('http://a');
  assert.ok(typeof nobody !== 'string');
  assert.equal(isAllowed(nobody, []), false, 'an empty list allows nothing');
});

test('a name in a host or a path never leaves a pattern, nor splits into something two readers see differently', () => {
  const [host, base] = [parseAllowed('http://*.lab.internal'), parseAllowed('http://app.internal/users')];
  assert.ok(typeof host !== 'string' && typeof base !== 'string');
  const piece = fc.constantFrom(
    'a',
    '.',
    '/',
    '@',
    ':',
    '?',
    '#',
    '\\',
    '%',
    '2e',
    '2f',
    '..',
    'evil.example',
    '[',
    ']',
    ' ',
    ';',
    '\n',
    '8',
    'ü',
  );
  const name = fc.oneof(
    fc.array(piece, { maxLength: 6 }).map((p) => p.join('')),
    fc.string(),
  );
  let accepted = 0;
  fc.assert(
    fc.property(name, (n) => {
      for (const [text, pattern] of [
        [`http://${n}.lab.internal`, host],
        [`http://app.internal/users/${n}`, base],
      ] as const) {
        const b = parseBackend(text);
        if (typeof b === 'string' || !isAllowed(b, [pattern])) continue;
        accepted++;
        const whatwg = new URL(text);
        assert.equal(`${whatwg.hostname}:${whatwg.port || 80}`, `${b.host}:${b.port}`);
        assert.equal(whatwg.pathname.replace(/\/$/, ''), b.path);
        assert.ok(
          b.host === 'app.internal'
            ? b.path === '/users' || b.path.startsWith('/users/')
            : b.host.endsWith('.lab.internal'),
        );
      }
    }),
    { numRuns: 3000 },
  );
  assert.ok(accepted > 100, `${accepted} accepted`);
});

test('host headers', () => {
  for (const [text, host] of [
    ['my-internal-host-header', 'my-internal-host-header'],
    ['App.Internal:8080', 'app.internal:8080'],
    ['[::1]:80', '[::1]:80'],
    ['', undefined],
    ['a b', undefined],
    ['a\r\nX: y', undefined],
    ['a/b', undefined],
    ['u@a', undefined],
    ['a,b', undefined],
    ['http://a', undefined],
    ['a:99999', undefined],
    ['ü.example', undefined],
  ] as const)
    assert.equal(parseHostHeader(text), host, text);
});
