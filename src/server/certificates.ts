import { X509Certificate } from 'node:crypto';
import {
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TlsOptions,
} from 'node:tls';

/** A certificate chain and the key of its first certificate, as PEM text. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** What a listener may answer with. */
export interface PairChoice {
  /** For clients that name no host, or one that no certificate is for. */
  readonly fallback: Pair;
  /** The first that is for the host which the client names. */
  readonly byName: readonly Pair[];
}

/** Certificates ready to be served. */
export interface Certificates {
  readonly fallback: SecureContextOptions;
  /** The first whose names cover the host (RFC 6125); undefined: none does, or nobody said a host. */
  byName(servername: string): SecureContext | undefined;
}

/** TLS 1.0 and 1.1 are refused (RFC 8996); ciphers are Node's. */
const PROTOCOL = { minVersion: 'TLSv1.2' } as const;

/** Certificates of a server that may be others later, for connections that come then. */
export interface Renewable {
  readonly options: SecureContextOptions & Pick<TlsOptions, 'SNICallback'>;
  /** Throws when one of them is no certificate, or does not belong to its key; the old ones stay then. */
  renew(server: Pick<Server, 'setSecureContext'>, pairs: PairChoice): void;
}

/** Throws when one of them is no certificate, or does not belong to its key. */
export function renewable(pairs: PairChoice): Renewable {
  let certificates = prepareCertificates(pairs);
  return {
    options: { ...certificates.fallback, SNICallback: (name, done) => done(null, certificates.byName(name)) },
    renew(server, next) {
      const prepared = prepareCertificates(next);
      server.setSecureContext(prepared.fallback);
      certificates = prepared;
    },
  };
}

export function prepareCertificates({ fallback, byName }: PairChoice): Certificates {
  const ready = byName.map((pair) => ({
    names: new X509Certificate(pair.cert),
    context: createSecureContext({ ...PROTOCOL, ...pair }),
  }));
  createSecureContext({ ...PROTOCOL, ...fallback });
  return {
    fallback: { ...PROTOCOL, ...fallback },
    byName: (servername) => ready.find(({ names }) => covers(names, servername))?.context,
  };
}

/** True when the certificate is for this host; `*` stands for one whole label. Never throws, whatever a client says. */
export function covers(certificate: X509Certificate, host: string): boolean {
  // checkHost throws for NUL, and an exception in the handshake would end the process.
  return !host.includes('\0') && certificate.checkHost(host, { partialWildcards: false }) !== undefined;
}
