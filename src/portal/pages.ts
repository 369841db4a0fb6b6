import type { User } from '../core/subject.ts';
import { authorityIn } from '../core/text/origin.ts';
import { type Html, html, join } from './html.ts';
import type { OpenApp } from './judge.ts';
import { type Sheet, tile } from './layout.ts';
import type { Wish } from './wish.ts';

export interface SignInForm {
  /** The name of the place, as people know it. */
  readonly place: string;
  readonly action: string;
  readonly wish: Wish;
  readonly username: string;
  readonly remember: boolean;
  /** "30 days"; undefined: remembering is not offered. */
  readonly rememberFor: string | undefined;
  /** What went wrong the last time, in words. */
  readonly error: { readonly what: string; readonly next: string } | undefined;
}

export function signInSheet(f: SignInForm): Sheet {
  return { title: `Sign in to ${f.place}`, heading: html`Sign in to <em>${f.place}</em>`, card: signInCard(f) };
}

function signInCard(f: SignInForm): Html {
  const named = f.username !== '';
  return html`${going(f.wish)}${f.error !== undefined && errorBox(f.error)}<form method="post" action="${f.action}">
${hidden(f.wish)}<div class="field"><label for="username">Username</label>
<input type="text" id="username" name="username" value="${f.username}" autocomplete="username" autocapitalize="none" autocorrect="off" spellcheck="false" required${flag('autofocus', f.error === undefined && !named)}></div>
<div class="field"><label for="password">Password</label>
<input type="password" id="password" name="password" autocomplete="current-password" required${flag('autofocus', f.error === undefined && named)}>
<p class="note" id="caps-lock" role="status" hidden>Caps lock is on.</p></div>
${
  f.rememberFor !== undefined &&
  html`<label class="check"><input type="checkbox" name="remember" value="1"${flag('checked', f.remember)}> Keep me signed in for ${f.rememberFor}</label>
`
}<button class="primary" type="submit"><span>Sign in</span><span class="busy" aria-hidden="true" hidden>Signing in…</span></button>
</form>`;
}

export function flag(name: string, on: boolean): Html {
  return on ? html` ${name}` : html``;
}

/** Where somebody is going is said first, so that a stolen link looks wrong. `verb`: empty on pages that go nowhere. */
export function going(wish: Wish, verb = 'to open '): Html {
  if (wish.kind !== 'app') return html``;
  const host = authorityIn(wish.to.origin);
  const name = wish.name === host ? html`<strong>${host}</strong>` : html`<strong>${wish.name}</strong>`;
  const where = wish.name !== host && html`<span class="where">${host}</span>`;
  return html`<p class="going">${tile(wish.name)}<span>${verb}${name}${where}</span></p>
`;
}

/** Takes the focus, so that it is read out, and stands above the fields it is about. */
export function errorBox(error: { readonly what: string; readonly next: string }): Html {
  return html`<div class="error" id="error" role="alert" tabindex="-1" autofocus><strong>${error.what}</strong> ${error.next}</div>
`;
}

export function hidden(wish: Wish): Html {
  if (wish.kind === 'nowhere') return html``;
  const { rd, rm, state, door } = wish.asked;
  const field = (name: string, value: string | undefined) =>
    value !== undefined &&
    html`<input type="hidden" name="${name}" value="${value}">
`;
  return join([field('rd', rd), field('rm', rm), field('state', state), field('door', door)]);
}

/** The signed-in page: the doors that stand open. */
export function launcherSheet(
  place: string,
  user: User,
  apps: readonly OpenApp[],
  to: { readonly account: string; readonly signOut: string },
): Sheet {
  const item = (app: OpenApp) =>
    html`<li><a href="${app.href}">${tile(app.title)}<span><strong>${app.title}</strong><small>${app.host}</small></span></a></li>
`;
  const list = html`<ul class="apps">
${join(apps.map(item))}</ul>`;
  const none = html`<p>No app is open to this account yet. Ask the person who runs ${place}.</p>`;
  return {
    title: `Your apps — ${place}`,
    heading: html`Hello, <em>${user.displayName === '' ? user.name : user.displayName}</em>`,
    card: html`<p class="quiet">You're signed in to ${place} as <strong>${user.name}</strong>.</p>
${apps.length > 0 ? list : none}
<p class="also"><a href="${to.account}">Your account</a><a href="${to.signOut}">Sign out</a></p>`,
    wide: apps.length > 3,
  };
}

export interface SignOutForm {
  readonly place: string;
  /** The name of the account. */
  readonly user: string;
  readonly action: string;
  readonly rd: string | undefined;
  readonly stay: string;
  /** True: all sessions of the person, in every browser. */
  readonly everywhere?: boolean;
}

export function signOutSheet(f: SignOutForm): Sheet {
  return {
    title: `Sign out of ${f.place}`,
    heading: html`Sign out of <em>${f.place}</em>`,
    card: html`<p>You're signed in as <strong>${f.user}</strong>. ${f.everywhere === true ? 'Signing out ends all your sessions: every app, in every browser.' : 'Signing out closes every app that this sign-in opened, in this browser.'}</p>
<form method="post" action="${f.action}">
${
  f.rd !== undefined &&
  html`<input type="hidden" name="rd" value="${f.rd}">
`
}<button class="primary" type="submit"><span>Sign out</span><span class="busy" aria-hidden="true" hidden>Signing out…</span></button>
</form>
<p class="also"><a href="${f.stay}">Stay signed in</a></p>`,
  };
}

export function signedOutSheet(place: string, signIn: string): Sheet {
  return {
    title: `Signed out — ${place}`,
    heading: html`You're signed out`,
    card: html`<p>This browser no longer opens anything at ${place}. An app that keeps a sign-in of its own may have to be signed out there.</p>
<a class="primary" href="${signIn}">Sign in again</a>`,
  };
}

export function helpSheet(place: string, home: string): Sheet {
  return {
    title: `Help — ${place}`,
    heading: html`Trouble signing in?`,
    card: html`<p>This page signs you in once for all the apps of ${place}. Use the name and password that the person who runs it gave you. If you forgot the password, ask them for a new one.</p>
<p>After several wrong passwords the account waits for some minutes; nothing is lost.</p>
<p>A page with an id such as <code>START-AGAIN</code> tells what happened and what to do. Send the id along when you ask for help.</p>
<a class="primary" href="${home}">Back</a>`,
  };
}
