import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { formatIp, type Ip } from '../core/text/ip.ts';

/** What stands in a certificate that signs itself. */
export interface CertificateFacts {
  /** Common name of subject and issuer. */
  readonly name: string;
  /** DNS names; `*.example.com` for every name one label below. */
  readonly hosts: readonly string[];
  readonly addresses: readonly Ip[];
  /** Milliseconds since the epoch; whole seconds count. */
  readonly from: number;
  readonly until: number;
}

/**
 * A certificate (RFC 5280) for a P-256 key, signed with that key, as DER. It can serve TLS and sign no other
 * certificate. This writes DER (X.690) and never reads any: what it wrote is read back by OpenSSL before it is used.
 */
export function selfSign(key: KeyObject, facts: CertificateFacts): Buffer {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const keyId = createHash('sha256').update(publicKey).digest().subarray(0, 16);
  const name = sequence(set(sequence(oid(OID.commonName), der(TAG.utf8, Buffer.from(facts.name, 'utf8')))));
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const content = sequence(
    der(TAG.version, integer(Buffer.of(2))),
    integer(keyId),
    algorithm,
    name,
    sequence(time(facts.from), time(facts.until)),
    name,
    publicKey,
    der(TAG.extensions, sequence(...extensions(facts))),
  );
  return sequence(content, algorithm, bitString(sign('sha256', content, { key, dsaEncoding: 'der' })));
}

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  dnsName: 0x82, // of GeneralName (RFC 5280 §4.2.1.6), as the next
  ipAddress: 0x87,
  version: 0xa0,
  extensions: 0xa3,
} as const;

/** Encoded object identifiers. */
const OID = {
  ecdsaWithSha256: '2a8648ce3d040302', // 1.2.840.10045.4.3.2
  commonName: '550403', // 2.5.4.3
  keyUsage: '551d0f', // 2.5.29.15
  subjectAltName: '551d11', // 2.5.29.17
  basicConstraints: '551d13', // 2.5.29.19
  extendedKeyUsage: '551d25', // 2.5.29.37
  serverAuth: '2b06010505070301', // 1.3.6.1.5.5.7.3.1
} as const;

function extensions({ hosts, addresses }: CertificateFacts): Buffer[] {
  const names = [
    ...hosts.map((host) => der(TAG.dnsName, Buffer.from(host, 'latin1'))),
    ...addresses.map((address) => der(TAG.ipAddress, octets(address))),
  ];
  const digitalSignature = der(TAG.bitString, Buffer.of(7, 0x80));
  return [
    extension(OID.basicConstraints, true, sequence()), // no authority
    extension(OID.keyUsage, true, digitalSignature),
    extension(OID.extendedKeyUsage, false, sequence(oid(OID.serverAuth))),
    extension(OID.subjectAltName, false, sequence(...names)),
  ];
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  const critical = isCritical ? [der(TAG.boolean, Buffer.of(0xff))] : [];
  return sequence(oid(id), ...critical, der(TAG.octetString, value));
}

/** Four octets of IPv4, sixteen of IPv6. */
function octets(address: Ip): Buffer {
  const all = Buffer.alloc(16);
  for (const [i, word] of address.words.entries()) all.writeUInt32BE(word, i * 4);
  return formatIp(address).includes(':') ? all : all.subarray(12);
}

function sequence(...content: readonly Uint8Array[]): Buffer {
  return der(TAG.sequence, ...content);
}

function set(...content: readonly Uint8Array[]): Buffer {
  return der(TAG.set, ...content);
}

function oid(hex: string): Buffer {
  return der(TAG.oid, Buffer.from(hex, 'hex'));
}

/** A positive number, most significant octet first, without needless zeros in front (X.690 §8.3). */
function integer(magnitude: Uint8Array): Buffer {
  let from = 0;
  while (from < magnitude.length - 1 && magnitude[from] === 0) from++;
  const rest = magnitude.subarray(from);
  return der(TAG.integer, (rest[0] ?? 0) < 0x80 ? rest : Buffer.concat([Buffer.of(0), rest]));
}

function bitString(bytes: Uint8Array): Buffer {
  return der(TAG.bitString, Buffer.of(0), bytes);
}

/** UTCTime through 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5). */
function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  const isShort = text < '2050';
  return der(isShort ? TAG.utcTime : TAG.generalizedTime, Buffer.from(isShort ? text.slice(2) : text, 'latin1'));
}

/** Tag, length in its shortest form, content (X.690 §8.1, §10.1). */
function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const digits = body.length.toString(16);
  const length = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, body]);
}
