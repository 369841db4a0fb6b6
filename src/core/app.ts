import type { RouteBySignIn } from './expression.ts';
import type { HostPattern, Place, Rule, SubjectPattern } from './policy/rule.ts';
import type { Profile } from './profile/profile.ts';
import type { User } from './subject.ts';
import type { WebScheme } from './text/origin.ts';

/**
 * One protected application. Its mode follows from what it has (contract authentik.md §1): an upstream makes it
 * `proxy`, a domain `forward_domain`, neither `forward_single`.
 */
export interface App {
  readonly name: string;
  /** What people call it; the launcher shows it. */
  readonly title: string;
  readonly urls: readonly AppUrl[];
  /** Undefined: the headers of whoever asks (`remote`; `authentik` at authentik's endpoints). */
  readonly profile: Profile | undefined;
  /** Given: Lintel proxies it. Absent: another proxy asks. */
  readonly upstream: UpstreamAddress | undefined;
  /** Origins beside the app's own whose pages may open WebSockets as the person signed in: scheme://host[:port]. */
  readonly origins: readonly string[];
  readonly rules: readonly Rule[];
  /** One app for every host below a domain, with one cookie. Its first url is where sign-ins end. */
  readonly domain?: AppDomain | undefined;
  readonly entitlements?: readonly Entitlement[];
  /** `Authorization: Basic …` made of the account's attributes. */
  readonly basicAuth?: BasicAuth | undefined;
  /** The `Authorization` header belongs to the app: Lintel neither reads nor takes it (`intercept_header_auth: false`). */
  readonly ownsAuthorization?: boolean;
  /** Every Bearer is an app password, and another is refused; false: one of another form is for the app. */
  readonly interceptsBearer?: boolean;
  /** A header for the signed assertion beside those of the profile. */
  readonly assertionHeader?: string | undefined;
  /** Overrides the profile's choice about `additionalHeaders`. */
  readonly tellsAdditional?: boolean | undefined;
  /** Chooses backend, host header and attributes when somebody signs in; undefined: nothing is chosen. */
  readonly routing?: RouteBySignIn | undefined;
  /** May a backend that an earlier sign-in chose be used still? Absent: any. */
  readonly allowsBackend?: ((url: string) => boolean) | undefined;
  /** Names of headers that `routing` may add to those of accounts and groups. */
  readonly mappedHeaders?: readonly string[];
}

export interface AppUrl {
  readonly scheme: WebScheme;
  readonly host: HostPattern;
  /** Effective port. */
  readonly port: number;
}

export interface AppDomain {
  readonly domain: string;
  /** Name of the cookie that every host below the domain gets. */
  readonly cookie: string;
}

/** A right inside the app, told in a header. */
export interface Entitlement {
  readonly name: string;
  /** Who has it, for warnings about names that nobody has; `place` is where that is said. */
  readonly people?: readonly SubjectPattern[];
  readonly place?: Place;
  holds(user: User): boolean;
}

export interface BasicAuth {
  /** Key of the attribute with the name; without a value the primary e-mail address stands in. */
  readonly userAttribute: string;
  /** Key of the attribute with the password; without a value nothing is sent. */
  readonly passwordAttribute: string;
}

/** Where an app answers, and how it is spoken to. */
export interface UpstreamAddress {
  /** Each as good as the others. */
  readonly servers: readonly [UpstreamServer, ...UpstreamServer[]];
  /** All of them, for messages. */
  readonly text: string;
  /** For servers over https, also for such that are chosen while Lintel runs. */
  readonly tls: UpstreamTls;
  /** Milliseconds until an answer must have begun; undefined: `upstream_timeout`. */
  readonly answerMs: number | undefined;
  /** Milliseconds without a byte after which a stream or tunnel is over; undefined: as for every app. */
  readonly idleMs: number | undefined;
}

export interface UpstreamServer {
  /** A name to be resolved for each connection, or an IP literal without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** "host[:port]" as it stands in the configuration, for messages. */
  readonly text: string;
  /** Put in front of the received path; '' or '/base'. */
  readonly basePath: string;
  /** undefined: plain HTTP. */
  readonly tls: UpstreamTls | undefined;
}

/** How servers over https are told from impostors. */
export interface UpstreamTls {
  /** PEM; undefined: the authorities that the system and Node trust. */
  readonly ca: string | undefined;
  /** PEM, for servers that ask who is calling. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
  /** The name that the certificate must have, also sent as SNI; undefined: the host's. */
  readonly serverName: string | undefined;
  /** True: any certificate will do, so anybody in between is taken for the app. */
  readonly dangerouslySkipVerify: boolean;
}

const PUBLIC_TLS: UpstreamTls = {
  ca: undefined,
  client: undefined,
  serverName: undefined,
  dangerouslySkipVerify: false,
};

/** One server on plain HTTP, everything else as usual. */
export function upstreamOf(hostname: string, port: number, text = `${hostname}:${port}`): UpstreamAddress {
  const server: UpstreamServer = { hostname, port, text, basePath: '', tls: undefined };
  return { servers: [server], text, tls: PUBLIC_TLS, answerMs: undefined, idleMs: undefined };
}
