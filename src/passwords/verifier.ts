import { availableParallelism } from 'node:os';
import type { Clock, PasswordFailure, PasswordVerifier, UserSource } from '../core/ports.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { User } from '../core/subject.ts';
import type { Ip } from '../core/text/ip.ts';
import type { HashAnswer } from './hash-worker.ts';
import { HashPool } from './pool.ts';
import { type Attempt, accountKey, addressKey, Throttle, type ThrottleSettings } from './throttle.ts';

export interface VerifierOptions {
  readonly source: UserSource;
  readonly clock: Clock;
  readonly throttle: ThrottleSettings;
  /** The hash that unknown and disabled accounts are checked against: the costliest in use. Its outcome is ignored. */
  nobodysHash(): string;
  /** Checks at one time; default: cores − 1, at least one. */
  readonly workers?: number;
  /** Checks that may wait beyond those; default 32. */
  readonly queue?: number;
}

export interface Verifier extends PasswordVerifier {
  /** Seconds that a password known to be right must wait for this client and account; 0: none. */
  hitWaitSeconds(user: User, client: Ip | undefined): number;
  close(): Promise<void>;
}

type Outcome = Result<User, PasswordFailure>;
type Found = Awaited<ReturnType<UserSource['resolve']>>;

const BUSY: Outcome = err({ kind: 'busy', retryAfterSeconds: 3 });
const REFUSED: Outcome = err({ kind: 'refused' });
const UNAVAILABLE: Outcome = err({ kind: 'unavailable' });
const MAX_TYPED = 256;

/**
 * The one verifier behind portal, API and Basic. Every attempt that is not throttled costs one hash check, whether the
 * name exists or not; a throttled or surplus one is answered at once, so nobody's socket is held to slow them down.
 */
export function openVerifier(options: VerifierOptions): Verifier {
  const throttle = new Throttle(options.throttle, options.clock);
  const pool = new HashPool(options.workers ?? Math.max(1, availableParallelism() - 1), options.queue ?? 32);
  return {
    verify: (typed, password, client) => verify({ options, throttle, pool }, typed, password, client),
    hitWaitSeconds: (user, client) =>
      throttle.hitWaitSeconds({ account: accountKey(user.name), address: addressKey(client) }),
    close: () => pool.close(),
  };
}

interface Parts {
  readonly options: VerifierOptions;
  readonly throttle: Throttle;
  readonly pool: HashPool;
}

async function verify(parts: Parts, typed: string, password: string, client: Ip | undefined): Promise<Outcome> {
  let found: Found;
  try {
    found = typed.length > MAX_TYPED ? undefined : await parts.options.source.resolve(typed);
  } catch {
    return UNAVAILABLE;
  }
  const account = accountKey(found?.user.name ?? typed);
  const attempt = { account, address: addressKey(client), exists: found !== undefined };
  if (parts.throttle.waitSeconds(attempt) > 0) return turnAway(parts.throttle, attempt);
  const answer = await check(parts, found?.passwordHash ?? parts.options.nobodysHash(), password, attempt);
  switch (answer) {
    case 'match':
      return found === undefined ? REFUSED : stillValid(parts.options.source, found.user);
    case 'mismatch':
      return REFUSED;
    case 'failed':
      return UNAVAILABLE;
    case 'never':
      return turnAway(parts.throttle, attempt);
    case 'full':
      return BUSY;
    default:
      return answer satisfies never;
  }
}

function turnAway(throttle: Throttle, attempt: Attempt): Outcome {
  throttle.turnedAway(attempt);
  return err({ kind: 'throttled', retryAfterSeconds: Math.max(1, throttle.waitSeconds(attempt)) });
}

/** Runs the hash as soon as a worker is free and the throttle agrees; `full`: too many wait already. */
function check(
  { pool, throttle }: Parts,
  hash: string,
  password: string,
  attempt: Attempt & { readonly exists: boolean },
): Promise<HashAnswer | 'never' | 'full'> {
  return new Promise((resolve) => {
    let isRunning = false;
    const accepted = pool.submit({
      hash,
      password,
      start: () => {
        const verdict = throttle.start(attempt);
        isRunning = verdict === 'run';
        return verdict;
      },
      settle: (answer) => {
        if (isRunning) throttle.end(attempt, counted(answer, attempt.exists));
        resolve(answer);
      },
    });
    if (!accepted) resolve('full');
  });
}

/** A match against nobody's hash is a failure like any other; a check that could not be made counts for nothing. */
function counted(answer: HashAnswer | 'never', exists: boolean): 'succeeded' | 'failed' | 'unknown' {
  if (answer === 'match' && exists) return 'succeeded';
  return answer === 'failed' ? 'unknown' : 'failed';
}

/** The account may have been disabled, or given another password, while the check waited. */
async function stillValid(source: UserSource, user: User): Promise<Outcome> {
  try {
    const now = await source.lookup(user.name);
    return now?.epoch === user.epoch ? ok(now) : REFUSED;
  } catch {
    return UNAVAILABLE;
  }
}
