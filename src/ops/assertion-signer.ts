import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Assertion, AssertionAlgorithm, AssertionFacts, AssertionSigner } from '../core/assertion.ts';
import { claimsJson } from '../core/assertion.ts';
import { type MaybePromise, orElse, type SessionStore, whenReady } from '../core/ports.ts';
import type { User } from '../core/subject.ts';

export interface SignerOptions {
  readonly store: Pick<SessionStore, 'installationKey' | 'forgetInstallationKeys'>;
  readonly algorithm: AssertionAlgorithm;
  /** From `iat` to `exp`, milliseconds. */
  readonly lifetimeMs: number;
  /** How long one key signs, milliseconds; more than two lifetimes. */
  readonly rotateMs: number;
  /** Told when keys of another time than now could not be read, made or forgotten; signing goes on. */
  readonly failed: (error: unknown) => void;
}

const PREFIX = 'assertion/';
const RETRY_MS = 10_000;

/**
 * Signs with a key for each period of `rotateMs` since the epoch, so that processes on one store find the same key
 * without agreeing on anything. The key set holds those of the last, this and the next period: a verifier that keeps a
 * copy knows a key for a whole period before it signs, and until all that it signed is over. Older ones are forgotten.
 */
export function createAssertionSigner(options: SignerOptions): AssertionSigner {
  const ring = new KeyRing(options);
  const memory = new Memory((options.lifetimeMs * 2) / 3);
  return {
    ready: (nowMs) => ring.ready(nowMs),
    sign(facts, nowMs) {
      const named = JSON.stringify([facts.level, facts.issuer, facts.audience, ...facts.entitlements]);
      return memory.recall(facts.user, named, nowMs) ?? memory.keep(facts.user, named, make(facts, nowMs), nowMs);
    },
    jwks: (nowMs) => whenReady(ring.ready(nowMs), () => JSON.stringify({ keys: ring.published() })),
  };

  function make(facts: AssertionFacts, nowMs: number): Assertion {
    const token = jws(ring.current(nowMs), claimsJson(facts, nowMs, options.lifetimeMs));
    return { token, freshUntil: nowMs + memory.freshMs };
  }
}

/** What a verifier gets to know of a key. RFC 7518 §6.2.1, RFC 8037 §2. */
interface PublicJwk {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly y?: string;
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: AssertionAlgorithm;
}

interface SigningKey {
  readonly key: KeyObject;
  readonly algorithm: AssertionAlgorithm;
  readonly jwk: PublicJwk;
  /** The JOSE header, base64url, with its dot. */
  readonly head: string;
}

class KeyRing {
  readonly #options: SignerOptions;
  /** By number of the period. */
  readonly #keys = new Map<number, SigningKey>();
  /** The period whose neighbours are all at hand. */
  #around: number | undefined;
  #failedAt: number | undefined;
  #loading: Promise<void> | undefined;

  constructor(options: SignerOptions) {
    this.#options = options;
  }

  ready(nowMs: number): MaybePromise<void> {
    const n = this.#period(nowMs);
    if (this.#around === n) return;
    const held = this.#keys.has(n);
    if (held && this.#failedAt !== undefined && Math.abs(nowMs - this.#failedAt) < RETRY_MS) return;
    if (this.#loading !== undefined) return held ? undefined : this.#loading.then(() => this.ready(nowMs));
    const loading = this.#load(n, nowMs);
    // A key for now is at hand: its neighbours may come later.
    return held ? undefined : loading;
  }

  current(nowMs: number): SigningKey {
    const key = this.#keys.get(this.#period(nowMs));
    if (key === undefined) throw new Error('asked to sign before the keys were ready');
    return key;
  }

  published(): PublicJwk[] {
    return [...this.#keys].sort(([a], [b]) => a - b).map(([, { jwk }]) => jwk);
  }

  #period(nowMs: number): number {
    return Math.floor(nowMs / this.#options.rotateMs);
  }

  #load(n: number, nowMs: number): MaybePromise<void> {
    const all = () => whenReady(this.#fetch(n), () => whenReady(this.#fetch(n - 1), () => this.#fetch(n + 1)));
    const loaded = orElse(
      () => whenReady(all(), () => this.#settle(n)),
      (error) => {
        if (!this.#keys.has(n)) throw error;
        this.#failedAt = nowMs;
        this.#options.failed(error);
      },
    );
    if (!(loaded instanceof Promise)) return loaded;
    this.#loading = loaded.finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  #fetch(n: number): MaybePromise<void> {
    if (this.#keys.has(n)) return;
    const { store, algorithm } = this.#options;
    const stored = store.installationKey(this.#name(n, algorithm), () => newKey(algorithm));
    return whenReady(stored, (pkcs8) => void this.#keys.set(n, signingKey(pkcs8, algorithm)));
  }

  #settle(n: number): MaybePromise<void> {
    for (const other of this.#keys.keys()) if (Math.abs(other - n) > 1) this.#keys.delete(other);
    this.#around = n;
    this.#failedAt = undefined;
    const { store, failed } = this.#options;
    const forget = () => store.forgetInstallationKeys(PREFIX, this.#name(n - 1, ''));
    return whenReady(
      orElse<unknown>(forget, (error) => failed(error)),
      () => undefined,
    );
  }

  /** By the moment the period begins, so that names sort by time whatever `rotate` was. */
  #name(n: number, algorithm: AssertionAlgorithm | ''): string {
    return `${PREFIX}${new Date(n * this.#options.rotateMs).toISOString()}/${algorithm}`;
  }
}

function newKey(algorithm: AssertionAlgorithm): Uint8Array {
  const { privateKey } =
    algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  return privateKey.export({ format: 'der', type: 'pkcs8' });
}

function signingKey(pkcs8: Uint8Array, algorithm: AssertionAlgorithm): SigningKey {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  const { kty = '', crv = '', x = '', y } = createPublicKey(key).export({ format: 'jwk' });
  // RFC 7638 §3: these members, in this order, and nothing else.
  const thumbprint = JSON.stringify(y === undefined ? { crv, kty, x } : { crv, kty, x, y });
  const kid = createHash('sha256').update(thumbprint).digest('base64url');
  const jwk = { kty, crv, x, ...(y === undefined ? {} : { y }), kid, use: 'sig', alg: algorithm } as const;
  return { key, algorithm, jwk, head: `${base64url(JSON.stringify({ alg: algorithm, kid, typ: 'JWT' }))}.` };
}

/** RFC 7515 §7.1; for ES256 the signature is the two numbers side by side (RFC 7518 §3.4), not OpenSSL's DER. */
function jws({ key, algorithm, head }: SigningKey, claims: string): string {
  const input = head + base64url(claims);
  const signature =
    algorithm === 'ES256'
      ? sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
      : sign(null, Buffer.from(input), key);
  return `${input}.${signature.toString('base64url')}`;
}

function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}

type Tokens = WeakMap<User, Map<string, Assertion>>;

/** Tokens of two generations, each as long as a token is fresh: what nobody asks for any more is gone after two. */
class Memory {
  readonly freshMs: number;
  #young: Tokens = new WeakMap();
  #old: Tokens = new WeakMap();
  #turnsAt = 0;

  constructor(freshMs: number) {
    this.freshMs = freshMs;
  }

  /** A token that is fresh; one from the future, after the clock went back, is not. */
  recall(user: User, named: string, nowMs: number): Assertion | undefined {
    const found = this.#young.get(user)?.get(named) ?? this.#old.get(user)?.get(named);
    if (found === undefined || nowMs >= found.freshUntil || nowMs < found.freshUntil - this.freshMs) return undefined;
    return found;
  }

  keep(user: User, named: string, made: Assertion, nowMs: number): Assertion {
    this.#turn(nowMs);
    const tokens = this.#young.get(user) ?? new Map<string, Assertion>();
    tokens.set(named, made);
    this.#young.set(user, tokens);
    return made;
  }

  #turn(nowMs: number): void {
    if (nowMs < this.#turnsAt && nowMs >= this.#turnsAt - this.freshMs) return;
    this.#old = this.#young;
    this.#young = new WeakMap();
    this.#turnsAt = nowMs + this.freshMs;
  }
}
