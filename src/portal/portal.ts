import { JWKS_PATH } from '../core/door-path.ts';
import { fault } from '../core/fault.ts';
import type { Reply } from '../core/wire.ts';
import { ACCOUNT, account, revokeAllSessions, revokeSession, toAccount } from './account.ts';
import { makeToken, revokeToken } from './account-tokens.ts';
import { api } from './api.ts';
import { assetReply } from './assets.ts';
import type { PortalDeps, PortalRequest } from './deps.ts';
import { faultSheet, isFaultId } from './fault-pages.ts';
import { jwksReply } from './jwks.ts';
import { helpSheet } from './pages.ts';
import { faultJson } from './replies.ts';
import { type Routes, routed } from './routes.ts';
import { sealOf } from './sealed.ts';
import { arrival, submit } from './sign-in.ts';
import { askSignOut, doSignOut } from './sign-out.ts';
import { at, HOME, homeward, note, placeName, refuse, show, type Visit } from './visit.ts';

export interface Portal {
  /** Answers every request whose host is a portal's. Throws only for bugs. */
  handle(r: PortalRequest): Promise<Reply>;
}

type Handler = (v: Visit) => Promise<Reply> | Reply;

const ROUTES: Routes<Handler> = new Map<string, { readonly GET: Handler; readonly POST?: Handler }>([
  ['/', { GET: arrival }],
  ['/sign-in', { GET: arrival, POST: submit }],
  ['/sign-out', { GET: askSignOut, POST: doSignOut }],
  [ACCOUNT, { GET: account }],
  [`${ACCOUNT}/app-passwords`, { GET: toAccount, POST: makeToken }],
  [`${ACCOUNT}/app-passwords/revoke`, { GET: toAccount, POST: revokeToken }],
  [`${ACCOUNT}/sessions/revoke`, { GET: toAccount, POST: revokeSession }],
  [`${ACCOUNT}/sessions/revoke-all`, { GET: toAccount, POST: revokeAllSessions }],
  ['/signed-out', { GET: askSignOut }],
  ['/help', { GET: (v: Visit) => show(v, 200, helpSheet(placeName(v), at(v, HOME))) }],
]);

/** The sign-in portal: pages and JSON API. One for all sites, since sites differ in plain values only. */
export function createPortal(deps: PortalDeps): Portal {
  const seal = sealOf(deps.store, deps.secrets);
  return {
    async handle(r) {
      if (r.path === '/api/health') return api({ deps, r, seal: NO_SEAL });
      if (r.path.startsWith('/assets/')) return asset(r);
      if (r.path === JWKS_PATH) return jwksReply(deps, r.wire, (f) => note({ deps, r, seal: NO_SEAL }, f));
      const made = await seal();
      if (!made.ok) return refuse({ deps, r, seal: NO_SEAL }, made.error);
      return route({ deps, r, seal: made.value });
    },
  };
}

/** For pages that sign nothing: it verifies nothing either. */
const NO_SEAL = { mac: () => '', verify: () => false };

function asset(r: PortalRequest): Reply {
  return assetReply(r.path.slice('/assets/'.length)) ?? faultJson('NOT-FOUND');
}

function route(v: Visit): Promise<Reply> | Reply {
  const { path } = v.r;
  if (path === '/api' || path.startsWith('/api/')) return api(v);
  if (path.startsWith('/error/')) return errorPage(v, path.slice('/error/'.length));
  const { method } = v.r.wire;
  const page = routed(ROUTES, path, method);
  switch (page.kind) {
    case 'found':
      return page.handler(v);
    case 'no-page':
      return refuse(v, fault('NOT-FOUND', `no page ${path}`));
    case 'no-method':
      return refuse(v, fault('METHOD-NOT-ALLOWED', `${method} ${path}`), homeward(v), ['Allow', page.allow]);
    default:
      return page satisfies never;
  }
}

/** `/error/ID`: what an id means and what to do. */
function errorPage(v: Visit, id: string): Reply {
  if (!isFaultId(id)) return refuse(v, fault('NOT-FOUND', 'no such error id'));
  return show(v, 200, faultSheet(id, homeward(v)));
}
