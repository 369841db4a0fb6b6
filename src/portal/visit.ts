import { FAULTS, type Fault, fault } from '../core/fault.ts';
import { describePeer } from '../core/peer.ts';
import { err, ok, type Result } from '../core/result.ts';
import { first } from '../core/text/header-list.ts';
import { hostIn } from '../core/text/origin.ts';
import { parseQuery, queryText } from '../core/text/url-encode.ts';
import type { Reply } from '../core/wire.ts';
import type { PortalDeps, PortalRequest } from './deps.ts';
import { type Exits, faultSheet } from './fault-pages.ts';
import { layout, type Sheet } from './layout.ts';
import { errorHeader, faultJson, type Headers, page, wantsJson } from './replies.ts';
import { foreignChange } from './same-site.ts';
import type { Seal } from './sealed.ts';
import { type Asked, asked, type Wish, wish } from './wish.ts';

/** One request to a portal, with what every page of it needs. */
export interface Visit {
  readonly deps: PortalDeps;
  readonly seal: Seal;
  readonly r: PortalRequest;
}

export const HOME = '/';

/** A path of this portal. */
export function at(v: Visit, path: string): string {
  return `${v.r.site.basePath}${path}`;
}

/** What people call the place: the cookie domain, else the host without a leading "auth.", "login." and the like. */
export function placeName(v: Visit): string {
  const { domain, origin } = v.r.site;
  return domain?.domain ?? hostIn(origin).replace(/^(?:auth|login|sso|id|account|portal|lintel)\.(?=[^.]+\.)/, '');
}

export function fromQuery(v: Visit): Asked {
  const pairs = parseQuery(v.r.query ?? '');
  return asked((key) => pairs.find((p) => p.key === key)?.value);
}

export function fromForm(fields: URLSearchParams): Asked {
  return asked((key) => fields.get(key) ?? undefined);
}

export function wishOf(v: Visit, a: Asked): Wish {
  return wish(v.deps.policy(), v.deps.parseUrl, v.r.site, a);
}

/** The query string that carries a wish on to another page of the portal. */
export function carry(w: Wish, more = ''): string {
  if (w.kind === 'nowhere') return more === '' ? '' : `?${more}`;
  const { rd, rm, state, door } = w.asked;
  const part = (name: string, value: string | undefined) =>
    value === undefined ? [] : [`${name}=${queryText(value)}`];
  const asked = [...part('rd', rd), ...part('rm', rm), ...part('state', state), ...part('door', door)];
  return `?${[...asked, ...(more === '' ? [] : [more])].join('&')}`;
}

export function show(
  v: Visit,
  status: number,
  sheet: Sheet,
  more: Headers = [],
  formTargets: readonly string[] = [],
): Reply {
  const { basePath, secure } = v.r.site;
  const place = { assets: `${basePath}/assets`, help: `${basePath}/help` };
  return page(status, layout(place, sheet), { hsts: secure, formTargets }, more);
}

/** Notes the fault down and says it: JSON to programs, a page to people. */
export function refuse(v: Visit, f: Fault, exits: Exits = homeward(v), more: Headers = []): Reply {
  note(v, f);
  if (wantsJson(v.r.wire)) return faultJson(f.id, more);
  return show(v, FAULTS[f.id].status, faultSheet(f.id, exits), [...errorHeader(f.id), ...more]);
}

export function note(v: Visit, f: Fault): void {
  v.deps.audit.record({ kind: 'fault', fault: f, where: `portal ${v.r.path}`, peer: describePeer(v.r.wire.peer) });
}

export function homeward(v: Visit): Exits {
  return { primary: { href: at(v, HOME), text: 'Go to your apps' }, others: [] };
}

/** 64 KiB at most; a form of another type is no form of ours. */
const FORM = /^application\/x-www-form-urlencoded(?:;|$)/i;

/**
 * The fields of a form that our own page posted, decoded once; the first value of a name counts. A form of another site
 * is a fault, and nothing of it is read.
 */
export async function ownForm(v: Visit): Promise<Result<URLSearchParams, Fault>> {
  const foreign = foreignChange(v.r.wire, v.r.site.origin, 'form');
  if (foreign !== undefined) return err(foreign);
  if (!FORM.test(first(v.r.wire.headers, 'content-type') ?? '')) {
    return err(fault('REQUEST-MALFORMED', 'a form without the content type of a form'));
  }
  const body = await v.r.body();
  return body.ok ? ok(new URLSearchParams(Buffer.from(body.value).toString('utf8'))) : body;
}
