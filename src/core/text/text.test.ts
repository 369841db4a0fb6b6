import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pickCookies, removedCookie, setCookie, withoutCookies } from './cookie.ts';
import { all, first, foldName, single } from './header-list.ts';
import { headerValue } from './header-value.ts';
import { isWithin, parseAuthority, parseHost } from './host.ts';
import { contains, formatIp, overlaps, parseIp, parseNetwork, throttleKey } from './ip.ts';
import { decodeComponent, escapedPath, keptPath, keptQuery, parseQuery, queryComponent } from './url-encode.ts';

test('hosts are canonical or refused', () => {
  assert.deepEqual(parseAuthority('ADMIN.Example.Test.:8443'), { host: 'admin.example.test', port: 8443 });
  assert.deepEqual(parseAuthority('[::1]:80'), { host: '[::1]', port: 80 });
  assert.deepEqual(parseAuthority('app_1.example.com'), { host: 'app_1.example.com', port: undefined });
  const bad = [
    '',
    'a b',
    'a,b',
    'a..b',
    '.a',
    'a@b',
    'a:',
    'a:0',
    'a:080',
    'a:65536',
    'a:1:2',
    'ａpp.test',
    'ï¼¡pp',
    'a/b',
    '[::1',
    '[::1]x',
    'a%20b',
    `${'a'.repeat(64)}.b`,
  ];
  for (const text of bad) assert.equal(parseAuthority(text), undefined, text);
  assert.equal(parseHost('x'.repeat(254)), undefined);
  assert.ok(isWithin('a.example.com', 'example.com') && isWithin('example.com', 'example.com'));
  assert.ok(!isWithin('evilexample.com', 'example.com'));
});

test('addresses: one spelling or none', () => {
  const good: [string, string][] = [
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:0a00:0001', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::', '::'],
    ['fe80::1:0:0:2', 'fe80::1:0:0:2'],
  ];
  for (const [text, canonical] of good) assert.equal(formatIp(parseIp(text) ?? assert.fail(text)), canonical);
  const bad = [
    '',
    '012.0.0.1',
    '10.1',
    '256.0.0.1',
    '1.2.3.4.5',
    '1.2.3.',
    'fe80::1%eth0',
    '1::2::3',
    ':::',
    '12345::',
    '[::1]',
    '1.2.3.4:80',
    '::1.2.3',
  ];
  for (const text of bad) assert.equal(parseIp(text), undefined, text);
});

test('networks', () => {
  const inside = (n: string, ip: string) => contains(parseNetwork(n) ?? assert.fail(n), parseIp(ip) ?? assert.fail(ip));
  assert.ok(
    inside('10.0.0.0/8', '10.255.0.1') && inside('10.0.0.0/8', '::ffff:10.1.2.3') && !inside('10.0.0.0/8', '11.0.0.1'),
  );
  assert.ok(
    inside('fec0::1/64', 'fec0::2') &&
      !inside('fec0::1', 'fec0::2') &&
      inside('0.0.0.0/0', '9.9.9.9') &&
      !inside('0.0.0.0/0', '::1'),
  );
  for (const n of ['::/0', '::/80', '::ffff:0:0/95'])
    assert.ok(!inside(n, '1.2.3.4') && !inside(n, '::ffff:1.2.3.4'), n);
  assert.ok(inside('::/0', '::1') && inside('::ffff:0:0/96', '1.2.3.4') && inside('::ffff:1.2.3.0/120', '1.2.3.4'));
  for (const bad of ['10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/08', '::/129', '10.0.0.0/', 'lan'])
    assert.equal(parseNetwork(bad), undefined, bad);
  const net = (n: string) => parseNetwork(n) ?? assert.fail(n);
  assert.ok(overlaps(net('10.0.0.0/8'), net('10.1.0.0/16')) && !overlaps(net('10.0.0.0/9'), net('10.128.0.0/9')));
  assert.equal(throttleKey(parseIp('2001:db8:1:2:3:4:5:6') ?? assert.fail()), '2001:db8:1:2::/64');
});

test('property: an address survives being written and read', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const ip = parseIp(text);
      if (ip !== undefined) assert.deepEqual(parseIp(formatIp(ip)), ip);
    }),
  );
});

test('cookies: picked by exact name, all of them; cut without touching the rest', () => {
  assert.deepEqual(pickCookies('a=1; lintel=x; b=2;lintel="y"', 'lintel'), ['x', 'y']);
  assert.deepEqual(pickCookies('xlintel=1; lintel-app=2; lintel', 'lintel'), []);
  assert.deepEqual(pickCookies('lintel = z ', 'lintel'), ['z']);
  assert.equal(
    withoutCookies('a=1; lintel=x;  b="2"', (n) => n === 'lintel'),
    'a=1;  b="2"',
  );
  assert.equal(
    withoutCookies('lintel=x', (n) => n === 'lintel'),
    undefined,
  );
  assert.equal(
    withoutCookies(' lintel ; a=1', (n) => n === 'lintel'),
    'a=1',
  );
  assert.equal(setCookie('n', 'v', 60, { secure: true }), 'n=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure');
  assert.equal(
    removedCookie('n', { secure: false, domain: 'x.org' }),
    'n=; Path=/; HttpOnly; SameSite=Lax; Domain=x.org; Max-Age=0',
  );
});

test('header lists: a repeated header is never its first value', () => {
  const list = ['X-Forwarded-Uri', '/public', 'x-forwarded-uri', '/admin', 'Host', 'a'];
  assert.deepEqual(single(list, 'x-forwarded-uri'), { kind: 'repeated' });
  assert.deepEqual(single(list, 'host'), { kind: 'one', value: 'a' });
  assert.deepEqual(single(list, 'cookie'), { kind: 'absent' });
  assert.deepEqual(all(list, 'x-forwarded-uri'), ['/public', '/admin']);
  for (const alias of ['Remote_User', 'remote.user', "Remote'User", 'REMOTE|USER'])
    assert.equal(foldName(alias), 'remote-user');
});

test('header values hold no control, no invisible character, and are bytes', () => {
  assert.equal(headerValue('a\r\nRemote-User: admin', 'utf8'), 'aRemote-User: admin');
  assert.equal(headerValue('a\u202eb\u200d\0', 'utf8'), 'ab');
  assert.equal(Buffer.from(headerValue('Jürgen 李 \ud83d\ude00', 'utf8'), 'latin1').toString('utf8'), 'Jürgen 李 😀');
  assert.equal(headerValue('Jürgen 50%', 'percent'), 'J%C3%BCrgen 50%25');
  assert.equal(headerValue('Łukasz é', 'latin1'), '?ukasz é');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('utf8', 'percent', 'latin1'), (text, encoding) => {
      const value = headerValue(text, encoding as 'utf8');
      assert.match(value, /^[\x20-\x7e\x80-\xff]*$/);
    }),
  );
});

test('rd is escaped as Go does it', () => {
  assert.equal(
    queryComponent("https://a.b/c d?x=1&y=!'()*~"),
    'https%3A%2F%2Fa.b%2Fc+d%3Fx%3D1%26y%3D%21%27%28%29%2A~',
  );
  assert.equal(escapedPath('/a//../b[1]%2f'), '/a//../b[1]%2f');
  assert.equal(escapedPath('/a b%0d|"'), '/a%20b%0D%7C%22');
  assert.equal(keptPath("/a%2fb%0d|'{c}//../[d]"), "/a%2fb%0d|'{c}//../[d]");
  assert.equal(keptPath('/a "<b>\\^`#\xc3\xbc\r\n'), '/a%20%22%3Cb%3E%5C%5E%60%23%C3%BC%0D%0A');
  assert.equal(keptQuery("a=%2f%zz^`|{}'[]?/@:&b=+"), "a=%2f%zz^`|{}'[]?/@:&b=+");
  assert.equal(keptQuery('a= "<>\\#\xc3\xbc\n'), 'a=%20%22%3C%3E%5C%23%C3%BC%0A');
  assert.equal(decodeComponent('%C3%BC+x'), 'ü x');
  assert.equal(decodeComponent('%zz'), undefined);
  assert.deepEqual(parseQuery('a=1&b&c=%zz&d=x;y&a=2'), [
    { key: 'a', value: '1' },
    { key: 'b', value: '' },
    { key: 'a', value: '2' },
  ]);
});

test('headers found in one walk are those that a look at each line finds', () => {
  const name = fc
    .constantFrom('host', 'cookie', 'x-forwarded-uri', 'x-forwarded-for', 'x-original-url', 'x_forwarded_uri', 'accept')
    .chain((n) => fc.mixedCase(fc.constant(n)));
  const lines = fc.array(fc.tuple(name, fc.constantFrom('', 'a', 'b')), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(lines, { maxLength: 3 }), (lists) => {
      for (const list of lists) {
        const headers = list.flat();
        for (const asked of ['host', 'cookie', 'x-forwarded-uri', 'x-forwarded-for', 'x-original-url', 'accept']) {
          const values = list.filter(([n]) => n.toLowerCase() === asked).map(([, v]) => v);
          assert.deepEqual(all(headers, asked), values);
          assert.equal(first(headers, asked), values[0]);
          const kind = values.length > 1 ? 'repeated' : values.length === 1 ? 'one' : 'absent';
          assert.deepEqual(single(headers, asked), kind === 'one' ? { kind, value: values[0] } : { kind });
        }
      }
    }),
  );
});

test('a list that grew is read anew', () => {
  const headers = ['Host', 'a'];
  assert.deepEqual(single(headers, 'host'), { kind: 'one', value: 'a' });
  headers.push('HOST', 'a');
  assert.deepEqual(single(headers, 'host'), { kind: 'repeated' });
});
