import type { CheckAnswer, CheckAttributes } from '../core/check-message.ts';
import type { Decision } from '../core/decision.ts';
import type { Rendering } from '../core/dialect.ts';
import { type Fault, fault } from '../core/fault.ts';
import { forwardedClient, type TrustedPeer } from '../core/peer.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { TargetParts, Unknown } from '../core/target.ts';
import { withoutCookies } from '../core/text/cookie.ts';
import { all, first, foldName, single } from '../core/text/header-list.ts';
import type { Ip } from '../core/text/ip.ts';
import { quote } from '../core/text/quote.ts';
import { answer } from './answer.ts';
import { forwardedOr } from './read.ts';

/** What no client may say to an app, whichever app it is. */
export interface CheckRules {
  /** Folded names of every profile and family: `headers_to_remove` names them whether or not a copy was seen. */
  readonly ownedFolds: ReadonlySet<string>;
  /** True for any other header that only a proxy may write. Takes a folded name. */
  isClientClaim(fold: string): boolean;
  isOurCookie(name: string): boolean;
}

/** Header names as RFC 9110 §5.1 has them, or a pseudo-header of HTTP/2. */
const NAME = /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Envoy's gRPC ext_authz: facts of the request as fields, all headers beside them. Scheme and client address come from
 * the headers that Envoy itself writes: `:scheme` is what a client of HTTP/2 chose to send.
 */
export function readCheck(a: CheckAttributes, peer: TrustedPeer): Result<TargetParts, Fault> {
  const odd = oddity(a);
  if (odd !== undefined) return err(odd);
  if (a.path === '') return err(fault('TARGET-MISSING', 'attributes.request.http.path is missing.'));
  if (a.host === '') return err(fault('TARGET-MISSING', 'attributes.request.http.host is missing.'));
  if (a.method === '') return err(fault('TARGET-MISSING', 'attributes.request.http.method is missing.'));
  const scheme = forwardedOr(peer, a.headers, 'x-forwarded-proto', 'X-Forwarded-Proto', a.scheme);
  if (!scheme.ok) return scheme;
  if (scheme.value === '') return err(fault('TARGET-MISSING', 'X-Forwarded-Proto is missing.'));
  const client = clientOf(a, peer);
  return ok({ scheme: scheme.value, authority: a.host, uri: a.path, method: a.method, client });
}

/** Says twice what the request is, in two ways: whoever wrote the second one wants another request judged. */
function oddity(a: CheckAttributes): Fault | undefined {
  for (let i = 0; i + 1 < a.headers.length; i += 2) {
    const name = a.headers[i] ?? '';
    if (!NAME.test(name)) return fault('REQUEST-MALFORMED', `header name ${quote(name)}`);
  }
  const told = { ':authority': a.host, host: a.host, ':path': a.path, ':method': a.method };
  for (const [name, fact] of Object.entries(told)) {
    const found = single(a.headers, name);
    if (found.kind === 'repeated') return fault('TARGET-REPEATED', `${name} came more than once`);
    if (found.kind === 'one' && found.value !== fact) {
      return fault('TARGET-CONFLICT', `${name} differs from attributes.request.http`);
    }
  }
  return undefined;
}

/**
 * Whoever is connected to Envoy is one more hop, right of X-Forwarded-For. Where Envoy has appended it there already
 * (`use_remote_address`) it stands twice, and is walked over, or taken for the client, all the same.
 */
function clientOf(a: CheckAttributes, peer: TrustedPeer): Ip | Unknown {
  if (a.source === undefined) return { missing: 'attributes.source.address' };
  switch (a.source.kind) {
    case 'pipe':
      return peer.proxies.unix ? forwardedClient(a.headers, peer) : { missing: 'an address (unix socket)' };
    case 'address':
      return forwardedClient([...a.headers, 'x-forwarded-for', a.source.text], peer);
    default:
      return a.source satisfies never;
  }
}

/** Headers without the pseudo-headers, which `oddity` has compared. */
export function plainHeaders(a: CheckAttributes): string[] {
  const out: string[] = [];
  for (let i = 0; i + 1 < a.headers.length; i += 2) {
    const name = a.headers[i] ?? '';
    if (!name.startsWith(':')) out.push(name, a.headers[i + 1] ?? '');
  }
  return out;
}

const STYLE = { only401And403: false, requestFaultStatus: undefined } as const;

/** Renders a decision. What is no allow is an answer of its own, not an error: errors may be let through (`failure_mode_allow`). */
export function writeCheck(decision: Decision, r: Rendering, rules: CheckRules): CheckAnswer {
  switch (decision.kind) {
    case 'allow':
      return allowed(r, rules);
    case 'challenge':
      return { kind: 'denied', code: 'UNAUTHENTICATED', reply: answer(decision, r, STYLE) };
    case 'deny':
    case 'fault':
      return { kind: 'denied', code: 'PERMISSION_DENIED', reply: answer(decision, r, STYLE) };
    default:
      return decision satisfies never;
  }
}

function allowed(r: Rendering, rules: CheckRules): CheckAnswer {
  const { headers } = r.wire;
  const set: string[] = [];
  const names = new Set<string>();
  const put = (name: string, value: string) => {
    set.push(name, value);
    names.add(name);
  };
  for (let i = 0; i + 1 < r.identity.length; i += 2) put((r.identity[i] ?? '').toLowerCase(), r.identity[i + 1] ?? '');
  const cookie = keptCookies(all(headers, 'cookie'), rules);
  if (cookie !== undefined && cookie !== '') put('cookie', cookie);
  const remove = new Set<string>(cookie === '' ? ['cookie'] : []);
  const sent = first(headers, 'authorization');
  if (r.authorization !== '' && r.authorization !== sent) put('authorization', r.authorization);
  // Used up by Lintel, or meant for the proxy.
  if (r.authorization === '' && sent !== undefined) remove.add('authorization');
  if (first(headers, 'proxy-authorization') !== undefined) remove.add('proxy-authorization');
  // Seen or not: a filter that hides headers from the check (`allowed_headers`) does not hide them from the app.
  for (const fold of rules.ownedFolds) remove.add(fold);
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase();
    if (isClaimed(name, rules)) remove.add(name);
  }
  return { kind: 'ok', set, remove: [...remove].filter((name) => !names.has(name)) };
}

/** Names that Envoy has written itself by now, in exactly this spelling. */
const ENVOYS = /^x-forwarded-(?:for|proto)$|^x-envoy-(?!original-)/;

function isClaimed(name: string, rules: CheckRules): boolean {
  const fold = foldName(name);
  return rules.ownedFolds.has(fold) || (rules.isClientClaim(fold) && !ENVOYS.test(name));
}

/** All cookies but Lintel's in one line; undefined: there are none of Lintel's, so the request stays as it is. */
function keptCookies(lines: readonly string[], rules: CheckRules): string | undefined {
  const kept = lines.map((line) => withoutCookies(line, rules.isOurCookie));
  return kept.every((line, i) => line === lines[i]) ? undefined : kept.filter((line) => line !== undefined).join('; ');
}
