/**
 * Durations.
 *
 *   duration = 1*( number unit ) / number            a plain number is seconds
 *   unit     = "ms" / "s" / "m" / "h" / "d" / "w"
 */
const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|[smhdw])/g;
/** Ten years: beyond that it is a slip of the pen, and timers overflow. */
const LONGEST = 10 * 365 * 86_400_000;

/** Milliseconds, or undefined when it is not a duration. */
export function parseDuration(value: string | number): number | undefined {
  const text = String(value).trim();
  if (/^\d+(\.\d+)?$/.test(text)) return bounded(Number(text) * 1000);
  if (!DURATION.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(PART)) sum += Number(amount) * (UNITS[unit ?? ''] ?? 0);
  return bounded(sum);
}

function bounded(ms: number): number | undefined {
  return ms <= LONGEST ? Math.round(ms) : undefined;
}
