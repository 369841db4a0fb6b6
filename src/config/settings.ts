import type { App } from '../core/app.ts';
import type { AssertionAlgorithm } from '../core/assertion.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { TrustedProxies } from '../core/peer.ts';
import type { Outcome, Place, Rule } from '../core/policy/rule.ts';
import type { Network } from '../core/text/ip.ts';
import type { WebScheme } from '../core/text/origin.ts';
import type { StorageSettings } from '../stores/table.ts';

/** Everything that `lintel.yml` says, checked and typed. All paths are absolute, all durations milliseconds. */
export interface Settings {
  readonly listen: readonly ListenAddress[];
  readonly trustedProxies: TrustedProxies;
  /** Where people sign in; undefined: nowhere (a gate for Basic or bypass alone). */
  readonly portal: PortalAddress | undefined;
  /** Cookie domains; no two nest. Empty: each app has a cookie of its own, by hand-over. */
  readonly domains: readonly DomainSettings[];
  readonly storage: StorageSettings;
  /** undefined: no `users:` key; nobody can sign in. */
  readonly users: UserSettings | undefined;
  readonly session: SessionSettings;
  /** In order of the file. */
  readonly apps: readonly App[];
  /** Certificates that apps brought along, for listeners with TLS; chosen by their names before those of the listener. */
  readonly appCertificates: readonly TlsPair[];
  /** Where the certificate is kept that stands in when nobody gave one; undefined: it is not needed. */
  readonly selfSigned: { readonly cert: string; readonly key: string } | undefined;
  /** `policy.rules`, tried before the rules of apps. */
  readonly rules: readonly Rule[];
  /** For a request that no rule matches: deny unless configured. */
  readonly defaultOutcome: Outcome;
  readonly networks: ReadonlyMap<string, readonly Network[]>;
  readonly endpoints: readonly Endpoint[];
  /** The listener of Envoy's gRPC ext_authz; undefined: off. */
  readonly grpc: ListenAddress | undefined;
  /** The listener of /healthz, /readyz and /metrics; undefined: off. */
  readonly metrics: ListenAddress | undefined;
  readonly log: LogSettings;
  /** How long the default endpoints remember an accepted Basic password in memory; 0: not at all. */
  readonly basicCacheMs: number;
  readonly throttle: ThrottleSettings;
  readonly assertion: AssertionSettings;
  /** How long an upstream may take to begin its answer, and to be silent within it. */
  readonly upstreamTimeoutMs: number;
  /** What X-authentik-meta-outpost says. */
  readonly outpost: string;
  /** Names that accounts to come, and mappings, may set with `additionalHeaders`. */
  readonly additionalHeaders: readonly string[];
  /** The files this came from, `${file:…}` and TLS material included. The users file is watched by its source. */
  readonly watch: readonly string[];
}

export type ListenAddress =
  | {
      readonly kind: 'tcp';
      /** An IP literal without brackets, or a name to be resolved. */
      readonly host: string;
      /** 0: the system chooses one. */
      readonly port: number;
      /**
       * Given: speaks TLS with these, the first where no name fits. Empty: nobody gave one, and a certificate of Lintel's
       * own stands in. undefined: plain HTTP.
       */
      readonly tls: readonly TlsPair[] | undefined;
      /** True: answers nothing but the way to the same address on https. */
      readonly redirect: boolean;
    }
  | { readonly kind: 'unix'; readonly path: string };

/** A certificate chain and its key as they were read together, PEM; they belong to each other. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

export interface PortalAddress {
  readonly scheme: WebScheme;
  /** Canonical: lower-case ASCII. */
  readonly host: string;
  /** Effective port. */
  readonly port: number;
  /** '' or '/sub', never with a trailing slash. */
  readonly basePath: string;
  /** scheme://host[:port], without the default port. */
  readonly origin: string;
  /** As configured, host canonical, at least '/' as its path; may have a query. */
  readonly url: string;
}

/** One shared cookie for all hosts below a domain. */
export interface DomainSettings {
  readonly domain: string;
  /** Its own portal, else the portal of the whole when that lies in the domain; undefined: none. */
  readonly portal: PortalAddress | undefined;
  /** Name of the gate cookie. */
  readonly cookie: string;
  /** Where somebody goes who signed in without coming from an app. */
  readonly defaultRedirect: string | undefined;
  readonly place: Place;
}

export interface UserSettings {
  readonly kind: 'file';
  readonly path: string;
  readonly search: { readonly email: boolean; readonly caseInsensitive: boolean };
}

export interface SessionSettings {
  readonly idleMs: number;
  /** Absolute end of a session that is not remembered. */
  readonly lifetimeMs: number;
  /** Absolute end of a remembered session; 0: remembering is not offered. */
  readonly rememberMs: number;
}

export interface LogSettings {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';
/** `auto`: text on a terminal, JSON elsewhere. */
export type LogFormat = 'auto' | 'json' | 'text';

export interface ThrottleSettings {
  /** Failures within `findTimeMs` after which an account or address waits; 0: no throttling. */
  readonly maxRetries: number;
  readonly findTimeMs: number;
  readonly banTimeMs: number;
}

/** The signed assertion that apps may verify (core/assertion.ts). */
export interface AssertionSettings {
  readonly algorithm: AssertionAlgorithm;
  readonly lifetimeMs: number;
  /** How long one key signs; at least an hour, so always more than two lifetimes. */
  readonly rotateMs: number;
}
