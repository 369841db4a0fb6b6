import type { MaybePromise } from './ports.ts';
import type { Level, User } from './subject.ts';
import { utf8Length } from './text/utf8.ts';

/** Whom an assertion is about, who makes it and who is to believe it. */
export interface AssertionFacts {
  /** Origin of the portal; '' where there is none: the assertion names no issuer then. */
  readonly issuer: string;
  /** The app's name: an assertion for one app is nothing to another. */
  readonly audience: string;
  readonly user: User;
  readonly level: Level;
  /** What the user may do in this app. */
  readonly entitlements: readonly string[];
}

export interface Assertion {
  /** A compact JWS (RFC 7515 §7.1): ASCII. */
  readonly token: string;
  /** Milliseconds since the epoch: from then on ask again. Until then it lives for at least a third of its lifetime. */
  readonly freshUntil: number;
}

/** Signs what apps can verify without trusting the network between. Implemented in ops/assertion-signer.ts. */
export interface AssertionSigner {
  /**
   * Has the keys for this time at hand; nothing to wait for in all but the first call. Throws or rejects while there
   * is no key, since the store cannot be read or written: then nothing may be asserted, and a request that needs an
   * assertion is a fault (STORE-UNAVAILABLE), never an allow without one.
   */
  ready(nowMs: number): MaybePromise<void>;
  /** For these facts, made once for two thirds of its life: the same object until then. Throws unless `ready` was awaited. */
  sign(facts: AssertionFacts, nowMs: number): Assertion;
  /** The public keys, as the JSON of a JWK Set (RFC 7517 §5). Throws or rejects as `ready`. */
  jwks(nowMs: number): MaybePromise<string>;
}

export type AssertionAlgorithm = 'ES256' | 'EdDSA';

/** Clocks of apps may run behind by so much. Seconds. */
const NOT_BEFORE_LEEWAY = 30;

/** Bytes of the claims: with the header and the signature a token of at most 4 KiB, half of what common servers take. */
const MAX_CLAIMS = 2_800;

/**
 * The claims as JSON (RFC 7519 §4), minimal: what is not there cannot leak through an app's log. Where they would be too
 * long, `groups` is left out, then `entitlements`, `name` and `email`: absent means unknown, and an empty list none.
 */
export function claimsJson(facts: AssertionFacts, nowMs: number, lifetimeMs: number): string {
  const { issuer, audience, user, level, entitlements } = facts;
  const iat = Math.floor(nowMs / 1000);
  const fixed = {
    ...(issuer === '' ? {} : { iss: issuer }),
    aud: audience,
    sub: user.name,
    uid: user.uid,
    acr: level,
    iat,
    nbf: iat - NOT_BEFORE_LEEWAY,
    exp: iat + Math.floor(lifetimeMs / 1000),
  };
  const [email] = user.emails;
  const optional = {
    ...(email === undefined ? {} : { email }),
    name: user.displayName,
    entitlements,
    groups: user.groups,
  };
  return shortened(fixed, Object.entries(optional));
}

function shortened(fixed: object, optional: readonly (readonly [string, unknown])[]): string {
  const json = JSON.stringify({ ...fixed, ...Object.fromEntries(optional) });
  return optional.length === 0 || utf8Length(json) <= MAX_CLAIMS ? json : shortened(fixed, optional.slice(0, -1));
}
