import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cpuMs } from '../../test/black-box/cpu.ts';
import { parseAppUrl, parseHostPattern, parseListen, parseOrigin, parsePortal, parseUpstream } from './address.ts';
import { parseDuration } from './duration.ts';
import { parsePathPattern } from './path-pattern.ts';
import { distance, oneOf, suggest } from './suggest.ts';

test('durations', () => {
  const good: readonly [string | number, number][] = [
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['1h30m', 5_400_000],
    ['30d', 2_592_000_000],
    ['2w', 1_209_600_000],
    ['250ms', 250],
    ['1.5h', 5_400_000],
    [90, 90_000],
    ['90', 90_000],
    [0, 0],
  ];
  for (const [text, ms] of good) assert.equal(parseDuration(text), ms, String(text));
  for (const text of ['', 'm', '5 m', '-5m', '5m-', '1y', '1M', '5mm', '1e3', '11y', '4000d', Number.NaN, -1]) {
    assert.equal(parseDuration(text), undefined, String(text));
  }
});

test('a duration is the sum of its parts', () => {
  const part = fc.integer({ min: 0, max: 500 });
  fc.assert(
    fc.property(part, part, part, part, part, (d, h, m, s, ms) => {
      const sum = (((d * 24 + h) * 60 + m) * 60 + s) * 1000 + ms;
      assert.equal(parseDuration(`${d}d${h}h${m}m${s}s${ms}ms`), sum);
    }),
  );
});

test('edit distance', () => {
  for (const [a, b, d] of [
    ['', 'abc', 3],
    ['listn', 'listen', 1],
    ['hsots', 'hosts', 1],
    ['abc', 'abc', 0],
    ['abc', 'xyz', 3],
  ] as const) {
    assert.equal(distance(a, b), d);
    assert.equal(distance(b, a), d);
  }
});

test('suggestions are near, or none', () => {
  const keys = ['listen', 'trusted_proxies', 'portal', 'storage', 'users'];
  assert.equal(suggest('lisen', keys), 'listen');
  assert.equal(suggest('trustedProxies', keys), 'trusted_proxies');
  assert.equal(suggest('TRUSTED-PROXYS', keys), 'trusted_proxies');
  assert.equal(suggest('banana', keys), undefined);
  assert.equal(oneOf(['a', 'b', 'c']), 'a, b or c');
});

/** Text of a path pattern, what it matches, what it does not. */
const PATHS: readonly [string, readonly string[], readonly string[]][] = [
  ['/', ['/', '/a', '/a/b'], []],
  ['/api', ['/api', '/api/', '/api/x'], ['/apix', '/API', '/', '/x/api']],
  ['/api/', ['/api/', '/api/x'], ['/api', '/apix/']],
  ['/a/*', ['/a/b', '/a/'], ['/a', '/a/b/c', '/b/a']],
  ['/a/*.css', ['/a/x.css', '/a/.css'], ['/a/x.css/y', '/a/b/x.css', '/a/x.csss']],
  ['/a/x*y*z', ['/a/xyz', '/a/x1y2z', '/a/xyyz'], ['/a/xz', '/a/xzy', '/a/xy']],
  ['/a/xx*xx', ['/a/xxxx', '/a/xx1xx'], ['/a/xxx']],
  ['/a/**', ['/a/', '/a/b', '/a/b/c'], ['/a', '/ab']],
  ['/**', ['/', '/a', '/a/b'], []],
  ['/a/**/z', ['/a/z', '/a/b/z', '/a/b/c/z', '/a/z/z'], ['/a', '/z', '/a/b', '/a/z/']],
  ['/a/**/m/**/z', ['/a/m/z', '/a/1/m/2/3/z', '/a/m/m/z'], ['/a/z', '/a/1/z', '/a/m']],
  ['/a/**/b*/c', ['/a/b/c', '/a/bc/b1/c'], ['/a/b/d']],
  ['/a%2Fb', ['/a%2Fb'], ['/a/b']],
];
for (const [source, yes, no] of PATHS) {
  test(`path ${source}`, () => {
    const pattern = parsePathPattern(source);
    assert.ok(pattern.ok);
    for (const path of yes) assert.equal(pattern.value.test(path), true, path);
    for (const path of no) assert.equal(pattern.value.test(path), false, path);
  });
}

test('globs agree with a regular expression that says the same', () => {
  const part = fc.constantFrom('a', 'b', '*', '**', 'a*', '*b', 'a*b');
  const path = fc.array(fc.constantFrom('a', 'b', 'ab', 'aab', ''), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), fc.array(path, { minLength: 5 }), (parts, paths) => {
      const pattern = parsePathPattern(`/${parts.join('/')}`);
      if (!pattern.ok || !parts.some((p) => p.includes('*'))) return;
      const regex = new RegExp(
        `^${parts.map((p, i) => (p !== '**' ? `/${p.replaceAll('*', '[^/]*')}` : i === parts.length - 1 ? '(/[^/]*)+' : '(/[^/]*)*')).join('')}$`,
      );
      for (const p of paths) {
        const text = `/${p.join('/')}`;
        assert.equal(pattern.value.test(text), regex.test(text), `${parts.join('/')} on ${text}`);
      }
    }),
    { numRuns: 2000 },
  );
});

test('a glob stays quick on hostile paths', async () => {
  const pattern = parsePathPattern(`/${'**/a*a*a*a*c/'.repeat(6)}**`);
  assert.ok(pattern.ok);
  const took = await cpuMs(() => {
    assert.equal(pattern.value.test(`/${'aaaaaaaab/'.repeat(1500)}`), false);
    pattern.value.test(`/${'a'.repeat(16_000)}b`);
  });
  assert.ok(took < 1000, `${took} ms`);
});

test('hosts', () => {
  assert.deepEqual(parseHostPattern('A.Example.COM.', true), { kind: 'exact', host: 'a.example.com' });
  assert.deepEqual(parseHostPattern('*.BÜCHER.de', true), { kind: 'wildcard', suffix: '.xn--bcher-kva.de' });
  assert.deepEqual(parseHostPattern('{user}.x.org', true), { kind: 'user', suffix: '.x.org' });
  assert.deepEqual(parseHostPattern('{group}.x.org', true), { kind: 'group', suffix: '.x.org' });
  for (const text of ['{user}.x.org', '{group}.x.org']) assert.equal(parseHostPattern(text, false), undefined);
  for (const text of [
    '',
    '*',
    '*x.org',
    'a.*.org',
    '*.',
    'a b',
    'a/b',
    'a:80',
    'https://a',
    '{name}.x',
    '.x.org',
    '{user}x.org',
  ]) {
    assert.equal(parseHostPattern(text, true), undefined, text);
  }
});

test('urls of apps', () => {
  const good = parseAppUrl('HTTPS://A.x.org:8443/');
  assert.deepEqual(good, {
    ok: true,
    value: { scheme: 'https', host: { kind: 'exact', host: 'a.x.org' }, port: 8443 },
  });
  assert.deepEqual(parseAppUrl('http://*.x.org'), {
    ok: true,
    value: { scheme: 'http', host: { kind: 'wildcard', suffix: '.x.org' }, port: 80 },
  });
  const v6 = parseAppUrl('http://[::1]:8080');
  assert.ok(v6.ok && v6.value.port === 8080);
  for (const text of [
    '',
    'a.x.org',
    '//a.x.org',
    'ftp://a',
    'https://',
    'https://a:0',
    'https://a:65536',
    'https://a:080',
    'https://a?b',
    'https://a#b',
    'https://a\\b',
    'https://u:p@a',
    'https://a b',
    'https://{user}.x.org',
    'https://a:',
  ]) {
    assert.equal(parseAppUrl(text).ok, false, text);
  }
});

test('portals', () => {
  const portal = parsePortal('https://Auth.X.org:443/sso/');
  assert.deepEqual(portal, {
    ok: true,
    value: {
      scheme: 'https',
      host: 'auth.x.org',
      port: 443,
      basePath: '/sso',
      origin: 'https://auth.x.org',
      url: 'https://auth.x.org:443/sso/',
    },
  });
  for (const text of [
    'https://*.x.org',
    'https://a/..',
    'https://a/b/../c',
    'https://a/%2e',
    'https://a/#',
    'javascript://a',
  ]) {
    assert.equal(parsePortal(text).ok, false, text);
  }
});

test('upstreams', () => {
  const server = (text: string) => {
    const url = parseUpstream(text);
    return url.ok ? Object.values(url.value).join(' ') : undefined;
  };
  assert.equal(server('http://[::1]:8080/'), 'http ::1 8080 [::1]:8080 ');
  assert.equal(server('http://app'), 'http app 80 app ');
  assert.equal(server('HTTPS://App.internal/Base/v1.0/'), 'https app.internal 443 App.internal /Base/v1.0');
  assert.equal(server('https://bücher.example'), 'https xn--bcher-kva.example 443 bücher.example ');
  const bad = [
    'a:80',
    'unix:/x',
    'http://*.x',
    'ftp://a',
    'http://u@a',
    'http://a?b',
    'http://a#b',
    'http://a/..',
    '//a',
  ];
  bad.push(
    'http://a/b/../c',
    'http://a//b',
    'http://a/%62',
    'http://a/b;c',
    'http://a/\\b',
    'http://a:0',
    'http://a:99999',
  );
  bad.push('http://a/b c', 'http://a/...', 'http://a\n', '', 'http:///x', 'javascript:http://a');
  for (const text of bad) assert.equal(server(text), undefined, text);
});

test('origins', () => {
  assert.equal(parseOrigin('https://Dash.example.com:443'), 'https://dash.example.com');
  assert.equal(parseOrigin('http://127.0.0.1:8080'), 'http://127.0.0.1:8080');
  for (const text of ['null', '*', 'https://*.x.org', 'https://a/', 'https://a/b', 'ws://a', 'a.b', 'https://u@a'])
    assert.equal(parseOrigin(text), undefined, text);
});

test('addresses to listen on', () => {
  const tcp = (host: string, port: number, tls?: []) => ({
    ok: true,
    value: { kind: 'tcp', host, port, tls, redirect: false },
  });
  assert.deepEqual(parseListen('127.0.0.1:9091'), tcp('127.0.0.1', 9091));
  assert.deepEqual(parseListen('http://localhost:0'), tcp('localhost', 0));
  assert.deepEqual(parseListen('https://[::1]'), tcp('::1', 443, []));
  assert.deepEqual(parseListen('https://:9443'), tcp('::', 9443, []));
  assert.deepEqual(parseListen(':80'), tcp('::', 80));
  assert.deepEqual(parseListen('*:80'), tcp('::', 80));
  assert.deepEqual(parseListen('unix:/run/l.sock'), { ok: true, value: { kind: 'unix', path: '/run/l.sock' } });
  for (const text of ['', '127.0.0.1', '::1:80', 'a:b', '[x]:80', 'https://:0x1', 'unix:', 'ftp://a:1', 'a/b:80']) {
    assert.equal(parseListen(text).ok, false, text);
  }
});
