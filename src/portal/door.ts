import { cookieNames } from '../core/cookie-names.ts';
import { ASKED_SIGN_OUT, JWKS_PATH, NATIVE_DOOR, OUTPOST_DOOR } from '../core/door-path.ts';
import { FAULTS, type Fault, fault } from '../core/fault.ts';
import { describePeer } from '../core/peer.ts';
import type { PortalAddress } from '../core/policy/compile.ts';
import type { Result } from '../core/result.ts';
import type { Way } from '../core/sign-in-address.ts';
import { removedCookie } from '../core/text/cookie.ts';
import { quote } from '../core/text/quote.ts';
import type { Reply } from '../core/wire.ts';
import type { DoorRequest, PortalDeps } from './deps.ts';
import { doorPresence, isSecureOrigin, portalOf, signedOutUrl } from './door-presence.ts';
import { faultSheet, type Link } from './fault-pages.ts';
import { callback, start, startFor } from './hand-over.ts';
import { jwksReply } from './jwks.ts';
import { layout, type Sheet } from './layout.ts';
import { signOutSheet } from './pages.ts';
import { named } from './presence.ts';
import { cookieHeaders, errorHeader, faultJson, type Headers, json, page, redirect, wantsJson } from './replies.ts';
import { type Routes, routed } from './routes.ts';
import { foreignChange } from './same-site.ts';
import { type Seal, sealOf } from './sealed.ts';
import { endSession } from './sign-out.ts';
import { leave, SIGN_OUT_ACTION } from './sign-out-everywhere.ts';

export interface Door {
  /** Answers Lintel's own pages on the host of an app; their paths never reach the app. Throws only for bugs. */
  handle(r: DoorRequest): Promise<Reply>;
  /** Begins a sign-in that ends at `href`, with the answer to a check. */
  begin(r: DoorRequest, href: string): Promise<Result<Way, Fault>>;
}

/** A request at the door, with what its answers need. */
export interface Knock {
  readonly deps: PortalDeps;
  readonly seal: Seal;
  readonly r: DoorRequest;
}

type Handler = (k: Knock) => Promise<Reply> | Reply;

const SIGN_OUT = `${NATIVE_DOOR}sign-out`;
const ROUTES: Routes<Handler> = new Map<string, { readonly GET: Handler; readonly POST?: Handler }>([
  [`${NATIVE_DOOR}start`, { GET: begin }],
  [`${NATIVE_DOOR}callback`, { GET: finish }],
  [SIGN_OUT, { GET: askSignOut, POST: doSignOut }],
  [`${NATIVE_DOOR}whoami`, { GET: whoami }],
  [`${NATIVE_DOOR}denied`, { GET: denied }],
  [`${OUTPOST_DOOR}start`, { GET: begin }],
  [`${OUTPOST_DOOR}callback`, { GET: finish }],
  [`${OUTPOST_DOOR}sign_out`, { GET: leaveAll, POST: leaveAll }],
  [ASKED_SIGN_OUT, { GET: leaveAll, POST: leaveAll }],
]);

export function createDoor(deps: PortalDeps): Door {
  const seal = sealOf(deps.store, deps.secrets);
  return {
    async handle(r) {
      if (r.path === JWKS_PATH) return jwksReply(deps, r.wire, (f) => note(deps, r, f));
      const made = await seal();
      return made.ok ? route({ deps, seal: made.value, r }) : refuse(deps, r, made.error);
    },
    async begin(r, href) {
      const made = await seal();
      return made.ok ? startFor(deps, made.value, r, href) : made;
    },
  };
}

function route(k: Knock): Promise<Reply> | Reply {
  const { path, wire } = k.r;
  const { method } = wire;
  const page = routed(ROUTES, path, method);
  switch (page.kind) {
    case 'found':
      return page.handler(k);
    case 'no-page':
      return refuse(k.deps, k.r, fault('NOT-FOUND', `no page ${quote(path)}`));
    case 'no-method':
      return refuse(k.deps, k.r, fault('METHOD-NOT-ALLOWED', `${method} ${path}`), ['Allow', page.allow]);
    default:
      return page satisfies never;
  }
}

/** A script that is sent here cannot sign anybody in: it is told so, and no state piles up in its cookies. */
function begin(k: Knock): Reply {
  if (wantsJson(k.r.wire)) return faultJson('SIGN-IN-NEEDED');
  const way = start(k.deps, k.seal, k.r);
  return way.ok ? redirect(302, way.value.location, cookieHeaders(way.value.cookies)) : refuse(k.deps, k.r, way.error);
}

async function finish(k: Knock): Promise<Reply> {
  const done = await callback(k.deps, k.seal, k.r);
  if (!done.ok) return refuse(k.deps, k.r, done.error);
  return redirect(302, done.value.location, cookieHeaders(done.value.cookies));
}

async function whoami(k: Knock): Promise<Reply> {
  const who = await doorPresence(k.deps, k.r);
  if (who.kind === 'fault') return refuse(k.deps, k.r, who.fault);
  if (who.kind === 'nobody') return faultJson('SIGN-IN-NEEDED');
  const { user, session } = who;
  return json(200, { user: user.name, name: user.displayName, groups: user.groups, level: session.level });
}

/** The page that another proxy shows where policy said no (nginx: `error_page 403`). Told to the log when it was said. */
async function denied(k: Knock): Promise<Reply> {
  const who = await doorPresence(k.deps, k.r);
  if (who.kind === 'fault') return refuse(k.deps, k.r, who.fault);
  if (wantsJson(k.r.wire)) return faultJson('ACCESS-DENIED');
  const isSomebody = who.kind !== 'nobody';
  const way = isSomebody ? { href: SIGN_OUT, text: 'Switch account' } : { href: '/', text: `Open ${k.r.app.title}` };
  return doorFault(k.deps, k.r, fault('ACCESS-DENIED', ''), way);
}

async function askSignOut(k: Knock): Promise<Reply> {
  const who = await doorPresence(k.deps, k.r);
  if (who.kind === 'fault') return refuse(k.deps, k.r, who.fault);
  const portal = portalOf(k.deps.policy(), k.r);
  const [session] = named(who);
  if (session === undefined) return redirect(302, portal === undefined ? '/' : signedOutUrl(portal));
  const { title } = k.r.app;
  const sheet = signOutSheet({ place: title, user: session.user, action: k.r.path, rd: undefined, stay: '/' });
  return show(portal, 200, sheet, [], portal === undefined ? [] : [portal.origin]);
}

async function doSignOut(k: Knock): Promise<Reply> {
  const { deps, r } = k;
  const foreign = foreignChange(r.wire, r.origin, 'form');
  if (foreign !== undefined) return refuse(deps, r, foreign);
  const ended = await endSession(deps, await doorPresence(deps, r), r.client);
  if (!ended.ok) return refuse(deps, r, ended.error);
  const secure = isSecureOrigin(r.origin);
  const portal = portalOf(deps.policy(), r);
  const gone = cookieHeaders([removedCookie(cookieNames(secure).app, { secure })]);
  return redirect(303, portal === undefined ? '/' : signedOutUrl(portal), gone);
}

async function leaveAll({ deps, r }: Knock): Promise<Reply> {
  const leaving = await leave(deps, r);
  switch (leaving.kind) {
    case 'gone':
      return leaving.reply;
    case 'fault':
      return refuse(deps, r, leaving.fault);
    case 'ask': {
      const portal = portalOf(deps.policy(), r);
      const place = portal?.host ?? r.app.title;
      const sheet = signOutSheet({
        place,
        user: leaving.user,
        action: SIGN_OUT_ACTION,
        rd: undefined,
        stay: '/',
        everywhere: true,
      });
      return show(portal, 200, sheet, [], portal === undefined ? [] : [portal.origin]);
    }
    default:
      return leaving satisfies never;
  }
}

/** Everything stands in the page itself: behind a check no other address of the door can be asked for. */
function show(
  portal: PortalAddress | undefined,
  status: number,
  sheet: Sheet,
  more: Headers = [],
  formTargets: readonly string[] = [],
): Reply {
  const place = { assets: undefined, help: portal && `${portal.url}help` };
  return page(status, layout(place, sheet), { hsts: false, formTargets, inline: true }, more);
}

function refuse(deps: PortalDeps, r: DoorRequest, f: Fault, more: Headers = []): Reply {
  note(deps, r, f);
  if (wantsJson(r.wire)) return faultJson(f.id, more);
  return doorFault(deps, r, f, onward(deps, r, f), more);
}

/** The app, unless it is the app that cannot be opened. */
function onward(deps: PortalDeps, r: DoorRequest, f: Fault): Link | undefined {
  if (f.id !== 'ROUTING-REFUSED') return { href: '/', text: `Open ${r.app.title}` };
  const portal = portalOf(deps.policy(), r);
  return portal && { href: portal.url, text: 'Go to your apps' };
}

function note(deps: PortalDeps, r: DoorRequest, f: Fault): void {
  deps.audit.record({ kind: 'fault', fault: f, where: `door ${r.path}`, peer: describePeer(r.wire.peer) });
}

function doorFault(deps: PortalDeps, r: DoorRequest, f: Fault, primary: Link | undefined, more: Headers = []): Reply {
  return show(portalOf(deps.policy(), r), FAULTS[f.id].status, faultSheet(f.id, { primary, others: [] }), [
    ...errorHeader(f.id),
    ...more,
  ]);
}
