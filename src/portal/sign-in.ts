import { fault } from '../core/fault.ts';
import { quoteAddress } from '../core/text/quote.ts';
import type { Reply } from '../core/wire.ts';
import { ACCOUNT } from './account.ts';
import { deniedSheet, type Exits, levelSheet, loopSheet, throttleSheet } from './fault-pages.ts';
import { openApps } from './judge.ts';
import { type SignInFailure, signIn } from './open-session.ts';
import { launcherSheet, signInSheet } from './pages.ts';
import { portalPresence } from './portal-presence.ts';
import { type SignedIn, subjectOf } from './presence.ts';
import { cookieHeaders, errorHeader, faultJson, redirect, wantsJson } from './replies.ts';
import { wayBack } from './send-back.ts';
import { duration } from './time-words.ts';
import {
  at,
  carry,
  fromForm,
  fromQuery,
  HOME,
  homeward,
  note,
  ownForm,
  placeName,
  refuse,
  show,
  type Visit,
  wishOf,
} from './visit.ts';
import type { Wish } from './wish.ts';

/** `GET /` and `GET /sign-in`: the form for strangers, the way on for those who are signed in, else their apps. */
export async function arrival(v: Visit): Promise<Reply> {
  const wish = wishOf(v, fromQuery(v));
  if (wish.kind === 'refused') return refuse(v, fault('RETURN-REFUSED', `rd ${quoteAddress(wish.asked.rd ?? '')}`));
  const who = await portalPresence(v.deps, v.r);
  if (who.kind === 'fault') return refuse(v, who.fault, again(v, wish));
  if (who.kind === 'nobody') return wantsJson(v.r.wire) ? faultJson('SIGN-IN-NEEDED') : form(v, 200, wish, BLANK);
  if (/(?:^|&)switch=1(?:&|$)/.test(v.r.query ?? '')) return form(v, 200, wish, BLANK);
  if (wish.kind === 'nowhere') return launcher(v, who);
  return onward(v, who, wish, { status: 302, cookies: [], fresh: false });
}

function launcher(v: Visit, who: SignedIn): Reply {
  const apps = openApps(v.deps.policy(), who.user, subjectOf(who), v.r.client).filter((app) => !app.isDomain);
  return show(
    v,
    200,
    launcherSheet(placeName(v), who.user, apps, { account: at(v, ACCOUNT), signOut: at(v, '/sign-out') }),
  );
}

interface Draft {
  readonly username: string;
  readonly remember: boolean;
  readonly error: { readonly what: string; readonly next: string } | undefined;
}

const BLANK: Draft = { username: '', remember: false, error: undefined };

function form(v: Visit, status: number, wish: Wish, draft: Draft): Reply {
  const { rememberMs } = v.deps.times();
  const sheet = signInSheet({
    place: placeName(v),
    action: at(v, '/sign-in'),
    wish,
    ...draft,
    rememberFor: rememberMs > 0 ? duration(rememberMs / 1000) : undefined,
  });
  return show(v, status, sheet, draft.error === undefined ? [] : errorHeader('CREDENTIALS-REFUSED'), targets(v, wish));
}

/** CSP holds the redirects after a form post to `form-action`, so the way back has to be named. */
function targets(v: Visit, wish: Wish): readonly string[] {
  if (wish.kind === 'app') return [wish.to.origin];
  const home = v.deps.parseUrl(v.r.site.defaultRedirect ?? '');
  return home === undefined ? [] : [`${home.protocol}//${home.hostname}${home.port === '' ? '' : `:${home.port}`}`];
}

/** `POST /sign-in`. */
export async function submit(v: Visit): Promise<Reply> {
  const posted = await ownForm(v);
  if (!posted.ok) return refuse(v, posted.error);
  const fields = posted.value;
  const wish = wishOf(v, fromForm(fields));
  const username = (fields.get('username') ?? '').trim();
  const remember = fields.get('remember') === '1';
  const opened = await signIn(v.deps, v.r, { username, password: fields.get('password') ?? '', remember });
  if (!opened.ok) return failed(v, wish, { username, remember, error: undefined }, opened.error);
  const { who, cookies } = opened.value;
  if (wish.kind === 'app') return onward(v, who, wish, { status: 303, cookies, fresh: true });
  return redirect(303, v.r.site.defaultRedirect ?? at(v, HOME), cookieHeaders(cookies));
}

function failed(v: Visit, wish: Wish, draft: Draft, why: SignInFailure): Reply {
  const back = { href: at(v, `/sign-in${carry(wish)}`), text: 'Back to sign-in' };
  switch (why.kind) {
    case 'refused':
      return form(v, 401, wish, { ...draft, error: WRONG });
    case 'throttled':
    case 'busy': {
      const id = why.kind === 'busy' ? 'VERIFIER-BUSY' : 'THROTTLED';
      const more = [...errorHeader(id), 'Retry-After', String(why.retryAfterSeconds)];
      return show(v, 429, throttleSheet(id, why.retryAfterSeconds, back), more);
    }
    case 'unavailable':
      return refuse(v, fault('SOURCE-UNAVAILABLE', 'the password could not be checked'), { primary: back, others: [] });
    case 'store':
      return refuse(v, why.fault, { primary: back, others: [] });
    default:
      return why satisfies never;
  }
}

const WRONG = { what: 'That name and password do not match.', next: 'Check both, caps lock too, and try again.' };

interface Onward {
  readonly status: 302 | 303;
  /** Set-Cookie values of a sign-in that happened with this request: they are sent wherever it ends. */
  readonly cookies: readonly string[];
  readonly fresh: boolean;
}

/** Back to the app, or a page that says why not. */
async function onward(v: Visit, who: SignedIn, wish: Extract<Wish, { kind: 'app' }>, how: Onward): Promise<Reply> {
  const way = await wayBack(v.deps, v.seal, v.r, who, wish, how.fresh);
  const given = cookieHeaders(how.cookies);
  switch (way.kind) {
    case 'go':
      return redirect(how.status, way.location, [...given, ...cookieHeaders(way.cookies)]);
    case 'denied': {
      note(v, fault('ACCESS-DENIED', `${who.user.name} asked for ${quoteAddress(wish.to.href)}`));
      const sheet = deniedSheet(placeName(v), who.user, wish, switchAccount(v, wish));
      return show(v, 403, sheet, [...errorHeader('ACCESS-DENIED'), ...given]);
    }
    case 'level':
      note(v, fault('LEVEL-UNAVAILABLE', `${who.user.name} asked for ${quoteAddress(wish.to.href)}`));
      return show(v, 403, levelSheet(who.user, wish, homeward(v)), [...errorHeader('LEVEL-UNAVAILABLE'), ...given]);
    case 'loop':
      note(v, fault('LOOP', `${quoteAddress(wish.to.href)} came back three times`));
      return show(v, 400, loopSheet(wish, again(v, wish)), [
        ...errorHeader('LOOP'),
        ...given,
        ...cookieHeaders(way.cookies),
      ]);
    case 'fault':
      return refuse(v, way.fault, again(v, wish), given);
    default:
      return way satisfies never;
  }
}

function again(v: Visit, wish: Wish): Exits {
  return {
    primary: { href: at(v, `/${carry(wish)}`), text: 'Try again' },
    others: [{ href: at(v, HOME), text: 'Your apps' }],
  };
}

function switchAccount(v: Visit, wish: Wish): Exits {
  return {
    ...homeward(v),
    others: [{ href: at(v, `/sign-in${carry(wish, 'switch=1')}`), text: 'Switch account' }],
  };
}
