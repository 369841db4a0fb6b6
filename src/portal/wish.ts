import { type Policy, placeOf } from '../core/policy/compile.ts';
import type { ParseUrl } from '../core/ports.ts';
import { authorityIn } from '../core/text/origin.ts';
import { type ReturnTo, returnTo } from '../core/text/return-to.ts';
import type { PortalSite } from './deps.ts';

/** Where somebody wants to go, as they or an app said it: query parameters or fields of the sign-in form. */
export interface Asked {
  /** The address, decoded once. */
  readonly rd: string | undefined;
  /** The method of the request that was stopped. */
  readonly rm: string | undefined;
  /** SHA-256 of the nonce that the app's own host keeps in the browser: begins a hand-over. */
  readonly state: string | undefined;
  /** The mark of the name by which the app's host begins and ends the hand-over, where its app has the other one. */
  readonly door: string | undefined;
}

export type Wish =
  | { readonly kind: 'nowhere' }
  /** The address is none that somebody may be sent to. */
  | { readonly kind: 'refused'; readonly asked: Asked }
  | {
      readonly kind: 'app';
      readonly asked: Asked;
      readonly to: ReturnTo;
      readonly name: string;
      readonly state: string | undefined;
    };

const NOWHERE: Wish = { kind: 'nowhere' };
const STATE = /^[A-Za-z0-9_-]{43}$/;

/** Reads the first value of each field. */
export function asked(get: (key: string) => string | undefined): Asked {
  return { rd: get('rd'), rm: get('rm'), state: get('state'), door: get('door') };
}

/** Asked by a program, which names an address and nothing else. */
export function addressOnly(rd: string | undefined): Asked {
  return { rd, rm: undefined, state: undefined, door: undefined };
}

/** Judges the address by `returnTo`; an address of a portal itself counts as none. */
export function wish(policy: Policy, parseUrl: ParseUrl, site: PortalSite, a: Asked): Wish {
  if (a.rd === undefined || a.rd === '' || isOwn(site, a.rd)) return NOWHERE;
  const to = returnTo(policy, a.rd, parseUrl);
  if (to === undefined) return { kind: 'refused', asked: a };
  if (isPortal(policy, to)) return NOWHERE;
  const { scheme } = to.target;
  if (scheme !== 'https' && scheme !== 'http') return { kind: 'refused', asked: a };
  const state = a.state !== undefined && STATE.test(a.state) ? a.state : undefined;
  return { kind: 'app', asked: a, to, name: nameOf(policy, to), state };
}

/** An app that is a whole domain has one title for many places: there the host tells where somebody is going. */
function nameOf(policy: Policy, to: ReturnTo): string {
  const app = placeOf(policy, to.target)?.app.app;
  return app === undefined || app.domain !== undefined ? authorityIn(to.origin) : app.title;
}

/** A portal may lie in a domain that a rule names; sending people from portal to portal would be a loop. */
function isPortal(policy: Policy, to: ReturnTo): boolean {
  const portals = [policy.source.portal, ...policy.source.domains.map((d) => d.portal)];
  const path = to.target.path.readings[0];
  return portals.some((p) => p !== undefined && p.origin === to.origin && `${path}/`.startsWith(`${p.basePath}/`));
}

/** Only ever leads to the launcher, so the text need not be trusted. */
function isOwn(site: PortalSite, rd: string): boolean {
  return rd === site.origin || (site.basePath === '' && rd.startsWith(`${site.origin}/`));
}
