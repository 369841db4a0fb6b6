import type { Fault } from '../core/fault.ts';
import { err, ok, type Result } from '../core/result.ts';
import { belongsTo, isAlive } from '../core/session.ts';
import { describeClient } from '../core/target.ts';
import type { Reply } from '../core/wire.ts';
import { type AppChoice, accountSheet, NEW_TOKEN, type TokenDraft } from './account-pages.ts';
import { attempt } from './attempt.ts';
import { openApps } from './judge.ts';
import { clearedCookies } from './open-session.ts';
import { portalPresence } from './portal-presence.ts';
import { type SignedIn, subjectOf } from './presence.ts';
import { cookieHeaders, faultJson, type Headers, redirect, wantsJson } from './replies.ts';
import { endSession } from './sign-out.ts';
import { at, HOME, ownForm, placeName, refuse, show, type Visit } from './visit.ts';

export const ACCOUNT = '/account';

/** A sign-in this fresh needs no second look before it makes an app password. */
const RECENT_MS = 15 * 60_000;

/** `GET /account`. Strangers sign in first. */
export async function account(v: Visit): Promise<Reply> {
  const who = await portalPresence(v.deps, v.r);
  if (who.kind === 'fault') return refuse(v, who.fault);
  if (who.kind === 'nobody') return toSignIn(v, 302);
  return accountPage(v, who, 200, NEW_TOKEN);
}

/** A script is told, and never sent to a page. */
function toSignIn(v: Visit, status: 302 | 303): Reply {
  return wantsJson(v.r.wire) ? faultJson('SIGN-IN-NEEDED') : redirect(status, at(v, '/sign-in'));
}

/** For a reload of an address that only takes changes. */
export function toAccount(v: Visit): Reply {
  return redirect(302, at(v, ACCOUNT));
}

/** The page, with what was typed into its form before. */
export async function accountPage(
  v: Visit,
  who: SignedIn,
  status: number,
  draft: TokenDraft,
  more: Headers = [],
): Promise<Reply> {
  const { name } = who.user;
  const now = v.deps.clock.now();
  const read = await attempt('STORE-UNAVAILABLE', async () => {
    const tokens = await v.deps.store.listTokens({ kind: 'user', user: name });
    const sessions = await v.deps.store.list({ kind: 'user', user: name });
    return { tokens, sessions: sessions.map((s) => s.session) };
  });
  if (!read.ok) return refuse(v, read.error);
  const { tokens, sessions } = read.value;
  const sheet = accountSheet({
    place: placeName(v),
    path: at(v, ACCOUNT),
    home: at(v, HOME),
    user: who.user,
    now,
    tokens: tokens.filter((t) => t.expiresAt === undefined || now < t.expiresAt),
    choices: appChoices(v, who),
    titleOf: (app) => titleOf(v, app),
    sessions: sessions.filter((s) => isAlive(s, now) && belongsTo(s, who.user)),
    current: who.session.id,
    asksPassword: !isRecent(who, now),
    draft,
  });
  return show(v, status, sheet, more);
}

export function isRecent(who: SignedIn, now: number): boolean {
  return now - who.session.createdAt < RECENT_MS;
}

/** The apps that this person may open, so that the list tells nobody about others. */
export function appChoices(v: Visit, who: SignedIn): readonly AppChoice[] {
  return openApps(v.deps.policy(), who.user, subjectOf(who), v.r.client);
}

/** What people call the app; an app that is gone has its name only. */
export function titleOf(v: Visit, name: string): string {
  return v.deps.policy().apps.find(({ app }) => app.name === name)?.app.title ?? name;
}

export interface Change {
  readonly who: SignedIn;
  readonly fields: URLSearchParams;
}

/** What every change here needs: sent by our own page, by somebody who is signed in. The error is the answer. */
export async function change(v: Visit): Promise<Result<Change, Reply>> {
  const fields = await ownForm(v);
  if (!fields.ok) return err(refuse(v, fields.error));
  const who = await portalPresence(v.deps, v.r);
  if (who.kind === 'fault') return err(refuse(v, who.fault));
  return who.kind === 'nobody' ? err(toSignIn(v, 303)) : ok({ who, fields: fields.value });
}

/** `POST /account/sessions/revoke`: one of the person's own; of anybody else's nothing is even said. */
export async function revokeSession(v: Visit): Promise<Reply> {
  const asked = await change(v);
  if (!asked.ok) return asked.error;
  const { who, fields } = asked.value;
  const id = fields.get('id') ?? '';
  if (id === who.session.id) return signOutHere(v, await endSession(v.deps, who, v.r.client));
  const ended = await attempt('STORE-WRITE', async () => {
    const [found] = await v.deps.store.list({ kind: 'id', id });
    return found?.session.user === who.user.name ? v.deps.store.revoke({ kind: 'id', id }) : 0;
  });
  if (!ended.ok) return refuse(v, ended.error);
  if (ended.value > 0) record(v, who, ended.value);
  return redirect(303, at(v, ACCOUNT));
}

/** `POST /account/sessions/revoke-all`: sign out everywhere, here too. */
export async function revokeAllSessions(v: Visit): Promise<Reply> {
  const asked = await change(v);
  if (!asked.ok) return asked.error;
  const { who } = asked.value;
  const ended = await attempt('STORE-WRITE', () => v.deps.store.revoke({ kind: 'user', user: who.user.name }));
  if (ended.ok) record(v, who, ended.value);
  return signOutHere(v, ended);
}

function signOutHere(v: Visit, ended: Result<number, Fault>): Reply {
  if (!ended.ok) return refuse(v, ended.error);
  return redirect(303, at(v, '/signed-out'), cookieHeaders(clearedCookies(v.r.site)));
}

function record(v: Visit, who: SignedIn, sessions: number): void {
  v.deps.audit.record({ kind: 'sign-out', user: who.user.name, client: describeClient(v.r.client), sessions });
}
