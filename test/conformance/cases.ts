/** The shape of authelia.json and own.json, and how one case becomes a configuration and a request. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from '../black-box/lintel.ts';
import type { RequestParts } from '../black-box/raw.ts';

export interface Case {
  readonly id: string;
  readonly endpoint: 'forward-auth' | 'auth-request' | 'ext-authz' | 'legacy';
  /** METHOD scheme://host/uri: the original request, told in the endpoint's own headers. Absent: `headers` say it all. */
  readonly ask?: string;
  /** The request-target of the check request, where it is not the endpoint's own. */
  readonly target?: string;
  /** Method of the check request itself. */
  readonly method?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Absent: text/html. null: no Accept header. */
  readonly accept?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly session?: {
    readonly user: string;
    readonly level: 'one_factor' | 'two_factor';
    /** The cookie domain that the session was made for; default: the one of the target. */
    readonly domain?: string;
    /** Seconds since it was last seen. */
    readonly idleFor?: number;
    readonly remembered?: boolean;
  };
  readonly policy: string;
  readonly endpoints?: string;
  readonly default?: string;
  readonly idle?: string;
  readonly change?: Readonly<Record<string, string>>;
  readonly after?: Readonly<Record<string, string>>;
  readonly expect: {
    readonly status?: number;
    readonly location?: string;
    /** A user name, or `nobody`: the four headers absent or empty. */
    readonly identity?: string;
    readonly 'www-authenticate'?: string | null;
    readonly 'proxy-authenticate'?: string | null;
    readonly allow?: string;
    readonly body?: 'link' | 'json' | 'none';
    /** Status of the same request with a two_factor session. */
    readonly withTwoFactor?: number;
    readonly configError?: true;
    readonly noSetCookie?: true;
    readonly storeWrites?: 0;
    readonly retryAfter?: true;
  };
  readonly why?: string;
  readonly authelia?: unknown;
  readonly notCovered?: string;
}

interface RuleData {
  readonly policy: string;
  readonly subjects?: readonly (readonly string[])[];
  readonly [condition: string]: unknown;
}

interface Data {
  readonly users: Readonly<Record<string, Account>>;
  readonly domains: readonly { readonly domain: string; readonly portal: string; readonly cookie: string }[];
  readonly endpoints: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  readonly policies: Readonly<Record<string, { readonly default: string; readonly rules: readonly RuleData[] }>>;
  readonly cases: readonly Case[];
}

const load = (file: string) => JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8'));
export const DATA: Data = load('authelia.json');
/** Cases of our own, with the users, domains and endpoints of the others. */
export const OWN: Pick<Data, 'policies' | 'endpoints' | 'cases'> = load('own.json');

/** Cases that one server process can answer, in order. A case that changes something outside has a process of its own. */
export function groups(cases: readonly Case[]): Map<string, Case[]> {
  const out = new Map<string, Case[]>();
  for (const c of cases) {
    if (c.notCovered !== undefined) continue;
    const parts = [c.policy, c.endpoints, c.default, c.idle, c.change && c.id].filter((p) => p !== undefined);
    const key = parts.join(', ');
    out.set(key, [...(out.get(key) ?? []), c]);
  }
  return out;
}

/** The lintel.yml that a case asks for, as an object. */
export function configFor(c: Case): object {
  const policy = DATA.policies[c.policy] ?? OWN.policies[c.policy];
  if (policy === undefined) throw new Error(`no policy ${c.policy}`);
  const endpoints = c.endpoints === undefined ? undefined : (DATA.endpoints[c.endpoints] ?? OWN.endpoints[c.endpoints]);
  return {
    trusted_proxies: ['127.0.0.1'],
    portal: DATA.domains[0]?.portal,
    storage: 'sqlite:DIR/lintel.db',
    users: 'file:DIR/users.yml',
    session: { idle: c.idle ?? '5m', lifetime: '1h', remember_me: '30d' },
    metrics: 'off',
    domains: DATA.domains,
    policy: { default: c.default ?? policy.default, rules: policy.rules.map(nativeRule) },
    ...(endpoints && { endpoints: nativeEndpoints(endpoints) }),
  };
}

function nativeRule({ policy, subjects, ...conditions }: RuleData): object {
  if (policy === 'deny') return { ...conditions, deny: subjects ? subjects.flat() : 'everyone' };
  if (policy === 'bypass') return { ...conditions, allow: 'everyone' };
  return { ...conditions, ...(subjects ? { subjects } : { allow: 'signed_in' }), level: policy };
}

/** `[implementation, strategy[:scheme+scheme], …]` as Authelia's server.endpoints.authz has it. */
function nativeEndpoints(endpoints: Readonly<Record<string, readonly string[]>>): object {
  return Object.fromEntries(
    Object.entries(endpoints).map(([name, [implementation, ...strategies]]) => [
      name,
      { implementation, authn_strategies: strategies.map(nativeStrategy) },
    ]),
  );
}

function nativeStrategy(text: string): object {
  const [name = '', schemes] = text.split(':');
  return schemes === undefined ? { name } : { name, schemes: schemes.split('+') };
}

/** The check request of a case; `cookie` is a whole Cookie header value. */
export function requestFor(c: Case, cookie: string | undefined): RequestParts {
  const [, method = '', scheme = '', host = '', uri = ''] = /^(\S+) ([^:]+):\/\/([^/?]*)(.*)$/s.exec(c.ask ?? '') ?? [];
  const headers: string[] = [];
  const query = c.query === undefined ? '' : `?${new URLSearchParams(c.query)}`;
  let target = c.endpoint === 'legacy' ? `/api/verify${query}` : `/api/authz/${c.endpoint}${query}`;
  if (c.endpoint === 'ext-authz' && c.ask !== undefined) {
    target = `/api/authz/ext-authz/${uri}${query}`;
    headers.push(`Host: ${host}`, `X-Forwarded-Proto: ${scheme}`);
  } else if (c.headers?.Host === undefined) headers.push('Host: auth.internal');
  if (c.ask !== undefined && c.endpoint === 'auth-request') {
    headers.push(`X-Original-Method: ${method}`, `X-Original-URL: ${scheme}://${host}${uri}`);
  } else if (c.ask !== undefined && c.endpoint !== 'ext-authz') {
    headers.push(`X-Forwarded-Method: ${method}`, `X-Forwarded-Proto: ${scheme}`);
    headers.push(`X-Forwarded-Host: ${host}`, `X-Forwarded-URI: ${uri}`);
  }
  target = c.target ?? target;
  if (c.accept !== null) headers.push(`Accept: ${c.accept ?? 'text/html; charset=utf-8'}`);
  for (const [name, value] of Object.entries(c.headers ?? {})) headers.push(`${name}: ${value}`);
  if (cookie !== undefined) headers.push(`Cookie: ${cookie}`);
  return { method: c.endpoint === 'ext-authz' ? method : (c.method ?? 'GET'), target, headers };
}

/** The host that a case asks about. */
export function targetHost(c: Case): string {
  const from = c.ask?.split(' ')[1] ?? c.headers?.['X-Original-URL'] ?? `https://${c.headers?.['X-Forwarded-Host']}`;
  return /^[^:]+:\/\/([^/?:]*)/.exec(from)?.[1]?.toLowerCase() ?? '';
}
