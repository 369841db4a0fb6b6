import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderNames, nominated } from './hop-by-hop.ts';
import { setCookieNames } from './set-cookie.ts';

test('names are judged by their fold, whatever the spelling, and again after the memory was emptied', () => {
  const names = new HeaderNames(new Set(['x-who']));
  for (let round = 0; round < 3; round++) {
    for (const name of ['X-Who', 'x_who', 'X.WHO', 'X~Who', 'Remote-User', 'X-Forwarded-Anything', 'TE', 'Proxy']) {
      assert.equal(names.request(name), 'drop', name);
    }
    for (const name of [
      'Accept',
      'X-Whom',
      'If-None-Match',
      'Sec-Fetch-Site',
      'Upgrade-Insecure-Requests',
      'X-CSRF-Token',
    ]) {
      assert.equal(names.request(name), 'pass', name);
    }
    assert.equal(names.request('cOOkie'), 'cookie');
    assert.equal(names.request('Transfer_Encoding'), 'drop', 'an alias is not the field itself');
    assert.equal(names.response('X-Who'), 'drop');
    assert.equal(names.response('X-Accel-Redirect'), 'pass', 'an app may steer the proxy in front');
    assert.equal(names.response('ETag'), 'pass');
    assert.equal(names.response('E Tag'), 'invalid');
    for (let i = 0; i < 600; i++) names.request(`X-Flood-${round}-${i}`);
  }
});

test('a Connection value nominates end-to-end fields in vain', () => {
  assert.deepEqual([...nominated('keep-alive')], []);
  assert.deepEqual([...nominated(' X-A ,x-b,, close, Cookie, HOST, content-length')], ['x-a', 'x-b']);
});

test('the names under which a browser may store a cookie', () => {
  const cases = [
    ['a=b; Path=/', 'a'],
    [' lintel = x', 'lintel'],
    ['\tlintel\t=x', 'lintel'],
    ['lintel', 'lintel'],
    ['=lintel=x', 'lintel'],
    ['=lintel', 'lintel'],
    ['', ''],
  ] as const;
  for (const [value, name] of cases) assert.deepEqual(setCookieNames(value), [name], value);
});
