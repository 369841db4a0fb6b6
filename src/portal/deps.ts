import type { App } from '../core/app.ts';
import type { Fault } from '../core/fault.ts';
import type { Policy } from '../core/policy/compile.ts';
import type {
  AuditSink,
  Clock,
  MaybePromise,
  ParseUrl,
  PasswordVerifier,
  Secrets,
  SessionStore,
  UserSource,
} from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import type { Unknown } from '../core/target.ts';
import type { Ip } from '../core/text/ip.ts';
import type { Wire } from '../core/wire.ts';

/** How long sessions live, milliseconds. */
export interface SessionTimes {
  readonly idleMs: number;
  readonly lifetimeMs: number;
  /** Absolute end of a remembered session; 0: remembering is not offered. */
  readonly rememberMs: number;
}

/** What portal and door need of the world. Functions are asked anew for each request, so a reload needs no new portal. */
export interface PortalDeps {
  readonly store: SessionStore;
  readonly users: UserSource;
  readonly verifier: PasswordVerifier;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly audit: AuditSink;
  readonly parseUrl: ParseUrl;
  times(): SessionTimes;
  policy(): Policy;
  /** The public keys of assertions as the JSON of a JWK Set; throws or rejects while there are none. */
  jwks(): MaybePromise<string>;
}

/** One portal: the main one, or that of a `domains:` entry. */
export interface PortalSite {
  /** scheme://host[:port], without a default port. */
  readonly origin: string;
  /** "" or "/sub". */
  readonly basePath: string;
  readonly secure: boolean;
  /** The shared cookie that a sign-in here also gives. */
  readonly domain?: { readonly domain: string; readonly cookie: string } | undefined;
  /** Where somebody goes who signed in without coming from an app. */
  readonly defaultRedirect?: string | undefined;
}

export interface PortalRequest {
  readonly wire: Wire;
  readonly site: PortalSite;
  /** Canonical, without the base path, "/" at least. */
  readonly path: string;
  /** Raw, without "?". */
  readonly query: string | undefined;
  readonly client: Ip | Unknown;
  /** The whole body; a fault when it is larger than 64 KiB or does not arrive. */
  body(): Promise<Result<Uint8Array, Fault>>;
}

/** A request to `/.lintel/…` on the host of an app. */
export interface DoorRequest {
  readonly wire: Wire;
  readonly app: App;
  /** scheme://host[:port] of the app, canonical: what cookies and codes are bound to. */
  readonly origin: string;
  readonly path: string;
  readonly query: string | undefined;
  readonly client: Ip | Unknown;
}
