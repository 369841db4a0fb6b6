import { domainToASCII } from 'node:url';
import type { AppUrl } from '../core/app.ts';
import type { HostPattern } from '../core/policy/rule.ts';
import { err, ok, type Result } from '../core/result.ts';
import { type Host, parseAuthority, parseHost } from '../core/text/host.ts';
import { parseIp } from '../core/text/ip.ts';
import { defaultPort, type WebScheme, webOrigin } from '../core/text/origin.ts';
import { parseUpstreamUrl, type UpstreamUrl } from '../core/text/upstream-url.ts';
import type { ListenAddress, PortalAddress } from './settings.ts';

/** Why an address was refused; the first is what is wrong, the second what to do. */
export type Refusal = readonly [message: string, hint?: string];

/** A canonical host; names outside ASCII are converted (UTS 46) once, here, and never on the wire. */
export function configuredHost(text: string): Host | undefined {
  const ascii = /[^\u0000-\u007f]/.test(text) ? domainToASCII(text) : text;
  return ascii === '' ? undefined : parseHost(ascii);
}

/** `a.example.com`, `*.x`, and where `subjects` says so `{user}.x` and `{group}.x`. */
export function parseHostPattern(text: string, subjects: boolean): HostPattern | undefined {
  const brace = /^(\{user\}|\{group\}|\*)(\..+)$/.exec(text);
  if (brace === null) {
    const host = configuredHost(text);
    return host === undefined ? undefined : { kind: 'exact', host };
  }
  const below = configuredHost((brace[2] ?? '').slice(1));
  if (below === undefined || (brace[1] !== '*' && !subjects)) return undefined;
  const kind = brace[1] === '*' ? 'wildcard' : brace[1] === '{user}' ? 'user' : 'group';
  return { kind, suffix: `.${below}` };
}

interface UrlParts {
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly query: string;
}

/**
 *   url = scheme "://" authority [ path ] [ "?" query ]        without userinfo and fragment
 */
function splitUrl(text: string): UrlParts | undefined {
  const m = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#\\\s@]+)(\/[^?#\\\s]*)?(\?[^#\s]*)?$/.exec(text);
  if (m === null) return undefined;
  return { scheme: (m[1] ?? '').toLowerCase(), authority: m[2] ?? '', path: m[3] ?? '', query: m[4] ?? '' };
}

/** The port of an authority (the scheme's own when there is none) and the host before it, as written. */
function splitPort(authority: string, scheme: WebScheme): { host: string; port: number } | undefined {
  const m = /^(\[[^\]]*\]|[^:]*)(?::([1-9][0-9]{0,4}))?$/.exec(authority);
  const port = m?.[2] === undefined ? defaultPort(scheme) : Number(m[2]);
  return m === null || port > 65535 ? undefined : { host: m[1] ?? '', port };
}

function webScheme(scheme: string): WebScheme | undefined {
  return scheme === 'https' || scheme === 'http' ? scheme : undefined;
}

const URL_HINT = 'Write it as https://app.example.com, with a port where it is not the usual one.';

export function parseAppUrl(text: string): Result<AppUrl, Refusal> {
  const parts = splitUrl(text);
  const scheme = parts === undefined ? undefined : webScheme(parts.scheme);
  if (parts === undefined || scheme === undefined) return err([`${text} is not an http or https address.`, URL_HINT]);
  if ((parts.path !== '' && parts.path !== '/') || parts.query !== '') {
    return err([`The url of an app is a whole host; ${text} has a path.`, 'Put paths into the rules: paths: [/path].']);
  }
  const split = splitPort(parts.authority, scheme);
  const host = split === undefined ? undefined : parseHostPattern(split.host, false);
  if (split === undefined || host === undefined) return err([`${text} has no valid host.`, URL_HINT]);
  return ok({ scheme, host, port: split.port });
}

export function parsePortal(text: string): Result<PortalAddress, Refusal> {
  const parts = splitUrl(text);
  const scheme = parts === undefined ? undefined : webScheme(parts.scheme);
  const split = parts === undefined || scheme === undefined ? undefined : splitPort(parts.authority, scheme);
  const host = split === undefined ? undefined : configuredHost(split.host);
  if (parts === undefined || scheme === undefined || split === undefined || host === undefined) {
    return err([`${text} is not an http or https address.`, 'Write it as https://auth.example.com.']);
  }
  if (/\/\/|\/\.{1,2}(\/|$)|[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/.test(parts.path)) {
    return err([`The path of ${text} is not a plain path.`, 'Use letters, digits and dashes between single slashes.']);
  }
  const basePath = parts.path.replace(/\/$/, '');
  const origin = webOrigin(scheme, host, split.port);
  const written = `${scheme}://${host}${parts.authority.slice(split.host.length)}`;
  return ok({ scheme, host, port: split.port, basePath, origin, url: `${written}${parts.path || '/'}${parts.query}` });
}

/** One server of an upstream. */
export function parseUpstream(text: string): Result<UpstreamUrl, Refusal> {
  const url = parseUpstreamUrl(text, configuredHost);
  if (url !== undefined) return ok(url);
  return err([
    `${text} is not an address of a server.`,
    'Write it as http://127.0.0.1:8080 or https://app.internal, with a plain path where the app has one.',
  ]);
}

/** An origin as a browser sends it, without the default port of its scheme; undefined: not one. */
export function parseOrigin(text: string): string | undefined {
  const parts = splitUrl(text);
  const scheme = parts === undefined ? undefined : webScheme(parts.scheme);
  if (parts === undefined || scheme === undefined || parts.path !== '' || parts.query !== '') return undefined;
  const split = splitPort(parts.authority, scheme);
  const host = split === undefined ? undefined : configuredHost(split.host);
  if (split === undefined || host === undefined) return undefined;
  return webOrigin(scheme, host, split.port);
}

/** `host:port`, `http://host:port`, `https://host[:port]`, `unix:/path`; without a host, or with `*`: every address. */
export function parseListen(text: string): Result<ListenAddress, Refusal> {
  if (text.startsWith('unix:')) {
    const path = text.slice(5).replace(/^\/\/(?=\/)/, '');
    return path === ''
      ? err(['unix: needs a path.', 'Write it as unix:/run/lintel.sock.'])
      : ok({ kind: 'unix', path });
  }
  const m = /^(?:(https?):\/\/)?(.*?)(?::(\d{1,5}))?\/?$/.exec(text);
  const secure = m?.[1] === 'https';
  const port = m?.[3] === undefined ? (secure ? 443 : undefined) : Number(m[3]);
  const host = bindHost(m?.[2] ?? '');
  if (host === undefined || port === undefined || port > 65535)
    return err([`${text} is not an address to listen on.`, LISTEN_HINT]);
  return ok({ kind: 'tcp', host, port, tls: secure ? [] : undefined, redirect: false });
}

const LISTEN_HINT = 'Write it as 127.0.0.1:9091, :9000, https://:9443 or unix:/run/lintel.sock.';

function bindHost(text: string): string | undefined {
  if (text === '' || text === '*') return '::';
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (bare.includes(':')) return parseIp(bare) === undefined || bare === text ? undefined : bare;
  const authority = bare === text ? parseAuthority(bare) : undefined;
  return authority?.port === undefined ? authority?.host : undefined;
}
