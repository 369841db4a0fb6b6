/** How long ago, for people: "just now", "5 minutes ago", "12 days ago". Rounded down. */
export function ago(ms: number, now: number): string {
  const seconds = Math.max(0, Math.floor((now - ms) / 1000));
  return seconds < 60 ? 'just now' : `${amount(seconds)} ago`;
}

/** How long still: "in 90 days". Rounded up, so that "for 1 year" is a year at once and not a day less. */
export function ahead(ms: number, now: number): string {
  const minutes = Math.ceil((ms - now) / 60_000);
  const hours = Math.ceil(minutes / 60);
  if (minutes <= 1) return 'in less than a minute';
  return `in ${amount(60 * (minutes < 60 ? minutes : 60 * (hours < 24 ? hours : 24 * Math.ceil(hours / 24))))}`;
}

/** "40 seconds", "5 minutes", "30 days", for people: in the largest unit that fits, and rounded up. */
export function duration(seconds: number): string {
  const [size, name] = UNITS.find(([s]) => seconds >= s) ?? [1, 'second'];
  return counted(Math.max(1, Math.ceil(seconds / size)), name);
}

function amount(seconds: number): string {
  const [size, name] = UNITS.find(([s]) => seconds >= s) ?? [60, 'minute'];
  return counted(Math.floor(seconds / size), name);
}

function counted(n: number, name: string): string {
  return `${n} ${name}${n === 1 ? '' : 's'}`;
}

const UNITS: readonly (readonly [seconds: number, name: string])[] = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
];
