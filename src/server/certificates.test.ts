import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { covers, prepareCertificates } from './certificates.ts';
import { selfSigned } from './self-signed.ts';

const pair = (...hosts: string[]) => selfSigned(undefined, hosts, Date.UTC(2026, 0, 1)).pair;

test('a certificate is for its names, and a star for one label', () => {
  const certificate = new X509Certificate(pair('a.example.test', '*.b.test').cert);
  for (const host of ['a.example.test', 'A.Example.Test', 'x.b.test', 'localhost'])
    assert.ok(covers(certificate, host), host);
  for (const host of [
    '',
    '.',
    'b.test',
    'x.y.b.test',
    'xa.example.test',
    'a.example.test.evil.test',
    'a.example.test\0',
  ]) {
    assert.equal(covers(certificate, host), false, host);
  }
});

test('no name that a client says throws', () => {
  const certificate = new X509Certificate(pair('*.b.test').cert);
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (name) => typeof covers(certificate, name) === 'boolean'));
});

test('a pair that does not belong together is refused whole, wherever it stands', () => {
  const [one, other] = [pair('one.test'), pair('other.test')];
  const mixed = { cert: one.cert, key: other.key };
  assert.throws(() => prepareCertificates({ fallback: mixed, byName: [] }));
  assert.throws(() => prepareCertificates({ fallback: one, byName: [one, mixed] }));
  const ready = prepareCertificates({ fallback: one, byName: [one, other] });
  assert.notEqual(ready.byName('other.test'), undefined);
  assert.equal(ready.byName('third.test'), undefined);
});
