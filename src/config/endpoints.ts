import { defaultEndpoints, type Endpoint, type Scheme, type Strategy } from '../core/endpoint.ts';
import { parseDuration } from './duration.ts';
import type { RawEndpoint } from './schema.ts';
import { listed, type Scope } from './scope.ts';
import { suggest } from './suggest.ts';
import type { Path } from './tree.ts';

/** Longer than this a changed password would go unnoticed for too long (architecture §6). */
const LONGEST_BASIC_CACHE_MS = 300_000;

/** `endpoints:`; an own map replaces the defaults altogether, as in Authelia (contract §2.1). */
export function readEndpoints(
  raw: Readonly<Record<string, RawEndpoint>> | undefined,
  basicCacheMs: number,
  scope: Scope,
): readonly Endpoint[] {
  const entries = Object.entries(raw ?? {});
  if (entries.length === 0) return defaultEndpoints(basicCacheMs);
  const endpoints = entries.map(([name, e]) => readEndpoint(name, e, basicCacheMs, scope));
  for (const e of endpoints) refusePrefix(e, endpoints, scope);
  return endpoints;
}

function readEndpoint(name: string, raw: RawEndpoint, basicCacheMs: number, scope: Scope): Endpoint {
  const at: Path = ['endpoints', name];
  if (!/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/.test(name)) {
    scope.error(
      at,
      `${JSON.stringify(name)} cannot be the name of an endpoint.`,
      'Use letters, digits, - and _, with / between parts.',
    );
  }
  const given = raw.authn_strategies ?? [];
  const strategies = given.map((s, i) => readStrategy(s, [...at, 'authn_strategies', i], basicCacheMs, scope));
  for (const [i, s] of strategies.entries()) {
    const first = strategies.findIndex((o) => o.kind === s.kind);
    if (first < i)
      scope.error([...at, 'authn_strategies', i], `The strategy ${s.kind} stands here twice.`, 'Keep one.');
  }
  return {
    name,
    path: name === 'legacy' ? '/api/verify' : `/api/authz/${name}`,
    implementation: raw.implementation,
    strategies: strategies.length > 0 ? strategies : fallback(raw.implementation, basicCacheMs),
  };
}

/** What Authelia's builder takes for an entry without strategies (contract §2.1). */
function fallback(implementation: Endpoint['implementation'], basicCacheMs: number): readonly Strategy[] {
  const kind =
    implementation === 'AuthRequest'
      ? 'HeaderAuthRequestProxyAuthorization'
      : implementation === 'Legacy'
        ? 'HeaderLegacy'
        : 'HeaderProxyAuthorization';
  return [{ kind, schemes: ['basic'], basicCacheMs }, { kind: 'CookieSession' }];
}

type RawStrategy = NonNullable<RawEndpoint['authn_strategies']>[number];

function readStrategy(raw: RawStrategy, at: Path, basicCacheMs: number, scope: Scope): Strategy {
  if (raw.name === 'CookieSession') {
    if (raw.schemes !== undefined) scope.error([...at, 'schemes'], 'A cookie has no scheme.', 'Take schemes out.');
    return { kind: 'CookieSession' };
  }
  const schemes: Scheme[] = [];
  for (const [text, path] of listed(raw.schemes, [...at, 'schemes'])) {
    const scheme = text.toLowerCase();
    const known = SCHEMES.find((s) => s === scheme);
    if (known !== undefined) schemes.push(known);
    else unknownScheme(text, path, scope);
  }
  const lifespan = raw.scheme_basic_cache_lifespan;
  const cache =
    lifespan === undefined ? basicCacheMs : readCache(lifespan, [...at, 'scheme_basic_cache_lifespan'], scope);
  return { kind: raw.name, schemes: raw.schemes === undefined ? ['basic'] : schemes, basicCacheMs: cache };
}

function unknownScheme(text: string, path: Path, scope: Scope): void {
  const near = suggest(text, SCHEMES);
  const known = `Known: ${SCHEMES.join(', ')}.`;
  scope.error(path, `${text} is not a scheme.`, near === undefined ? known : `Did you mean ${near}?`);
}

const SCHEMES: readonly Scheme[] = ['basic', 'app-password', 'bearer'];

/** How long Basic passwords are remembered, capped; off and 0 are none. */
export function readCache(value: string | number | false, path: Path, scope: Scope): number {
  if (value === false || value === 'off') return 0;
  const ms = parseDuration(value);
  if (ms === undefined) scope.error(path, `${value} is not a duration.`, 'Write 30s, 1m, or off.');
  else if (ms > LONGEST_BASIC_CACHE_MS) {
    scope.warn(path, `${value} is longer than a password may be remembered; 5m is used.`, 'Write 5m or less.');
  }
  return Math.min(ms ?? 0, LONGEST_BASIC_CACHE_MS);
}

/** ExtAuthz and Legacy own everything below their path, so another endpoint there would never be asked. */
function refusePrefix(e: Endpoint, all: readonly Endpoint[], scope: Scope): void {
  if (e.implementation !== 'ExtAuthz' && e.implementation !== 'Legacy') return;
  for (const other of all) {
    if (other.name.startsWith(`${e.name}/`)) {
      scope.error(
        ['endpoints', other.name],
        `${e.name} answers for everything below itself, ${other.name} included.`,
        'Rename one of them.',
      );
    }
  }
}
