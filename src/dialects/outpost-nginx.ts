import type { Dialect } from '../core/dialect.ts';
import { fault } from '../core/fault.ts';
import { err, ok } from '../core/result.ts';
import { splitUrl } from './auth-request.ts';
import { agreesWithForwardedHost } from './outpost.ts';
import { answerOutpost, SENDS_ON } from './outpost-answer.ts';
import { forwarded } from './read.ts';

/**
 * authentik's `/auth/nginx`: `X-Original-URL`, absolute, and nothing else. nginx hands the client's own headers on to
 * the check, and authentik's snippet sets no method and no address, so a client could claim both: they are unknown.
 * `X-Original-URI` is never read (GHSA-5wcc-hf24-rf5h).
 */
export const outpostNginx: Dialect = {
  name: 'OutpostNginx',
  ...SENDS_ON,
  ownPaths: 'pass',
  beginsSignIn: () => false,
  read(wire, peer) {
    const url = forwarded(peer, wire.headers, 'x-original-url', 'X-Original-URL');
    if (!url.ok) return url;
    const parts = splitUrl(url.value);
    if (!parts.ok) return parts;
    if (!agreesWithForwardedHost(wire, parts.value.authority)) {
      return err(fault('TARGET-CONFLICT', 'X-Original-URL and X-Forwarded-Host name different hosts'));
    }
    return ok({ parts: { ...parts.value, method: METHOD, client: CLIENT } });
  },
  write: (decision, r) => answerOutpost(decision, r, 'only-401'),
};

const OTHER = "which authentik's snippet for nginx does not set: ask /api/authz/auth-request in its place";
const METHOD = { missing: `X-Original-Method, ${OTHER}` };
const CLIENT = { missing: `X-Forwarded-For, ${OTHER}` };
