import { DEFAULTS } from './defaults.ts';
import { parseDuration } from './duration.ts';
import type { Raw } from './schema.ts';
import type { Scope } from './scope.ts';
import type { AssertionSettings } from './settings.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Longer than people wait for a rotation, and short enough that dates of periods stay dates. */
const YEAR = 366 * 24 * HOUR;

/** `assertion:`; what is outside its limits is reported. */
export function readAssertion(raw: NonNullable<Raw['assertion']>, scope: Scope): AssertionSettings {
  const { algorithm, lifetime, rotate } = DEFAULTS.assertion;
  return {
    algorithm: raw.algorithm ?? algorithm,
    lifetimeMs: within(raw.lifetime ?? lifetime, 10 * SECOND, 10 * MINUTE, 'lifetime', 'from 10s to 10m', scope),
    rotateMs: within(raw.rotate ?? rotate, HOUR, YEAR, 'rotate', 'from 1h to 366d', scope),
  };
}

function within(
  value: string | number,
  least: number,
  most: number,
  key: 'lifetime' | 'rotate',
  range: string,
  scope: Scope,
): number {
  const ms = parseDuration(value);
  if (ms !== undefined && ms >= least && ms <= most) return ms;
  const said = ms === undefined ? `${value} is not a duration.` : `${value} is too ${ms < least ? 'short' : 'long'}.`;
  scope.error(['assertion', key], said, `Write a duration ${range}.`);
  return least;
}
