import type { TrustedProxies } from '../core/peer.ts';
import type { Outcome, Rule } from '../core/policy/rule.ts';
import { type Network, parseNetwork } from '../core/text/ip.ts';
import type { StorageSettings } from '../stores/table.ts';
import { readApps } from './apps.ts';
import { readAssertion } from './assertion.ts';
import { DEFAULTS } from './defaults.ts';
import { readDomains, readPortal } from './domains.ts';
import { parseDuration } from './duration.ts';
import { readCache, readEndpoints } from './endpoints.ts';
import { checkHeaderName } from './headers.ts';
import { readListening } from './listen.ts';
import { readRule } from './rules.ts';
import type { Raw } from './schema.ts';
import { listed, type Scope } from './scope.ts';
import type { PortalAddress, SessionSettings, Settings, ThrottleSettings, UserSettings } from './settings.ts';
import type { Path } from './tree.ts';

/** From a configuration of the right shape to settings. What cannot be understood is reported and left out. */
export function build(raw: Raw, scope: Scope): Settings {
  const portal = raw.portal === undefined ? undefined : readPortal(raw.portal, ['portal'], scope);
  const networks = readNetworks(raw.networks ?? DEFAULTS.networks, scope);
  const basicCacheMs = readCache(raw.basic_cache ?? DEFAULTS.basic_cache, ['basic_cache'], scope);
  const storage = readStorage(raw.storage ?? DEFAULTS.storage, scope);
  const apps = readApps(raw.apps, networks, scope);
  const declared = readDeclared(raw.additional_headers, scope);
  return {
    ...readListening(raw, storage, scope),
    trustedProxies: readTrusted(raw.trusted_proxies, scope),
    portal,
    domains: readDomains(raw.domains ?? DEFAULTS.domains, portal, scope),
    storage,
    users: raw.users === undefined ? undefined : readUsers(raw.users, scope),
    session: readSession(raw.session ?? {}, scope),
    apps,
    rules: readRules(raw, networks, scope),
    defaultOutcome: defaultOutcome(raw.policy?.default ?? DEFAULTS.policy.default),
    networks,
    endpoints: readEndpoints(raw.endpoints, basicCacheMs, scope),
    log: { level: raw.log?.level ?? DEFAULTS.log.level, format: raw.log?.format ?? DEFAULTS.log.format },
    basicCacheMs,
    throttle: readThrottle(raw.throttle ?? {}, scope),
    assertion: readAssertion(raw.assertion ?? {}, scope),
    upstreamTimeoutMs: duration(raw.upstream_timeout ?? DEFAULTS.upstream_timeout, ['upstream_timeout'], scope),
    outpost: raw.outpost ?? DEFAULTS.outpost,
    additionalHeaders: [...declared, ...apps.flatMap((a) => a.mappedHeaders ?? [])],
    watch: [],
  };
}

function readDeclared(raw: Raw['additional_headers'], scope: Scope): string[] {
  const entries = listed(raw, ['additional_headers']);
  return entries.flatMap(([text, path]) => (checkHeaderName(text, path, scope) ? [text] : []));
}

function duration(value: string | number, path: Path, scope: Scope): number {
  const ms = parseDuration(value);
  if (ms === undefined) scope.error(path, `${value} is not a duration.`, 'Write 30s, 5m, 1h30m or 30d.');
  else if (ms === 0) scope.error(path, `${value} is no time at all.`, 'Write 30s, 5m, 1h30m or 30d.');
  return ms ?? 0;
}

function readTrusted(raw: Raw['trusted_proxies'], scope: Scope): TrustedProxies {
  const networks: Network[] = [];
  let unix = false;
  for (const [text, path] of listed(raw, ['trusted_proxies'])) {
    const network = text === 'unix' ? undefined : parseNetwork(text);
    if (text === 'unix') unix = true;
    else if (network === undefined)
      scope.error(
        path,
        `${text} is not an address.`,
        'Write 127.0.0.1, 10.0.0.0/8, or unix for peers on a unix socket.',
      );
    else if (/\/0$/.test(text)) {
      scope.error(
        path,
        `${text} trusts everybody, so anybody may say who they are.`,
        'Name the addresses of your reverse proxies.',
      );
    } else networks.push(network);
  }
  return { networks, unix };
}

function readStorage(text: string, scope: Scope): StorageSettings {
  if (text === 'memory:' || text === 'memory') return { kind: 'memory' };
  const path = /^sqlite:(?!\/\/)(.+)$/.exec(text)?.[1];
  if (path !== undefined) return { kind: 'sqlite', path: scope.file(['storage'], path) };
  const scheme = /^([a-z]+):/.exec(text)?.[1];
  if (scheme === 'postgres' || scheme === 'postgresql' || scheme === 'redis' || scheme === 'rediss') {
    scope.error(['storage'], `Storage in ${scheme} does not exist yet.`, 'Use sqlite:./lintel.db.');
  } else scope.error(['storage'], `${text} is not a storage.`, 'Use memory: or sqlite:./lintel.db.');
  return { kind: 'memory' };
}

function readUsers(raw: NonNullable<Raw['users']>, scope: Scope): UserSettings | undefined {
  const search = {
    email: typeof raw === 'string' ? false : (raw.search_email ?? false),
    caseInsensitive: typeof raw === 'string' ? false : (raw.case_insensitive ?? false),
  };
  if (typeof raw !== 'string') return { kind: 'file', path: scope.file(['users', 'file'], raw.file), search };
  const path = /^file:(.+)$/.exec(raw)?.[1];
  if (path !== undefined) return { kind: 'file', path: scope.file(['users'], path), search };
  const hint = raw.includes(':') ? 'Only files are supported so far: file:./users.yml.' : `Did you mean file:${raw}?`;
  return scope.error(['users'], `${raw} is not a source of users.`, hint);
}

function readSession(raw: NonNullable<Raw['session']>, scope: Scope): SessionSettings {
  const idleMs = duration(raw.idle ?? DEFAULTS.session.idle, ['session', 'idle'], scope);
  const lifetimeMs = duration(raw.lifetime ?? DEFAULTS.session.lifetime, ['session', 'lifetime'], scope);
  const remember = raw.remember_me ?? DEFAULTS.session.remember_me;
  const off = remember === false || remember === 'off' || remember === 0;
  const rememberMs = off ? 0 : duration(remember, ['session', 'remember_me'], scope);
  if (idleMs > lifetimeMs) {
    scope.warn(
      ['session', 'idle'],
      'A session ends by lifetime before it can be idle for so long.',
      'Let idle be shorter than lifetime.',
    );
  }
  if (rememberMs > 0 && rememberMs < lifetimeMs) {
    scope.warn(
      ['session', 'remember_me'],
      'A remembered session ends before one that is not.',
      'Let remember_me be longer than lifetime.',
    );
  }
  return { idleMs, lifetimeMs, rememberMs };
}

function readThrottle(raw: NonNullable<Raw['throttle']>, scope: Scope): ThrottleSettings {
  const { max_retries, find_time, ban_time } = DEFAULTS.throttle;
  return {
    maxRetries: raw.max_retries ?? max_retries,
    findTimeMs: duration(raw.find_time ?? find_time, ['throttle', 'find_time'], scope),
    banTimeMs: duration(raw.ban_time ?? ban_time, ['throttle', 'ban_time'], scope),
  };
}

function readNetworks(raw: NonNullable<Raw['networks']>, scope: Scope): ReadonlyMap<string, readonly Network[]> {
  const networks = new Map<string, readonly Network[]>();
  for (const [name, value] of Object.entries(raw)) {
    if (parseNetwork(name) !== undefined)
      scope.error(['networks', name], `${name} is an address, not a name.`, 'Choose another name.');
    const list: Network[] = [];
    for (const [text, path] of listed(value, ['networks', name])) {
      const network = parseNetwork(text);
      if (network === undefined)
        scope.error(path, `${text} is neither an address nor a range.`, 'Write 192.168.0.0/16 or an address.');
      else list.push(network);
    }
    if (listed(value, []).length === 0)
      scope.error(['networks', name], `The network ${name} is empty.`, 'Name at least one range.');
    networks.set(name, list);
  }
  return networks;
}

function readRules(raw: Raw, networks: ReadonlyMap<string, readonly Network[]>, scope: Scope): Rule[] {
  const rules: Rule[] = [];
  for (const [i, r] of (raw.policy?.rules ?? []).entries()) {
    const rule = readRule(r, ['policy', 'rules', i], networks, scope);
    if (rule !== undefined) rules.push(rule);
  }
  return rules;
}

type Default = NonNullable<NonNullable<Raw['policy']>['default']>;

function defaultOutcome(word: Default): Outcome {
  switch (word) {
    case 'deny':
      return { kind: 'deny' };
    case 'bypass':
    case 'everyone':
      return { kind: 'everyone' };
    case 'one_factor':
    case 'signed_in':
      return { kind: 'signed-in', level: 'one_factor' };
    case 'two_factor':
      return { kind: 'signed-in', level: 'two_factor' };
    default:
      return word satisfies never;
  }
}

/** The portal of the whole and those of the domains, each once. */
export function portalsOf(settings: Pick<Settings, 'portal' | 'domains'>): PortalAddress[] {
  const portals = [settings.portal, ...settings.domains.map((d) => d.portal)].filter((p) => p !== undefined);
  return portals.filter((p, i) => portals.findIndex((o) => o.origin === p.origin) === i);
}
