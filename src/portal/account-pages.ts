import type { AppToken } from '../core/app-token.ts';
import type { Session } from '../core/session.ts';
import type { User } from '../core/subject.ts';
import { device } from './device.ts';
import { type Html, html, join, type Piece } from './html.ts';
import type { Sheet } from './layout.ts';
import { errorBox, flag } from './pages.ts';
import { ago, ahead } from './time-words.ts';

/** An app that an app password may be made for. */
export interface AppChoice {
  readonly name: string;
  readonly title: string;
}

/** What the form for a new app password holds, and what was wrong with it the last time. */
export interface TokenDraft {
  readonly label: string;
  readonly scope: 'all' | 'some' | undefined;
  readonly apps: readonly string[];
  /** A key of EXPIRIES. */
  readonly expires: string;
  readonly error: { readonly what: string; readonly next: string } | undefined;
}

export interface AccountView {
  readonly place: string;
  /** Path of the account page. */
  readonly path: string;
  readonly home: string;
  readonly user: User;
  readonly now: number;
  readonly tokens: readonly AppToken[];
  readonly choices: readonly AppChoice[];
  readonly titleOf: (app: string) => string;
  readonly sessions: readonly Session[];
  readonly current: string;
  /** The sign-in is not recent: a new app password takes the account's password too. */
  readonly asksPassword: boolean;
  readonly draft: TokenDraft;
}

/** How long an app password may live, as people choose it. The value is in days; undefined: until it is revoked. */
export const EXPIRIES: ReadonlyMap<string, { readonly days: number | undefined; readonly text: string }> = new Map([
  ['30', { days: 30, text: 'After 30 days' }],
  ['90', { days: 90, text: 'After 90 days' }],
  ['365', { days: 365, text: 'After 1 year' }],
  ['never', { days: undefined, text: 'When I revoke it' }],
]);

export const NEW_TOKEN: TokenDraft = { label: '', scope: undefined, apps: [], expires: '365', error: undefined };

/** `/account`: app passwords and sign-ins, each with a button that ends it. */
export function accountSheet(a: AccountView): Sheet {
  return {
    title: `Your account — ${a.place}`,
    heading: html`Your account`,
    card: html`<p class="quiet">You're signed in to ${a.place} as <strong>${a.user.name}</strong>.</p>
${tokenSection(a)}
${makeSection(a)}
${sessionSection(a)}
<p class="also"><a href="${a.home}">Your apps</a></p>`,
    wide: true,
  };
}

function tokenSection(a: AccountView): Html {
  return html`<section aria-labelledby="app-passwords"><h2 id="app-passwords">App passwords</h2>
<p>For calendars, mail programs, git and scripts: they give one in place of your password, and you can take each back by itself.</p>
${
  a.tokens.length === 0
    ? html`<p class="quiet">You have none yet.</p>`
    : html`<ul class="items">
${join(a.tokens.map((t) => tokenItem(a, t)))}</ul>`
}
</section>`;
}

function tokenItem(a: AccountView, t: AppToken): Html {
  const apps = t.apps === 'all' ? 'Every app' : t.apps.map(a.titleOf).join(', ');
  const made = html`made ${moment(t.createdAt, ago(t.createdAt, a.now))}${t.createdBy === 'operator' && ` for you`}`;
  const used =
    t.lastUsedAt === undefined ? html`never used` : html`used ${moment(t.lastUsedAt, ago(t.lastUsedAt, a.now))}`;
  const ends = t.expiresAt === undefined ? html`no end` : html`ends ${moment(t.expiresAt, ahead(t.expiresAt, a.now))}`;
  const detail = [html`${apps}`, made, used, ends];
  return item(t.label, undefined, detail, `${a.path}/app-passwords/revoke`, t.id, 'Revoke');
}

/** One line of what, one of details, and the button that ends it. */
function item(
  what: string,
  mark: string | undefined,
  details: readonly Html[],
  action: string,
  id: string,
  verb: string,
): Html {
  return html`<li><div><strong>${what}</strong>${mark !== undefined && html` <span class="mark-word">${mark}</span>`}
<small id="about-${id}">${join(details.flatMap((d, i): Piece[] => (i === 0 ? [d] : [' · ', d])))}</small></div>
<form method="post" action="${action}"><input type="hidden" name="id" value="${id}"><button class="small" type="submit" aria-describedby="about-${id}">${verb}<span class="unseen"> ${what}${mark !== undefined && `, ${mark}`}</span></button></form></li>
`;
}

/** In words, with the exact time for machines and for whoever points at it. */
function moment(ms: number, words: string): Html {
  const iso = new Date(ms).toISOString();
  return html`<time datetime="${iso}" title="${iso.slice(0, 16).replace('T', ' ')} UTC">${words}</time>`;
}

function makeSection(a: AccountView): Html {
  const { draft } = a;
  return html`<section aria-labelledby="new"><h2 id="new">Make an app password</h2>
<form class="narrow" method="post" action="${a.path}/app-passwords">
${draft.error !== undefined && errorBox(draft.error)}<div class="field"><label for="label">What it is for</label>
<input type="text" id="label" name="label" value="${draft.label}" maxlength="64" autocomplete="off" required aria-describedby="label-hint">
<p class="hint" id="label-hint">A name that you will know again, such as “Phone calendar”.</p></div>
${scopeField(a)}
<div class="field"><label for="expires">It ends</label>
<select id="expires" name="expires">${join([...EXPIRIES].map(([key, e]) => expiryOption(key, e.text, draft.expires)))}</select></div>
${
  a.asksPassword &&
  html`<div class="field"><label for="password">Your password</label>
<input type="password" id="password" name="password" autocomplete="current-password" required aria-describedby="password-hint">
<p class="note" id="caps-lock" role="status" hidden>Caps lock is on.</p>
<p class="hint" id="password-hint">You signed in a while ago, so this makes sure that it is you.</p></div>
`
}<button class="primary" type="submit"><span>Make app password</span><span class="busy" aria-hidden="true" hidden>Making it…</span></button>
</form></section>`;
}

/** Nothing is chosen beforehand: an app password for everything is something to say, not to leave as it was. */
function scopeField({ draft, choices }: AccountView): Html {
  const scope = (value: 'all' | 'some', text: string) =>
    html`<label class="check"><input type="radio" name="scope" value="${value}" required${flag('checked', draft.scope === value)}> ${text}</label>
`;
  const app = ({ name, title }: AppChoice) =>
    html`<label class="check"><input type="checkbox" name="app" value="${name}"${flag('checked', draft.apps.includes(name))}> ${title}</label>
`;
  return html`<fieldset class="field"><legend>It opens</legend>
${scope('all', 'Every app that I may open')}${
  choices.length > 0 &&
  html`${scope('some', 'Only these apps:')}<div class="inset">
${join(choices.map(app))}</div>`
}</fieldset>`;
}

function expiryOption(key: string, text: string, chosen: string): Html {
  return html`<option value="${key}"${flag('selected', key === chosen)}>${text}</option>`;
}

function sessionSection(a: AccountView): Html {
  const line = (s: Session) => {
    const since = html`signed in ${moment(s.createdAt, ago(s.createdAt, a.now))}`;
    const seen = html`last seen ${moment(s.lastSeenAt, ago(s.lastSeenAt, a.now))}`;
    const mark = s.id === a.current ? 'this browser' : undefined;
    return item(
      device(s.userAgent),
      mark,
      [html`${s.address}`, seen, since],
      `${a.path}/sessions/revoke`,
      s.id,
      'Sign out',
    );
  };
  return html`<section aria-labelledby="sessions"><h2 id="sessions">Where you're signed in</h2>
<ul class="items">
${join(a.sessions.map(line))}</ul>
<form method="post" action="${a.path}/sessions/revoke-all"><button class="small" type="submit">Sign out everywhere</button></form>
<p class="hint">This ends all of these, this browser included. App passwords stay until you revoke them.</p></section>`;
}

export interface MadeToken {
  readonly place: string;
  readonly path: string;
  readonly user: User;
  readonly label: string;
  readonly secret: string;
  /** "Every app" or titles. */
  readonly opens: string;
}

/** The one page that shows a new app password. */
export function madeSheet(m: MadeToken): Sheet {
  return {
    title: `New app password — ${m.place}`,
    heading: html`Your new app password`,
    card: html`<p>For <strong>${m.label}</strong>. It is shown this once: copy it now, and give it to the program in place of your password.</p>
<div class="secret"><code id="secret">${m.secret}</code>
<button class="small" type="button" data-copy="secret" hidden>Copy</button><span class="unseen" role="status" id="copied"></span></div>
<p class="facts">User name: <code>${m.user.name}</code><br>Opens: ${m.opens}</p>
<p class="quiet">A program that takes a token instead of name and password sends it as a Bearer.</p>
<a class="primary" href="${m.path}">Done, I copied it</a>`,
  };
}
