import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from '../core/thrown.ts';
import type { StorageSettings } from '../stores/table.ts';
import { parseListen } from './address.ts';
import type { Raw } from './schema.ts';
import type { RawPair, RawTls } from './schema-listen.ts';
import type { Scope } from './scope.ts';
import type { ListenAddress, Settings, TlsPair } from './settings.ts';
import type { Path } from './tree.ts';

type ListenSettings = Pick<Settings, 'listen' | 'grpc' | 'metrics' | 'appCertificates' | 'selfSigned'>;

/** Where Lintel listens, and the certificates it does so with; `storage` says where it may keep one of its own. */
export function readListening(raw: Raw, storage: StorageSettings, scope: Scope): ListenSettings {
  const tls = raw.tls === undefined ? [] : readCertificates(raw.tls, ['tls'], scope);
  const listen = readListeners(raw.listen, tls, scope);
  const grpc = readGrpc(raw.grpc, tls, scope);
  const metrics = readMetrics(raw.metrics, tls, scope);
  const lacksOne = [...listen, grpc, metrics].some((a) => a?.kind === 'tcp' && a.tls?.length === 0);
  const directory = storage.kind === 'sqlite' ? dirname(storage.path) : scope.file(['listen'], '.');
  return {
    listen,
    grpc,
    metrics,
    appCertificates: Object.entries(raw.apps ?? {}).flatMap(([name, app]) =>
      app.tls === undefined ? [] : readCertificates(app.tls, ['apps', name, 'tls'], scope),
    ),
    selfSigned: lacksOne
      ? { cert: join(directory, 'lintel-selfsigned.pem'), key: join(directory, 'lintel-selfsigned.key') }
      : undefined,
  };
}

function readListeners(raw: Raw['listen'], tls: readonly TlsPair[], scope: Scope): ListenAddress[] {
  const entries = typeof raw === 'string' ? [raw] : (raw ?? []);
  if (entries.length === 0) scope.error(['listen'], 'Lintel listens nowhere.', NOWHERE_HINT);
  const out: ListenAddress[] = [];
  for (const [i, entry] of entries.entries()) {
    const path: Path = typeof raw === 'string' ? ['listen'] : ['listen', i];
    if (typeof entry === 'string') out.push(...readAddress(entry, tls, path, scope));
    else {
      const own = entry.tls === undefined ? tls : readCertificates(entry.tls, [...path, 'tls'], scope);
      const read = readAddress(entry.address, own, [...path, 'address'], scope);
      out.push(...(entry.redirect === undefined ? read : read.map((a) => redirecting(a, path, scope))));
    }
  }
  return out;
}

const NOWHERE_HINT =
  'Behind a reverse proxy on this machine: listen: [127.0.0.1:9091]. With the ports of authentik\'s outpost: listen: [":9000", "https://:9443"] and metrics: ":9300".';

/** The address in a list, or an empty one: it was reported. */
function readAddress(text: string, tls: readonly TlsPair[], path: Path, scope: Scope): ListenAddress[] {
  const address = parseListen(text);
  if (!address.ok) scope.error(path, ...address.error);
  if (!address.ok) return [];
  const { value } = address;
  if (value.kind === 'unix') return [{ kind: 'unix', path: scope.file(path, value.path) }];
  return [{ ...value, tls: value.tls === undefined ? undefined : tls }];
}

function redirecting(address: ListenAddress, path: Path, scope: Scope): ListenAddress {
  if (address.kind === 'tcp' && address.tls === undefined) return { ...address, redirect: true };
  scope.error(
    [...path, 'redirect'],
    'Only a listener of plain HTTP on a port can send people to https.',
    'Write {address: ":80", redirect: https}.',
  );
  return address;
}

function readGrpc(raw: Raw['grpc'], tls: readonly TlsPair[], scope: Scope): ListenAddress | undefined {
  if (raw === undefined || raw === false || raw === 'off') return undefined;
  if (typeof raw === 'string') return readAddress(raw, tls, ['grpc'], scope)[0];
  const own = raw.tls === undefined ? tls : readCertificates(raw.tls, ['grpc', 'tls'], scope);
  return readAddress(raw.address, own, ['grpc', 'address'], scope)[0];
}

function readMetrics(raw: Raw['metrics'], tls: readonly TlsPair[], scope: Scope): ListenAddress | undefined {
  const isOff = raw === undefined || raw === false || raw === 'off';
  return isOff ? undefined : readAddress(raw, tls, ['metrics'], scope)[0];
}

function readCertificates(raw: RawTls, path: Path, scope: Scope): TlsPair[] {
  if (!Array.isArray(raw)) return readPair(raw, path, scope);
  if (raw.length === 0)
    scope.error(path, 'The list of certificates is empty.', 'Leave tls out, or add {cert: PATH, key: PATH}.');
  return raw.flatMap((pair, i) => readPair(pair, [...path, i], scope));
}

/**
 * Both files at one moment, so that what is served is what was judged: they are renewed one after the other, and between
 * the two they do not belong together.
 */
function readPair(raw: RawPair, path: Path, scope: Scope): TlsPair[] {
  const cert = readPem(raw.cert, [...path, 'cert'], (pem) => new X509Certificate(pem), 'certificate', scope);
  const key = readPem(raw.key, [...path, 'key'], (pem) => createPrivateKey(pem), 'private key', scope);
  if (cert === undefined || key === undefined) return [];
  if (!belongs(cert.made, key.made)) {
    const message = `The certificate ${raw.cert} was not made for the key ${raw.key}.`;
    scope.error([...path, 'cert'], message, 'Name the key that the certificate was requested with.');
    return [];
  }
  return [{ cert: cert.pem, key: key.pem }];
}

function belongs(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.checkPrivateKey(key);
  } catch {
    return false; // keys of two kinds
  }
}

function readPem<T>(
  written: string,
  path: Path,
  make: (pem: string) => T,
  what: string,
  scope: Scope,
): { readonly pem: string; readonly made: T } | undefined {
  const file = scope.file(path, written);
  scope.files.add(file);
  try {
    const pem = readFileSync(file, 'utf8');
    return { pem, made: makeFrom(pem, make, written, what) };
  } catch (error) {
    const why = error instanceof Unreadable ? error.message : `${written} cannot be read: ${reason(error)}.`;
    return scope.error(path, why, `Name a PEM file with a ${what} that this account may read.`);
  }
}

/** Not an error of the system but of what the file says. */
class Unreadable extends Error {}

function makeFrom<T>(pem: string, make: (pem: string) => T, written: string, what: string): T {
  try {
    return make(pem);
  } catch {
    const isLocked = /ENCRYPTED/.test(pem);
    throw new Unreadable(`${written} holds no ${what} in PEM${isLocked ? ' without a passphrase' : ''}.`);
  }
}

function reason(error: unknown): string {
  return codeOf(error) ?? String(error);
}
