import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { selfSigned } from './self-signed.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const made: string[] = [];
after(() => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

function place(): { readonly dir: string; readonly cert: string; readonly key: string } {
  const dir = mkdtempSync(join(tmpdir(), 'lintel-x509-'));
  made.push(dir);
  return { dir, cert: join(dir, 'a.pem'), key: join(dir, 'a.key') };
}

test('it is for every host and address, for a year, and no authority', () => {
  const hosts = ['auth.example.test', '*.apps.example.test', 'xn--bcher-kva.example', '192.168.0.9', '[2001:db8::7]'];
  const certificate = new X509Certificate(selfSigned(place(), hosts, NOW).pair.cert);
  for (const host of ['auth.example.test', 'x.apps.example.test', 'xn--bcher-kva.example', 'localhost']) {
    assert.notEqual(certificate.checkHost(host), undefined, host);
  }
  for (const host of ['apps.example.test', 'x.y.apps.example.test', 'example.test', 'evil.test']) {
    assert.equal(certificate.checkHost(host), undefined, host);
  }
  for (const ip of ['192.168.0.9', '2001:db8::7', '127.0.0.1', '::1'])
    assert.notEqual(certificate.checkIP(ip), undefined, ip);
  assert.equal(certificate.checkIP('10.0.0.1'), undefined);
  assert.equal(certificate.ca, false);
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  assert.equal(certificate.validToDate.getTime(), NOW + 365 * DAY);
  assert.ok(certificate.validFromDate.getTime() < NOW);
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
});

test('dates beyond 2049, and more hosts than fit a short length', () => {
  const late = Date.UTC(2049, 11, 1);
  const hosts = Array.from({ length: 700 }, (_, i) => `host-${i}.some-longer-domain.example.test`);
  const certificate = new X509Certificate(selfSigned(undefined, hosts, late).pair.cert);
  assert.equal(certificate.validToDate.getTime(), late + 365 * DAY);
  assert.notEqual(certificate.checkHost('host-699.some-longer-domain.example.test'), undefined);
});

test('openssl takes it as a certificate that it can check', () => {
  const files = place();
  selfSigned(files, ['a.example.test'], Date.now());
  const args = [
    'verify',
    '-x509_strict',
    '-purpose',
    'sslserver',
    '-verify_hostname',
    'a.example.test',
    '-CAfile',
    files.cert,
  ];
  assert.match(execFileSync('openssl', [...args, files.cert], { encoding: 'utf8' }), /OK/);
});

test('it is kept for its account alone and used again, until it has expired or lacks a host', () => {
  const files = place();
  const first = selfSigned(files, ['a.example.test'], NOW);
  assert.equal(first.unkept, undefined);
  for (const file of [files.cert, files.key]) assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(selfSigned(files, ['a.example.test'], NOW + 364 * DAY), first);
  const later = selfSigned(files, ['a.example.test'], NOW + 366 * DAY);
  assert.notEqual(later.fingerprint, first.fingerprint);
  const wider = selfSigned(files, ['a.example.test', '*.b.example.test'], NOW + 366 * DAY);
  assert.notEqual(wider.fingerprint, later.fingerprint);
  assert.equal(selfSigned(files, ['x.b.example.test'], NOW + 366 * DAY).fingerprint, wider.fingerprint);
  assert.deepEqual(readdirSync(files.dir).toSorted(), ['a.key', 'a.pem']);
});

test('half files, foreign pairs and links are replaced, never followed or served', () => {
  const [files, other] = [place(), place()];
  const first = selfSigned(files, [], NOW);
  selfSigned(other, [], NOW);
  const bad: readonly (() => void)[] = [
    () => writeFileSync(files.key, ''),
    () => writeFileSync(files.cert, first.pair.cert.slice(0, 200)),
    () => writeFileSync(files.key, readFileSync(other.key)),
    () => rmSync(files.key),
  ];
  for (const spoil of bad) {
    spoil();
    const { pair, unkept } = selfSigned(files, [], NOW);
    assert.equal(unkept, undefined);
    assert.ok(new X509Certificate(pair.cert).verify(new X509Certificate(pair.cert).publicKey));
    assert.equal(readFileSync(files.cert, 'utf8'), pair.cert);
    assert.equal(readFileSync(files.key, 'utf8'), pair.key);
  }
  const victim = join(files.dir, 'victim');
  writeFileSync(victim, 'precious');
  rmSync(files.key);
  symlinkSync(victim, files.key);
  selfSigned(files, [], NOW);
  assert.equal(readFileSync(victim, 'utf8'), 'precious');
});

test('a place that cannot be written is told, and the certificate still serves', () => {
  const files = place();
  const nowhere = { cert: join(files.dir, 'no', 'a.pem'), key: join(files.dir, 'no', 'a.key') };
  assert.match(selfSigned(nowhere, [], NOW).unkept ?? '', /ENOENT/);
  assert.match(selfSigned(undefined, [], NOW).unkept ?? '', /no place/);
  chmodSync(files.dir, 0o700);
});
