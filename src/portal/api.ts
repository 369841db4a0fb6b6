import type { Fault } from '../core/fault.ts';
import { fault } from '../core/fault.ts';
import type { JsonObject } from '../core/json.ts';
import { first } from '../core/text/header-list.ts';
import type { Reply } from '../core/wire.ts';
import { hasTypes, parseObject, text, truth } from './json-body.ts';
import { judge } from './judge.ts';
import { clearedCookies, type SignInFailure, signIn } from './open-session.ts';
import { portalPresence } from './portal-presence.ts';
import { type SignedIn, subjectOf } from './presence.ts';
import { cookieHeaders, faultJson, json, plain } from './replies.ts';
import { type Routes, routed } from './routes.ts';
import { foreignChange } from './same-site.ts';
import { endPortalSession } from './sign-out.ts';
import { note, type Visit, wishOf } from './visit.ts';
import { addressOnly } from './wish.ts';

/**
 * The JSON API that Authelia's portal has, same paths and bodies: {"status":"OK","data":…} and
 * {"status":"KO","message":…}. Never a redirect, never a page.
 */
type Handler = (v: Visit) => Promise<Reply> | Reply;

const ROUTES: Routes<Handler> = new Map<string, { readonly GET?: Handler; readonly POST?: Handler }>([
  ['/api/health', { GET: () => json(200, { status: 'OK' }) }],
  ['/api/state', { GET: state }],
  ['/api/configuration', { GET: configuration }],
  ['/api/firstfactor', { POST: firstFactor }],
  ['/api/logout', { POST: logout }],
  ['/api/checks/safe-redirection', { POST: safeRedirection }],
]);

/** Answers below `/api`. */
export function api(v: Visit): Promise<Reply> | Reply {
  const call = routed(ROUTES, v.r.path, v.r.wire.method);
  switch (call.kind) {
    case 'found':
      return call.handler(v);
    case 'no-page':
      return faultJson('NOT-FOUND');
    case 'no-method':
      return faultJson('METHOD-NOT-ALLOWED', ['Allow', call.allow]);
    default:
      return call satisfies never;
  }
}

function done(data?: unknown, cookies: readonly string[] = []): Reply {
  return json(200, data === undefined ? { status: 'OK' } : { status: 'OK', data }, cookieHeaders(cookies));
}

function broken(v: Visit, f: Fault): Reply {
  note(v, f);
  return faultJson(f.id);
}

async function state(v: Visit): Promise<Reply> {
  const who = await portalPresence(v.deps, v.r);
  if (who.kind === 'fault') return broken(v, who.fault);
  const somebody = who.kind === 'somebody';
  const { defaultRedirect } = v.r.site;
  return done({
    username: somebody ? who.user.name : '',
    authentication_level: !somebody ? 0 : who.session.level === 'two_factor' ? 2 : 1,
    factor_knowledge: somebody,
    ...(defaultRedirect === undefined ? {} : { default_redirection_url: defaultRedirect }),
  });
}

async function configuration(v: Visit): Promise<Reply> {
  const who = await portalPresence(v.deps, v.r);
  if (who.kind === 'fault') return broken(v, who.fault);
  if (who.kind === 'nobody') return plain(403, '403 Forbidden');
  return done({ available_methods: [], password_change_disabled: true, password_reset_disabled: true });
}

/** The body as an object; `undefined` for anything that is not JSON, whatever it claims to be. */
async function bodyOf(v: Visit): Promise<JsonObject | undefined> {
  if (!/^application\/json(?:;|$)/i.test(first(v.r.wire.headers, 'content-type') ?? '')) return undefined;
  const body = await v.r.body();
  return body.ok ? parseObject(body.value) : undefined;
}

const REFUSED = { status: 'KO', message: 'Name or password not accepted.' };

/** One message for every failure of the first factor: bad body, unknown name, wrong password. */
async function firstFactor(v: Visit): Promise<Reply> {
  const foreign = foreignChange(v.r.wire, v.r.site.origin, 'json');
  if (foreign !== undefined) return broken(v, foreign);
  const body = await bodyOf(v);
  const [username, password] = [text(body, 'username'), text(body, 'password')];
  if (body === undefined || username === undefined || password === undefined) return json(401, REFUSED);
  if (!hasTypes(body, { keepMeLoggedIn: 'boolean', targetURL: 'string', requestMethod: 'string' }))
    return json(401, REFUSED);
  const remember = truth(body, 'keepMeLoggedIn');
  const opened = await signIn(v.deps, v.r, { username: username.trim(), password, remember });
  if (!opened.ok) return failed(v, opened.error);
  const target = destination(v, opened.value.who, text(body, 'targetURL'), text(body, 'requestMethod'));
  return done(target === undefined ? undefined : { redirect: target }, opened.value.cookies);
}

function failed(v: Visit, why: SignInFailure): Reply {
  switch (why.kind) {
    case 'refused':
      return json(401, REFUSED);
    case 'throttled':
      return faultJson('THROTTLED', ['Retry-After', String(why.retryAfterSeconds)]);
    case 'busy':
      return faultJson('VERIFIER-BUSY', ['Retry-After', String(why.retryAfterSeconds)]);
    case 'unavailable':
      return broken(v, fault('SOURCE-UNAVAILABLE', 'the password could not be checked'));
    case 'store':
      return broken(v, why.fault);
    default:
      return why satisfies never;
  }
}

/**
 * Contract §2.8: the target when it is safe and the rule for the method that was stopped asks for no second factor, also
 * where the answer will be "deny".
 */
function destination(
  v: Visit,
  who: SignedIn,
  targetUrl: string | undefined,
  method: string | undefined,
): string | undefined {
  const policy = v.deps.policy();
  const wish = wishOf(v, addressOnly(targetUrl));
  if (wish.kind === 'app') {
    const verdict = judge(policy, { ...wish.to.target, method: method || 'GET', client: v.r.client }, subjectOf(who));
    return verdict.kind === 'level' ? undefined : wish.to.href;
  }
  const rules = [...policy.source.rules, ...policy.source.apps.flatMap((a) => a.rules)];
  const outcomes = [policy.source.defaultOutcome, ...rules.map((r) => r.outcome)];
  const twoFactor = outcomes.some((o) => o.kind === 'signed-in' && o.level === 'two_factor');
  return twoFactor ? undefined : v.r.site.defaultRedirect;
}

async function logout(v: Visit): Promise<Reply> {
  const foreign = foreignChange(v.r.wire, v.r.site.origin, 'json');
  if (foreign !== undefined) return broken(v, foreign);
  // Whoever says nothing wants to leave all the same.
  const body = first(v.r.wire.headers, 'content-type') === undefined ? {} : await bodyOf(v);
  if (body === undefined) return faultJson('REQUEST-MALFORMED');
  const ended = await endPortalSession(v);
  if (!ended.ok) return broken(v, ended.error);
  const wish = wishOf(v, addressOnly(text(body, 'targetURL')));
  return done({ safeTargetURL: wish.kind === 'app' }, clearedCookies(v.r.site));
}

async function safeRedirection(v: Visit): Promise<Reply> {
  const foreign = foreignChange(v.r.wire, v.r.site.origin, 'json');
  if (foreign !== undefined) return broken(v, foreign);
  const who = await portalPresence(v.deps, v.r);
  if (who.kind === 'fault') return broken(v, who.fault);
  if (who.kind === 'nobody') return plain(401, '401 Unauthorized');
  const uri = text(await bodyOf(v), 'uri');
  if (uri === undefined) return faultJson('REQUEST-MALFORMED');
  return done({ ok: wishOf(v, addressOnly(uri)).kind === 'app' });
}
