import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Ip, parseIp } from '../core/text/ip.ts';
import { messageOf } from '../core/thrown.ts';
import { writePrivateFile } from '../ops/private-file.ts';
import { covers, type Pair } from './certificates.ts';
import { selfSign } from './x509.ts';

export interface SelfSigned {
  readonly pair: Pair;
  /** "AB:CD:…" of the certificate, SHA-256: what a browser shows. */
  readonly fingerprint: string;
  /** As OpenSSL writes it. */
  readonly validTo: string;
  /** Why it could not be kept, if so: the next start makes another. */
  readonly unkept: string | undefined;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const LIFETIME = 365 * DAY;
const ALWAYS = ['localhost', '127.0.0.1', '[::1]'];

/**
 * The certificate that stands in when nobody gave one: that of the files, while it is valid and for all these hosts
 * (canonical; `*.x` and "[::1]" too), else a new one for a year, kept there with its key (0600, each file whole or not
 * there). Never throws because of the files.
 */
export function selfSigned(files: Pair | undefined, hosts: readonly string[], now: number): SelfSigned {
  const wanted = [...new Set([...hosts, ...ALWAYS])];
  const kept = files === undefined ? undefined : read(files);
  if (kept !== undefined && serves(kept, wanted, now)) return described(kept, undefined);
  const made = make(wanted, now);
  if (!serves(made, wanted, now)) throw new Error('a certificate that does not say what it should');
  return described(made, files === undefined ? 'there is no place for it' : keep(files, made));
}

function described(pair: Pair, unkept: string | undefined): SelfSigned {
  const certificate = new X509Certificate(pair.cert);
  return { pair, fingerprint: certificate.fingerprint256, validTo: certificate.validTo, unkept };
}

function read(files: Pair): Pair | undefined {
  try {
    return { cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8') };
  } catch {
    return undefined;
  }
}

/** Whole, signed by its own key, valid now, and for every host. */
function serves(pair: Pair, hosts: readonly string[], now: number): boolean {
  try {
    const certificate = new X509Certificate(pair.cert);
    const isOwn = certificate.checkPrivateKey(createPrivateKey(pair.key)) && certificate.verify(certificate.publicKey);
    const isValid = certificate.validFromDate.getTime() <= now && now < certificate.validToDate.getTime();
    return isOwn && isValid && hosts.every((host) => isFor(certificate, host));
  } catch {
    return false;
  }
}

function isFor(certificate: X509Certificate, host: string): boolean {
  const address = addressOf(host);
  if (address !== undefined) return certificate.checkIP(host.replace(/^\[|\]$/g, '')) !== undefined;
  return covers(certificate, host.startsWith('*') ? `any${host.slice(1)}` : host);
}

function addressOf(host: string): Ip | undefined {
  return parseIp(host.replace(/^\[|\]$/g, ''));
}

function make(hosts: readonly string[], now: number): Pair {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = selfSign(privateKey, {
    name: 'Lintel, self-signed',
    hosts: hosts.filter((host) => addressOf(host) === undefined),
    addresses: hosts.map(addressOf).filter((address) => address !== undefined),
    from: now - HOUR, // for clients whose clock is behind
    until: now + LIFETIME,
  });
  const lines = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  const cert = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
  return { cert, key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) };
}

/** Why it could not be written, if so. Two files that do not belong together are noticed when they are read. */
function keep(files: Pair, pair: Pair): string | undefined {
  try {
    writePrivateFile(files.key, pair.key);
    writePrivateFile(files.cert, pair.cert);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
