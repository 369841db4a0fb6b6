/** The shape of authentik.json and authentik-own.json, and how one case becomes a request. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RequestParts } from '../black-box/raw.ts';

/** `text`: exactly; `re:…`: matches; "": there and empty; null: absent or empty, which is one to an app. */
export type Wanted = string | null;

export interface OutpostCase {
  readonly id: string;
  /** The endpoint of authentik's that is asked; `direct`: the request itself, as a browser or a proxy in front sends it. */
  readonly ask?: 'traefik' | 'caddy' | 'nginx' | 'envoy' | 'direct';
  /** The original URL, told in the way of that endpoint. Absent: `headers` say it all. */
  readonly url?: string;
  /** The request-target, where it is not the endpoint's own. */
  readonly target?: string;
  readonly method?: string;
  /** "Name: value", in addition. */
  readonly headers?: readonly string[];
  /** Somebody who is signed in to the app of `url`, or to the one of `at`. */
  readonly as?: string;
  readonly at?: string;
  /** The Cookie header; {session}: the whole pair of `as`, {name}: the name of the cookie alone. */
  readonly cookie?: string;
  /** An app password of somebody's, {token} in `bearer` and `basic`. */
  readonly token?: { readonly user: string; readonly apps?: readonly string[]; readonly expired?: true };
  readonly bearer?: string;
  readonly basic?: readonly [user: string, password: string];
  /** The connection comes from this address, which no rule trusts. */
  readonly from?: string;
  /** Answered for the second request of the same form. */
  readonly twice?: true;
  /** Several steps, by the name of the function in outpost-flows.ts; the last answer is compared. */
  readonly flow?: string;
  /** An app that the configuration check has to refuse; `expect.body` is what it says. */
  readonly refusedApp?: object;
  readonly expect: {
    readonly status?: number | readonly number[];
    readonly headers?: Readonly<Record<string, Wanted>>;
    /** All twelve headers empty or absent: `nobody`; else those that tell of this person. */
    readonly identity?: string;
    readonly location?: string;
    /** Where the sign-in that this answer begins will end: `rd` of the portal's address. */
    readonly lands?: string;
    readonly cookie?: {
      readonly name: string;
      readonly attributes: readonly string[];
      readonly absent?: readonly string[];
    };
    readonly noCookie?: true;
    readonly body?: string;
    readonly error?: string;
    /** What the app behind the proxy face got; null: nothing. */
    readonly upstream?: {
      readonly to?: 'other';
      readonly target?: string;
      readonly headers?: Readonly<Record<string, Wanted>>;
    } | null;
    /** Living sessions that the person of `as` has afterwards. */
    readonly left?: number;
    /** Claims inside X-authentik-jwt. */
    readonly assertion?: Readonly<Record<string, unknown>>;
  };
  readonly why?: string;
  readonly authentik?: unknown;
  readonly notCovered?: string;
}

interface Data {
  readonly people: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly groups: object;
  readonly apps: Readonly<Record<string, { readonly url: string }>>;
  readonly cases: readonly OutpostCase[];
}

const load = (file: string) => JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8'));
/** One case for each point of authentik's own behaviour that was collected. */
export const ROWS: Data = load('authentik.json');
/** Cases of our own from the text of the contract, with the apps and people of the others. */
export const MORE: Pick<Data, 'cases'> = load('authentik-own.json');

/** The request of a case. `cookie` and `authorization` are whole header values. */
export function outpostRequest(c: OutpostCase, cookie: string | undefined, authorization?: string): RequestParts {
  const { path, host, scheme } = parts(c.url ?? '');
  const told = c.url === undefined ? [] : toldBy(c, scheme, host, path);
  const hasHost = c.headers?.some((h) => /^host:/i.test(h)) === true || told.some((h) => h.startsWith('Host:'));
  const headers = [...(hasHost ? [] : ['Host: outpost:9000']), ...told, ...(c.headers ?? [])];
  if (cookie !== undefined) headers.push(`Cookie: ${cookie}`);
  if (authorization !== undefined) headers.push(`Authorization: ${authorization}`);
  const method = c.method ?? 'GET';
  if (method === 'POST' || method === 'PUT') headers.push('Content-Length: 0');
  return { method, target: c.target ?? targetOf(c, path), headers };
}

function parts(url: string) {
  const [, scheme = '', host = '', path = ''] = /^([^:]+):\/\/([^/?]*)(.*)$/s.exec(url) ?? [];
  return { scheme, host, path: path === '' ? '/' : path };
}

function toldBy(c: OutpostCase, scheme: string, host: string, path: string): string[] {
  switch (c.ask) {
    case 'traefik':
    case 'caddy':
      return [`X-Forwarded-Proto: ${scheme}`, `X-Forwarded-Host: ${host}`, `X-Forwarded-Uri: ${path}`];
    case 'nginx':
      return [`X-Original-URL: ${c.url}`];
    case 'envoy':
      return [`Host: ${host}`, ...(scheme === 'http' ? ['X-Forwarded-Proto: http'] : [])];
    case 'direct':
      return [`Host: ${host}`, ...(c.from === undefined ? [`X-Forwarded-Proto: ${scheme}`] : [])];
    case undefined:
      return [];
    default:
      return c.ask satisfies never;
  }
}

function targetOf(c: OutpostCase, path: string): string {
  if (c.ask === 'direct' || c.ask === undefined) return path;
  return c.ask === 'envoy' ? `/outpost.goauthentik.io/auth/envoy${path}` : `/outpost.goauthentik.io/auth/${c.ask}`;
}

/** scheme://host of the app that a case asks about. */
export function originOf(url: string): string {
  const { scheme, host } = parts(url);
  return `${scheme}://${host}`;
}
