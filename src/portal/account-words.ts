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

function amount(seconds: number): string {
  const [size, name] = UNITS.find(([s]) => seconds >= s) ?? [60, 'minute'];
  const n = Math.floor(seconds / size);
  return `${n} ${name}${n === 1 ? '' : 's'}`;
}

const UNITS: readonly (readonly [seconds: number, name: string])[] = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
];

/** "Firefox on Linux": enough to tell one's own devices apart. Programs are shown as they call themselves. */
export function device(userAgent: string): string {
  const browser = BROWSERS.find(([mark]) => userAgent.includes(mark))?.[1];
  const system = SYSTEMS.find(([mark]) => userAgent.includes(mark))?.[1];
  if (browser !== undefined && system !== undefined) return `${browser} on ${system}`;
  const name = userAgent.replace(/[^\u0020-\u007e]/g, '').slice(0, 40);
  return browser ?? (name === '' ? 'Unknown device' : name);
}

/** Browsers pretend to be one another: the first mark that is there tells (Chrome says Safari, Edge says Chrome). */
const BROWSERS: readonly (readonly [mark: string, name: string])[] = [
  ['Edg/', 'Edge'],
  ['EdgA/', 'Edge'],
  ['OPR/', 'Opera'],
  ['SamsungBrowser/', 'Samsung Internet'],
  ['Firefox/', 'Firefox'],
  ['FxiOS/', 'Firefox'],
  ['CriOS/', 'Chrome'],
  ['Chrome/', 'Chrome'],
  ['Safari/', 'Safari'],
];

const SYSTEMS: readonly (readonly [mark: string, name: string])[] = [
  ['Android', 'Android'],
  ['iPhone', 'iPhone'],
  ['iPad', 'iPad'],
  ['Windows', 'Windows'],
  ['CrOS', 'ChromeOS'],
  ['Mac OS X', 'macOS'],
  ['Linux', 'Linux'],
];
