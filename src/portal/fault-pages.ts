import { FAULTS, type FaultId, fixFor } from '../core/fault.ts';
import type { User } from '../core/subject.ts';
import { type Html, html, join } from './html.ts';
import type { Sheet } from './layout.ts';
import { going } from './pages.ts';
import { duration } from './time-words.ts';
import type { Wish } from './wish.ts';

export interface Link {
  readonly href: string;
  readonly text: string;
}

export interface Exits {
  /** The one thing to do next. */
  readonly primary: Link | undefined;
  readonly others: readonly Link[];
}

export function isFaultId(text: string): text is FaultId {
  return Object.hasOwn(FAULTS, text);
}

/** Where the sentence of the table is too long for a heading; it then stands below. */
const HEADINGS: Partial<Record<FaultId, string>> = {
  'START-AGAIN': 'Start this sign-in again',
  'RETURN-REFUSED': 'That address is not one of ours',
  'ORIGIN-REFUSED': 'Nothing was changed',
  LOOP: 'This address keeps coming back',
  'LEVEL-UNAVAILABLE': 'This app asks for more than a password',
  'VERIFIER-BUSY': 'Many people are signing in',
};

function headingOf(id: FaultId): string {
  return HEADINGS[id] ?? FAULTS[id].says.replace(/\.$/, '');
}

/** The page of any fault: what happened, what to do, the id that log, doctor and docs share. */
export function faultSheet(id: FaultId, exits: Exits): Sheet {
  const { says } = FAULTS[id];
  const heading = headingOf(id);
  const { everybody, operators } = fixFor(id);
  return {
    title: `${heading} — ${id}`,
    heading: html`${heading}`,
    card: html`${
      Object.hasOwn(HEADINGS, id) &&
      html`<p>${says}</p>
`
    }${
      everybody !== '' &&
      html`<p>${everybody}</p>
`
    }${
      operators !== '' &&
      html`<p class="quiet">If you run this site: ${operators}</p>
`
    }${idLine(id)}${exitLinks(exits)}`,
  };
}

function idLine(id: FaultId): Html {
  return html`<p class="id"><code>${id}</code></p>
`;
}

function exitLinks({ primary, others }: Exits): Html {
  const link = (l: Link) => html`<a href="${l.href}">${l.text}</a>`;
  return html`${primary !== undefined && html`<a class="primary" href="${primary.href}">${primary.text}</a>`}${
    others.length > 0 && html`<p class="also">${join(others.map(link))}</p>`
  }`;
}

/** Signed in, but policy says no. Who, what, and what can be done; not which group it would take. */
export function deniedSheet(place: string, user: User, wish: Wish, exits: Exits): Sheet {
  const name = wish.kind === 'app' ? wish.name : 'this';
  return {
    title: `You may not open ${name} — ACCESS-DENIED`,
    heading: html`You may not open <em>${name}</em>`,
    card: html`${going(wish, '')}<p>You're signed in as <strong>${user.name}</strong>, but ${name} is not open to this account. Ask the person who runs ${place}, or switch account.</p>
${idLine('ACCESS-DENIED')}${exitLinks(exits)}`,
  };
}

export function levelSheet(user: User, wish: Wish, exits: Exits): Sheet {
  const name = wish.kind === 'app' ? wish.name : 'This app';
  return {
    title: `${name} asks for more than a password — LEVEL-UNAVAILABLE`,
    heading: html`<em>${name}</em> asks for more than a password`,
    card: html`${going(wish, '')}<p>You're signed in as <strong>${user.name}</strong>. ${name} asks for a second proof of who you are, which cannot be given here yet.</p>
<p class="quiet">If you run this site: use level: one_factor for this rule until second factors are set up.</p>
${idLine('LEVEL-UNAVAILABLE')}${exitLinks(exits)}`,
  };
}

export function loopSheet(wish: Wish, exits: Exits): Sheet {
  return {
    title: 'This address keeps coming back — LOOP',
    heading: html`This address keeps coming back`,
    card: html`${going(wish, '')}<p>You're signed in, yet the same address came back for sign-in three times within seconds, so it was stopped. Likely causes:</p>
<ul class="causes">
<li>The browser drops the cookies of this app. Allow them, or try a private window.</li>
<li>The proxy in front of the app does not pass cookies on to Lintel, or passes on a different host or port.</li>
<li>The app is reached under two addresses, and only one of them is configured.</li>
</ul>
${idLine('LOOP')}${exitLinks(exits)}`,
  };
}

/** Too many attempts: says how long to wait, and that the wait is all there is to it. */
export function throttleSheet(id: 'THROTTLED' | 'VERIFIER-BUSY', seconds: number, back: Link): Sheet {
  const heading = headingOf(id);
  const why =
    id === 'THROTTLED'
      ? 'Several wrong passwords came for this account or from this network, so sign-in pauses here. Other sign-ins are not touched.'
      : 'Your password was not looked at. Nothing is wrong with it.';
  return {
    title: `${heading} — ${id}`,
    heading: html`${heading}`,
    card: html`<p>${why}</p>
<p><strong>Wait ${duration(seconds)}</strong>, then try again.</p>
${idLine(id)}<a class="primary" href="${back.href}">${back.text}</a>`,
  };
}
