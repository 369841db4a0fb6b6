import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { UpstreamAddress, UpstreamServer, UpstreamTls } from '../core/app.ts';
import type { UpstreamUrl } from '../core/text/upstream-url.ts';
import { messageOf } from '../core/thrown.ts';
import { configuredHost, parseOrigin, parseUpstream } from './address.ts';
import { parseDuration } from './duration.ts';
import type { RawUpstream } from './schema-app.ts';
import { listed, type Scope } from './scope.ts';
import type { Path } from './tree.ts';

type RawMap = Exclude<RawUpstream, string | readonly string[]>;

/** `upstream:` of an app, certificates read and checked; undefined: something in it cannot be used, and was reported. */
export function readUpstream(raw: RawUpstream, path: Path, scope: Scope): UpstreamAddress | undefined {
  const map: RawMap = typeof raw === 'string' || Array.isArray(raw) ? {} : raw;
  const urls = readUrls(raw, path, scope);
  const tls = readTls(map, urls, path, scope);
  const answerMs = readTime(map.timeout, [...path, 'timeout'], scope);
  const idleMs = readTime(map.idle_timeout, [...path, 'idle_timeout'], scope);
  if (tls === undefined) return undefined;
  const [first, ...rest] = urls.map((url) => serverOf(url, tls));
  if (first === undefined) return undefined;
  return { servers: [first, ...rest], text: urls.map((u) => u.text).join(', '), tls, answerMs, idleMs };
}

function serverOf({ scheme, hostname, port, text, basePath }: UpstreamUrl, tls: UpstreamTls): UpstreamServer {
  return { hostname, port, text, basePath, tls: scheme === 'https' ? tls : undefined };
}

/** `origins:` of an app, as browsers write them. */
export function readOrigins(raw: string | readonly string[] | undefined, path: Path, scope: Scope): string[] {
  return listed(raw, path).flatMap(([text, at]) => {
    const origin = parseOrigin(text);
    if (origin !== undefined) return [origin];
    scope.error(at, `${text} is not an origin.`, 'Write scheme and host alone, as in https://dashboard.example.com.');
    return [];
  });
}

function readUrls(raw: RawUpstream, path: Path, scope: Scope): UpstreamUrl[] {
  const entries = entriesOf(raw, path);
  if (entries.length === 0) scope.error(path, 'The upstream has no address.', 'Add url: http://127.0.0.1:8080.');
  return entries.flatMap(([text, at]) => {
    const url = parseUpstream(text);
    if (url.ok) return [url.value];
    scope.error(at, ...url.error);
    return [];
  });
}

function entriesOf(raw: RawUpstream, path: Path): readonly [string, Path][] {
  if (typeof raw === 'string' || Array.isArray(raw)) return listed(raw, path);
  return [...listed(raw.url, [...path, 'url']), ...listed(raw.urls, [...path, 'urls'])];
}

const TLS_KEYS = ['ca', 'cert', 'key', 'server_name', 'dangerously_skip_verify'] as const;

function readTls(raw: RawMap, urls: readonly UpstreamUrl[], path: Path, scope: Scope): UpstreamTls | undefined {
  const before = scope.problems.length;
  const given = TLS_KEYS.find((key) => raw[key] !== undefined);
  if (given !== undefined && urls.length > 0 && urls.every((u) => u.scheme === 'http')) {
    scope.error(
      [...path, given],
      `${given} says how to speak TLS, and the upstream is on plain http.`,
      'Write https://.',
    );
  }
  const skips = raw.dangerously_skip_verify === true;
  if (skips) {
    const hint = 'Put the certificate of its authority into ca: instead.';
    scope.warn([...path, 'dangerously_skip_verify'], 'Any certificate is taken for that of the app.', hint);
  }
  const ca = raw.ca === undefined ? undefined : readAuthorities(raw.ca, [...path, 'ca'], scope);
  const client = readClient(raw, path, scope);
  const serverName = raw.server_name === undefined ? undefined : configuredHost(raw.server_name);
  if (raw.server_name !== undefined && serverName === undefined) {
    scope.error([...path, 'server_name'], `${raw.server_name} is not a host name.`);
  }
  const isBroken = scope.problems.slice(before).some((p) => p.severity === 'error');
  return isBroken ? undefined : { ca, client, serverName, dangerouslySkipVerify: skips };
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function readAuthorities(written: string, path: Path, scope: Scope): string | undefined {
  const text = readPem(written, path, scope);
  if (text === undefined) return undefined;
  const blocks = text.match(PEM) ?? [];
  if (blocks.length > 0 && blocks.every(isCertificate)) return text;
  return scope.error(path, `${written} holds no certificate that can be read.`, 'Give a PEM file of certificates.');
}

function readClient(raw: RawMap, path: Path, scope: Scope): UpstreamTls['client'] {
  if (raw.cert === undefined && raw.key === undefined) return undefined;
  if (raw.cert === undefined || raw.key === undefined) {
    return scope.error(path, 'A client certificate is two files.', 'Give both cert: and key:.');
  }
  const cert = readPem(raw.cert, [...path, 'cert'], scope);
  const key = readPem(raw.key, [...path, 'key'], scope);
  if (cert === undefined || key === undefined) return undefined;
  if (belongTogether(cert, key)) return { cert, key };
  return scope.error([...path, 'cert'], `${raw.cert} and ${raw.key} are not a certificate and its key.`);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== '';
  } catch {
    return false;
  }
}

function belongTogether(cert: string, key: string): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** Read now, so that a broken file is a problem of the load and never of a request; watched, so that a new one counts. */
function readPem(written: string, path: Path, scope: Scope): string | undefined {
  const file = scope.file(path, written);
  scope.files.add(file);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return scope.error(path, `${written} cannot be read: ${messageOf(error)}.`);
  }
}

function readTime(value: string | number | undefined, path: Path, scope: Scope): number | undefined {
  if (value === undefined) return undefined;
  const ms = parseDuration(value);
  if (ms === undefined || ms === 0)
    return scope.error(path, `${value} is not a time to wait.`, 'Write 30s, 5m or 1h30m.');
  return ms;
}
